# shellcheck shell=bash
# What the measurements of three nodes on this machine share. Sourced, not run.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need wrk wrk
need curl curl

# Fewer and shorter ones only show that everything runs.
ROUNDS=${ROUNDS:-5}
SECONDS_A_RUN=${SECONDS_A_RUN:-5}
KEYS=10000

# await_ready PORT: until whoever was started last answers there that it is ready.
await_ready() {
    until curl --silent --fail --output /dev/null "http://127.0.0.1:$1/readyz"; do
        kill -0 "$STARTED" || { say "it has ended" && exit 1; }
        sleep 0.1
    done
}

# start_nodes SETTINGS: three of one cluster; their ports are in `nodes`, and their processes
# in `node_pids`.
start_nodes() {
    local peers=() peer node
    nodes=() node_pids=()
    for _ in 1 2 3; do peers+=("127.0.0.1:$(free_port)"); done
    for peer in "${peers[@]}"; do
        node=$(free_port)
        start "$node.log" "$SERVER" -mode=node --config "$1" \
            --listen "127.0.0.1:$node" --peer-listen "$peer" --advertise "$peer" \
            --peers "$(IFS=, && echo "${peers[*]}")"
        nodes+=("$node") node_pids+=("$STARTED")
    done
    for node in "${nodes[@]}"; do await_ready "$node"; done
}

# What wrk asks: METHOD KEYSPACE KEYS [PORT...]. With ports, one thread asks each of them.
cat >"$SCRATCH/requests.lua" <<'LUA'
local value, sent = string.rep("v", 64), 0
local threads, ports = 0, {}
for port in (os.getenv("PORTS") or ""):gmatch("%d+") do ports[#ports + 1] = port end
function setup(thread)
    if 0 < #ports then
        thread.addr = wrk.lookup("127.0.0.1", ports[threads % #ports + 1])[1]
    end
    thread:set("first", threads * 104729)
    threads = threads + 1
end
function init(arguments)
    method, keyspace, keys = arguments[1], arguments[2], tonumber(arguments[3])
    sent = first
end
function request()
    sent = sent + 7919
    local path = "/v1/keyspaces/" .. keyspace .. "/keys/" .. sent % keys
    return wrk.format(method, path, nil, method == "PUT" and value or nil)
end
LUA

# run THREADS CONNECTIONS SECONDS PORT METHOD KEYSPACE: requests a second and the 99th
# percentile in milliseconds, if all were answered. With PORTS each thread asks one of them.
run() {
    local report
    report=$(timeout --foreground $(($3 + END_SECONDS)) \
        wrk -t"$1" -c"$2" -d"${3}s" --latency -s "$SCRATCH/requests.lua" \
        "http://127.0.0.1:$4" -- "$5" "$6" "$KEYS")
    if grep --quiet --extended-regexp 'Non-2xx|Socket errors' <<<"$report"; then
        say "not every request was answered:" && say "$report"
        exit 1
    fi
    awk '/^ *99%/ { t = $2; p = t + 0; if (t ~ /us$/) p /= 1000; else if (t !~ /ms$/) p *= 1000 }
         /^Requests\/sec/ { rate = $2 } END { print rate, p }' <<<"$report"
}
