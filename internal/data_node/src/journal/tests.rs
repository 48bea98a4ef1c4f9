//! The journal by itself.

use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use distcache_bus::Deadline;

use super::*;
use crate::ManualClock;

const THINGS: KeyspaceId = KeyspaceId { index: 0, generation: 0 };

const COPIED: Followed = Followed { near_until: None, is_copied: true };

fn kept() -> Journal {
    let journal = Journal::default();
    journal.begin(Arc::new(|| {}));
    journal
}

fn forget(journal: &Journal, hash: u64) {
    journal.note(THINGS, Some(hash), Change::Forget(Box::new([7; 4])), COPIED);
}

fn numbers(excerpt: &Excerpt) -> Vec<u64> {
    excerpt.records.iter().map(|record| record.number).collect()
}

#[test]
fn nothing_is_written_down_before_somebody_follows_and_after_nobody_does() {
    let journal = Journal::default();
    forget(&journal, 1);
    assert_eq!((journal.head(), journal.latest(1)), (0, 0));
    journal.begin(Arc::new(|| {}));
    forget(&journal, 1);
    let waiter = journal.wait(1, 0).expect("it is not committed");
    journal.end();
    assert_eq!(waiter.wait(&Deadline::within(Duration::ZERO)), Some(Ok(())));
    forget(&journal, 1);
    assert_eq!((journal.head(), journal.committed(), journal.bytes()), (1, 1, 0));
}

#[test]
fn each_key_waits_for_its_last_change_alone_and_all_for_one_of_all() {
    let journal = kept();
    forget(&journal, 5);
    forget(&journal, 6);
    assert_eq!((journal.latest(5), journal.latest(6), journal.latest(7)), (1, 2, 0));
    journal.note(THINGS, None, Change::Clear, COPIED);
    assert_eq!((journal.latest(5), journal.latest(7)), (3, 3));
}

#[test]
fn what_may_be_behind_at_some_is_agreed_before_it_is_committed_and_not_forgotten() {
    let journal = kept();
    (0..3).for_each(|hash| forget(&journal, hash));
    let [with_one, without] = [1, 0].map(|laggards| journal.wait(2, laggards).expect("it waits"));
    journal.agree(1, 1);
    assert!(journal.wait(1, 1).is_none() && journal.wait(1, 0).is_some());
    journal.agree(1, 9);
    assert_eq!(with_one.wait(&Deadline::within(Duration::ZERO)), Some(Ok(())));
    assert_eq!((journal.agreed(1), journal.agreed(2), journal.committed()), (3, 0, 0));
    assert_eq!(numbers(&journal.after(0, u64::MAX, |_| true).expect("all are here")), [1, 2, 3]);
    journal.commit(2);
    assert_eq!(without.wait(&Deadline::within(Duration::ZERO)), Some(Ok(())));
    assert_eq!([0, 1, 2, 3].map(|laggards| journal.agreed(laggards)), [2, 3, 2, 2]);
}

#[test]
fn who_waits_is_told_when_its_change_is_committed_and_not_before() {
    let journal = kept();
    (0..3).for_each(|hash| forget(&journal, hash));
    let [first, last] = [1, 3].map(|number| journal.wait(number, 0).expect("not committed"));
    journal.commit(2);
    assert_eq!(first.wait(&Deadline::within(Duration::ZERO)), Some(Ok(())));
    assert!(journal.wait(2, 0).is_none());
    assert_eq!(last.wait(&Deadline::within(Duration::ZERO)), None, "3 is not committed");
    journal.commit(1);
    assert_eq!(journal.committed(), 2, "what is committed stays so");
}

#[test]
fn what_is_committed_is_forgotten_and_who_asks_for_it_is_told_so() {
    let journal = kept();
    (0..4).for_each(|hash| forget(&journal, hash));
    let bytes = journal.bytes();
    journal.commit(2);
    assert_eq!(journal.bytes(), bytes / 2);
    let all = |_: &Record| true;
    assert_eq!(numbers(&journal.after(2, u64::MAX, all).unwrap()), [3, 4]);
    assert_eq!(journal.after(1, u64::MAX, all).unwrap_err(), Forgotten { first: 2 });
}

#[test]
fn an_excerpt_has_what_is_wanted_in_order_and_says_how_far_it_goes() {
    let journal = kept();
    (0..6).for_each(|hash| forget(&journal, hash));
    let even = |record: &Record| record.number.is_multiple_of(2);
    let excerpt = journal.after(1, u64::MAX, even).unwrap();
    assert_eq!((numbers(&excerpt), excerpt.up_to), (vec![2, 4, 6], 6));
    // One has room always; what is left over is not said to be there.
    let excerpt = journal.after(0, 1, even).unwrap();
    assert_eq!((numbers(&excerpt), excerpt.up_to), (vec![2], 3));
    let none = journal.after(0, u64::MAX, |_| false).unwrap();
    assert_eq!((none.records.len(), none.up_to), (0, 6));
    assert_eq!(journal.after(6, u64::MAX, even).unwrap().up_to, 6);
}

