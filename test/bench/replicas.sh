#!/usr/bin/env bash
# PUT and GET of one of 10,000 values of 64 bytes at one of three nodes on this machine, in
# keyspaces of which one, two and three nodes hold each entry; in one of which any of three
# answers reads; and in those of three that wait for a majority, and for nobody: requests a
# second, and the 99th percentile of the time. Then GET of one hot key, by clients of which a
# third asks each node: where its owner answers, and where any does. At last PUT where three
# hold each entry and one of the nodes falters: for all, and for a majority. Near copies are
# off.
# shellcheck source-path=SCRIPTDIR source=cluster_lib.sh
source "$(dirname "$0")/cluster_lib.sh"
CONNECTIONS=${CONNECTIONS:-64}
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
[cluster]
near_bytes = 0
$(for name in "${KEYSPACES[@]}"; do
    printf '[keyspaces.%s]\n%s\n' "$name" "${COPIES[$name]}"
done)
TOML
start_nodes "$SCRATCH/settings.toml"

# ask METHOD KEYSPACE SECONDS
ask() { run 1 "$CONNECTIONS" "$3" "${nodes[0]}" "$1" "$2"; }

for method in PUT GET; do
    for name in "${KEYSPACES[@]}"; do ask "$method" "$name" 2 >"$SCRATCH/warm"; done
    # By turns, so that what slows the machine slows all of them.
    for round in $(seq "$ROUNDS"); do
        say "$method, round $round of $ROUNDS"
        for name in "${KEYSPACES[@]}"; do
            quietly ask "$method" "$name" "$SECONDS_A_RUN" >>"$SCRATCH/$method-$name"
        done
    done
done

# ask_hot KEYSPACE SECONDS
ask_hot() { PORTS="${nodes[*]}" KEYS=1 run 3 "$CONNECTIONS" "$2" "${nodes[0]}" GET "$1"; }

for name in r3 r3-any; do ask_hot "$name" 2 >"$SCRATCH/warm"; done
for round in $(seq "$ROUNDS"); do
    say "GET of one hot key, round $round of $ROUNDS"
    for name in r3 r3-any; do
        quietly ask_hot "$name" "$SECONDS_A_RUN" >>"$SCRATCH/HOT-$name"
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

ratio get-hot-r3-any r3 "$(rate HOT r3-any)" "$(rate HOT r3)"

# falter PID: has a process stand still for every other twentieth of a second.
falter() {
    local pid=$1
    trap 'kill -CONT "$pid"; exit' TERM
    while true; do
        kill -STOP "$pid"
        sleep 0.05
        kill -CONT "$pid"
        sleep 0.05
    done
}

falter "${node_pids[2]}" &
faltering=$!
# Ended before the node that it stops.
PIDS=("$faltering" "${PIDS[@]}")
for round in $(seq "$ROUNDS"); do
    say "PUT while a node falters, round $round of $ROUNDS"
    for name in r3 r3-quorum; do
        quietly ask PUT "$name" "$SECONDS_A_RUN" >>"$SCRATCH/FALTERING-$name"
    done
done
ratio put-r3-quorum-faltering r3 "$(rate FALTERING r3-quorum)" "$(rate FALTERING r3)"
