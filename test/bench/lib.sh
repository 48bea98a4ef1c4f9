# shellcheck shell=bash
# What the benchmark scripts share. Sourced, not run.
#
# A script says on standard error what it is doing, and prints on standard
# output only lines like these:
#
#   RATIO case rival ours/theirs
#   FACT name number

set -euo pipefail
# A measurement that fails within $(...) is a failure too.
shopt -s inherit_errexit
# Numbers with a point, whatever the language of the machine.
export LC_ALL=C

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
CLIENT="$ROOT/test/bench/client.py"
# Cargo takes a relative one from where it runs, which is the root.
TARGET=${CARGO_TARGET_DIR:-target}
if [[ $TARGET != /* ]]; then TARGET="$ROOT/$TARGET"; fi
SERVER="$TARGET/release/cache_manager"
SCRATCH=$(mktemp -d)
PIDS=()

# What is measured are the defaults; the environment would set the flags too.
for variable in "${!DISTCACHE_@}"; do
    if [[ $variable != DISTCACHE_TRACES ]]; then unset "$variable"; fi
done

# The longest that a client may take for one task, and a process to end.
TASK_SECONDS=300
END_SECONDS=20

say() { printf '%s\n' "$*" >&2; }

# Ends what was started here, and nothing else.
clean_up() {
    local pid
    for pid in "${PIDS[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${PIDS[@]}"; do
        timeout "$END_SECONDS" tail --pid="$pid" -f /dev/null || kill -KILL "$pid" || true
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$SCRATCH"
}
trap clean_up EXIT
# With a trap, bash waits for the command that runs: it is not left behind.
trap 'exit 130' INT
trap 'exit 143' TERM

# need COMMAND PACKAGE: says which Debian package is missing.
need() {
    command -v "$1" >/dev/null && return
    say "$1 is missing: apt-get install $2"
    exit 1
}
need python3 python3

build() { (cd "$ROOT" && cargo build --quiet --release "$@" >&2); }

client() { timeout --foreground "$TASK_SECONDS" python3 "$CLIENT" "$@"; }

# A port that nobody listens on.
free_port() { client free-port; }

# start LOG COMMAND...: runs it in the background; its process id is in STARTED.
start() {
    local log=$1
    shift
    "$@" >"$SCRATCH/$log" 2>&1 &
    STARTED=$!
    PIDS+=("$STARTED")
}

# await PROTOCOL PORT LOG: until what was started last answers; its log if it
# does not.
await() {
    client "await-$1" "$2" "$STARTED" && return
    say "$3:" && cat "$SCRATCH/$3" >&2
    exit 1
}

# start_server PORT FLAG...: our server, once it is ready.
start_server() {
    local port=$1
    shift
    start server.log "$SERVER" --listen "127.0.0.1:$port" "$@"
    await http "$port" server.log
}

median() { sort -n | awk '{ at[NR] = $1 } END { print at[int((NR + 1) / 2)] }'; }

# ratio CASE RIVAL OURS THEIRS
ratio() { awk -v c="$1" -v r="$2" -v o="$3" -v t="$4" 'BEGIN { printf "RATIO %s %s %.2f\n", c, r, o / t }'; }

fact() { printf 'FACT %s %s\n' "$1" "$2"; }

# A virtual machine's neighbours may take its processors away, all of them for seconds
# at a time. What is measured meanwhile is theirs. In percent, what may be taken, and how
# often a measurement is made again if more was.
STOLEN_PERCENT_MAX=3
AGAIN_MAX=8

# The time of all processors so far: stolen, and in all. Nothing is told outside Linux.
processor_ticks() {
    awk '/^cpu / { for (i = 2; i <= 9; i++) all += $i; print $9, all }' /proc/stat 2>/dev/null ||
        echo '0 0'
}

# stolen_since TICKS: in percent.
stolen_since() {
    echo "$1 $(processor_ticks)" |
        awk '{ print $2 < $4 ? int(100 * ($3 - $1) / ($4 - $2) + 0.5) : 0 }'
}

# quietly COMMAND...: its output, of a time in which little was stolen.
quietly() {
    local before stolen output status
    for _ in $(seq "$AGAIN_MAX"); do
        before=$(processor_ticks)
        status=0
        output=$("$@") || status=$?
        stolen=$(stolen_since "$before")
        if ((stolen <= STOLEN_PERCENT_MAX)); then break; fi
        say "$stolen % of the processors' time was stolen: once more"
    done
    printf '%s\n' "$output"
    return "$status"
}
