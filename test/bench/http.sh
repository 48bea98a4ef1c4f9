#!/usr/bin/env bash
# GET of one key of 64 bytes over the hyper door, by `/` and by `/v1`, beside a bare
# hyper server that answers the same bytes, nginx that returns them from its
# configuration, and nginx that serves a file of them from memory; and a batch of 100
# keys beside 100 GETs: requests a second.
# shellcheck source-path=SCRIPTDIR source=http_lib.sh
source "$(dirname "$0")/http_lib.sh"

BATCH=100

build --bin cache_manager
build -p distcache-http --example bare_hyper

ours=$(free_port)
start_server "$ours" --log off
keep "$ours"

# How many keys a second come in batches, beside one a request.
batches() {
    local connections=${CONNECTIONS[0]} keys key each
    for key in $(seq "$BATCH"); do
        ask "$ours" --output /dev/null --request PUT --data-binary "$value" "$KEYS/$key"
    done
    keys=$(seq --format '"%g"' --separator , "$BATCH")
    cat >"$SCRATCH/batch.lua" <<LUA
wrk.method = "POST"
wrk.body = '{"keys":[$keys]}'
wrk.headers["Content-Type"] = "application/json"
LUA
    say "v1-batch-$BATCH: $connections connections, $ROUNDS rounds of $SECONDS_A_RUN s each"
    for _ in $(seq "$ROUNDS"); do
        quietly run "$ours" "$connections" "$SECONDS_A_RUN" /v1/keyspaces/default/batch/get \
            -s "$SCRATCH/batch.lua" >>"$SCRATCH/batches"
        quietly run "$ours" "$connections" "$SECONDS_A_RUN" "$KEYS/bench" >>"$SCRATCH/singles"
    done
    each=$(median <"$SCRATCH/batches")
    fact "v1-batch-$BATCH-per-second" "$each"
    ratio "v1-batch-$BATCH" get "$(awk -v n="$BATCH" -v e="$each" 'BEGIN { print n * e }')" \
        "$(median <"$SCRATCH/singles")"
}

compare http-get '/?key=bench'
compare v1-get "$KEYS/bench"
batches
