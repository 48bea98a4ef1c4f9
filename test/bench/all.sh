#!/usr/bin/env bash
# Every benchmark, one after the other; all.sh FILE leaves the figures in FILE
# too. Half an hour; nothing else should run meanwhile.
set -euo pipefail
cd "$(dirname "$0")/../.."
figures=${1:-/dev/null}
: >"$figures"

only_figures() { grep --extended-regexp '^(RATIO|FACT) ' | tee -a "$figures"; }

cargo bench --quiet -p distcache-ring --bench ring | only_figures
cargo bench --quiet -p distcache-manager --bench calls | only_figures
cargo bench --quiet -p distcache-manager --bench hit_ratio | only_figures
for script in http memory start idle; do
    "test/bench/$script.sh" | only_figures
done
