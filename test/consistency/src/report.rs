//! What came of a run, and whether it counts.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::load::{Failure, History, KEYS};
use distcache_consistency::checker::{Misses, Window, check};
use distcache_consistency::operation::{Nanos, Operation, What};

/// Of all reads, this many may find nothing without a reason, if there were faults.
const UNEXPLAINED_MAX: f64 = 0.001;
/// Of reads outside of faults that could find something, at least so many do.
const HITS_MIN: f64 = 0.9;
/// Of all calls.
const WRITES_MIN: f64 = 0.3;
/// Violations and failures that are told one by one.
const TOLD_MAX: usize = 10;

/// A fault that has hit.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    /// What it was.
    pub(crate) kind: &'static str,
    /// Which member it has hit.
    pub(crate) member: usize,
    /// From the fault until all is well again.
    pub(crate) window: Window,
}

/// What a run is held to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demands {
    /// Faults of each kind.
    pub(crate) faults_min: usize,
    /// Whether no call may fail, also while members come and go.
    pub(crate) no_failures: bool,
    /// After a fault, each key is answered for again within so long by those it did not
    /// hit.
    pub(crate) recovery_max: Option<Duration>,
}

/// Prints what came of a run. Returns whether it was as it should be.
pub(crate) fn report(history: &History, faults: &[Fault], demands: Demands) -> bool {
    let operations = &history.operations;
    let windows: Vec<_> = faults.iter().map(|fault| fault.window).collect();
    let misses = Misses::of(operations, &windows);
    let mut complaints = Vec::new();
    let mut demand = |holds: bool, what: String| {
        if !holds {
            complaints.push(what);
        }
    };
    tell_calls(operations);
    tell_faults(faults, demands, &mut demand);
    tell_misses(&misses, !faults.is_empty(), &mut demand);
    let writes = operations.iter().filter(|done| matches!(done.what, What::Write { .. })).count();
    let share = writes as f64 / operations.len().max(1) as f64;
    demand(WRITES_MIN <= share, format!("only {:.0} % of the calls wrote", share * 100.0));
    tell_failures(&history.failures, &windows, demands, &mut demand);
    tell_recovery(operations, faults, demands, &mut demand);
    let violations = check(operations);
    println!("violations: {}", violations.len());
    for violation in violations.iter().take(TOLD_MAX) {
        println!("  {violation}");
    }
    demand(violations.is_empty(), "clients saw what they may not".to_owned());
    for complaint in &complaints {
        println!("NOT AS IT SHOULD BE: {complaint}");
    }
    complaints.is_empty()
}

fn tell_calls(operations: &[Operation]) {
    let acknowledged = operations.iter().filter(|operation| operation.ended.is_some()).count();
    let longest = operations.iter().filter_map(|done| Some(done.ended? - done.began)).max();
    println!("operations acknowledged: {acknowledged}");
    println!("operations of unknown outcome: {}", operations.len() - acknowledged);
    println!("longest operation: {:.0} ms", ms(longest.unwrap_or_default()));
}

fn tell_faults(faults: &[Fault], demands: Demands, demand: &mut impl FnMut(bool, String)) {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for fault in faults {
        *kinds.entry(fault.kind).or_default() += 1;
    }
    for (kind, count) in kinds {
        println!("faults: {kind}: {count}");
        demand(demands.faults_min <= count, format!("{kind}: {count} times only"));
    }
}

fn tell_misses(misses: &Misses, has_faults: bool, demand: &mut impl FnMut(bool, String)) {
    let reads = misses.reads();
    println!("reads: {reads}, of which found a value: {}", misses.hits);
    println!(
        "misses: nothing written {}, deleted {}, lost by a fault {}, unexplained {}",
        misses.nothing_written, misses.deleted, misses.fault, misses.unexplained
    );
    let ratio = misses.outside_hits as f64 / misses.outside.max(1) as f64;
    println!("hit ratio outside of faults: {:.2} %", ratio * 100.0);
    let may_be = if has_faults { reads as f64 * UNEXPLAINED_MAX } else { 0.0 };
    demand(misses.unexplained as f64 <= may_be, "misses that nothing explains".to_owned());
    demand(HITS_MIN <= ratio, "too few hits outside of faults".to_owned());
}

fn tell_failures(
    failures: &[Failure],
    windows: &[Window],
    demands: Demands,
    demand: &mut impl FnMut(bool, String),
) {
    let overlaps = |failure: &&Failure| {
        windows.iter().any(|window| failure.began <= window.ended && window.began <= failure.ended)
    };
    let (within, outside): (Vec<_>, Vec<_>) = failures.iter().partition(overlaps);
    println!("failed calls: during faults {}, outside {}", within.len(), outside.len());
    let wrong = if demands.no_failures { failures.iter().collect() } else { outside };
    for failure in wrong.iter().take(TOLD_MAX) {
        let Failure { member, began, ended, said } = failure;
        println!("  at member {member}, {:.0} to {:.0} ms: {said}", ms(*began), ms(*ended));
    }
    demand(wrong.is_empty(), format!("{} calls failed", wrong.len()));
}

/// How long it took after each fault until every key was answered for by a member that
/// was not hit.
fn tell_recovery(
    operations: &[Operation],
    faults: &[Fault],
    demands: Demands,
    demand: &mut impl FnMut(bool, String),
) {
    let mut times: Vec<_> =
        faults.iter().map(|fault| slowest_key(operations, fault).unwrap_or(Nanos::MAX)).collect();
    times.sort_unstable();
    let (Some(longest), Some(max)) = (times.last(), demands.recovery_max) else { return };
    let median = times[times.len() / 2];
    println!(
        "every key answered for again: median {:.0} ms, at most {:.0} ms",
        ms(median),
        ms(*longest)
    );
    demand(
        u128::from(*longest) <= max.as_nanos(),
        format!("some key was not answered for within {max:?}"),
    );
}

/// Of all keys the one that was first answered for last, since a fault.
fn slowest_key(operations: &[Operation], fault: &Fault) -> Option<Nanos> {
    let mut first = vec![None::<Nanos>; KEYS as usize];
    for operation in operations {
        let since = operation.began.checked_sub(fault.window.began);
        let (Some(_), Some(ended)) = (since, operation.ended) else { continue };
        if usize::from(operation.member) != fault.member {
            let at = &mut first[operation.key as usize];
            *at = Some(at.map_or(ended, |before| before.min(ended)));
        }
    }
    let slowest = first.into_iter().try_fold(0, |slowest, ended| Some(slowest.max(ended?)));
    slowest.map(|ended| ended - fault.window.began)
}

fn ms(nanos: Nanos) -> f64 {
    nanos as f64 / 1e6
}
