#!/usr/bin/env bash
# Resident bytes an item: a million items of 16-byte key and 64-byte value, put
# over loopback into our server, redis-server and memcached.
source "$(dirname "$0")/lib.sh"
need redis-server redis-server
need memcached memcached

ITEMS=1000000

build --bin cache_manager

# measure NAME KIND PORT PID: fills and prints resident bytes an item that is
# held; less than all are held is a failure.
measure() {
    local before after held
    before=$(python3 "$CLIENT" resident "$4")
    python3 "$CLIENT" "fill-$2" "$3" "$ITEMS"
    after=$(python3 "$CLIENT" resident "$4")
    held=$(python3 "$CLIENT" "count-$2" "$3")
    if [[ "$held" != "$ITEMS" ]]; then
        say "$1 holds $held items of $ITEMS"
        exit 1
    fi
    say "$1: $before to $after bytes"
    awk -v b="$before" -v a="$after" -v n="$held" 'BEGIN { printf "%.1f\n", (a - b) / n }'
}

port=$(free_port)
start_server "$port" --capacity 512MiB
ours=$(measure ours http "$port" "$STARTED")

port=$(free_port)
start redis.log redis-server --bind 127.0.0.1 --port "$port" --save '' --appendonly no --dir "$SCRATCH"
python3 "$CLIENT" await-port "$port"
redis=$(measure redis redis "$port" "$STARTED")

port=$(free_port)
user=()
if [[ $(id -u) == 0 ]]; then user=(-u root); fi
start memcached.log memcached -l 127.0.0.1 -p "$port" -U 0 -m 1024 "${user[@]}"
python3 "$CLIENT" await-port "$port"
memcached=$(measure memcached memcached "$port" "$STARTED")

fact memory-bytes-an-item-ours "$ours"
fact memory-bytes-an-item-redis "$redis"
fact memory-bytes-an-item-memcached "$memcached"
ratio memory redis "$ours" "$redis"
ratio memory memcached "$ours" "$memcached"
