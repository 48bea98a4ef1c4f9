//! One connection to a member that many reads share.
//!
//! ```text
//! reads --> Queue: heads, and who waits --> one task: one write of all that is queued,
//!                                                     one read of all answers to them
//! ```
//!
//! Where many ask, a request costs the system next to nothing here, and two calls at each
//! end on a connection of its own. But answers come in the order of the requests (RFC 9112,
//! 9.3.2), so that one that takes its time would hold up all behind it. Hence only reads go
//! here whose answer the member is likely to hold, and each asks for it
//! [at once](distcache_http::AT_ONCE_HEADER), or for the word that it takes longer. Whatever is not answered
//! here, for whatever reason, is asked on a connection of its own, and what is wrong is found
//! out there.

mod answers;

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use distcache::{Bound, Watermark};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

use crate::framing::malformed;
use crate::line::{self, Stream};
use crate::pool::Pool;
pub(crate) use answers::Answer;
use answers::Answers;
#[cfg(test)]
pub(crate) use answers::tests::read as read_in_pieces;

/// So many requests may be under way on it.
const ASKED_MAX: usize = 1_024;

/// Requests of so many bytes may wait to be written.
const QUEUED_BYTES_MAX: usize = 256 << 10;

/// How long a body may be that comes here: it holds up those behind it.
const BODY_BYTES_MAX: usize = 64 << 10;

/// How long there may be no answer while one is awaited. A member that does not know what
/// "at once" means may be reading its source.
const STALL_MAX: Duration = Duration::from_millis(100);

/// How long it is not used after that: where each answer is so far away, nobody is to find
/// that out every second.
const REST: Duration = Duration::from_secs(10);

/// How long it may be idle: shorter than the 75 s after which a member closes it.
const IDLE_MAX: Duration = Duration::from_secs(30);

/// How often it is looked whether it is stalled, or idle.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The connection, whether it is open or not.
pub(crate) struct Shared {
    pool: Arc<Pool>,
    queue: Mutex<Queue>,
    mark: Watermark,
}

#[derive(Default)]
struct Queue {
    /// Requests that are to be written.
    bytes: Vec<u8>,
    /// Who waits for the answers to those, in their order.
    asking: Vec<Asking>,
    /// How many are under way: these, and those that were written.
    under_way: usize,
    worker: Worker,
}

/// Who works the connection.
#[derive(Default)]
enum Worker {
    /// Nobody: whoever asks begins.
    #[default]
    None,
    /// A task, which is at work, or has just been woken.
    Busy,
    /// A task that waits to be woken.
    Waits(Waker),
    /// Nobody, and nobody begins before this.
    Rests(Instant),
}

/// Somebody who waits for an answer, or has gone away.
struct Asking {
    is_head: bool,
    hears: oneshot::Sender<Answer>,
}

impl Shared {
    pub(crate) fn new(pool: Arc<Pool>) -> Self {
        Self { pool, queue: Mutex::default(), mark: Watermark::default() }
    }

    /// The answer to a request, which `write` writes, if it comes at once. Whoever does not
    /// wait for it any more holds up nobody.
    pub(crate) async fn ask(
        self: &Arc<Self>,
        is_head: bool,
        write: impl FnOnce(&mut Vec<u8>, &str),
    ) -> Option<Answer> {
        self.enqueue(is_head, write)?.await.ok()
    }

    /// How many requests are under way.
    pub(crate) fn in_use(&self) -> usize {
        self.queue.lock().under_way
    }

    /// How far it was ever filled.
    pub(crate) fn bound(&self) -> Bound {
        let bound = Bound::new("shared_requests", "requests", ASKED_MAX as u64);
        bound.marked(self.in_use() as u64, &self.mark)
    }

    fn enqueue(
        self: &Arc<Self>,
        is_head: bool,
        write: impl FnOnce(&mut Vec<u8>, &str),
    ) -> Option<oneshot::Receiver<Answer>> {
        let mut queue = self.queue.lock();
        if queue.under_way == ASKED_MAX || QUEUED_BYTES_MAX <= queue.bytes.len() {
            self.mark.reach();
            return None;
        }
        if matches!(queue.worker, Worker::Rests(until) if Instant::now() < until) {
            return None;
        }
        let (hears, answer) = oneshot::channel();
        write(&mut queue.bytes, AT_ONCE_LINE);
        queue.asking.push(Asking { is_head, hears });
        queue.under_way += 1;
        self.mark.note(queue.under_way as u64);
        let worker = std::mem::replace(&mut queue.worker, Worker::Busy);
        drop(queue);
        match worker {
            Worker::Busy => {}
            Worker::Waits(waker) => waker.wake(),
            Worker::None | Worker::Rests(_) => {
                let worked = Worked { shared: Arc::clone(self), next: Worker::None };
                tokio::spawn(work(worked));
            }
        }
        Some(answer)
    }
}

/// How each request here says that it wants its answer at once.
const AT_ONCE_LINE: &str = "distcache-at-once: 65536\r\n";

/// A connection that is worked, until this is dropped. Then nobody waits any more for what
/// was not answered.
///
/// 1. Its task panics, or ends with its runtime.
/// 2. Were it still said to be worked, whoever asked next waited for ever.
struct Worked {
    shared: Arc<Shared>,
    /// Who works it then.
    next: Worker,
}

