//! What waits to be written to one link, who writes it, and who waits for replies.

use std::collections::{HashMap, VecDeque};
use std::fmt;

use bytes::Bytes;
use distcache_bus::Replier;

use super::farewell::Parting;
use super::link::Shared;
use super::{CallFailed, Ended, Lost, NotSent, Settings};
use crate::proto::Reply;
use crate::wire::Outgoing;

/// What goes out in one write, in bytes, unless one frame is longer: enough that the
/// system's call is a small part of it, little enough that the first frame does not
/// wait for the last.
const WRITE_BYTES_MAX: usize = 256 << 10;

/// What a frame that waits takes beside its bytes: its place in the queue, and what
/// the allocator adds.
const FRAME_OVERHEAD_BYTES: usize = 96;

/// Room above the bound of replies for the word that we are busy: 87,000 of them. Who
/// makes us say it more often does not listen.
const BUSY_BYTES_MAX: usize = 8 << 20;

/// What a call is answered with.
pub(super) type Outcome = Result<Reply, CallFailed>;

/// Guarded by one lock, so that a call takes it once.
#[derive(Debug)]
pub(super) struct Outbox {
    pen: Pen,
    queue: VecDeque<Queued>,
    /// Bytes of `queue` that are calls, overhead included.
    call_bytes: usize,
    /// Bytes of `queue` that are replies, overhead included.
    reply_bytes: usize,
    /// Frames that were ever handed to the pen: perhaps written, perhaps not.
    taken: u64,
    /// Calls that wait for their reply, by number.
    waiting: HashMap<u64, Waiting>,
    pub(super) parting: Parting,
    ended: Option<Ended>,
}

/// The right to write, which one has at a time.
#[derive(Debug)]
enum Pen {
    /// Nobody writes, and all that was handed to it is written.
    Free(Writer),
    /// Nobody writes, but the connection did not take all: its task is to go on.
    Stuck(Writer),
    /// Somebody writes, and looks into the queue before it gives the pen back.
    Taken,
    /// The link has ended.
    Gone,
}

/// The pen, and what it is to write next.
pub(super) struct Writer {
    pub(super) outgoing: Box<dyn Outgoing>,
    pub(super) batch: Vec<Bytes>,
}

#[derive(Debug)]
struct Queued {
    frame: Bytes,
    is_call: bool,
}

#[derive(Debug)]
struct Waiting {
    replier: Replier<Outcome>,
    /// How many frames come before it.
    place: u64,
}

/// What is to be done by whoever has added to the outbox, when its lock is released.
#[must_use]
pub(super) enum Turn {
    /// Nothing: whoever writes will come round.
    Nothing,
    /// Wake the task that writes.
    Ring,
    /// Write.
    Write(Writer),
}

/// Who is in a hurry: whoever adds alone writes at once, since a hand-off to a task
/// would cost more than the write. Among many, the task that writes comes when all
/// who are ready have added, and takes everything in one write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Company {
    Alone,
    Many,
}

/// Calls whose link has ended, to be answered when the lock is released.
#[derive(Debug, Default)]
pub(super) struct Bereft {
    unknown: Vec<Replier<Outcome>>,
    not_sent: Vec<Replier<Outcome>>,
}

impl Outbox {
    pub(super) fn new(outgoing: Box<dyn Outgoing>, first: Option<Bytes>) -> Self {
        let reply_bytes = first.as_ref().map_or(0, cost);
        Self {
            pen: Pen::Free(Writer { outgoing, batch: Vec::new() }),
            queue: first.into_iter().map(|frame| Queued { frame, is_call: false }).collect(),
            call_bytes: 0,
            reply_bytes,
            taken: 0,
            waiting: HashMap::new(),
            parting: Parting::default(),
            ended: None,
        }
    }

    /// Adds a call.
    pub(super) fn call(
        &mut self,
        number: u64,
        frame: Bytes,
        replier: Replier<Outcome>,
        shared: &Shared,
    ) -> Result<Turn, NotSent> {
        let (settings, marks) = (&shared.settings, &shared.marks);
        if let Some(ended) = &self.ended {
            return Err(NotSent::Lost(ended.clone()));
        }
        self.parting.may_ask().map_err(NotSent::Lost)?;
        if settings.calls_max <= self.waiting.len() {
            return Err(NotSent::CallsFull { max: settings.calls_max });
        }
        if settings.call_bytes_max < self.call_bytes + cost(&frame) {
            return Err(NotSent::BytesFull { max: settings.call_bytes_max });
        }
        let place = self.taken + self.queue.len() as u64;
        self.waiting.insert(number, Waiting { replier, place });
        self.call_bytes += cost(&frame);
        self.queue.push_back(Queued { frame, is_call: true });
        marks.calls.note(self.waiting.len() as u64);
        marks.call_bytes.note(self.call_bytes as u64);
        let is_alone = self.waiting.len() == 1;
        Ok(self.turn(if is_alone { Company::Alone } else { Company::Many }))
    }

