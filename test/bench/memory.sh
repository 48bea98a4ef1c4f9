#!/usr/bin/env bash
# Resident bytes an item: a million items of 16-byte key and 64-byte value, put
# over loopback into our server, redis-server and memcached.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"
need redis-server redis-server
need memcached memcached

ITEMS=${ITEMS:-1000000}

build --bin cache_manager

# measure NAME PROTOCOL PORT: fills what was started last and prints resident
# bytes an item that is held. All keys differ, so that less than all held means
# that some were evicted, which is a failure.
measure() {
    local before after held
    say "$1: $ITEMS items"
    before=$(client resident "$STARTED")
    client "fill-$2" "$3" "$ITEMS"
    after=$(client resident "$STARTED")
    held=$(client "count-$2" "$3" "$ITEMS")
    if [[ "$held" != "$ITEMS" ]]; then
        say "$1 holds $held items of $ITEMS"
        exit 1
    fi
    say "$1: $before to $after bytes"
    awk -v b="$before" -v a="$after" -v n="$held" 'BEGIN { printf "%.1f\n", (a - b) / n }'
}

port=$(free_port)
start_server "$port" --log off --capacity 512MiB
ours=$(measure ours http "$port")

port=$(free_port)
start redis.log redis-server --bind 127.0.0.1 --port "$port" --save '' --appendonly no --dir "$SCRATCH"
await port "$port" redis.log
redis=$(measure redis redis "$port")

port=$(free_port)
user=()
if [[ $(id -u) == 0 ]]; then user=(-u root); fi
start memcached.log memcached -l 127.0.0.1 -p "$port" -U 0 -m 1024 "${user[@]}"
await port "$port" memcached.log
memcached=$(measure memcached memcached "$port")

fact memory-bytes-per-item-ours "$ours"
fact memory-bytes-per-item-redis "$redis"
fact memory-bytes-per-item-memcached "$memcached"
ratio memory redis "$ours" "$redis"
ratio memory memcached "$ours" "$memcached"