#[test]
fn a_journal_that_is_full_says_so_until_somebody_has_followed() {
    let journal = kept();
    (0..JOURNAL_RECORDS_MAX as u64 - 1).for_each(|hash| forget(&journal, hash));
    assert!(!journal.is_full());
    forget(&journal, 0);
    assert!(journal.is_full());
    journal.commit(1);
    assert!(!journal.is_full());
}

#[test]
fn who_listens_is_told_of_each_change() {
    let (journal, told) = (Journal::default(), Arc::new(AtomicUsize::new(0)));
    let counts = told.clone();
    journal.begin(Arc::new(move || _ = counts.fetch_add(1, Ordering::Relaxed)));
    (0..3).for_each(|hash| forget(&journal, hash));
    assert_eq!(told.load(Ordering::Relaxed), 3);
}

const TENURE: u64 = 7;
const LASTS: Duration = Duration::from_secs(2);

/// One in which near copies are granted, by a clock that stands still.
fn granting() -> (Journal, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new());
    let journal = Journal::new(clock.clone());
    journal.begin(Arc::new(|| {}));
    journal.begin_near(TENURE, LASTS);
    journal.drop_near();
    (journal, clock)
}

/// A change of which only those hear who may have a near copy.
fn change_of_near(journal: &Journal, hash: u64) -> bool {
    let near_until = journal.near_until(Some(hash));
    if near_until.is_some() {
        let followed = Followed { near_until, is_copied: false };
        journal.note(THINGS, Some(hash), Change::Forget(Box::new([7; 4])), followed);
    }
    near_until.is_some()
}

#[test]
fn a_near_copy_counts_until_its_time_is_over() {
    let (journal, clock) = granting();
    assert_eq!((journal.near_until(Some(1)), journal.near_until(None)), (None, None));
    assert!(journal.grant(TENURE, 1, LASTS));
    let until = Tick::ZERO.after(LASTS);
    assert_eq!(journal.near_until(Some(1)), Some(until));
    assert_eq!((journal.near_until(Some(2)), journal.near_until(None)), (None, Some(until)));
    clock.advance(LASTS);
    assert_eq!((journal.near_until(Some(1)), journal.near_until(None)), (None, None));
}

#[test]
fn near_copies_are_granted_in_the_tenure_alone_and_where_somebody_follows() {
    let (journal, _) = granting();
    assert!(!journal.grant(TENURE - 1, 1, LASTS));
    assert!(!journal.grant(TENURE + 1, 1, LASTS));
    journal.end();
    assert!(!journal.grant(TENURE, 1, LASTS));
    assert_eq!(journal.near_until(None), None);
}

#[test]
fn while_keys_are_walked_through_no_near_copy_is_granted() {
    let (journal, _) = granting();
    let (first, second) = (journal.walk(), journal.walk());
    assert!(!journal.grant(TENURE, 1, LASTS));
    drop(first);
    assert!(!journal.grant(TENURE, 1, LASTS), "another walk is under way");
    drop(second);
    assert!(journal.grant(TENURE, 1, LASTS));
}

/// 1. A owns a key, and grants C a near copy. A is gone; B owns the key.
/// 2. It is put at B, and that is acknowledged. B has granted nothing.
/// 3. C has not heard of B's view, and answers with its near copy.
#[test]
fn in_the_beginning_of_a_tenure_every_key_counts_as_granted() {
    let (journal, clock) = granting();
    journal.begin_near(TENURE + 1, LASTS);
    assert!(change_of_near(&journal, 1));
    journal.drop_near();
    assert!(!change_of_near(&journal, 1), "all others have dropped theirs");
    journal.begin_near(TENURE + 2, LASTS);
    clock.advance(LASTS);
    assert!(!change_of_near(&journal, 1), "they are over");
}

#[test]
fn a_change_that_waits_for_near_copies_alone_is_committed_when_their_time_is_over() {
    let (journal, clock) = granting();
    journal.grant(TENURE, 1, LASTS);
    assert!(change_of_near(&journal, 1));
    let waiter = journal.wait(1, 0).expect("it is not committed");
    assert!(!journal.is_quiet());
    clock.advance(LASTS);
    assert!(journal.wait(1, 0).is_none());
    assert!(journal.is_quiet());
    assert_eq!(waiter.wait(&Deadline::within(Duration::ZERO)), Some(Ok(())));
    let lost = journal.after(0, u64::MAX, |_| true).expect_err("it is forgotten");
    assert_eq!(lost.first, 1, "who has not heard of it finds that");
}

#[test]
fn no_time_is_over_for_those_who_keep_copies() {
    let (journal, clock) = granting();
    journal.grant(TENURE, 1, LASTS);
    assert!(change_of_near(&journal, 1));
    forget(&journal, 2);
    assert!(change_of_near(&journal, 1));
    clock.advance(LASTS);
    assert!(journal.wait(1, 0).is_none());
    assert!(journal.wait(2, 0).is_some(), "somebody keeps a copy of it");
    assert!(journal.wait(3, 0).is_some(), "it comes after that");
}
