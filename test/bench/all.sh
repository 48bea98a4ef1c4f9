#!/usr/bin/env bash
# Every benchmark, one after the other; all.sh FILE leaves the figures in FILE
# too. Fifty minutes; nothing else should run meanwhile.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"
# Before all that, not in its middle.
need wrk wrk
need nginx nginx-light
need curl curl
need openssl openssl
need redis-server redis-server
need memcached memcached

figures=$(realpath "${1:-/dev/null}")
: >"$figures"
cd "$ROOT"
failed=()

# step COMMAND...: its figures. One that fails does not cost those of the others.
step() {
    local before
    say "== $*"
    before=$(processor_ticks)
    "$@" | sed --unbuffered --quiet --regexp-extended '/^(RATIO|FACT) /p' | tee -a "$figures" ||
        failed+=("$*")
    say "$(stolen_since "$before") % of the processors' time was stolen meanwhile"
}

step cargo bench --quiet -p distcache-ring --bench ring
step cargo bench --quiet -p distcache-manager --bench calls
step cargo bench --quiet -p distcache-manager --bench hit_ratio
step cargo bench --quiet -p distcache --bench reads
step cargo bench --quiet -p distcache --features cluster --bench remote
step cargo bench --quiet -p distcache-cluster --bench links
step cargo bench --quiet -p distcache-cluster --bench members
for script in http https balancer ring replicas memory start idle; do step "test/bench/$script.sh"; done

for name in "${failed[@]}"; do say "FAILED: $name"; done
((${#failed[@]} == 0))