    /// Adds replies, or what else is not a call.
    ///
    /// # Errors
    /// When so much waits that the other cannot be listening.
    pub(super) fn replies(
        &mut self,
        frames: impl Iterator<Item = Bytes>,
        company: Company,
        shared: &Shared,
    ) -> Result<Turn, Ended> {
        if self.ended.is_some() {
            return Ok(Turn::Nothing);
        }
        for frame in frames {
            self.reply_bytes += cost(&frame);
            self.queue.push_back(Queued { frame, is_call: false });
        }
        shared.marks.reply_bytes.note(self.reply_bytes as u64);
        if shared.settings.reply_bytes_max + BUSY_BYTES_MAX < self.reply_bytes {
            return Err(Ended::Overrun);
        }
        Ok(self.turn(company))
    }

    /// Bytes of replies that may be added.
    pub(super) fn reply_room(&self, settings: &Settings) -> usize {
        settings.reply_bytes_max.saturating_sub(self.reply_bytes)
    }

    /// Bytes of calls and of replies that wait to be written, overhead included.
    pub(super) fn bytes(&self) -> (usize, usize) {
        (self.call_bytes, self.reply_bytes)
    }

    /// Takes out who waits for a reply.
    pub(super) fn answered(&mut self, number: u64) -> Option<Replier<Outcome>> {
        self.waiting.remove(&number).map(|waiting| waiting.replier)
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.queue.is_empty()
    }

    /// Frames that were ever handed over to be written.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// Calls that wait for their reply.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    fn turn(&mut self, company: Company) -> Turn {
        match (&self.pen, company) {
            (Pen::Free(_), Company::Alone) => self.take_pen().map_or(Turn::Nothing, Turn::Write),
            (Pen::Free(_) | Pen::Stuck(_), _) => Turn::Ring,
            (Pen::Taken | Pen::Gone, _) => Turn::Nothing,
        }
    }

    /// The pen for the task that writes, if there is something to write.
    pub(super) fn take_pen(&mut self) -> Option<Writer> {
        match std::mem::replace(&mut self.pen, Pen::Taken) {
            Pen::Free(writer) if self.queue.is_empty() => {
                self.pen = Pen::Free(writer);
                None
            }
            Pen::Free(mut writer) | Pen::Stuck(mut writer) => {
                self.fill(&mut writer);
                Some(writer)
            }
            held @ (Pen::Taken | Pen::Gone) => {
                self.pen = held;
                None
            }
        }
    }

    /// Gives the pen back when all is written; returns it if there is more to do.
    ///
    /// The interleaving that must not be:
    ///
    /// 1. Who writes finds the queue empty.
    /// 2. A caller adds to it, finds the pen taken, and leaves.
    /// 3. Who writes gives the pen back; the call lies there for ever.
    ///
    /// Hence the look and the giving back are under one hold of the lock under which
    /// callers add.
    pub(super) fn give_back(&mut self, mut writer: Writer) -> Option<Writer> {
        if self.queue.is_empty() {
            self.lay_down(Pen::Free(writer));
            return None;
        }
        self.fill(&mut writer);
        Some(writer)
    }

    /// Gives the pen back when the connection takes no more for now.
    pub(super) fn give_up(&mut self, writer: Writer) {
        self.lay_down(Pen::Stuck(writer));
    }

    fn lay_down(&mut self, pen: Pen) {
        if self.ended.is_none() {
            self.pen = pen;
        }
    }

    fn fill(&mut self, writer: &mut Writer) {
        let mut bytes = 0;
        while let Some(next) = self.queue.front()
            && (bytes == 0 || bytes + next.frame.len() <= WRITE_BYTES_MAX)
        {
            bytes += next.frame.len();
            let Some(queued) = self.queue.pop_front() else { break };
            let kind = if queued.is_call { &mut self.call_bytes } else { &mut self.reply_bytes };
            *kind -= cost(&queued.frame);
            self.taken += 1;
            writer.batch.push(queued.frame);
        }
    }

    /// Ends the link; `None` if it has ended before. Frames that were handed to the
    /// pen may have been written; those in the queue were not.
    pub(super) fn end(&mut self, why: &Ended) -> Option<(Bereft, Option<Writer>)> {
        if self.ended.is_some() {
            return None;
        }
        self.ended = Some(why.clone());
        let mut bereft = Bereft::default();
        for waiting in std::mem::take(&mut self.waiting).into_values() {
            let is_sent = waiting.place < self.taken;
            let of = if is_sent { &mut bereft.unknown } else { &mut bereft.not_sent };
            of.push(waiting.replier);
        }
        self.queue = VecDeque::new();
        (self.call_bytes, self.reply_bytes) = (0, 0);
        let writer = match std::mem::replace(&mut self.pen, Pen::Gone) {
            Pen::Free(writer) | Pen::Stuck(writer) => Some(writer),
            Pen::Taken | Pen::Gone => None,
        };
        Some((bereft, writer))
    }
}

impl Bereft {
    pub(super) fn tell(self, why: &Ended) {
        for replier in self.unknown {
            replier.answer(Err(Lost::Link(why.clone()).into()));
        }
        for replier in self.not_sent {
            replier.answer(Err(NotSent::Lost(why.clone()).into()));
        }
    }
}

/// What a frame takes from memory while it waits.
pub(super) fn cost(frame: &Bytes) -> usize {
    frame.len() + FRAME_OVERHEAD_BYTES
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("batch", &self.batch.len()).finish_non_exhaustive()
    }
}
