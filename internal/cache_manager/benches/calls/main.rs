//! What a call costs, beside other caches in the same run:
//! `cargo bench -p distcache-manager --bench calls [-- CASE...]`, where a CASE
//! is the beginning of a name, such as `get` or `put-zipf-2`.
//!
//! 100,000 keys of 16 bytes, values of 64 bytes, nothing is evicted; the
//! default number of data nodes. Each rival runs in turn, five times; the
//! medians count. Everybody gets the same key bytes in the same order. What a
//! rival returns is dropped at once.
//!
//! `RATIO case-distribution-threads rival X`: we make X times as many calls a
//! second. `FACT name X`: millions of calls a second.
#![expect(clippy::print_stdout, reason = "printing figures is what a benchmark is for")]

mod rivals;
mod run;
mod workload;

use distcache_manager::{Dispatch, EvictionPolicy};
use rivals::{MutexLru, Ours};
use run::{Contest, Contestant};
use workload::{Distribution, Workload};

/// As in the server.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const THREADS: [usize; 3] = [1, 2, 8];
const CALLS: usize = 1_000_000;
/// A call that wakes another thread takes a hundred times as long.
const CALLS_DISPATCHED: usize = 40_000;

fn main() {
    // Cargo says `--bench` when it wants figures; when it tests, it only wants
    // to see that this compiles and starts.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    let contest = Contest::of_cases(arguments.into_iter().filter(|a| !a.starts_with("--")));
    for (case, puts_percent) in [("get", 0), ("mix", 10), ("put", 100)] {
        for_each_load(CALLS, puts_percent, |load, workload| {
            let rivals = [quick_cache(), moka(), mutex_lru()];
            contest.hold(&format!("{case}-{load}"), workload, exact_lru(), rivals);
        });
    }
    for_each_load(CALLS, 0, |load, workload| {
        contest.hold(&format!("shared-{load}"), workload, sieve(), [quick_cache()]);
    });
    for threads in THREADS {
        let workload = Workload::new(Distribution::Uniform, CALLS_DISPATCHED, 0, threads);
        contest.hold(&format!("dispatch-{threads}"), &workload, exact_lru(), [worker()]);
    }
}

/// Every distribution of keys on every number of threads.
fn for_each_load(calls: usize, puts_percent: u32, work: impl Fn(&str, &Workload)) {
    for distribution in [Distribution::Uniform, Distribution::Zipf] {
        for threads in THREADS {
            let workload = Workload::new(distribution, calls, puts_percent, threads);
            work(&format!("{}-{threads}", distribution.name()), &workload);
        }
    }
}

fn exact_lru() -> Contestant {
    Contestant::new("exact-lru", || Ours::start(EvictionPolicy::Lru, Dispatch::Inline))
}

fn sieve() -> Contestant {
    Contestant::new("sieve", || Ours::start(EvictionPolicy::Sieve, Dispatch::Inline))
}

fn worker() -> Contestant {
    Contestant::new("worker", || Ours::start(EvictionPolicy::Lru, Dispatch::Worker))
}

fn quick_cache() -> Contestant {
    Contestant::new("quick_cache", rivals::quick_cache)
}

fn moka() -> Contestant {
    Contestant::new("moka", rivals::moka)
}

fn mutex_lru() -> Contestant {
    Contestant::new("mutex-lru", MutexLru::with_as_many_shards_as_we_have_nodes)
}
