//! What came of a run, and whether it counts.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::checker::{Misses, Violation, Window, check, check_sourced};
use crate::history::{Failure, History};
use crate::load::KEYS;
use crate::operation::{Nanos, Operation, What};

/// Of all reads, this many may find nothing without a reason, if there were faults.
const UNEXPLAINED_MAX: f64 = 0.001;
/// Of reads outside of faults that could find something, at least so many do.
const HITS_MIN: f64 = 0.9;
/// Violations and failures that are told one by one.
const TOLD_MAX: usize = 10;

/// What was done to a member or its links.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    /// What it was.
    pub(crate) kind: &'static str,
    /// Which member it has hit.
    pub(crate) member: usize,
    /// From the fault until all is well again.
    pub(crate) window: Window,
    /// By so much the epoch of the members' view has grown meanwhile.
    pub(crate) views: u64,
    /// Whether those say that it has hit to whom it was done; `None` where clients see it.
    pub(crate) told: Option<bool>,
}

impl Fault {
    /// Whether anybody has noticed it: members went or came, a call failed, or one waited
    /// longer than any does when all is well.
    ///
    /// 1. A rule of the firewall is refused, or the wrong process is stopped.
    /// 2. All goes well, as it would with no fault at all, and counts as a fault survived.
    fn has_hit(&self, history: &History, longest_when_well: Nanos) -> bool {
        let Window { began, ended } = self.window;
        let failed = |failure: &Failure| failure.began <= ended && began <= failure.ended;
        let waited = |done: &Operation| {
            done.ended.is_some_and(|told| {
                done.began <= ended && began <= told && longest_when_well < told - done.began
            })
        };
        if let Some(has_hit) = self.told {
            return has_hit;
        }
        0 < self.views
            || history.failures.iter().any(failed)
            || history.operations.iter().any(waited)
    }
}

/// The longest that a call took, of those that no fault could have held up.
fn longest_when_well(operations: &[Operation], windows: &[Window]) -> Nanos {
    let times = operations.iter().filter_map(|done| {
        let ended = done.ended?;
        let is_held = |window: &Window| done.began <= window.ended && window.began <= ended;
        (!windows.iter().any(is_held)).then_some(ended - done.began)
    });
    times.max().unwrap_or(0)
}

/// What a run is held to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demands {
    /// Faults of each kind that have hit.
    pub(crate) faults_min: usize,
    /// Of all faults, the share that has hit.
    pub(crate) hit_share_min: f64,
    /// Whether no call may fail, also while members come and go.
    pub(crate) no_failures: bool,
    /// After a fault, each key is answered for again within so long by those it did not
    /// hit.
    pub(crate) recovery_max: Option<Duration>,
    /// Reads that those who were there in the end have answered with copies: some, if they
    /// may.
    pub(crate) copy_hits: Option<u64>,
    /// The same of near copies.
    pub(crate) near_hits: Option<u64>,
    /// The share of the calls that wrote, at least.
    pub(crate) writes_min: f64,
    /// Calls that were answered, at least.
    pub(crate) calls_min: u64,
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
    let well = longest_when_well(operations, &windows);
    let hits = faults.iter().map(|fault| (fault.kind, fault.has_hit(history, well)));
    tell_faults(hits, demands, &mut demand);
    tell_misses(&misses, !faults.is_empty(), &mut demand);
    let writes = operations.iter().filter(|done| matches!(done.what, What::Write { .. })).count();
    let share = writes as f64 / operations.len().max(1) as f64;
    demand(demands.writes_min <= share, format!("only {:.0} % of the calls wrote", share * 100.0));
    let answered = operations.iter().filter(|done| done.ended.is_some()).count() as u64;
    demand(demands.calls_min <= answered, format!("only {answered} calls were answered"));
    tell_failures(&history.failures, &windows, demands.no_failures, &mut demand);
    tell_recovery(operations, faults, demands, &mut demand);
    if let Some(hits) = demands.copy_hits {
        println!("reads answered with copies: {hits}");
        demand(0 < hits, "no copy was read".to_owned());
    }
    if let Some(hits) = demands.near_hits {
        println!("reads answered with near copies: {hits}");
        demand(0 < hits, "no near copy was read".to_owned());
    }
    tell_violations(&check(operations), &mut demand);
    is_well(&complaints)
}

/// The same of keys that are loaded from a source which may fail.
pub(crate) fn report_sourced(history: &History, faults: &[Fault]) -> bool {
    let operations = &history.operations;
    let windows: Vec<_> = faults.iter().map(|fault| fault.window).collect();
    let mut complaints = Vec::new();
    let mut demand = |holds: bool, what: String| {
        if !holds {
            complaints.push(what);
        }
    };
    tell_calls(operations);
    let missed = operations.iter().filter(|done| done.what == What::Read(None)).count();
    demand(missed == 0, format!("{missed} reads found nothing, and the source has all of it"));
    tell_failures(&history.failures, &windows, false, &mut demand);
    tell_violations(&check_sourced(operations), &mut demand);
    is_well(&complaints)
}

