//! Whether reads through the cache found what its source had, when somebody changes that
//! and then has the cache forget what it had.
//!
//! What was changed may be seen by some before all have forgotten what was there before:
//! only when that is acknowledged nobody finds less any more. So it is no register, whose
//! reads bind those that come after them.

use std::collections::HashMap;

use super::{Violation, Wrong};
use crate::operation::{Found, Nanos, Operation, What, by_key};

/// What is wrong with reads of keys that are loaded from numbers which only grow; nothing
/// if all is right. A write is a change of the source and what forgets the value before it,
/// the number being both its value and its version.
#[must_use]
pub fn check_sourced(operations: &[Operation]) -> Vec<Violation> {
    let mut violations: Vec<_> = by_key(operations).into_iter().flat_map(of_key).collect();
    violations.sort_by_key(|violation| violation.operation.began);
    violations
}

fn of_key(operations: Vec<&Operation>) -> Vec<Violation> {
    let written = |operation: &&&Operation| matches!(operation.what, What::Write { .. });
    let writes: Vec<_> = operations.iter().filter(written).copied().collect();
    let begun: HashMap<u64, Nanos> =
        writes.iter().filter_map(|write| Some((write.shows()?, write.began))).collect();
    // When which number was acknowledged, and the highest one until then.
    let mut shown: Vec<(Nanos, u64)> =
        writes.iter().filter_map(|write| Some((write.ended?, write.shows()?))).collect();
    shown.sort_unstable();
    for at in 1..shown.len() {
        shown[at].1 = shown[at].1.max(shown[at - 1].1);
    }
    let mut violations = Vec::new();
    for operation in operations {
        let (What::Read(Some(Found { value, .. })), Some(ended)) =
            (operation.what, operation.ended)
        else {
            continue;
        };
        let before = shown.partition_point(|(acknowledged, _)| *acknowledged < operation.began);
        let floor = before.checked_sub(1).map(|at| shown[at].1);
        // 1 is what all have in the beginning.
        let is_written = value == 1 || begun.get(&value).is_some_and(|began| *began <= ended);
        let stale = floor.filter(|floor| value < *floor).map(|shown| Wrong::Stale { shown });
        let wrong = stale.or((!is_written).then_some(Wrong::NeverWritten));
        violations.extend(wrong.map(|why| Violation { why, operation: *operation }));
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    fn renewed(value: u64, began: Nanos, ended: Option<Nanos>) -> Operation {
        let what = What::Write { value, version: Some(value) };
        Operation { key: 0, member: 0, began, ended, what }
    }

    fn read(value: u64, began: Nanos) -> Operation {
        let what = What::Read(Some(Found { value, version: value }));
        Operation { key: 0, member: 0, began, ended: Some(began + 1), what }
    }

    fn wrong(operations: &[Operation]) -> Vec<Wrong> {
        check_sourced(operations).into_iter().map(|violation| violation.why).collect()
    }

    #[test]
    fn what_was_acknowledged_binds_who_reads_later_and_what_was_seen_does_not() {
        let renewed = renewed(2, 10, Some(20));
        assert_eq!(wrong(&[renewed, read(2, 12), read(1, 15), read(1, 20), read(2, 21)]), []);
        assert_eq!(wrong(&[renewed, read(1, 21)]), [Wrong::Stale { shown: 2 }]);
    }

    #[test]
    fn a_renewal_of_unknown_outcome_binds_nobody() {
        assert_eq!(wrong(&[renewed(2, 10, None), read(2, 12), read(1, 30)]), []);
    }

    #[test]
    fn the_highest_of_those_that_were_acknowledged_counts() {
        let quick = [renewed(3, 10, Some(12)), renewed(2, 9, Some(20))];
        let late = read(2, 30);
        assert_eq!(wrong(&[quick[0], quick[1], late]), [Wrong::Stale { shown: 3 }]);
    }

    #[test]
    fn what_was_not_begun_to_be_written_is_not_read() {
        assert_eq!(wrong(&[renewed(2, 10, Some(20)), read(3, 30)]), [Wrong::NeverWritten]);
        assert_eq!(wrong(&[renewed(2, 10, Some(20)), read(2, 5)]), [Wrong::NeverWritten]);
    }
}
