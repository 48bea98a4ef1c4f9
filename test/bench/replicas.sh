#!/usr/bin/env bash
# PUT and GET of one of 10,000 values of 64 bytes at three nodes on this machine, in
# keyspaces of which one, two and three nodes hold each entry: requests a second, and the
# 99th percentile of a PUT's time.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"
need wrk wrk
need curl curl

# Fewer and shorter ones only show that everything runs.
ROUNDS=${ROUNDS:-5}
SECONDS_A_RUN=${SECONDS_A_RUN:-5}
CONNECTIONS=${CONNECTIONS:-64}
KEYS=10000
REPLICAS=(1 2 3)

build --bin cache_manager

cat >"$SCRATCH/settings.toml" <<TOML
[log]
filter = "off"
$(for count in "${REPLICAS[@]}"; do printf '[keyspaces.of-%s]\nreplicas = %s\n' "$count" "$count"; done)
TOML
peers=()
for _ in 1 2 3; do peers+=("127.0.0.1:$(free_port)"); done
for peer in "${peers[@]}"; do
    node=$(free_port)
    start "$node.log" "$SERVER" -mode=node --config "$SCRATCH/settings.toml" \
        --listen "127.0.0.1:$node" --peer-listen "$peer" --advertise "$peer" \
        --peers "$(IFS=, && echo "${peers[*]}")"
    nodes+=("$node")
done
for node in "${nodes[@]}"; do
    until curl --silent --fail --output /dev/null "http://127.0.0.1:$node/readyz"; do
        kill -0 "$STARTED" || { say "a node has ended" && exit 1; }
        sleep 0.1
    done
done

cat >"$SCRATCH/requests.lua" <<'LUA'
local value, sent = string.rep("v", 64), 0
function init(arguments)
    method, keyspace, keys = arguments[1], arguments[2], tonumber(arguments[3])
end
function request()
    sent = sent + 7919
    local path = "/v1/keyspaces/" .. keyspace .. "/keys/" .. sent % keys
    return wrk.format(method, path, nil, method == "PUT" and value or nil)
end
LUA

# run METHOD REPLICAS SECONDS: requests a second and the 99th percentile in milliseconds, if
# all were answered.
run() {
    local report
    report=$(timeout --foreground $(($3 + END_SECONDS)) \
        wrk -t1 -c"$CONNECTIONS" -d"${3}s" --latency -s "$SCRATCH/requests.lua" \
        "http://127.0.0.1:${nodes[0]}" -- "$1" "of-$2" "$KEYS")
    if grep --quiet --extended-regexp 'Non-2xx|Socket errors' <<<"$report"; then
        say "not every request was answered:" && say "$report"
        exit 1
    fi
    awk '/^ *99%/ { t = $2; p = t + 0; if (t ~ /us$/) p /= 1000; else if (t !~ /ms$/) p *= 1000 }
         /^Requests\/sec/ { rate = $2 } END { print rate, p }' <<<"$report"
}

for method in PUT GET; do
    for count in "${REPLICAS[@]}"; do run "$method" "$count" 2 >"$SCRATCH/warm"; done
    # By turns, so that what slows the machine slows all of them.
    for round in $(seq "$ROUNDS"); do
        say "$method, round $round of $ROUNDS"
        for count in "${REPLICAS[@]}"; do
            quietly run "$method" "$count" "$SECONDS_A_RUN" >>"$SCRATCH/$method-$count"
        done
    done
done

rate() { awk '{ print $1 }' "$SCRATCH/$1-$2" | median; }
for method in PUT GET; do
    name=${method,,}
    fact "$name-r1-per-second" "$(rate "$method" 1)"
    for count in 2 3; do ratio "$name-r$count" r1 "$(rate "$method" "$count")" "$(rate "$method" 1)"; done
done
for count in "${REPLICAS[@]}"; do
    fact "put-r$count-p99-ms" "$(awk '{ print $2 }' "$SCRATCH/PUT-$count" | median)"
done
