//! One connection with another member, which all calls between the two share.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use distcache_bus::{Waiter, reply_slot};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::bounds::{Filled, Marks};
use super::counts::Counters;
use super::hello::Introduced;
use super::outbox::{Company, Outbox, Outcome, Turn, Writer};
use super::{Ended, MemberId, NotSent, Settings, fields, frames};
use crate::proto::frame::Kind;
use crate::proto::{Reply, Request};
use crate::wire::{Address, FrameTooLong, Outgoing, PipeBroken};

/// How often a caller that writes comes round for others before it leaves the rest to
/// the link's task: it has work of its own.
const ROUNDS_OF_CALLER_MAX: usize = 2;

/// What all links of a member share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) counters: Counters,
    pub(super) marks: Marks,
    pub(super) frame_bytes_max: usize,
}

/// One connection with another member.
pub(super) struct Link {
    pub(super) member: MemberId,
    /// Where it says that it is reached.
    pub(super) address: Address,
    /// Which connection this is: who has begun it, and its number there.
    pub(super) begun: (MemberId, u64),
    /// Which version is spoken on it.
    pub(super) version: u32,
    pub(super) shared: Arc<Shared>,
    pub(super) outbox: Mutex<Outbox>,
    /// Wakes the task that writes.
    pub(super) bell: Notify,
    /// Cancelled when the link has ended.
    pub(super) over: CancellationToken,
    next_number: AtomicU64,
    /// Frames that were read.
    pub(super) heard: AtomicU64,
    /// Wakes what says farewell to one that leaves.
    pub(super) parts: Notify,
    /// Requests that are served as tasks now.
    pub(super) laters: AtomicUsize,
}

impl Link {
    /// A link of which `first` is the first frame. Its tasks are yet to be started.
    pub(super) fn new(
        shared: &Arc<Shared>,
        other: &Introduced,
        begun: (MemberId, u64),
        outgoing: Box<dyn Outgoing>,
        first: Option<Bytes>,
    ) -> Arc<Self> {
        Arc::new(Self {
            member: other.member,
            address: other.address.clone(),
            begun,
            version: other.version,
            shared: shared.clone(),
            outbox: Mutex::new(Outbox::new(outgoing, first)),
            bell: Notify::new(),
            over: CancellationToken::new(),
            next_number: AtomicU64::new(1),
            heard: AtomicU64::new(0),
            parts: Notify::new(),
            laters: AtomicUsize::new(0),
        })
    }

    /// Sends a request. The reply, or why there is none, comes to the waiter.
    pub(super) fn begin(
        self: &Arc<Self>,
        request: Request,
    ) -> Result<(Begun, Waiter<Outcome>), NotSent> {
        let number = self.next_number.fetch_add(1, Ordering::Relaxed);
        let frame = frames::encode(&Kind::Request(Request { number, ..request }));
        let (bytes, max) = (frame.len(), self.shared.frame_bytes_max);
        if max < bytes {
            return Err(FrameTooLong { bytes, max }.into());
        }
        fields::check(&frame).map_err(|_too_many| NotSent::TooManyFields)?;
        let (replier, waiter) = reply_slot();
        let turn = self.outbox.lock().call(number, frame, replier, &self.shared)?;
        self.take(turn);
        Ok((Begun { link: self.clone(), number, is_settled: false }, waiter))
    }

    /// Hands a reply to who waits for it.
    pub(super) fn complete(&self, reply: Reply) {
        let replier = self.outbox.lock().answered(reply.number);
        // The waker is somebody else's code: the lock is released.
        match replier {
            Some(replier) => replier.answer(Ok(reply)),
            None => self.shared.counters.stray_replies.one(),
        }
    }

    /// Sends what is no call.
    pub(super) fn post(&self, frames: impl Iterator<Item = Bytes>, company: Company) {
        let turn = self.outbox.lock().replies(frames, company, &self.shared);
        match turn {
            Ok(turn) => self.take(turn),
            Err(why) => self.cut(&why),
        }
    }

