# shellcheck shell=bash
# What the benchmark scripts share. Sourced, not run.
#
# A script says on standard error what it is doing, and prints on standard
# output only lines like these:
#
#   RATIO case rival ours/theirs
#   FACT name number

set -euo pipefail
# Numbers with a point, whatever the language of the machine.
export LC_ALL=C

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
CLIENT="$ROOT/test/bench/client.py"
TARGET=${CARGO_TARGET_DIR:-$ROOT/target}
SERVER="$TARGET/release/cache_manager"
SCRATCH=$(mktemp -d)
PIDS=()

say() { printf '%s\n' "$*" >&2; }

# Ends what was started here, and nothing else.
clean_up() {
    for pid in "${PIDS[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${PIDS[@]}"; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$SCRATCH"
}
trap clean_up EXIT

# need COMMAND PACKAGE: says which Debian package is missing.
need() {
    command -v "$1" >/dev/null && return
    say "$1 is missing: apt-get install $2"
    exit 1
}

build() { (cd "$ROOT" && cargo build --quiet --release "$@" >&2); }

# A port that nobody listens on.
free_port() { python3 "$CLIENT" free-port; }

# start LOG COMMAND...: runs it in the background; its process id is in STARTED.
start() {
    local log=$1
    shift
    "$@" >"$SCRATCH/$log" 2>&1 &
    STARTED=$!
    PIDS+=("$STARTED")
}

# start_server PORT FLAG...: our server, once it is ready.
start_server() {
    local port=$1
    shift
    start server.log "$SERVER" --listen "127.0.0.1:$port" --log off "$@"
    python3 "$CLIENT" await-http "$port"
}

median() { sort -n | awk '{ at[NR] = $1 } END { print at[int((NR + 1) / 2)] }'; }

# ratio CASE RIVAL OURS THEIRS
ratio() { awk -v c="$1" -v r="$2" -v o="$3" -v t="$4" 'BEGIN { printf "RATIO %s %s %.2f\n", c, r, o / t }'; }

fact() { printf 'FACT %s %s\n' "$1" "$2"; }
