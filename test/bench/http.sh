#!/usr/bin/env bash
# GET of one key of 64 bytes over the hyper door, beside a bare hyper server that
# answers the same bytes and nginx that returns them: requests a second.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"
need wrk wrk
need nginx nginx-light
need curl curl

# Fewer and shorter ones only show that everything runs.
ROUNDS=${ROUNDS:-5}
SECONDS_A_RUN=${SECONDS_A_RUN:-5}

build --bin cache_manager
build -p distcache-http --example bare_hyper

url() { printf 'http://127.0.0.1:%s/?key=bench' "$1"; }

ours=$(free_port)
start_server "$ours" --log off
value=$(printf 'v%.0s' {1..64})
curl --silent --fail --output /dev/null --request POST "$(url "$ours")&value=$value"
# The body ends with a newline, which $(...) would take off.
body=$(curl --silent --fail "$(url "$ours")" && printf .)
body=${body%.}

bare=$(free_port)
start bare.log "$TARGET/release/examples/bare_hyper" "$bare" "$body"
await http "$bare" bare.log

nginx=$(free_port)
cat >"$SCRATCH/nginx.conf" <<CONF
daemon off;
pid $SCRATCH/nginx.pid;
worker_processes $(nproc);
events { worker_connections 1024; }
http {
    access_log off;
    client_body_temp_path $SCRATCH/body;
    proxy_temp_path $SCRATCH/proxy;
    fastcgi_temp_path $SCRATCH/fastcgi;
    uwsgi_temp_path $SCRATCH/uwsgi;
    scgi_temp_path $SCRATCH/scgi;
    keepalive_requests 1000000000;
    default_type application/json;
    server {
        listen 127.0.0.1:$nginx;
        location / { return 200 '$body'; }
    }
}
CONF
start nginx.log nginx -e "$SCRATCH/nginx-error.log" -p "$SCRATCH" -c "$SCRATCH/nginx.conf"
await http "$nginx" nginx.log

# answer PORT FILE: leaves the body in FILE and the head, but for the time, in FILE.head.
answer() {
    curl --silent --fail --dump-header "$2.raw" --output "$2" "$(url "$1")"
    sed '/^date:/Id' "$2.raw" >"$2.head"
}

# same FILE FILE: the rivals have to send the same bytes.
same() {
    cmp "$SCRATCH/$1" "$SCRATCH/$2" >&2 && return
    say "the rivals answer different bytes:" && cat "$SCRATCH/$1" "$SCRATCH/$2" >&2
    exit 1
}

answer "$ours" "$SCRATCH/ours"
answer "$bare" "$SCRATCH/bare"
answer "$nginx" "$SCRATCH/nginx"
same ours bare
same ours.head bare.head
# nginx has a head of its own, with Server and Connection.
same ours nginx

# run PORT CONNECTIONS SECONDS: requests a second, if all were answered with 200.
run() {
    local report
    report=$(timeout --foreground $(($3 + END_SECONDS)) wrk -t1 -c"$2" -d"${3}s" "$(url "$1")")
    if grep --quiet --extended-regexp 'Non-2xx|Socket errors' <<<"$report"; then
        say "not every request was answered:" && say "$report"
        exit 1
    fi
    awk '/^Requests\/sec/ { print $2 }' <<<"$report"
}

for connections in 32 256; do
    say "$connections connections, $ROUNDS rounds of $SECONDS_A_RUN s each"
    for port in "$ours" "$bare" "$nginx"; do run "$port" "$connections" 2 >/dev/null; done
    for _ in $(seq "$ROUNDS"); do
        run "$ours" "$connections" "$SECONDS_A_RUN" >>"$SCRATCH/ours-$connections"
        run "$bare" "$connections" "$SECONDS_A_RUN" >>"$SCRATCH/bare-$connections"
        run "$nginx" "$connections" "$SECONDS_A_RUN" >>"$SCRATCH/nginx-$connections"
    done
done

for connections in 32 256; do
    mine=$(median <"$SCRATCH/ours-$connections")
    fact "http-get-c$connections-per-second" "$mine"
    for rival in bare nginx; do
        theirs=$(median <"$SCRATCH/$rival-$connections")
        ratio "http-get-c$connections" "${rival/bare/bare-hyper}" "$mine" "$theirs"
    done
done
