//! The worker's end: what was accepted is answered, and the thread leaves.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use loom::thread::{self, JoinHandle};

use super::{Add, Sum, explore, mailbox, patient};
use crate::worker::serve;
use crate::{CallError, Dispatch, Epoch, Mailbox, PostError};

/// The thread of a [`Worker`](crate::Worker), whose first tick is its last.
fn worker(
    mailbox: &Arc<Mailbox<u64>>,
    tick: impl FnMut(&Mailbox<u64>) + 'static,
) -> JoinHandle<()> {
    let mailbox = mailbox.clone();
    thread::spawn(move || serve(&mailbox, Duration::from_hours(1), tick))
}

fn caller(mailbox: &Arc<Mailbox<u64>>) -> JoinHandle<Result<u64, CallError>> {
    let mailbox = mailbox.clone();
    thread::spawn(move || mailbox.call(Epoch::FIRST, &patient(), Add(1)))
}

/// What the caller got, once both threads have ended.
fn both_end<R>(caller: JoinHandle<R>, worker: JoinHandle<()>) -> R {
    worker.join().expect("the worker's loop does not panic");
    caller.join().expect("a call does not panic")
}

#[test]
fn a_close_answers_who_waits_and_lets_the_worker_go() {
    explore([Ok(1), Err(CallError::Closed)], || {
        let mailbox = mailbox(Dispatch::Worker);
        let (caller, worker) = (caller(&mailbox), worker(&mailbox, |_| {}));
        mailbox.close();
        both_end(caller, worker)
    });
}

#[test]
fn a_retirement_answers_who_waits_and_lets_the_worker_go() {
    explore([Ok(1), Err(CallError::Retired)], || {
        let mailbox = mailbox(Dispatch::Worker);
        let (caller, worker) = (caller(&mailbox), worker(&mailbox, |_| {}));
        mailbox.retire();
        both_end(caller, worker)
    });
}

#[test]
fn a_tick_that_panics_answers_who_waits_and_lets_the_worker_go() {
    explore([Err(CallError::Retired)], || {
        let mailbox = mailbox(Dispatch::Worker);
        let caller = caller(&mailbox);
        // Without the message that a `panic!` prints, once an interleaving.
        let worker = worker(&mailbox, |_| resume_unwind(Box::new("tock")));
        both_end(caller, worker)
    });
}

#[test]
fn a_posted_command_runs_or_is_refused_by_the_close_and_none_stays() {
    explore([(Ok(()), 1), (Ok(()), 0), (Err(PostError::Closed), 0)], || {
        let mailbox = mailbox(Dispatch::Inline);
        let worker = worker(&mailbox, |_| {});
        let poster = thread::spawn({
            let mailbox = mailbox.clone();
            move || mailbox.post(Epoch::FIRST, Add(1))
        });
        mailbox.close();
        let posted = both_end(poster, worker);
        assert!(mailbox.queue().try_recv().is_err(), "nothing stays in the inbox");
        let sum = mailbox.locked(Duration::MAX, |sum| *sum);
        (posted, sum.expect("a closed node may be looked at"))
    });
}

#[test]
fn a_worker_and_a_caller_take_turns_on_the_state() {
    explore([Ok(1), Ok(0)], || {
        let mailbox = mailbox(Dispatch::Inline);
        mailbox.post(Epoch::FIRST, Add(1)).expect("the inbox is empty");
        let worker = worker(&mailbox, |_| {});
        let sum = mailbox.call(Epoch::FIRST, &patient(), Sum);
        mailbox.close();
        worker.join().expect("the worker's loop does not panic");
        sum
    });
}
