#!/usr/bin/env bash
# What the server uses of a core when nobody asks anything, over 30 s, default
# flags.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

build --bin cache_manager
port=$(free_port)
start_server "$port"
say "35 s of nothing"
percent=$(client cpu-percent "$STARTED" 30)
fact idle-cpu-percent "$percent"
