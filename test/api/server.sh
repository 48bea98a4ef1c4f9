# shellcheck shell=bash
# Starts a server for the clients beside this file, and ends it with the shell:
# sets `url`, and `scratch`, a directory that goes with it. Sourced, not run.
#
# BINARY=path takes a server that is built already; VENV=path keeps what Python needs.

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
scratch=$(mktemp -d)
server=

finish() {
    [ -z "$server" ] || { kill "$server" && wait "$server"; } 2>/dev/null || true
    rm -rf "$scratch"
}
trap finish EXIT

# start_server [FLAG...]
start_server() {
    local binary=${BINARY:-${CARGO_TARGET_DIR:-$repository/target}/debug/cache_manager}
    [ -n "${BINARY:-}" ] || (cd "$repository" && cargo build --quiet --bin cache_manager)
    "$binary" --port 0 "$@" >"$scratch/stdout" 2>"$scratch/stderr" &
    server=$!
    for _ in $(seq 300); do
        url=$(grep -o -m1 'http://[0-9.:]*' "$scratch/stdout" || true)
        if [ -n "$url" ] && curl -sf "$url/readyz" >/dev/null; then
            return
        fi
        kill -0 "$server" || break
        sleep 0.1
    done
    cat "$scratch/stderr" >&2
    return 1
}

# python_with PACKAGE... : sets `venv`, a virtual environment that has them.
python_with() {
    venv=${VENV:-$scratch/venv}
    [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "$@"
}