    /// Bytes of replies that may be sent.
    pub(super) fn reply_room(&self) -> usize {
        self.outbox.lock().reply_room(&self.shared.settings)
    }

    /// Frames that were ever handed over to be written, and whether none waits.
    pub(super) fn progress(&self) -> (u64, bool) {
        let outbox = self.outbox.lock();
        (outbox.taken(), outbox.is_quiet())
    }

    /// How far its bounds are filled now.
    pub(super) fn filled(&self) -> Filled {
        let laters = self.laters.load(Ordering::Relaxed);
        let outbox = self.outbox.lock();
        let (call_bytes, reply_bytes) = outbox.bytes();
        Filled { calls: outbox.waiting(), call_bytes, reply_bytes, laters }
    }

    /// Calls that wait for their reply.
    pub(super) fn waiting(&self) -> usize {
        self.outbox.lock().waiting()
    }

    /// Ends the link, and all that wait for it. What ended it first, counts.
    pub(super) fn cut(&self, why: &Ended) {
        let ended = self.outbox.lock().end(why);
        let Some((bereft, writer)) = ended else { return };
        self.shared.counters.ended.one();
        if let Ended::Silent { .. } = why {
            self.shared.counters.silent.one();
        }
        log::debug!("the link with {} at {} has ended: {why}", self.member, self.address);
        // Its tasks end, and with them the connection.
        self.over.cancel();
        drop(writer);
        bereft.tell(why);
    }

    fn take(&self, turn: Turn) {
        match turn {
            Turn::Nothing => {}
            Turn::Ring => self.bell.notify_one(),
            Turn::Write(writer) => self.write_at_once(writer),
        }
    }

    /// Writes on the spot as much as the connection takes, and leaves the rest to the
    /// task that writes.
    fn write_at_once(&self, mut writer: Writer) {
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..ROUNDS_OF_CALLER_MAX {
            match self.poll_round(&mut writer, &mut context) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(broken)) => return self.cut(&broken.into()),
                Poll::Pending => break,
            }
            let more = self.outbox.lock().give_back(writer);
            let Some(more) = more else { return };
            writer = more;
        }
        self.outbox.lock().give_up(writer);
        self.bell.notify_one();
    }

    /// Writes what the writer has.
    fn poll_round(
        &self,
        writer: &mut Writer,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), PipeBroken>> {
        let counters = &self.shared.counters;
        let frames = writer.batch.len();
        for frame in writer.batch.drain(..) {
            counters.bytes_sent.add(frame.len());
            let pushed = writer.outgoing.push(frame);
            debug_assert!(pushed.is_ok(), "its length was looked at when it was made");
        }
        if 0 < frames {
            counters.frames_sent.add(frames);
            counters.writes.one();
        }
        ready!(writer.outgoing.poll_flush(context))?;
        Poll::Ready(Ok(()))
    }

    /// Writes until nothing is left: for the task that writes.
    pub(super) async fn write_all(&self) -> Result<(), PipeBroken> {
        let taken = self.outbox.lock().take_pen();
        let Some(mut writer) = taken else { return Ok(()) };
        loop {
            std::future::poll_fn(|context| self.poll_round(&mut writer, context)).await?;
            let more = self.outbox.lock().give_back(writer);
            let Some(more) = more else { return Ok(()) };
            writer = more;
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (member, address) = (&self.member, &self.address);
        f.debug_struct("Link")
            .field("member", member)
            .field("address", address)
            .finish_non_exhaustive()
    }
}

/// A call that was sent. Dropping it forgets the call: a reply that comes later is
/// nobody's.
#[derive(Debug)]
pub(super) struct Begun {
    link: Arc<Link>,
    number: u64,
    is_settled: bool,
}

impl Begun {
    /// It was answered: there is nothing to forget.
    pub(super) fn settled(mut self) {
        self.is_settled = true;
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if !self.is_settled {
            let waiting = self.link.outbox.lock().answered(self.number);
            // Outside the lock, like every replier.
            drop(waiting);
        }
    }
}
