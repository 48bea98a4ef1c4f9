//! The inbox: who sends to it while it ends. The worker of these mailboxes
//! sleeps for ever, so that nobody but the bus itself can save a caller.

use std::sync::Arc;

use loom::thread;

use super::{Add, block_on, explore, mailbox, patient};
use crate::{CallError, Dispatch, Epoch, Mailbox, PostError, Timer};

fn call(mailbox: &Mailbox<u64>) -> Result<u64, CallError> {
    mailbox.call(Epoch::FIRST, &patient(), Add(1))
}

fn is_empty(mailbox: &Mailbox<u64>) -> bool {
    mailbox.queue().try_recv().is_err()
}

#[test]
fn a_caller_is_told_of_a_retirement_that_overtakes_its_command() {
    explore([Err(CallError::Retired)], || {
        let mailbox = mailbox(Dispatch::Worker);
        let caller = thread::spawn({
            let mailbox = mailbox.clone();
            move || call(&mailbox)
        });
        mailbox.retire();
        caller.join().expect("a call does not panic")
    });
}

#[test]
fn a_caller_is_told_of_a_retirement_that_follows_a_close() {
    explore([Err(CallError::Closed), Err(CallError::Retired)], || {
        let mailbox = mailbox(Dispatch::Worker);
        let caller = thread::spawn({
            let mailbox = mailbox.clone();
            move || call(&mailbox)
        });
        mailbox.close();
        mailbox.retire();
        caller.join().expect("a call does not panic")
    });
}

#[test]
fn two_callers_are_told_of_one_retirement() {
    explore([[Err(CallError::Retired); 2]], || {
        let mailbox = mailbox(Dispatch::Worker);
        let callers = [(); 2].map(|()| {
            let mailbox = mailbox.clone();
            thread::spawn(move || call(&mailbox))
        });
        mailbox.retire();
        callers.map(|caller| caller.join().expect("a call does not panic"))
    });
}

#[test]
fn a_future_is_told_of_a_retirement_that_overtakes_its_command() {
    // Its thread never meets the model: the deadlines are a year away.
    let timer = Arc::new(Timer::start().expect("the system has a thread to give"));
    explore([Err(CallError::Retired)], move || {
        let mailbox = mailbox(Dispatch::Worker);
        let node = thread::spawn({
            let mailbox = mailbox.clone();
            move || mailbox.retire()
        });
        let outcome = block_on(mailbox.begin(Epoch::FIRST, &patient(), &timer, Add(1)));
        node.join().expect("a retirement does not panic");
        outcome
    });
}

#[test]
fn no_posted_command_stays_in_the_inbox_of_a_retired_node() {
    const EMPTY: bool = true;
    explore([(Ok(()), EMPTY), (Err(PostError::Closed), EMPTY)], || {
        let mailbox = mailbox(Dispatch::Inline);
        let poster = thread::spawn({
            let mailbox = mailbox.clone();
            move || mailbox.post(Epoch::FIRST, Add(1))
        });
        mailbox.retire();
        let posted = poster.join().expect("a post does not panic");
        (posted, is_empty(&mailbox))
    });
}

#[test]
fn two_callers_of_a_free_node_run_one_after_the_other() {
    explore([[Ok(1), Ok(2)], [Ok(2), Ok(1)]], || {
        let mailbox = mailbox(Dispatch::Inline);
        let callers = [(); 2].map(|()| {
            let mailbox = mailbox.clone();
            thread::spawn(move || call(&mailbox))
        });
        callers.map(|caller| caller.join().expect("a call does not panic"))
    });
}
