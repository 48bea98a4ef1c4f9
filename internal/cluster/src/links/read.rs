//! The task of a link that reads: it hands replies to who waits, and serves requests.

use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::thread;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::link::{Link, Shared};
use super::outbox::{Company, cost};
use super::{Ended, Serve, Serving, frames};
use crate::proto::frame::Kind;
use crate::proto::{Reply, Request};
use crate::wire::{Incoming, PipeBroken};

/// Replies that are collected before they are written though more is there to be
/// read: the first is not to wait for the last.
const REPLIES_AT_ONCE_MAX: usize = 512;

/// What the task has.
pub(super) struct Reader {
    pub(super) link: Arc<Link>,
    pub(super) incoming: Box<dyn Incoming>,
    pub(super) serve: Arc<dyn Serve>,
    /// Where requests that take longer are served.
    pub(super) tasks: TaskTracker,
    /// Cancelled when all links close.
    pub(super) closing: CancellationToken,
}

/// Replies that will go out in one write.
#[derive(Default)]
struct Answers {
    frames: Vec<Bytes>,
    /// Bytes that may be added before we are too busy to serve.
    room: usize,
}

/// What comes next.
enum Next {
    Frame(Bytes),
    /// Nothing more is there for now.
    Pause,
    End(Ended),
}

impl Reader {
    /// Reads until the link has ended.
    pub(super) async fn run(mut self) {
        // 1. The code that serves panics, and takes this task with it.
        // 2. Nobody reads any more; the other's calls wait for their deadlines, ours too.
        // Hence whatever ends this task ends the link: also the end of its runtime.
        let link = self.link.clone();
        let _cut = CutOnDrop(&link);
        let over = link.over.clone();
        tokio::select! {
            () = over.cancelled() => {}
            why = self.read() => link.cut(&why),
        }
    }

    /// Why it ends; what has ended the link first, counts.
    async fn read(&mut self) -> Ended {
        match self.read_on().await {
            Ok(never) => match never {},
            Err(why) => why,
        }
    }

    async fn read_on(&mut self) -> Result<Infallible, Ended> {
        let mut answers = Answers { room: self.link.reply_room(), ..Answers::default() };
        loop {
            let has_answers = !answers.frames.is_empty();
            match next(self.incoming.as_mut(), has_answers).await {
                Next::Frame(frame) => {
                    self.take(frame, &mut answers)?;
                    if REPLIES_AT_ONCE_MAX <= answers.frames.len() {
                        self.send(&mut answers)?;
                    }
                }
                Next::Pause => self.send(&mut answers)?,
                Next::End(why) => return Err(why),
            }
        }
    }

    fn send(&self, answers: &mut Answers) -> Result<(), Ended> {
        self.link.post(answers.frames.drain(..), Company::Alone);
        answers.room = self.link.reply_room();
        // 1. The other asks so much that the link is ended here.
        // 2. Thousands of its requests have been read already, and there is room again:
        //    nothing waits to be written to a link that has ended.
        // 3. They are served, for nobody.
        // Hence nothing more is taken from a link that has ended.
        if self.link.over.is_cancelled() { Err(Ended::Closed) } else { Ok(()) }
    }

    fn take(&self, frame: Bytes, answers: &mut Answers) -> Result<(), Ended> {
        let counters = &self.link.shared.counters;
        self.link.heard.fetch_add(1, Ordering::Relaxed);
        counters.frames_received.one();
        counters.bytes_received.add(frame.len());
        match frames::decode(frame) {
            Ok(Kind::Reply(reply)) => self.link.complete(reply),
            Ok(Kind::Request(request)) => self.serve(request, answers),
            Ok(Kind::KeepAlive(_)) => {}
            Ok(Kind::Leaving(_)) => self.link.hear_leaving(),
            Ok(Kind::Farewell(_)) => self.link.hear_farewell(),
            Ok(Kind::Hello(_) | Kind::Refusal(_)) => return Err(Ended::SecondHello),
            Err(not_understood) => {
                log::debug!("{} at {}: {not_understood}", self.link.member, self.link.address);
                counters.not_understood.one();
                return Err(Ended::NotUnderstood);
            }
        }
        Ok(())
    }

