#!/usr/bin/env bash
# GET of one key of 64 bytes through the load balancer, beside the same asked of the node
# itself, and through nginx as a proxy that keeps its connections: requests a second.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"
need wrk wrk
need nginx nginx-light
need curl curl

# Fewer and shorter ones only show that everything runs.
ROUNDS=${ROUNDS:-5}
SECONDS_A_RUN=${SECONDS_A_RUN:-5}
CONNECTIONS=(32 256)
TARGET_PATH=/v1/keyspaces/default/keys/bench

build --bin cache_manager

node=$(free_port)
start_server "$node" --log off
curl --silent --fail --output /dev/null --request PUT --data-binary "$(printf 'v%.0s' {1..64})" \
    "http://127.0.0.1:$node$TARGET_PATH"

balancer=$(free_port)
start balancer.log "$SERVER" -mode=load_balancer --listen "127.0.0.1:$balancer" \
    -nodes="127.0.0.1:$node" --log off
await http "$balancer" balancer.log

proxy=$(free_port)
cat >"$SCRATCH/nginx.conf" <<CONF
daemon off;
# Root's workers would be somebody else, who may not read our files.
$([ "$(id -u)" -ne 0 ] || echo 'user root;')
pid $SCRATCH/nginx.pid;
worker_processes $(nproc);
events { worker_connections 2048; }
http {
    access_log off;
    client_body_temp_path $SCRATCH/body;
    proxy_temp_path $SCRATCH/proxy;
    fastcgi_temp_path $SCRATCH/fastcgi;
    uwsgi_temp_path $SCRATCH/uwsgi;
    scgi_temp_path $SCRATCH/scgi;
    keepalive_requests 1000000000;
    upstream nodes {
        server 127.0.0.1:$node;
        keepalive 1024;
        keepalive_requests 1000000000;
    }
    server {
        listen 127.0.0.1:$proxy;
        location / {
            proxy_pass http://nodes;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host 127.0.0.1:$node;
        }
    }
}
CONF
start nginx.log nginx -e "$SCRATCH/nginx-error.log" -p "$SCRATCH" -c "$SCRATCH/nginx.conf"
await http "$proxy" nginx.log

# run PORT CONNECTIONS SECONDS: requests a second, if all were answered with 200.
run() {
    local report
    report=$(timeout --foreground $(($3 + END_SECONDS)) \
        wrk -t1 -c"$2" -d"${3}s" "http://127.0.0.1:$1$TARGET_PATH")
    if grep --quiet --extended-regexp 'Non-2xx|Socket errors' <<<"$report"; then
        say "not every request was answered:" && say "$report"
        exit 1
    fi
    awk '/^Requests\/sec/ { print $2 }' <<<"$report"
}

# rates NAME PORT CONNECTIONS: one run more of it.
rates() { quietly run "$2" "$3" "$SECONDS_A_RUN" >>"$SCRATCH/rates-$1-$3"; }
middle() { median <"$SCRATCH/rates-$1-$2"; }

for connections in "${CONNECTIONS[@]}"; do
    for port in "$node" "$balancer" "$proxy"; do run "$port" "$connections" 1 >"$SCRATCH/warm"; done
    # By turns, so that what slows the machine slows all of them.
    for round in $(seq "$ROUNDS"); do
        say "$connections connections, round $round of $ROUNDS"
        rates direct "$node" "$connections"
        rates ours "$balancer" "$connections"
        rates nginx "$proxy" "$connections"
    done
    mine=$(middle ours "$connections")
    ratio "balancer-get-c$connections" direct "$mine" "$(middle direct "$connections")"
    ratio "balancer-get-c$connections" nginx-proxy "$mine" "$(middle nginx "$connections")"
    fact "balancer-get-c$connections-per-second" "$mine"
done
