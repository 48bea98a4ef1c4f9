#!/usr/bin/env bash
# From the start of the process to its first answer: 20 starts.
source "$(dirname "$0")/lib.sh"

build --bin cache_manager
for _ in $(seq 20); do
    python3 "$CLIENT" start-ms "$(free_port)" "$SERVER" >>"$SCRATCH/starts"
done
fact start-ms-median "$(median <"$SCRATCH/starts")"
fact start-ms-max "$(sort -n "$SCRATCH/starts" | tail -1)"
