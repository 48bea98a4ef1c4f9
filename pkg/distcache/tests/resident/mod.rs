//! What is measured of the memory that an engine takes.

use distcache::Engine;

pub(crate) const MIB: u64 = 1 << 20;
pub(crate) const CAPACITY: u64 = 64 * MIB;

/// What a process may have at any time: the capacity, what allocators round up,
/// and the program itself.
const BOUND: u64 = CAPACITY * 115 / 100 + 32 * MIB;

/// The most memory that this process has had at one time.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kib << 10
}

/// Accounted bytes, at this instant.
pub(crate) fn assert_within_capacity(engine: &Engine) {
    let nodes = engine.manager().statuses().expect("an answer");
    let bytes: u64 = nodes.iter().map(|(_, status)| status.bytes).sum();
    assert!(bytes <= CAPACITY, "{bytes} bytes are accounted");
}

/// The most that was resident since the process began.
pub(crate) fn assert_peak_within_bound() {
    let peak = peak_bytes();
    assert!(peak <= BOUND, "{peak} bytes were resident, and {BOUND} are allowed");
}
