# shellcheck shell=bash
# What http.sh and https.sh share: us beside a bare hyper server that answers the same
# bytes, nginx that returns them from its configuration, and nginx that serves a file of
# them from memory. Sourced, not run.
#
# SCHEME is http or https. With https, TLS_CERT and TLS_KEY name the files of the one
# certificate that all show, TLS_CA that of its authority, and TLS_VERSION and TLS_CIPHER
# what all of them have to speak with whoever asks.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need wrk wrk
need nginx nginx-light
need curl curl

# Fewer and shorter ones only show that everything runs.
ROUNDS=${ROUNDS:-5}
SECONDS_A_RUN=${SECONDS_A_RUN:-5}
CONNECTIONS=(32 256)
# Where nginx serves a file.
FILE=/a-file
KEYS=/v1/keyspaces/default/keys
SCHEME=${SCHEME:-http}

# ask PORT CURL'S-ARGUMENT... TARGET
ask() {
    local trust=()
    if [[ $SCHEME == https ]]; then trust=(--cacert "$TLS_CA"); fi
    curl --silent --show-error --fail "${trust[@]}" "${@:2:$#-2}" "$SCHEME://127.0.0.1:$1${!#}"
}

# keep PORT: our server has the value to ask for.
keep() {
    ask "$1" --output /dev/null --request PUT --header 'Content-Type: text/plain' \
        --data-binary "$value" "$KEYS/bench"
}

value=$(printf 'v%.0s' {1..64})

# answer NAME PORT TARGET: leaves the body in NAME, and in NAME.head the head but for
# the time.
answer() {
    ask "$2" --dump-header "$SCRATCH/$1.raw" --output "$SCRATCH/$1" "$3"
    sed '/^date:/Id' "$SCRATCH/$1.raw" >"$SCRATCH/$1.head"
}

# same FILE FILE: the rivals have to send the same bytes.
same() {
    cmp "$SCRATCH/$1" "$SCRATCH/$2" >&2 && return
    say "the rivals answer different bytes:" && cat "$SCRATCH/$1" "$SCRATCH/$2" >&2
    exit 1
}

# The headers of our own answer, one a line, for the rivals to send.
headers() {
    sed --quiet --regexp-extended '/^(HTTP|content-length)/Id; s/^([^:]+: .*)\r$/\1/p' \
        "$SCRATCH/ours.head"
}

# The same as nginx is told them, but for the type, which it has by default.
add_headers() {
    headers | sed --quiet "/^content-type/!s/^\([^:]*\): \(.*\)/            add_header \1 '\2';/p"
}

# Where nginx listens, and by which TLS.
listens() {
    if [[ $SCHEME == http ]]; then
        echo "        listen 127.0.0.1:$1;"
        return
    fi
    # The cipher of TLS 1.3 is the library's setting, not one of nginx's own.
    cat <<CONF
        listen 127.0.0.1:$1 ssl;
        ssl_certificate $TLS_CERT;
        ssl_certificate_key $TLS_KEY;
        ssl_protocols $TLS_VERSION;
        ssl_conf_command Ciphersuites $TLS_CIPHER;
        ssl_session_cache shared:bench:1m;
CONF
}

# speaks NAME PORT: all have to speak the same TLS with whoever asks, or it is not the
# servers that are compared.
speaks() {
    [[ $SCHEME == https ]] || return 0
    local said
    said=$(timeout --foreground "$END_SECONDS" openssl s_client -connect "127.0.0.1:$2" \
        -CAfile "$TLS_CA" -verify_return_error </dev/null 2>/dev/null)
    if ! grep --quiet "New, $TLS_VERSION, Cipher is $TLS_CIPHER" <<<"$said"; then
        say "$1 speaks another TLS:" && say "$(grep 'Cipher is' <<<"$said")"
        exit 1
    fi
}

