//! Request and reply to one node.

mod bare;

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::call::Call;
use crate::reply::{Waiter, reply_slot};
use crate::sync::{
    Mutex, Receiver, RwLock, RwLockReadGuard, RwLockWriteGuard, SendTimeoutError, Sender,
    TrySendError, bounded,
};
use crate::{Command, Deadline, Epoch, Fence, Read, Timer, Watermark};

/// How commands reach the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dispatch {
    /// A caller that finds the node free runs its command right there.
    #[default]
    Inline,
    /// Every command goes to the node's worker thread over the inbox.
    Worker,
}

/// Why a call has no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The caller's ring is older than the node's: it has not run. Look at the
    /// ring again.
    #[error("the node serves a newer ring")]
    Stale,
    /// The node was given up and replaced; an effect, if any, is gone with it.
    #[error("the node was given up")]
    Retired,
    /// The command panicked; the node is given up.
    #[error("the command panicked")]
    Panicked,
    /// The caller's deadline passed. Under worker dispatch the command may
    /// still run.
    #[error("the deadline passed")]
    TimedOut,
    /// The inbox, or the timer of waiting futures, is full. It has not run.
    #[error("the inbox is full")]
    Full,
    /// The mailbox is closed. It has not run.
    #[error("the mailbox is closed")]
    Closed,
}

/// Why a command could not be posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PostError {
    /// The inbox is full.
    #[error("the inbox is full")]
    Full,
    /// The mailbox is closed.
    #[error("the mailbox is closed")]
    Closed,
}

/// How a mailbox works.
pub struct MailboxSettings {
    /// How commands reach the state.
    pub dispatch: Dispatch,
    /// Commands that the inbox holds at most.
    pub inbox_capacity: usize,
    /// The epoch that the node serves first.
    pub epoch: Epoch,
    /// Told, outside every lock, that a command has panicked, and with which
    /// message. The fence has been retired by then.
    pub on_panic: Box<dyn Fn(&str) + Send + Sync>,
}

/// A node's state, and the two ways to it: its lock and its inbox.
pub struct Mailbox<S> {
    /// First, so that it shares its cache line with what the state has first.
    state: RwLock<S>,
    fence: Fence,
    dispatch: Dispatch,
    /// `None` once closed. Taken under a lock of its own, never held while
    /// sending: what is sent after the lock was released still arrives, because
    /// the channel stays connected until the last clone is dropped.
    inbox: Mutex<Option<Sender<Job<S>>>>,
    /// The same queue's other end, to empty it when the worker is lost.
    queued: Receiver<Job<S>>,
    inbox_capacity: usize,
    inbox_mark: Watermark,
    on_panic: Box<dyn Fn(&str) + Send + Sync>,
}

/// What travels through the inbox.
pub(crate) type Job<S> = Box<dyn FnOnce(&Mailbox<S>) + Send>;

/// How long a caller waits for the lock before it looks whether the node was
/// given up or closed meanwhile: the price of a silent node, on top of its detection.
const LOOK_UP_EVERY: Duration = Duration::from_millis(20);

/// How often a future tries the lock before it leaves a waker.
const TRIES_BEFORE_WAITING: usize = 64;

