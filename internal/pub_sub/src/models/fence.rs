//! The fence before a node's state: whose replies may leave.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::time::Duration;

use loom::sync::atomic::AtomicBool;
use loom::thread;

use super::{Add, Sum, explore, mailbox, patient};
use crate::{CallError, Command, Dispatch, Epoch};

/// Whether another node stands in the place of this one, as a caller sees it.
type Replaced = Arc<AtomicBool>;

fn is_replaced(replaced: &Replaced) -> bool {
    replaced.load(Acquire)
}

/// Answers whether the node was replaced while it ran on it.
struct Look(Replaced);

impl Command<u64> for Look {
    type Reply = bool;
    type Owned = Self;

    fn into_owned(self) -> Self {
        self
    }

    fn run(self, _: &mut u64) -> bool {
        is_replaced(&self.0)
    }
}

/// Every acknowledged command had run before the node was replaced, and none
/// that began later is acknowledged.
#[test]
fn a_command_that_could_have_met_the_new_owner_is_not_acknowledged() {
    const BEFORE: bool = false;
    const AFTER: bool = true;
    let retired = Err(CallError::Retired);
    explore([(BEFORE, Ok(BEFORE)), (BEFORE, retired), (AFTER, retired)], || {
        let mailbox = mailbox(Dispatch::Inline);
        let replaced = Replaced::default();
        let caller = thread::spawn({
            let (mailbox, replaced) = (mailbox.clone(), replaced.clone());
            move || {
                let begun = is_replaced(&replaced);
                (begun, mailbox.call(Epoch::FIRST, &patient(), Look(replaced)))
            }
        });
        mailbox.retire();
        replaced.store(true, Release);
        caller.join().expect("a call does not panic")
    });
}

/// The value is `(written, moved to the new owner, left behind)`.
#[test]
fn a_write_by_an_older_ring_moves_along_or_is_refused() {
    explore([(Ok(1), 1, 0), (Err(CallError::Stale), 0, 0)], || {
        let mailbox = mailbox(Dispatch::Inline);
        let writer = thread::spawn({
            let mailbox = mailbox.clone();
            move || mailbox.call(Epoch::FIRST, &patient(), Add(1))
        });
        mailbox.fence().raise(Epoch::FIRST.next().expect("there are many"));
        let moved = mailbox.locked(Duration::MAX, std::mem::take);
        let written = writer.join().expect("a call does not panic");
        let left = mailbox.locked(Duration::MAX, |sum| *sum);
        (written, moved.expect("the node serves"), left.expect("the node serves"))
    });
}

#[test]
fn a_read_by_an_older_ring_finds_what_moves_or_is_refused() {
    explore([Ok(1), Err(CallError::Stale)], || {
        let mailbox = mailbox(Dispatch::Inline);
        mailbox.locked(Duration::MAX, |sum| *sum = 1).expect("the node serves");
        let reader = thread::spawn({
            let mailbox = mailbox.clone();
            move || mailbox.read(Epoch::FIRST, &patient(), Sum)
        });
        mailbox.fence().raise(Epoch::FIRST.next().expect("there are many"));
        mailbox.locked(Duration::MAX, std::mem::take).expect("the node serves");
        reader.join().expect("a read does not panic")
    });
}

#[test]
fn a_command_that_a_close_overtakes_is_acknowledged_or_has_not_run() {
    explore([(Ok(1), 1), (Err(CallError::Closed), 0)], || {
        let mailbox = mailbox(Dispatch::Inline);
        let caller = thread::spawn({
            let mailbox = mailbox.clone();
            move || mailbox.call(Epoch::FIRST, &patient(), Add(1))
        });
        mailbox.close();
        let added = caller.join().expect("a call does not panic");
        let sum = mailbox.locked(Duration::MAX, |sum| *sum);
        (added, sum.expect("a closed node may be looked at"))
    });
}

/// Leaves half of its work behind.
struct Explode;

impl Command<u64> for Explode {
    type Reply = u64;
    type Owned = Self;

    fn into_owned(self) -> Self {
        self
    }

    fn run(self, sum: &mut u64) -> u64 {
        *sum = u64::MAX;
        // Without the message that a `panic!` prints, once an interleaving.
        resume_unwind(Box::new("a fuse has blown"))
    }
}

#[test]
fn nobody_sees_the_state_that_a_panic_left() {
    explore([Ok(0), Err(CallError::Retired)], || {
        let mailbox = mailbox(Dispatch::Inline);
        let fool = thread::spawn({
            let mailbox = mailbox.clone();
            move || mailbox.call(Epoch::FIRST, &patient(), Explode)
        });
        let seen = mailbox.read(Epoch::FIRST, &patient(), Sum);
        let outcome = fool.join().expect("the mailbox catches the panic");
        assert_eq!(outcome, Err(CallError::Panicked));
        seen
    });
}
