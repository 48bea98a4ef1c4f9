#!/usr/bin/env bash
# From the start of the process to its first answer: 20 starts, default flags.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

build --bin cache_manager
say "20 starts"
for _ in $(seq 20); do
    port=$(free_port)
    client start-ms "$port" "$SERVER" >>"$SCRATCH/starts"
done
fact start-ms-median "$(median <"$SCRATCH/starts")"
fact start-ms-max "$(sort -n "$SCRATCH/starts" | tail -1)"