    fn serve(&self, request: Request, answers: &mut Answers) {
        let number = request.number;
        if request.operation.is_none() {
            return answers.add(frames::unsupported(number));
        }
        if answers.room == 0 || !self.has_room_for_later() {
            let Shared { counters, marks, .. } = &*self.link.shared;
            let full = if answers.room == 0 { &marks.reply_bytes } else { &marks.laters };
            full.reach();
            counters.busy.one();
            return answers.add(frames::busy(number));
        }
        match self.serve.serve(&self.link.address, request) {
            Serving::Now(reply) => {
                answers.add(frames::answer(number, reply, self.link.shared.frame_bytes_max));
            }
            Serving::Later(reply) => self.spawn(number, reply),
        }
    }

    /// Only this task adds to them, so that the look is still right when it does.
    fn has_room_for_later(&self) -> bool {
        self.link.laters.load(Ordering::Relaxed) < self.link.shared.settings.laters_max
    }

    fn spawn(&self, number: u64, reply: BoxFuture<'static, Reply>) {
        let later = Later::new(self.link.clone(), number);
        let closing = self.closing.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                biased;
                () = closing.cancelled() => drop(later),
                reply = reply => later.answer(reply),
            }
        });
    }
}

impl Answers {
    fn add(&mut self, frame: Bytes) {
        self.room = self.room.saturating_sub(cost(&frame));
        self.frames.push(frame);
    }
}

/// Waits for the next frame, unless there is something better to do than to wait.
async fn next(incoming: &mut dyn Incoming, has_answers: bool) -> Next {
    poll_fn(|context| match incoming.poll_frame(context) {
        Poll::Ready(Some(Ok(frame))) => Poll::Ready(Next::Frame(frame)),
        Poll::Ready(Some(Err(broken))) => Poll::Ready(Next::End(why(broken))),
        Poll::Ready(None) => Poll::Ready(Next::End(Ended::Left)),
        Poll::Pending if has_answers => Poll::Ready(Next::Pause),
        Poll::Pending => Poll::Pending,
    })
    .await
}

fn why(broken: PipeBroken) -> Ended {
    Ended::Broken(broken)
}

struct CutOnDrop<'a>(&'a Link);

impl Drop for CutOnDrop<'_> {
    fn drop(&mut self) {
        self.0.cut(if thread::panicking() { &Ended::Panicked } else { &Ended::Closed });
    }
}

/// A request that is served as a task. It is answered in any case, also if its future
/// panics or is dropped.
struct Later {
    link: Arc<Link>,
    number: u64,
    is_answered: bool,
}

impl Later {
    fn new(link: Arc<Link>, number: u64) -> Self {
        let laters = link.laters.fetch_add(1, Ordering::Relaxed) + 1;
        link.shared.marks.laters.note(laters as u64);
        Self { link, number, is_answered: false }
    }

    fn answer(mut self, reply: Reply) {
        self.is_answered = true;
        let max = self.link.shared.frame_bytes_max;
        let frame = frames::answer(self.number, reply, max);
        let fits = cost(&frame) <= self.link.reply_room();
        self.send(if fits {
            frame
        } else {
            frames::unknown_outcome(self.number, "too many replies wait to be written")
        });
    }

    fn send(&self, frame: Bytes) {
        let others = self.link.laters.fetch_sub(1, Ordering::Relaxed) - 1;
        let company = if others == 0 { Company::Alone } else { Company::Many };
        self.link.post(std::iter::once(frame), company);
    }
}

impl Drop for Later {
    fn drop(&mut self) {
        if !self.is_answered {
            self.send(frames::unknown_outcome(self.number, "it was given up"));
        }
    }
}
