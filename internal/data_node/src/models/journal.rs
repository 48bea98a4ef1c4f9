//! Who waits for a change to be committed.

use std::sync::Arc;

use distcache_bus::Deadline;
use distcache_bus::sync::explore;
use loom::thread;

use super::{HASH, KEYSPACE};
use crate::journal::{Change, Followed, Journal};

/// Watches the second look at `committed` in `Journal::wait`.
#[test]
fn who_waits_for_a_change_is_told_whenever_it_is_committed() {
    explore([true, false], || {
        let journal = Arc::new(Journal::default());
        journal.begin(Arc::new(|| ()));
        let followed = Followed { near_until: None, is_copied: true };
        journal.note(KEYSPACE, Some(HASH), Change::Clear, followed);
        let follower = thread::spawn({
            let journal = journal.clone();
            move || journal.commit(1)
        });
        let waiter = journal.wait(journal.latest(HASH), 0);
        let has_waited = waiter.is_some();
        if let Some(waiter) = waiter {
            let told = waiter.wait(&Deadline::within(super::STALE));
            assert_eq!(told, Some(Ok(())));
        }
        follower.join().expect("it does not panic");
        assert_eq!(journal.committed(), 1);
        has_waited
    });
}
