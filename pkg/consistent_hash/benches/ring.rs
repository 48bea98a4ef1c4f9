//! How fast the ring finds an owner, beside a plain binary search over the same
//! points: `cargo bench -p distcache-ring`.
//!
//! Both answer the same stream of pseudo-random hashes, in turns, five times
//! each; the medians count. In one kind of run the hashes do not depend on the
//! answers, as with the requests of many clients, and the processor works on
//! several lookups at once. In the other, each hash depends on the answer
//! before it, which gives the time of one lookup by itself.
//!
//! `RATIO ring-N binary-search X`: the ring of N nodes is X times as fast on
//! independent hashes. `FACT name X`: a figure; those in `-ns` are nanoseconds
//! per lookup.
#![expect(clippy::print_stdout, reason = "printing figures is what a benchmark is for")]

use std::hint::black_box;
use std::time::Instant;

use distcache_ring::HashRing;

const SIZES: [u32; 6] = [4, 8, 16, 64, 256, 1000];
const LOOKUPS: u32 = 1_000_000;
const RUNS: usize = 5;

fn main() {
    // Cargo says `--bench` when it wants figures; when it tests, it only wants
    // to see that this compiles and starts.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let measured = SIZES.map(|nodes| (nodes, Rivals::new(nodes).measure()));
    for (nodes, times) in &measured {
        println!("RATIO ring-{nodes} binary-search {:.2}", times.search / times.ring);
    }
    let [(_, smallest), .., (_, largest)] = &measured;
    println!("FACT ring-1000-over-ring-4 {:.2}", largest.ring / smallest.ring);
    println!(
        "FACT ring-1000-over-ring-4-dependent {:.2}",
        largest.ring_dependent / smallest.ring_dependent
    );
    for (nodes, times) in &measured {
        println!("FACT ring-{nodes}-ns {:.1}", times.ring);
        println!("FACT binary-search-{nodes}-ns {:.1}", times.search);
        println!("FACT ring-{nodes}-dependent-ns {:.1}", times.ring_dependent);
        println!("FACT binary-search-{nodes}-dependent-ns {:.1}", times.search_dependent);
    }
}

/// A ring, and its points laid out as suits a binary search best: positions
/// close together, owners apart.
struct Rivals {
    ring: HashRing<String>,
    positions: Vec<u64>,
    owners: Vec<u32>,
}

/// Medians, in nanoseconds per lookup.
struct Times {
    ring: f64,
    search: f64,
    ring_dependent: f64,
    search_dependent: f64,
}

impl Rivals {
    fn new(nodes: u32) -> Self {
        let nodes = (0..nodes).map(|number| format!("node-{number}"));
        let ring = HashRing::builder().nodes(nodes).build().expect("the labels differ");
        let (positions, owners) = ring.points().unzip();
        Self { ring, positions, owners }
    }

    fn measure(&self) -> Times {
        let by_ring = |hash| self.ring.owner_index(hash);
        let by_search = |hash| self.search(hash);
        assert_eq!(independent(by_ring), independent(by_search), "the rivals disagree");
        let [mut ring, mut search, mut ring_dependent, mut search_dependent] = [[0.0; RUNS]; 4];
        for run in 0..RUNS {
            ring[run] = time(|| independent(by_ring));
            search[run] = time(|| independent(by_search));
            ring_dependent[run] = time(|| dependent(by_ring));
            search_dependent[run] = time(|| dependent(by_search));
        }
        Times {
            ring: median(ring),
            search: median(search),
            ring_dependent: median(ring_dependent),
            search_dependent: median(search_dependent),
        }
    }

    #[inline]
    fn search(&self, hash: u64) -> Option<u32> {
        let index = self.positions.partition_point(|&position| position < hash);
        self.owners.get(if index < self.owners.len() { index } else { 0 }).copied()
    }
}

/// The next of a stream of hashes: the cheapest generator whose upper bits,
/// which choose the place on the ring, are random enough.
#[inline]
fn next(hash: u64) -> u64 {
    hash.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407)
}

#[inline(never)]
fn independent(owner: impl Fn(u64) -> Option<u32>) -> u64 {
    let mut hash = 1;
    let mut sum = 0;
    for _ in 0..LOOKUPS {
        hash = next(hash);
        sum += u64::from(owner(hash).unwrap_or_default());
    }
    sum
}

#[inline(never)]
fn dependent(owner: impl Fn(u64) -> Option<u32>) -> u64 {
    (0..LOOKUPS).fold(1, |hash, _| next(hash ^ u64::from(owner(hash).unwrap_or_default())))
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the real clock")]
fn time(work: impl FnOnce() -> u64) -> f64 {
    let start = Instant::now();
    black_box(work());
    start.elapsed().as_secs_f64() * 1e9 / f64::from(LOOKUPS)
}

fn median(mut times: [f64; RUNS]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[RUNS / 2]
}
