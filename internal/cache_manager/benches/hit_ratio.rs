//! How often a key is still there, on recorded requests:
//! `cargo bench -p distcache-manager --bench hit_ratio`.
//!
//! Each trace is replayed against a cache of unit-size entries: a get, and a
//! put after each miss; on one data node, and on eight. A trace is a gzipped
//! sequence of little-endian 32-bit key numbers in the folder that
//! `DISTCACHE_TRACES` names; without one nothing is measured.
//!
//! `RATIO hit-ratio-TRACE-ENTRIES-POLICY reference X`: our hit ratio over that
//! of an independent simulator, on one node. `FACT hit-ratio-...`: per cent.
#![expect(clippy::print_stdout, reason = "printing figures is what a benchmark is for")]
#![expect(clippy::print_stderr, reason = "a benchmark that did not run must say so")]

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use distcache_manager::{CacheManager, Config, EvictionPolicy};
use flate2::read::GzDecoder;

/// Trace, entries, and the hit ratios of each policy in per cent, in the order
/// of [`EvictionPolicy::ALL`]: LRU, S3-FIFO, SIEVE, W-TinyLFU, FIFO. That of
/// W-TinyLFU is of a window that stays at 1 %; ours moves.
const REFERENCES: [(&str, u64, [f64; EvictionPolicy::ALL.len()]); 9] = [
    ("OLTP", 1000, [32.83, 40.86, 32.56, 31.86, 28.53]),
    ("OLTP", 2048, [42.78, 47.25, 40.99, 41.29, 37.73]),
    ("OLTP", 8192, [58.86, 60.83, 58.14, 57.05, 55.22]),
    ("scarab-recs", 25_836, [60.60, 62.82, 60.91, 61.08, 57.09]),
    ("web12", 1200, [66.85, 70.83, 70.18, 69.26, 62.96]),
    ("web12", 3000, [76.48, 78.68, 78.18, 76.38, 72.99]),
    ("cloudPhysicsIO", 4897, [19.51, 24.47, 20.93, 22.24, 19.46]),
    ("loop", 512, [0.00, 45.51, 0.00, 42.73, 0.00]),
    ("corda", 1024, [33.33, 33.33, 0.75, 2.49, 33.33]),
];

fn main() -> io::Result<()> {
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let Some(folder) = std::env::var_os("DISTCACHE_TRACES").map(PathBuf::from) else {
        eprintln!("hit ratios: NOT MEASURED, DISTCACHE_TRACES names no folder of traces");
        return Ok(());
    };
    for (trace, entries, references) in REFERENCES {
        let requests = read(&folder.join(format!("{trace}.u32le.gz")))?;
        for (policy, reference) in EvictionPolicy::ALL.into_iter().zip(references) {
            compare(&format!("hit-ratio-{trace}-{entries}-{policy}"), &policy, |nodes| {
                (replay(&requests, &policy, entries, nodes), reference)
            });
        }
    }
    Ok(())
}

fn read(path: &Path) -> io::Result<Vec<[u8; 4]>> {
    let mut bytes = Vec::new();
    GzDecoder::new(File::open(path)?).read_to_end(&mut bytes)?;
    Ok(bytes.as_chunks().0.to_vec())
}

/// Prints what one node and eight nodes reach.
fn compare(case: &str, policy: &EvictionPolicy, measure: impl Fn(usize) -> (f64, f64)) {
    let (ours, reference) = measure(1);
    let both_none = ours < 0.005 && reference < 0.005;
    let ratio = if both_none { 1.0 } else { ours / reference };
    println!("RATIO {case} reference {ratio:.4}");
    println!("FACT {case} {ours:.2}");
    println!("FACT {case}-reference {reference:.2}");
    println!("FACT {case}-points-above {:.2}", ours - reference);
    if *policy == EvictionPolicy::Lru {
        let (sharded, _) = measure(8);
        println!("FACT {case}-8-nodes {sharded:.2}");
        println!("FACT {case}-8-nodes-lose {:.2}", ours - sharded);
    }
}

/// The hit ratio in per cent.
fn replay(requests: &[[u8; 4]], policy: &EvictionPolicy, entries: u64, nodes: usize) -> f64 {
    let config = Config {
        data_nodes: nodes,
        entries_max: Some(entries),
        eviction: policy.clone(),
        hash_key: Some([1; 16]),
        ..Config::default()
    };
    let cache = CacheManager::start(config).expect("the settings go together");
    let mut hits = 0_u32;
    for key in requests {
        if cache.get(key).expect("the cache is open").is_some() {
            hits += 1;
        } else {
            cache.put(key, b"", None).expect("an empty value fits");
        }
    }
    let requests = u32::try_from(requests.len()).expect("few requests");
    f64::from(hits) * 100.0 / f64::from(requests)
}
