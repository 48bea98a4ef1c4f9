#!/usr/bin/env bash
# What the server uses of a core when nobody asks anything, over 30 s.
source "$(dirname "$0")/lib.sh"

build --bin cache_manager
start_server "$(free_port)"
fact idle-cpu-percent "$(python3 "$CLIENT" cpu-percent "$STARTED" 30)"
