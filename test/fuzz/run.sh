#!/usr/bin/env bash
# Runs every fuzz target, or those that are named, one after the other, and says at
# the end of each how many inputs it was given, in how many seconds, how much of the
# code they reached, and whether any was a crash. Ends with 1 if one was.
#
#   test/fuzz/run.sh                       an hour each
#   SECONDS_EACH=300 test/fuzz/run.sh path v1_body
#
# It needs a nightly toolchain (`rustup toolchain install nightly`), a C++ compiler,
# and cargo-fuzz, which it installs if that is missing. What was found is kept in
# CORPUS, and the next run begins with it; what crashed is in CRASHES.
set -euo pipefail
shopt -s inherit_errexit
export LC_ALL=C

repository=$(cd "$(dirname "$0")/../.." && pwd)
target_dir=${CARGO_TARGET_DIR:-$repository/target}/fuzz
CORPUS=${CORPUS:-$target_dir/corpus}
CRASHES=${CRASHES:-$target_dir/crashes}
SECONDS_EACH=${SECONDS_EACH:-3600}
# `address` would look into the memory of the C that is linked too, at a third of
# the speed. Our own code is safe: what is looked for is a broken promise.
SANITIZER=${SANITIZER:-none}

# The longest input: beyond every bound of the parsers but those on megabytes.
INPUT_BYTES_MAX=4096
# More than this is a leak, or an amplification: an engine takes 64 MiB at most.
MEMORY_MIB_MAX=1024
# The longest that one input may take: they take less than a millisecond, but the
# machine may be busy with others.
INPUT_SECONDS_MAX=60

ALL=(config import_line query path v1_body headers)

say() { printf '%s\n' "$*" >&2; }

need() {
    if ! cargo +nightly --version >/dev/null 2>&1; then
        say 'a nightly toolchain is needed: rustup toolchain install nightly'
        exit 2
    fi
    if ! command -v c++ >/dev/null; then
        say 'a C++ compiler is needed, for libFuzzer'
        exit 2
    fi
    if ! cargo fuzz --version >/dev/null 2>&1; then
        say 'cargo-fuzz is missing: cargo install cargo-fuzz'
        cargo install --locked cargo-fuzz
    fi
}

# The last number behind a name in what libFuzzer said.
last() { grep -o "$1 *[0-9]*" "$2" | tail -n 1 | grep -o '[0-9]*$' || echo 0; }

# Runs one target; prints its line of the table.
run() {
    local target=$1 log="$CRASHES/$1.log" ended=0 began=$SECONDS crashes
    mkdir -p "$CORPUS/$target" "$CRASHES/$target"
    say "$target: $SECONDS_EACH s"
    "${fuzz[@]}" run --fuzz-dir "$repository/test/fuzz" --target-dir "$target_dir" \
        --sanitizer "$SANITIZER" "$target" "$CORPUS/$target" -- \
        -max_total_time="$SECONDS_EACH" -max_len="$INPUT_BYTES_MAX" \
        -rss_limit_mb="$MEMORY_MIB_MAX" -timeout="$INPUT_SECONDS_MAX" \
        -dict="$repository/test/fuzz/dictionaries/$target.dict" \
        -artifact_prefix="$CRASHES/$target/" -print_final_stats=1 >"$log" 2>&1 || ended=$?
    crashes=$(find "$CRASHES/$target" -type f | wc -l)
    printf '%-12s %12s %8s %9s %9s %8s\n' "$target" \
        "$(last number_of_executed_units: "$log")" "$((SECONDS - began))" \
        "$(last cov: "$log")" "$(last peak_rss_mb: "$log")" "$crashes"
    if ((ended != 0 || crashes != 0)); then
        say "$target ended with $ended: see $log"
        return 1
    fi
}

need
fuzz=(cargo +nightly fuzz)
targets=("$@")
if ((${#targets[@]} == 0)); then targets=("${ALL[@]}"); fi
mkdir -p "$CRASHES"
for target in "${targets[@]}"; do
    if [[ ! -f $repository/test/fuzz/fuzz_targets/$target.rs ]]; then
        say "there is no target $target; there are ${ALL[*]}"
        exit 2
    fi
done
# Built before anything is timed.
for target in "${targets[@]}"; do
    "${fuzz[@]}" build --fuzz-dir "$repository/test/fuzz" --target-dir "$target_dir" \
        --sanitizer "$SANITIZER" "$target" >&2
done

failed=0
printf '%-12s %12s %8s %9s %9s %8s\n' target executions seconds coverage MiB crashes
for target in "${targets[@]}"; do
    run "$target" || failed=1
done
exit "$failed"
