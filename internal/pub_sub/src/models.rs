//! What the bus promises between threads, proved over every interleaving.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test -p distcache-bus --release --lib models::
//! ```
//!
//! A model says what may come out of a race, all of it: loom runs the race in
//! every order (with at most [`PREEMPTIONS`] switches that no wait forces, and
//! every stale value that the memory orders allow), and the model fails if
//! anything else comes out, if something listed never does, or if a thread is
//! left waiting. `cargo test ... -- --nocapture` tells how many orders there were.
//!
//! No model stands for `Topic`: it shares nothing but a list behind one lock,
//! replaced whole, and each publish only tries to send. Whoever waits there
//! waits inside `crossbeam_channel`.

use std::fmt::Debug;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use loom::thread::{self, Thread};

use crate::{Command, Deadline, Dispatch, Epoch, Mailbox, MailboxSettings, Read};

mod fence;
mod mailbox;
mod reply;
mod worker;

/// Nearly every fault between a few threads needs two; one more for safety.
const PREEMPTIONS: usize = 3;

/// Runs `race` in every order. Exactly the outcomes of `possible` must occur.
fn explore<O: Debug + PartialEq + Send + Sync + 'static, const N: usize>(
    possible: [O; N],
    race: impl Fn() -> O + Send + Sync + 'static,
) {
    let possible = Arc::new(possible);
    let counts: Arc<[AtomicUsize; N]> = Arc::new([const { AtomicUsize::new(0) }; N]);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(PREEMPTIONS);
    builder.check({
        let (possible, counts) = (possible.clone(), counts.clone());
        move || {
            let outcome = race();
            let which = possible.iter().position(|one| *one == outcome);
            let which = which.unwrap_or_else(|| panic!("{outcome:?} must not come out"));
            counts[which].fetch_add(1, Ordering::Relaxed);
        }
    });
    let counts = counts.each_ref().map(|count| count.load(Ordering::Relaxed));
    tell(counts.iter().sum());
    for (outcome, count) in possible.iter().zip(counts) {
        assert_ne!(count, 0, "{outcome:?} never came out: the model shows less than it says");
    }
}

#[expect(clippy::print_stderr, reason = "the test harness shows it to who asks")]
fn tell(interleavings: usize) {
    let thread = std::thread::current();
    eprintln!("{}: {interleavings} interleavings", thread.name().unwrap_or("a model"));
}

/// No time passes in a model.
fn patient() -> Deadline {
    Deadline::within(Duration::MAX)
}

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
