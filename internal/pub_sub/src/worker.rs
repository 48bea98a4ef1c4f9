//! The thread of one node: serves the inbox, and does the regular work.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::deadline::now;
use crate::sync::RecvTimeoutError;
use crate::{Deadline, Mailbox};

/// How a worker works.
pub struct WorkerSettings {
    /// The thread's name.
    pub name: String,
    /// Time between two runs of the regular work.
    pub tick_every: Duration,
}

/// A worker thread; ends when its mailbox is closed or retired.
pub struct Worker {
    thread: JoinHandle<()>,
}

impl Worker {
    /// Starts the thread. `tick` is the regular work; what it needs of the
    /// state it takes through the mailbox. A tick that panics gives the node
    /// up, as a command that panics does.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn start<S, T>(
        settings: WorkerSettings,
        mailbox: Arc<Mailbox<S>>,
        tick: T,
    ) -> io::Result<Self>
    where
        S: Send + Sync + 'static,
        T: FnMut(&Mailbox<S>) + Send + 'static,
    {
        let every = settings.tick_every;
        let thread = thread::Builder::new()
            .name(settings.name)
            .spawn(move || serve(&mailbox, every, tick))?;
        Ok(Self { thread })
    }

    /// Whether the thread has ended.
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for the thread to end. Returns whether it did, before the deadline.
    pub fn join(self, deadline: &Deadline) -> bool {
        join_by(self.thread, deadline)
    }
}

/// Waits for a thread to end. Returns whether it did, without a panic and
/// before the deadline; otherwise it is left to itself.
pub fn join_by(thread: JoinHandle<()>, deadline: &Deadline) -> bool {
    // The standard library has no join with a timeout.
    while !thread.is_finished() {
        if deadline.is_over() {
            return false;
        }
        thread::park_timeout(JOIN_POLL);
    }
    thread.join().is_ok()
}

/// How often a join looks whether the thread has ended.
const JOIN_POLL: Duration = Duration::from_micros(200);

/// Serves the inbox until nobody can send to it any more, so that every job
/// that was accepted is run (or refused by the fence) and answered. Were it to
/// leave when the mailbox is closed:
///
/// 1. A caller takes a sender.
/// 2. The mailbox is closed; the worker finds the inbox empty and leaves.
/// 3. The caller sends its job and waits for nobody.
pub(crate) fn serve<S, T>(mailbox: &Mailbox<S>, every: Duration, mut tick: T)
where
    S: Send + Sync + 'static,
    T: FnMut(&Mailbox<S>),
{
    let queue = mailbox.queue();
    let mut next_tick = first_tick();
    loop {
        if next_tick <= now() {
            if catch_unwind(AssertUnwindSafe(|| tick(mailbox))).is_err() {
                mailbox.give_up("the node's regular work panicked");
            }
            next_tick = now() + every;
        }
        match queue.recv_deadline(next_tick) {
            Ok(job) => job(mailbox),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
}

/// A node reports as soon as it lives, not after its first second.
fn first_tick() -> Instant {
    now()
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("name", &self.thread.thread().name()).finish()
    }
}

impl fmt::Debug for WorkerSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerSettings")
            .field("name", &self.name)
            .field("tick_every", &self.tick_every)
            .finish()
    }
}
