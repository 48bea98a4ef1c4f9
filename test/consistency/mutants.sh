#!/usr/bin/env bash
# Plants one fault after the other in the server, and sees that a run finds each: that its
# clients see something that they may not. At first it sees that nothing is found where
# nothing was planted.
#
#   test/consistency/mutants.sh                  all of them
#   test/consistency/mutants.sh tentative-read   those that are named
#   test/consistency/mutants.sh short            a few, without root, in a minute
#
# The faults are in internal/pub_sub/src/mutants.rs. The server is built with them in
# TARGET; none of them is in a server that was built otherwise. Runs that cut links take
# root, and `ip` of iproute2. Ends with 1 if a fault was not found.
set -euo pipefail
shopt -s inherit_errexit
export LC_ALL=C

repository=$(cd "$(dirname "$0")/../.." && pwd)
TARGET=${TARGET:-$repository/target/mutants}
# So often each run is tried, with another seed: some faults show in a moment that may
# not come.
TRIES=${TRIES:-3}

# What shows it: the run, and how many of its rounds.
declare -A shown_by=(
    [owners-unchecked]='calm --rounds 3'
    [lease-unchecked]='pause --rounds 2 --pause-s 6'
    [lease-too-long]='cut --rounds 2'
    [unsettled-views]='roll --rounds 3'
    [arrivals-unchecked]='roll --rounds 2'
    [acked-before-copies]='cut --rounds 2 --replicas 2'
    [read-before-copies]='cut --rounds 2 --replicas 2'
    [forget-untold]='within --rounds 2'
    [copies-lost]='kill --rounds 2 --replicas 2'
    [copies-unasked]='cut --rounds 2 --replicas 3 --ack quorum'
    [put-made-twice]='roll --rounds 2 --replicas 2'
    [committed-by-quickest]='cut --rounds 2 --replicas 3 --read any'
    [tentative-read]='cut --rounds 2 --replicas 3 --read any'
    [near-kept]='calm --rounds 3 --hot'
    [near-uncounted]='calm --rounds 3 --hot'
    [copies-unleased]='pause --rounds 2 --pause-s 6 --replicas 3 --read any'
)
# Set for the members of that run. Near copies hide that views are not waited for: who has
# any is waited for, too.
declare -A setting_of=([unsettled-views]='DISTCACHE_NEAR_BYTES=0')
SHORT=(owners-unchecked forget-untold near-kept lease-unchecked)

say() { printf '%s\n' "$*" >&2; }

# Prints the number of violations; nothing if the run could not be made.
violations() {
    timeout 600 "$TARGET/debug/consistency" "$@" 2>&1 |
        awk '/^violations: [0-9]+$/ { sum += $2; said = 1 } END { if (said) print sum }' || true
}

is_found() {
    local mutant=$1 found seed
    local -a run
    read -ra run <<<"${shown_by[$mutant]}"
    for ((seed = 1; seed <= TRIES; seed++)); do
        local began=$SECONDS
        found=$(export DISTCACHE_MUTANT="$mutant" "${setting_of[$mutant]:-DISTCACHE_MUTANT=$mutant}"
            violations "${run[@]}" --seed "$seed")
        if [ "${found:-0}" -gt 0 ]; then
            printf '%-24s %-52s %9s %8s\n' "$mutant" "${run[*]} --seed $seed" "$found" $((SECONDS - began))
            return
        fi
    done
    printf '%-24s %-52s %9s\n' "$mutant" "${run[*]}" 'NOT FOUND'
    return 1
}

# Each fault that can be planted has a run here, and no other has.
planted=$(sed -n 's/^ *Self::.* => "\(.*\)",$/\1/p' "$repository/internal/pub_sub/src/mutants.rs" | sort)
if [ "$planted" != "$(printf '%s\n' "${!shown_by[@]}" | sort)" ]; then
    say "the faults in mutants.rs and the runs here are not the same:"
    diff <(printf '%s\n' "$planted") <(printf '%s\n' "${!shown_by[@]}" | sort) >&2 || true
    exit 1
fi

chosen=("$@")
if [ $# -eq 0 ]; then
    mapfile -t chosen < <(printf '%s\n' "${!shown_by[@]}" | sort)
elif [ "$*" = short ]; then
    chosen=("${SHORT[@]}")
fi
for mutant in "${chosen[@]}"; do
    if [ -z "${shown_by[$mutant]:-}" ]; then
        say "there is no mutant $mutant; there are: ${!shown_by[*]}"
        exit 2
    fi
done

say 'building the server with what can be planted'
(cd "$repository" && CARGO_TARGET_DIR=$TARGET DISTCACHE_MUTANTS=1 \
    cargo build -q -p distcache-server -p distcache-consistency --bins)

sane=$(violations calm --rounds 3 --replicas 3 --read any)
if [ "$sane" != 0 ]; then
    say "without a fault the run should find nothing: it found ${sane:-no end}"
    exit 1
fi
printf '%-24s %-52s %9s %8s\n' mutant 'found by' violations seconds
missed=0
for mutant in "${chosen[@]}"; do
    is_found "$mutant" || missed=$((missed + 1))
done
say "found: $((${#chosen[@]} - missed)) of ${#chosen[@]}"
[ "$missed" -eq 0 ]