fn tell_violations(violations: &[Violation], demand: &mut impl FnMut(bool, String)) {
    println!("violations: {}", violations.len());
    for violation in violations.iter().take(TOLD_MAX) {
        println!("  {violation}");
    }
    demand(violations.is_empty(), "clients saw what they may not".to_owned());
}

fn is_well(complaints: &[String]) -> bool {
    for complaint in complaints {
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

fn tell_faults(
    faults: impl Iterator<Item = (&'static str, bool)>,
    demands: Demands,
    demand: &mut impl FnMut(bool, String),
) {
    let mut kinds: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let (mut all, mut all_hits) = (0_usize, 0_usize);
    for (kind, has_hit) in faults {
        let (count, hits) = kinds.entry(kind).or_default();
        *count += 1;
        *hits += usize::from(has_hit);
        all += 1;
        all_hits += usize::from(has_hit);
    }
    let share = all_hits as f64 / all.max(1) as f64;
    let is_enough = all == 0 || demands.hit_share_min <= share;
    demand(is_enough, format!("only {all_hits} of {all} faults have hit"));
    for (kind, (count, hits)) in kinds {
        println!("faults: {kind}: {count}, of which hit: {hits}");
        demand(demands.faults_min <= hits, format!("{kind}: has hit {hits} times only"));
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
    may_none_fail: bool,
    demand: &mut impl FnMut(bool, String),
) {
    let overlaps = |failure: &&Failure| {
        windows.iter().any(|window| failure.began <= window.ended && window.began <= failure.ended)
    };
    let (within, outside): (Vec<_>, Vec<_>) = failures.iter().partition(overlaps);
    println!("failed calls: during faults {}, outside {}", within.len(), outside.len());
    let wrong = if may_none_fail { failures.iter().collect() } else { outside };
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
    let Some(max) = demands.recovery_max else { return };
    let mut times: Vec<_> =
        faults.iter().map(|fault| slowest_key(operations, fault).unwrap_or(Nanos::MAX)).collect();
    times.sort_unstable();
    let Some(longest) = times.last() else { return };
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

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Nanos = 1_000_000;

    fn cut(views: u64) -> Fault {
        let window = Window { began: 1_000 * MS, ended: 7_000 * MS };
        Fault { kind: "cut one way", member: 0, window, views, told: None }
    }

    /// A read that began then and took so long, in milliseconds.
    fn read(began: u64, took: u64) -> Operation {
        let (began, ended) = (began * MS, Some((began + took) * MS));
        Operation { key: 0, member: 0, began, ended, what: What::Read(None) }
    }

    fn failure(began: u64) -> Failure {
        let said = "503".to_owned();
        Failure { member: 0, began: began * MS, ended: (began + 1) * MS, said }
    }

    /// Whether a fault counts, among reads of 20 ms when all was well.
    fn hits(fault: &Fault, read_meanwhile: Operation, failures: Vec<Failure>) -> bool {
        let operations = vec![read(100, 20), read_meanwhile, read(8_000, 5)];
        let longest = longest_when_well(&operations, &[fault.window]);
        assert_eq!(longest, 20 * MS);
        fault.has_hit(&History { operations, failures }, longest)
    }

    #[test]
    fn a_fault_that_nobody_has_noticed_does_not_count() {
        assert!(!hits(&cut(0), read(2_000, 20), Vec::new()));
        assert!(!hits(&cut(0), read(2_000, 1), vec![failure(100), failure(8_000)]));
    }

    #[test]
    fn a_fault_counts_for_which_a_call_failed_or_waited_or_a_member_went() {
        assert!(hits(&cut(1), read(2_000, 1), Vec::new()));
        assert!(hits(&cut(0), read(2_000, 1), vec![failure(6_999)]));
        assert!(hits(&cut(0), read(2_000, 21), Vec::new()));
        assert!(hits(&cut(0), read(900, 150), Vec::new()), "it had begun before");
    }

    #[test]
    fn a_run_whose_faults_have_not_hit_is_none() {
        let demands = Demands {
            faults_min: 2,
            hit_share_min: 0.0,
            no_failures: false,
            recovery_max: None,
            copy_hits: None,
            near_hits: None,
            writes_min: 0.3,
            calls_min: 0,
        };
        let complaints_by = |demands: Demands, hits: [bool; 3]| {
            let (mut complaints, kind) = (Vec::new(), "cut off");
            tell_faults(hits.map(|hit| (kind, hit)).into_iter(), demands, &mut |holds, what| {
                complaints.extend((!holds).then_some(what));
            });
            complaints
        };
        let complaints = |hits| complaints_by(demands, hits);
        assert_eq!(complaints([true, false, false]), ["cut off: has hit 1 times only"]);
        assert!(complaints([true, false, true]).is_empty());
        let share = Demands { faults_min: 0, hit_share_min: 0.6, ..demands };
        assert!(complaints_by(share, [true, false, true]).is_empty());
        assert_eq!(complaints_by(share, [true, false, false]), ["only 1 of 3 faults have hit"]);
    }
}