impl<S: Send + Sync + 'static> Mailbox<S> {
    /// A mailbox around `state`. Give it to a [`Worker`](crate::Worker), or
    /// nothing that is posted will run.
    ///
    /// # Panics
    /// If `inbox_capacity` is 0: a rendezvous would make every post wait.
    pub fn new(settings: MailboxSettings, state: S) -> Self {
        assert!(0 < settings.inbox_capacity, "an inbox holds at least one command");
        let (sender, queued) = bounded(settings.inbox_capacity);
        Self {
            state: RwLock::new(state),
            fence: Fence::new(settings.epoch),
            dispatch: settings.dispatch,
            inbox: Mutex::new(Some(sender)),
            queued,
            inbox_capacity: settings.inbox_capacity,
            inbox_mark: Watermark::default(),
            on_panic: settings.on_panic,
        }
    }

    /// The fence before the state. Raising it needs no lock.
    pub fn fence(&self) -> &Fence {
        &self.fence
    }

    /// Runs `command` and waits for its reply, to the deadline.
    ///
    /// # Errors
    /// See [`CallError`]; only `TimedOut` and `Panicked` leave the outcome open.
    #[inline]
    pub fn call<C: Command<S>>(
        &self,
        epoch: Epoch,
        deadline: &Deadline,
        command: C,
    ) -> Result<C::Reply, CallError> {
        match self.dispatch {
            Dispatch::Inline => match self.state.try_write() {
                Some(state) => self.run(epoch, state, command),
                None => self.wait_and_run(epoch, deadline, command),
            },
            Dispatch::Worker => self.hand_over(epoch, deadline, command.into_owned()),
        }
    }

    /// Like [`call`](Self::call), beside other readers.
    ///
    /// # Errors
    /// As of `call`.
    #[inline]
    pub fn read<C: Read<S>>(
        &self,
        epoch: Epoch,
        deadline: &Deadline,
        command: C,
    ) -> Result<C::Reply, CallError> {
        if self.dispatch == Dispatch::Worker {
            return self.call(epoch, deadline, command);
        }
        let state = match self.state.try_read() {
            Some(state) => state,
            None => self.lock(deadline, |until| self.state.try_read_until(until))?,
        };
        self.run_read(epoch, state, command)
    }

    /// Like [`call`](Self::call), but only if the caller can run it at once: `None` if
    /// others hold the lock, or if the worker runs all commands.
    #[inline]
    pub fn attempt<C: Command<S>>(
        &self,
        epoch: Epoch,
        command: C,
    ) -> Option<Result<C::Reply, CallError>> {
        if self.dispatch == Dispatch::Worker {
            return None;
        }
        self.state.try_write().map(|state| self.run(epoch, state, command))
    }

    /// Like [`attempt`](Self::attempt), beside other readers.
    #[inline]
    pub fn attempt_read<C: Read<S>>(
        &self,
        epoch: Epoch,
        command: C,
    ) -> Option<Result<C::Reply, CallError>> {
        if self.dispatch == Dispatch::Worker {
            return None;
        }
        self.state.try_read().map(|state| self.run_read(epoch, state, command))
    }

    /// Like [`call`](Self::call), for a task: never parks the thread.
    ///
    /// It tries the lock a few times; if others hold it, the command goes
    /// through the inbox and the task is woken by its reply, or by `timer` at
    /// the deadline.
    pub fn begin<C: Command<S>>(
        &self,
        epoch: Epoch,
        deadline: &Deadline,
        timer: &Timer,
        command: C,
    ) -> Call<C::Reply> {
        if self.dispatch == Dispatch::Inline {
            for _ in 0..TRIES_BEFORE_WAITING {
                if let Some(state) = self.state.try_write() {
                    return Call::ready(self.run(epoch, state, command));
                }
                std::hint::spin_loop();
            }
        }
        self.begin_on_worker(epoch, deadline, timer, command.into_owned())
    }

    /// Like [`begin`](Self::begin), but the worker runs it whatever the
    /// dispatch: for commands that take longer than a task may hold its thread.
    pub fn begin_on_worker<C>(
        &self,
        epoch: Epoch,
        deadline: &Deadline,
        timer: &Timer,
        command: C,
    ) -> Call<C::Reply>
    where
        C: Command<S> + Send + 'static,
    {
        let (job, waiter) = Self::job(epoch, command);
        if let Err(error) = self.post_job(job) {
            return Call::ready(Err(error));
        }
        if !timer.keep(deadline.instant(), &waiter.expiry()) {
            return Call::ready(Err(CallError::Full));
        }
        Call::waiting(waiter)
    }

    /// Like [`begin`](Self::begin), beside other readers.
    pub fn begin_read<C: Read<S>>(
        &self,
        epoch: Epoch,
        deadline: &Deadline,
        timer: &Timer,
        command: C,
    ) -> Call<C::Reply> {
        if self.dispatch == Dispatch::Inline {
            for _ in 0..TRIES_BEFORE_WAITING {
                if let Some(state) = self.state.try_read() {
                    return Call::ready(self.run_read(epoch, state, command));
                }
                std::hint::spin_loop();
            }
        }
        self.begin(epoch, deadline, timer, command)
    }

    /// Leaves a command that nobody waits for; the worker runs it.
    ///
    /// # Errors
    /// When the inbox is full or closed.
    pub fn post<C>(&self, epoch: Epoch, command: C) -> Result<(), PostError>
    where
        C: Command<S> + Send + 'static,
    {
        let job = Box::new(move |mailbox: &Self| {
            let patience = Deadline::within(Duration::MAX);
            // Refusals are the business of callers, and there is none.
            let _ = mailbox.wait_and_run(epoch, &patience, command);
        });
        self.post_job(job).map_err(|error| match error {
            CallError::Full => PostError::Full,
            _ => PostError::Closed,
        })
    }

    /// Commands in the inbox now.
    pub fn inbox_depth(&self) -> usize {
        self.inbox.lock().as_ref().map_or(0, Sender::len)
    }

    /// Commands that the inbox holds at most.
    pub fn inbox_capacity(&self) -> usize {
        self.inbox_capacity
    }

    /// The most that the inbox has held, and how often it was full.
    pub fn inbox_mark(&self) -> &Watermark {
        &self.inbox_mark
    }

    /// Ends the mailbox in order: nothing new is accepted, what the inbox holds
    /// is refused as closed, and the worker leaves.
    pub fn close(&self) {
        // Without a sender in the mailbox the channel disconnects once the last
        // caller has sent, and so the worker leaves: see `serve`.
        self.fence.close();
        self.inbox.lock().take();
    }

    /// Gives the node up: no reply leaves any more, those who wait in the inbox
    /// are told, and the worker leaves when it can.
    pub fn retire(&self) {
        self.fence.retire();
        self.inbox.lock().take();
        // The worker may sleep for ever; its queue is emptied here. Dropping a
        // job abandons its waiter.
        while let Ok(job) = self.queued.try_recv() {
            drop(job);
        }
    }

    /// Retires the mailbox after a panic and tells whoever looks after it.
    pub(crate) fn give_up(&self, message: &str) {
        self.retire();
        (self.on_panic)(message);
    }

    /// The receiving end of the inbox, for the worker.
    pub(crate) fn queue(&self) -> Receiver<Job<S>> {
        self.queued.clone()
    }

    /// Runs a command under the lock, and lets go of it before anything is told.
    #[inline]
    fn run<C: Command<S>>(
        &self,
        epoch: Epoch,
        mut state: RwLockWriteGuard<'_, S>,
        command: C,
    ) -> Result<C::Reply, CallError> {
        let outcome = self.guarded(epoch, || command.run(&mut state));
        drop(state);
        self.settle(outcome)
    }

    /// The same beside other readers.
    #[inline]
    fn run_read<C: Read<S>>(
        &self,
        epoch: Epoch,
        state: RwLockReadGuard<'_, S>,
        command: C,
    ) -> Result<C::Reply, CallError> {
        let outcome = self.guarded(epoch, || command.read(&state));
        drop(state);
        self.settle(outcome)
    }

    /// Runs `work`, whose lock is held, between the two looks at the fence.
    #[inline]
    fn guarded<R>(&self, epoch: Epoch, work: impl FnOnce() -> R) -> Result<R, Refusal> {
        self.fence.admits(epoch)?;
        self.acknowledged(work)
    }

    /// Runs `work`, catches its panic, and asks whether its reply may leave.
    #[inline]
    fn acknowledged<R>(&self, work: impl FnOnce() -> R) -> Result<R, Refusal> {
        let reply = self.caught(catch_unwind(AssertUnwindSafe(work)))?;
        self.fence.acknowledges()?;
        Ok(reply)
    }

    /// Retires the fence of a node whose command panicked, while the lock is
    /// still held. The interleaving that this stops:
    ///
    /// 1. A command panics in the middle of its work and lets go of the lock.
    /// 2. A reader takes the lock, passes the fence and sees half of the work.
    /// 3. The node is retired.
    #[inline]
    fn caught<R>(&self, outcome: Result<R, Box<dyn Any + Send>>) -> Result<R, Refusal> {
        outcome.map_err(|payload| {
            self.fence.retire();
            Refusal::Panicked(message_of(&*payload))
        })
    }

    /// With the lock released: tells of a panic, and names the error.
    #[inline]
    fn settle<R>(&self, outcome: Result<R, Refusal>) -> Result<R, CallError> {
        outcome.map_err(|refusal| self.refused(refusal))
    }

    #[cold]
    fn refused(&self, refusal: Refusal) -> CallError {
        match refusal {
            Refusal::By(error) => error,
            Refusal::Panicked(message) => {
                self.give_up(&message);
                CallError::Panicked
            }
        }
    }

    /// Waits for the lock and runs the command.
    #[cold]
    fn wait_and_run<C: Command<S>>(
        &self,
        epoch: Epoch,
        deadline: &Deadline,
        command: C,
    ) -> Result<C::Reply, CallError> {
        let state = self.lock(deadline, |until| self.state.try_write_until(until))?;
        self.run(epoch, state, command)
    }

    /// Waits for a lock to the deadline, looking up now and then: the one who
    /// holds it may sleep for ever, and its node may have been closed or
    /// replaced.
    fn lock<G>(
        &self,
        deadline: &Deadline,
        try_until: impl Fn(std::time::Instant) -> Option<G>,
    ) -> Result<G, CallError> {
        loop {
            if let Some(guard) = try_until(deadline.or_sooner(LOOK_UP_EVERY)) {
                return Ok(guard);
            }
            self.fence.is_open()?;
            if deadline.is_over() {
                return Err(CallError::TimedOut);
            }
        }
    }

    /// Sends a command to the worker and waits for the reply.
    fn hand_over<C>(
        &self,
        epoch: Epoch,
        deadline: &Deadline,
        command: C,
    ) -> Result<C::Reply, CallError>
    where
        C: Command<S> + Send + 'static,
    {
        let (job, waiter) = Self::job(epoch, command);
        let inbox = self.inbox()?;
        inbox.send_deadline(job, deadline.instant()).map_err(|error| match error {
            SendTimeoutError::Timeout(_) => self.full(),
            SendTimeoutError::Disconnected(_) => self.ended(),
        })?;
        self.inbox_mark.note(inbox.len() as u64);
        drop(inbox);
        self.empty_if_retired();
        match waiter.wait(deadline) {
            Some(Ok(outcome)) => outcome,
            Some(Err(_abandoned)) => Err(self.ended()),
            None => Err(CallError::TimedOut),
        }
    }

    /// A job that runs `command` and answers, and the end to wait at.
    fn job<C>(epoch: Epoch, command: C) -> (Job<S>, Waiter<Result<C::Reply, CallError>>)
    where
        C: Command<S> + Send + 'static,
    {
        let (replier, waiter) = reply_slot();
        let job = move |mailbox: &Self| {
            if replier.is_unwanted() {
                return;
            }
            let patience = Deadline::within(Duration::MAX);
            replier.answer(mailbox.wait_and_run(epoch, &patience, command));
        };
        (Box::new(job), waiter)
    }

    fn post_job(&self, job: Job<S>) -> Result<(), CallError> {
        let inbox = self.inbox()?;
        inbox.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => self.full(),
            TrySendError::Disconnected(_) => self.ended(),
        })?;
        self.inbox_mark.note(inbox.len() as u64);
        drop(inbox);
        self.empty_if_retired();
        Ok(())
    }

    /// Must be asked after a job was sent. The interleaving that this stops:
    ///
    /// 1. A caller takes a sender.
    /// 2. The node is retired: the sender is taken away, the inbox emptied.
    /// 3. The caller sends its job. The worker sleeps, and nobody else reads.
    ///
    /// Whoever comes second empties the inbox again, and the lock says who that
    /// is: a retirement takes it between its fence and its emptying. If it had
    /// the lock before us, we see its fence; if after us, it sees our job. The
    /// fence alone would not do: its word, as we read it, may be an old one.
    fn empty_if_retired(&self) {
        let is_open = self.inbox.lock().is_some();
        if !is_open && self.fence.is_retired() {
            self.retire();
        }
    }

    fn inbox(&self) -> Result<Sender<Job<S>>, CallError> {
        self.inbox.lock().clone().ok_or_else(|| self.ended())
    }

    fn full(&self) -> CallError {
        self.inbox_mark.reach();
        CallError::Full
    }

    /// Why the mailbox takes nothing any more.
    fn ended(&self) -> CallError {
        if self.fence.is_retired() { CallError::Retired } else { CallError::Closed }
    }
}

/// Why a command that held the lock has no reply.
enum Refusal {
    By(CallError),
    Panicked(String),
}

impl From<CallError> for Refusal {
    fn from(error: CallError) -> Self {
        Self::By(error)
    }
}

/// The text of a panic, as far as it has one.
fn message_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a message").to_owned()
}

impl<S> fmt::Debug for Mailbox<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox")
            .field("fence", &self.fence)
            .field("dispatch", &self.dispatch)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for MailboxSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailboxSettings")
            .field("dispatch", &self.dispatch)
            .field("inbox_capacity", &self.inbox_capacity)
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
pub(crate) mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    /// A waker that counts.
    #[derive(Default)]
    pub(crate) struct CountingWaker(AtomicUsize);

    impl CountingWaker {
        pub(crate) fn wakes(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    impl Wake for CountingWaker {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}
