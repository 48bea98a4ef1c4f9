#!/usr/bin/env bash
# GET of one key of 64 bytes through the load balancer, beside the same asked of the node
# itself, and through nginx as a proxy that keeps its connections: requests a second.
# shellcheck source-path=SCRIPTDIR source=http_lib.sh
source "$(dirname "$0")/http_lib.sh"

build --bin cache_manager

node=$(free_port)
start_server "$node" --log off
keep "$node"

balancer=$(free_port)
start balancer.log "$SERVER" -mode=load_balancer --listen "127.0.0.1:$balancer" \
    -nodes="127.0.0.1:$node" --log off
await http "$balancer" balancer.log

proxy=$(free_port)
start_nginx "$proxy" <<CONF
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
CONF

# shellcheck disable=SC2034 # race reads them.
declare -A ports=([ours]=$balancer [direct]=$node [nginx-proxy]=$proxy)
# shellcheck disable=SC2034
declare -A targets=([ours]=$KEYS/bench [direct]=$KEYS/bench [nginx-proxy]=$KEYS/bench)
race balancer-get direct nginx-proxy
