#!/usr/bin/env bash
# Clusters within one process, under all faults, one after the other for an hour: each by a
# seed of its own, of three, four and five members in turn. Says of each how it ended, and
# ends with the first that was not as it should be.
#
#   test/consistency/hour.sh
#   MINUTES=10 FIRST_SEED=500 test/consistency/hour.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
MINUTES=${MINUTES:-60}
FIRST_SEED=${FIRST_SEED:-1}
# A run of so many rounds takes two to four minutes; one that takes longer hangs.
ROUNDS_A_RUN=28
RUN_SECONDS_MAX=1800

cargo build --release --quiet -p distcache-consistency
target=${CARGO_TARGET_DIR:-target}
report=$(mktemp)
trap 'rm -f "$report"' EXIT
calls=0
for ((seed = FIRST_SEED; SECONDS < MINUTES * 60; seed++)); do
    run=(within --rounds "$ROUNDS_A_RUN" --members "$((3 + seed % 3))" --seed "$seed")
    if ! timeout "$RUN_SECONDS_MAX" "$target/release/consistency" "${run[@]}" >"$report" 2>&1; then
        cat "$report"
        echo "not as it should be: ${run[*]}" >&2
        exit 1
    fi
    made=$(awk '/^operations acknowledged:/ { sum += $3 } END { print sum }' "$report")
    calls=$((calls + made))
    echo "${run[*]}: $made calls, all as it should be"
done
echo "$calls calls in $((SECONDS / 60)) minutes"
