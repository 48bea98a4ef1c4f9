//! The journal by itself.

use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use distcache_bus::Deadline;

use super::*;

const THINGS: KeyspaceId = KeyspaceId { index: 0, generation: 0 };

fn kept() -> Journal {
    let journal = Journal::default();
    journal.begin(Arc::new(|| {}));
    journal
}

fn forget(journal: &Journal, hash: u64) {
    journal.note(THINGS, Some(hash), Change::Forget(Box::new([7; 4])));
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
    let waiter = journal.wait(1).expect("it is not committed");
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
    journal.note(THINGS, None, Change::Clear);
    assert_eq!((journal.latest(5), journal.latest(7)), (3, 3));
}

#[test]
fn who_waits_is_told_when_its_change_is_committed_and_not_before() {
    let journal = kept();
    (0..3).for_each(|hash| forget(&journal, hash));
    let [first, last] = [1, 3].map(|number| journal.wait(number).expect("not committed"));
    journal.commit(2);
    assert_eq!(first.wait(&Deadline::within(Duration::ZERO)), Some(Ok(())));
    assert!(journal.wait(2).is_none());
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