# start_nginx PORT: with what standard input says for its part `http`.
start_nginx() {
    local port=$1
    cat >"$SCRATCH/nginx-$port.conf" <<CONF
daemon off;
# Root's workers would be somebody else, who may not read our files.
$([ "$(id -u)" -ne 0 ] || echo 'user root;')
pid $SCRATCH/nginx-$port.pid;
worker_processes $(nproc);
# A proxy has two for each client.
events { worker_connections 2048; }
http {
    access_log off;
    client_body_temp_path $SCRATCH/body;
    proxy_temp_path $SCRATCH/proxy;
    fastcgi_temp_path $SCRATCH/fastcgi;
    uwsgi_temp_path $SCRATCH/uwsgi;
    scgi_temp_path $SCRATCH/scgi;
    keepalive_requests 1000000000;
$(cat)
}
CONF
    start nginx.log nginx -e "$SCRATCH/nginx-error.log" -p "$SCRATCH" -c "$SCRATCH/nginx-$port.conf"
    await "$SCHEME" "$port" nginx.log
}

# start_rival PORT BODY: nginx that answers as we do, from its configuration and by a file.
start_rival() {
    local port=$1 body=$2
    start_nginx "$port" <<CONF
    sendfile on;
    open_file_cache max=16 inactive=1h;
    open_file_cache_valid 1h;
    default_type $(headers | sed --quiet 's/^content-type: //p');
    server {
$(listens "$port")
        location / {
$(add_headers)
            return 200 '$body';
        }
        location = $FILE {
            alias $SCRATCH/ours;
            etag off;
$(add_headers)
        }
    }
CONF
}

# run PORT CONNECTIONS SECONDS TARGET [WRK'S-ARGUMENT]...: requests a second, if all
# were answered with 200.
run() {
    local report
    report=$(timeout --foreground $(($3 + END_SECONDS)) \
        wrk -t1 -c"$2" -d"${3}s" "${@:5}" "$SCHEME://127.0.0.1:$1$4")
    if grep --quiet --extended-regexp 'Non-2xx|Socket errors' <<<"$report"; then
        say "not every request was answered:" && say "$report"
        exit 1
    fi
    awk '/^Requests\/sec/ { print $2 }' <<<"$report"
}

# race CASE RIVAL...: ours beside the rivals, by turns, so that what slows the machine
# slows all of them. Whoever calls has `ports` and `targets`, by name.
race() {
    local case=$1 connections name mine
    for connections in "${CONNECTIONS[@]}"; do
        say "$case: $connections connections, $ROUNDS rounds of $SECONDS_A_RUN s each"
        for name in "${!ports[@]}"; do
            quietly run "${ports[$name]}" "$connections" 2 "${targets[$name]}" >/dev/null
            : >"$SCRATCH/$name-runs"
        done
        for _ in $(seq "$ROUNDS"); do
            for name in "${!ports[@]}"; do
                quietly run "${ports[$name]}" "$connections" "$SECONDS_A_RUN" \
                    "${targets[$name]}" >>"$SCRATCH/$name-runs"
            done
        done
        mine=$(median <"$SCRATCH/ours-runs")
        fact "$case-c$connections-per-second" "$mine"
        for name in "${@:2}"; do
            ratio "$case-c$connections" "$name" "$mine" "$(median <"$SCRATCH/$name-runs")"
        done
    done
}

# compare CASE TARGET: us, and two who send the same and do nothing else.
compare() {
    local case=$1 target=$2 bare nginx body
    answer ours "$ours" "$target"
    # A body may end with a newline, which $(...) would take off.
    body=$(cat "$SCRATCH/ours" && printf .)
    body=${body%.}
    bare=$(free_port)
    mapfile -t lines < <(headers)
    start bare.log "$TARGET/release/examples/bare_hyper" "$bare" "$body" "${lines[@]}"
    await "$SCHEME" "$bare" bare.log
    nginx=$(free_port)
    start_rival "$nginx" "$body"
    answer bare "$bare" "$target"
    answer nginx "$nginx" "$target"
    same ours bare
    same ours.head bare.head
    answer nginx-file "$nginx" "$FILE"
    # nginx has a head of its own, with Server and Connection.
    same ours nginx
    same ours nginx-file

    speaks ours "$ours"
    speaks bare-hyper "$bare"
    speaks nginx "$nginx"

    local -A ports=([ours]=$ours [bare-hyper]=$bare [nginx]=$nginx [nginx-file]=$nginx)
    local -A targets=([ours]=$target [bare-hyper]=$target [nginx]=$target [nginx-file]=$FILE)
    race "$case" bare-hyper nginx nginx-file
}
