#!/usr/bin/env bash
# GET of one key of 64 bytes over the hyper door, beside a bare hyper server that
# answers the same bytes and nginx that returns them: requests a second.
source "$(dirname "$0")/lib.sh"
need wrk wrk
need nginx nginx-light
need curl curl

ROUNDS=5
SECONDS_A_RUN=${SECONDS_A_RUN:-4}

build --bin cache_manager
build -p distcache-http --example bare_hyper

ours=$(free_port) && start_server "$ours"
value=$(printf 'v%.0s' {1..64})
curl --silent --fail --output /dev/null --request POST "http://127.0.0.1:$ours/?key=bench&value=$value"
body=$(curl --silent --fail "http://127.0.0.1:$ours/?key=bench")

bare=$(free_port) && start bare.log "$TARGET/release/examples/bare_hyper" "$bare" "$body"
python3 "$CLIENT" await-http "$bare"

nginx=$(free_port)
cat >"$SCRATCH/nginx.conf" <<CONF
daemon off;
pid $SCRATCH/nginx.pid;
error_log $SCRATCH/nginx-error.log;
worker_processes $(nproc);
events { worker_connections 1024; }
http {
    access_log off;
    keepalive_requests 1000000000;
    default_type application/json;
    server {
        listen 127.0.0.1:$nginx;
        location / { return 200 '$body'; }
    }
}
CONF
start nginx.log nginx -p "$SCRATCH" -c "$SCRATCH/nginx.conf"
python3 "$CLIENT" await-http "$nginx"

# run PORT CONNECTIONS SECONDS: requests a second, if all were answered with 200.
run() {
    local report
    report=$(wrk -t1 -c"$2" -d"${3}s" "http://127.0.0.1:$1/?key=bench")
    if grep --quiet --extended-regexp 'Non-2xx|Socket errors' <<<"$report"; then
        say "not every request was answered:" && say "$report"
        exit 1
    fi
    awk '/^Requests\/sec/ { print $2 }' <<<"$report"
}

for connections in 32 256; do
    say "$connections connections, $ROUNDS rounds of $SECONDS_A_RUN s each"
    for port in "$ours" "$bare" "$nginx"; do run "$port" "$connections" 2 >/dev/null; done
    for _ in $(seq $ROUNDS); do
        run "$ours" "$connections" "$SECONDS_A_RUN" >>"$SCRATCH/ours-$connections"
        run "$bare" "$connections" "$SECONDS_A_RUN" >>"$SCRATCH/bare-$connections"
        run "$nginx" "$connections" "$SECONDS_A_RUN" >>"$SCRATCH/nginx-$connections"
    done
    mine=$(median <"$SCRATCH/ours-$connections")
    fact "http-get-c$connections-a-second" "$mine"
    ratio "http-get-c$connections" bare-hyper "$mine" "$(median <"$SCRATCH/bare-$connections")"
    ratio "http-get-c$connections" nginx "$mine" "$(median <"$SCRATCH/nginx-$connections")"
done