impl Drop for Worked {
    fn drop(&mut self) {
        let worker = std::mem::take(&mut self.next);
        let ended =
            std::mem::replace(&mut *self.shared.queue.lock(), Queue { worker, ..Queue::default() });
        drop(ended);
    }
}

/// Opens it, and works it until it has ended.
async fn work(mut worked: Worked) {
    let shared = Arc::clone(&worked.shared);
    // Why it fails is seen by those who open another.
    let Ok(line) = shared.pool.connect().await else { return };
    let mut work = Work::new(&shared, line.into_stream());
    match std::future::poll_fn(|cx| work.poll(cx)).await {
        Ok(()) => {}
        Err(error) => {
            log::debug!("member {}: what reads share ended: {error}", shared.pool.address());
            if error.kind() == io::ErrorKind::TimedOut {
                worked.next = Worker::Rests(Instant::now() + REST);
            }
        }
    }
}

/// What is written and read on it.
struct Work<'a> {
    shared: &'a Shared,
    stream: Box<dyn Stream>,
    /// What is being written, and how much of it was.
    bytes: Vec<u8>,
    written: usize,
    /// Who waits for the answers to what was taken from the queue.
    asked: VecDeque<Asking>,
    answers: Answers,
    /// When the last answer came, or the first request after it was written.
    moved_at: Instant,
    looks: Interval,
    /// Whether others were let ask before the queue is taken.
    has_yielded: bool,
}

impl<'a> Work<'a> {
    fn new(shared: &'a Shared, stream: Box<dyn Stream>) -> Self {
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            shared,
            stream,
            bytes: Vec::new(),
            written: 0,
            asked: VecDeque::new(),
            answers: Answers::default(),
            moved_at: Instant::now(),
            looks,
            has_yielded: false,
        }
    }

    /// Ready when it is to be closed: idle for long, or broken.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // What has come is read before anybody says that nothing comes.
        let is_at_end = self.poll_read(cx)?;
        loop {
            if self.poll_write(cx)?.is_pending() || !self.take_queue(cx) {
                break;
            }
        }
        if is_at_end.is_ready() {
            return Poll::Ready(Ok(()));
        }
        while self.looks.poll_tick(cx).is_ready() {
            let still = self.moved_at.elapsed();
            if self.asked.is_empty() && IDLE_MAX <= still {
                return Poll::Ready(Ok(()));
            }
            if !self.asked.is_empty() && STALL_MAX <= still {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
        Poll::Pending
    }

    /// Takes what is queued, if others have had their turn to ask; else it leaves word that
    /// it wants to be woken.
    ///
    /// 1. Ten reads can ask. The first does, and wakes this task, which runs next.
    /// 2. It writes that one request, and nine times more: ten writes.
    ///
    /// So it lets all go first that can.
    fn take_queue(&mut self, cx: &mut Context<'_>) -> bool {
        let mut queue = self.shared.queue.lock();
        if queue.asking.is_empty() {
            self.has_yielded = false;
            queue.worker = Worker::Waits(cx.waker().clone());
            return false;
        }
        if !std::mem::replace(&mut self.has_yielded, true) {
            cx.waker().wake_by_ref();
            return false;
        }
        self.has_yielded = false;
        if self.asked.is_empty() {
            self.moved_at = Instant::now();
        }
        // All of it was written: it is empty.
        std::mem::swap(&mut self.bytes, &mut queue.bytes);
        self.asked.extend(queue.asking.drain(..));
        true
    }

    /// Ready when all was written.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.bytes.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let mut rest = &self.bytes[self.written..];
        let outcome = line::poll_write(&mut *self.stream, cx, &mut rest);
        self.written = self.bytes.len() - rest.len();
        ready!(outcome)?;
        (self.written, self.bytes) = (0, recycled(std::mem::take(&mut self.bytes)));
        Poll::Ready(Ok(()))
    }

    /// Reads what has come, and hands it out. Ready when no more will come.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            match self.answers.poll_fill(cx, Pin::new(&mut self.stream)) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
            let before = self.asked.len();
            let stays = self.hand_out()?;
            let answered = before - self.asked.len();
            if 0 < answered {
                self.moved_at = Instant::now();
                self.shared.queue.lock().under_way -= answered;
            }
            if !stays {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Hands out the answers that have come whole; says whether more may come.
    fn hand_out(&mut self) -> io::Result<bool> {
        while let Some(Asking { is_head, .. }) = self.asked.front() {
            let Some(answer) = self.answers.next(*is_head)? else { return Ok(true) };
            let stays = answer.head.stays;
            if let Some(asking) = self.asked.pop_front() {
                // Whoever has gone away misses nothing.
                let _ = asking.hears.send(answer);
            }
            if !stays {
                return Ok(false);
            }
        }
        if self.answers.is_empty() { Ok(true) } else { Err(malformed("what nobody asked for")) }
    }
}

/// The memory once more, unless it is much.
fn recycled(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.clear();
    if QUEUED_BYTES_MAX < bytes.capacity() { Vec::new() } else { bytes }
}

#[cfg(test)]
mod tests;
