//! What the bus promises between threads, proved over every interleaving.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test -p distcache-bus -p distcache-node --release --lib models::
//! ```
//!
//! A model says what may come out of a race, all of it: see
//! [`explore`]. `cargo test ... -- --nocapture` tells how many orders there were.
//!
//! No model stands for `Topic`: it shares nothing but a list behind one lock,
//! replaced whole, and each publish only tries to send. Whoever waits there
//! waits inside `crossbeam_channel`, or is a task that leaves its waker behind a
//! lock and looks again.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use loom::thread::{self, Thread};

use crate::sync::{explore, patient};
use crate::{Command, Dispatch, Epoch, Mailbox, MailboxSettings, Read};

mod fence;
mod mailbox;
mod reply;
mod worker;

/// Wakes a thread of the model.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Drives a future on this thread, parked between two polls.
fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// A mailbox around a sum.
fn mailbox(dispatch: Dispatch) -> Arc<Mailbox<u64>> {
    let settings = MailboxSettings {
        dispatch,
        inbox_capacity: 2,
        epoch: Epoch::FIRST,
        on_panic: Box::new(|_| {}),
    };
    Arc::new(Mailbox::new(settings, 0))
}

/// Adds to the sum and answers the new one.
struct Add(u64);

impl Command<u64> for Add {
    type Reply = u64;
    type Owned = Self;

    fn into_owned(self) -> Self {
        self
    }

    fn run(self, sum: &mut u64) -> u64 {
        *sum += self.0;
        *sum
    }
}

/// Answers the sum.
struct Sum;

impl Command<u64> for Sum {
    type Reply = u64;
    type Owned = Self;

    fn into_owned(self) -> Self {
        self
    }

    fn run(self, sum: &mut u64) -> u64 {
        *sum
    }
}

impl Read<u64> for Sum {
    fn read(self, sum: &u64) -> u64 {
        *sum
    }
}
