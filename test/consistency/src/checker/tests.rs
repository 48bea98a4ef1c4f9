use proptest::prelude::*;

use super::*;

fn operation(began: Nanos, ended: impl Into<Option<Nanos>>, what: What) -> Operation {
    Operation { key: 0, member: 0, began, ended: ended.into(), what }
}

fn write(began: Nanos, ended: Nanos, version: u64) -> Operation {
    operation(began, ended, What::Write { value: version * 10, version: Some(version) })
}

fn lost_write(began: Nanos, version: u64) -> Operation {
    operation(began, None, What::Write { value: version * 10, version: None })
}

fn read(began: Nanos, ended: Nanos, version: u64) -> Operation {
    operation(began, ended, What::Read(Some(Found { value: version * 10, version })))
}

fn miss(began: Nanos, ended: Nanos) -> Operation {
    operation(began, ended, What::Read(None))
}

fn delete(began: Nanos, ended: impl Into<Option<Nanos>>) -> Operation {
    operation(began, ended, What::Delete)
}

fn whys(operations: &[Operation]) -> Vec<Wrong> {
    check(operations).into_iter().map(|violation| violation.why).collect()
}

#[test]
fn a_read_of_the_last_write_or_of_nothing_is_right() {
    assert_eq!(whys(&[write(0, 1, 1), read(2, 3, 1), miss(4, 5), write(6, 7, 2)]), []);
}

#[test]
fn a_read_of_an_older_write_is_stale() {
    let operations = [write(0, 1, 1), write(2, 3, 2), read(4, 5, 1)];
    assert_eq!(whys(&operations), [Wrong::Stale { shown: 2 }]);
}

#[test]
fn a_read_of_an_older_value_than_another_read_is_stale_though_the_write_goes_on() {
    let operations = [write(0, 1, 1), write(2, 9, 2), read(3, 4, 2), read(5, 6, 1)];
    assert_eq!(whys(&operations), [Wrong::Stale { shown: 2 }]);
}

#[test]
fn reads_beside_a_write_may_see_either() {
    let operations = [write(0, 1, 1), write(2, 9, 2), read(3, 4, 1), read(5, 6, 2)];
    assert_eq!(whys(&operations), []);
}

#[test]
fn a_read_of_a_deleted_value_is_told() {
    let operations = [write(0, 1, 1), delete(2, 3), read(4, 5, 1)];
    assert_eq!(whys(&operations), [Wrong::Resurrected { deleted: 1 }]);
    // It may have been written after it was deleted; or not have been deleted yet.
    assert_eq!(whys(&[write(0, 9, 1), delete(2, 3), read(4, 5, 1)]), []);
    assert_eq!(whys(&[write(0, 1, 1), delete(2, 5), read(4, 6, 1)]), []);
    assert_eq!(whys(&[write(0, 1, 1), delete(2, None), read(4, 6, 1)]), []);
}

#[test]
fn a_write_whose_version_does_not_grow_is_told() {
    let operations = [write(0, 1, 2), write(2, 3, 1)];
    assert_eq!(whys(&operations), [Wrong::NotAbove { shown: 2 }]);
}

#[test]
fn a_write_of_unknown_outcome_counts_when_it_is_read() {
    assert_eq!(whys(&[write(0, 1, 1), lost_write(2, 2), read(3, 4, 1)]), []);
    let operations = [write(0, 1, 1), lost_write(2, 2), read(3, 4, 2), read(5, 6, 1)];
    assert_eq!(whys(&operations), [Wrong::Stale { shown: 2 }]);
    // It was read by one who began early: and yet it came after a higher version.
    let operations = [write(0, 1, 3), lost_write(2, 2), read(0, 5, 2)];
    assert_eq!(whys(&operations), [Wrong::NotAbove { shown: 3 }]);
}

#[test]
fn what_nobody_wrote_and_what_is_not_written_yet_is_told() {
    assert_eq!(whys(&[read(0, 1, 1)]), [Wrong::NeverWritten]);
    assert_eq!(whys(&[read(0, 1, 1), write(2, 3, 1)])[0], Wrong::NeverWritten);
}

#[test]
fn a_value_with_two_versions_is_told() {
    let other = Found { value: 10, version: 2 };
    let operations = [write(0, 1, 1), operation(2, 3, What::Read(Some(other)))];
    let before = Found { value: 10, version: 1 };
    assert_eq!(whys(&operations), [Wrong::TwoOfOne { before }]);
}

#[test]
fn misses_are_told_by_their_reason() {
    let window = Window { began: 30, ended: 40 };
    let operations = [
        miss(0, 1),
        write(2, 3, 1),
        miss(4, 5),
        delete(6, 7),
        miss(8, 9),
        write(10, 11, 2),
        read(12, 13, 2),
        miss(31, 32),
        miss(50, 51),
        write(52, 53, 3),
        miss(54, 55),
    ];
    let misses = Misses::of(&operations, &[window]);
    let expected = Misses {
        hits: 1,
        nothing_written: 1,
        deleted: 1,
        fault: 2,
        unexplained: 2,
        outside: 4,
        outside_hits: 1,
    };
    assert_eq!(misses, expected);
    assert_eq!(misses.reads(), 7);
}

/// Whether there is an order: the search of all.
///
/// The state is the version that is there. What was forgotten does not come back; a
/// read of nothing is right at any time, and forgets nothing by itself.
fn has_order(operations: &[Operation]) -> bool {
    fn search(left: &[Operation], there: Option<u64>, highest: Option<u64>) -> bool {
        if left.iter().all(|operation| operation.ended.is_none()) {
            return true;
        }
        let first_end = left.iter().filter_map(|operation| operation.ended).min();
        (0..left.len()).any(|at| {
            let operation = left[at];
            if first_end.is_some_and(|end| end < operation.began) {
                return false;
            }
            let mut rest = left.to_vec();
            rest.remove(at);
            match operation.what {
                What::Write { value, .. } => {
                    let version = value / 10;
                    Some(version) > highest && search(&rest, Some(version), Some(version))
                }
                What::Read(Some(found)) => {
                    there == Some(found.version) && search(&rest, there, highest)
                }
                What::Read(None) => search(&rest, there, highest),
                What::Delete => search(&rest, None, highest),
            }
        })
    }
    search(operations, None, None)
}

/// Operations of few versions, at few moments. Versions are given in any order; each
/// write has its own.
fn histories() -> impl Strategy<Value = Vec<Operation>> {
    let one = (0..12_u64, 0..6_u64, 0..8_u8, 1..4_u64);
    proptest::collection::vec(one, 1..7).prop_map(|drawn| {
        let mut next = 0;
        let mut versions = [1, 3, 2, 4, 6, 5, 7].into_iter();
        let mut made = Vec::new();
        for (began, takes, kind, version) in drawn {
            next += 1;
            // No two moments are the same: that is another test's affair.
            let (began, ended) = (began * 20 + next, (began + takes) * 20 + 10 + next);
            made.push(match kind {
                0..=2 => {
                    let version = versions.next().expect("more than there are operations");
                    write(began, ended, version)
                }
                3 => lost_write(began, versions.next().expect("as above")),
                4 => delete(began, ended),
                5 => delete(began, None),
                _ => read(began, ended, version),
            });
        }
        made
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, ..ProptestConfig::default() })]
    #[test]
    fn it_says_what_the_search_of_all_orders_says(operations in histories()) {
        prop_assert_eq!(check(&operations).is_empty(), has_order(&operations));
    }
}
