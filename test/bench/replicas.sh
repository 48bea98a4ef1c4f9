#!/usr/bin/env bash
# PUT and GET of one of 10,000 values of 64 bytes at one of three nodes on this machine, in
# keyspaces of which one, two and three nodes hold each entry; in one of which any of three
# answers reads; and in those of three that wait for a majority, and for nobody: requests a second, and the 99th percentile of the time.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"
need wrk wrk
need curl curl

# Fewer and shorter ones only show that everything runs.
ROUNDS=${ROUNDS:-5}
SECONDS_A_RUN=${SECONDS_A_RUN:-5}
CONNECTIONS=${CONNECTIONS:-64}
KEYS=10000
# How many nodes hold an entry, which of them answer reads, and how many are waited for.
declare -A COPIES=(
    [r1]='replicas = 1'
    [r2]='replicas = 2'
    [r3]='replicas = 3'
    [r3-any]=$'replicas = 3\nread = "any"'
    [r3-quorum]=$'replicas = 3\nack = "quorum"'
    [r3-one]=$'replicas = 3\nack = "one"'
)
KEYSPACES=(r1 r2 r3 r3-any r3-quorum r3-one)

build --bin cache_manager

cat >"$SCRATCH/settings.toml" <<TOML
[log]
filter = "off"
$(for name in "${KEYSPACES[@]}"; do
    printf '[keyspaces.%s]\n%s\n' "$name" "${COPIES[$name]}"
done)
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

# run METHOD KEYSPACE SECONDS: requests a second and the 99th percentile in milliseconds, if
# all were answered.
run() {
    local report
    report=$(timeout --foreground $(($3 + END_SECONDS)) \
        wrk -t1 -c"$CONNECTIONS" -d"${3}s" --latency -s "$SCRATCH/requests.lua" \
        "http://127.0.0.1:${nodes[0]}" -- "$1" "$2" "$KEYS")
    if grep --quiet --extended-regexp 'Non-2xx|Socket errors' <<<"$report"; then
        say "not every request was answered:" && say "$report"
        exit 1
    fi
    awk '/^ *99%/ { t = $2; p = t + 0; if (t ~ /us$/) p /= 1000; else if (t !~ /ms$/) p *= 1000 }
         /^Requests\/sec/ { rate = $2 } END { print rate, p }' <<<"$report"
}

for method in PUT GET; do
    for name in "${KEYSPACES[@]}"; do run "$method" "$name" 2 >"$SCRATCH/warm"; done
    # By turns, so that what slows the machine slows all of them.
    for round in $(seq "$ROUNDS"); do
        say "$method, round $round of $ROUNDS"
        for name in "${KEYSPACES[@]}"; do
            quietly run "$method" "$name" "$SECONDS_A_RUN" >>"$SCRATCH/$method-$name"
        done
    done
done

rate() { awk '{ print $1 }' "$SCRATCH/$1-$2" | median; }
for method in PUT GET; do
    fact "${method,,}-r1-per-second" "$(rate "$method" r1)"
    for name in "${KEYSPACES[@]:1}"; do
        ratio "${method,,}-$name" r1 "$(rate "$method" "$name")" "$(rate "$method" r1)"
    done
    for name in "${KEYSPACES[@]}"; do
        fact "${method,,}-$name-p99-ms" "$(awk '{ print $2 }' "$SCRATCH/$method-$name" | median)"
    done
done
