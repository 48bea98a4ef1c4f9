#!/usr/bin/env bash
# GET of one key of 64 bytes by `/v1` over TLS, beside bare hyper over the same rustls
# settings and nginx, which show the same certificate and speak the same version and
# cipher, over connections that are kept: requests a second. What is measured is what TLS
# costs a request, not a handshake.
# shellcheck source-path=SCRIPTDIR source=http_lib.sh
SCHEME=https
source "$(dirname "$0")/http_lib.sh"
need openssl openssl

# What OpenSSL, by which wrk asks, offers first and rustls takes. It is looked at before
# anything is measured.
TLS_VERSION=TLSv1.3
TLS_CIPHER=TLS_AES_256_GCM_SHA384

build --bin cache_manager
build -p distcache-http --example bare_hyper

"$SERVER" certs --dir "$SCRATCH/certs" --member 127.0.0.1 >"$SCRATCH/certs.log" 2>&1
TLS_CA="$SCRATCH/certs/ca.pem"
# bare_hyper reads them from its environment.
export TLS_CERT="$SCRATCH/certs/127.0.0.1.pem" TLS_KEY="$SCRATCH/certs/127.0.0.1-key.pem"

ours=$(free_port)
start server.log "$SERVER" --listen "127.0.0.1:$ours" --log off \
    --tls-cert "$TLS_CERT" --tls-key "$TLS_KEY"
await https "$ours" server.log
keep "$ours"
compare v1-get-tls "$KEYS/bench"
