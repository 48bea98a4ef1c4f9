#!/usr/bin/env bash
# GET of one of 10,000 values of 64 bytes, by clients of which a third asks each of three
# nodes for whatever key, and by as many through a load balancer that sends each key to one
# node, or each request to the next: requests a second. A node that does not own the key
# asks the one that does; near copies are off.
# shellcheck source-path=SCRIPTDIR source=cluster_lib.sh
source "$(dirname "$0")/cluster_lib.sh"
CONNECTIONS=(30 255)
WAYS=(random ring round-robin)

build --bin cache_manager

cat >"$SCRATCH/settings.toml" <<TOML
[log]
filter = "off"
[cluster]
near_bytes = 0
TOML
start_nodes "$SCRATCH/settings.toml"
members=$(printf '127.0.0.1:%s,' "${nodes[@]}")
declare -A asked=([random]="${nodes[*]}")
for balance in ring round-robin; do
    port=$(free_port)
    start "$balance.log" "$SERVER" -mode=load_balancer --listen "127.0.0.1:$port" --log off \
        -nodes="${members%,}" --balance "$balance"
    await_ready "$port"
    asked[$balance]=$port
done

# ask METHOD WAY CONNECTIONS SECONDS
ask() {
    local ports=${asked[$2]}
    PORTS=$ports run 3 "$3" "$4" "${ports%% *}" "$1" default
}

say 'putting the values'
ask PUT random 30 5 >/dev/null
for connections in "${CONNECTIONS[@]}"; do
    for way in "${WAYS[@]}"; do ask GET "$way" "$connections" 2 >/dev/null; done
    # By turns, so that what slows the machine slows all of them.
    for round in $(seq "$ROUNDS"); do
        say "$connections connections, round $round of $ROUNDS"
        for way in "${WAYS[@]}"; do
            quietly ask GET "$way" "$connections" "$SECONDS_A_RUN" >>"$SCRATCH/$way-$connections"
        done
    done
    rate() { awk '{ print $1 }' "$SCRATCH/$1-$connections" | median; }
    fact "random-get-c$connections-per-second" "$(rate random)"
    for way in "${WAYS[@]:1}"; do
        ratio "$way-get-c$connections" random "$(rate "$way")" "$(rate random)"
    done
done
