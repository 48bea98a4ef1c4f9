//! A connection with the guard and the timeouts before it.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use distcache::codes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::deadline::Deadline;
use super::direct::{Course, Direct, Sending};
use super::stream::Stream;
use crate::guard::{Guard, Phase, Progress, Violation};
use crate::{DoorWatch, Limits, Problem};

/// What is read at a time behind a head that did not come in one piece.
const REST_BYTES: usize = 4 << 10;

/// Head and body of so many bytes are copied together: to write one piece costs
/// the kernel less than to gather two.
pub(super) const JOINED_BYTES: usize = 1 << 10;

/// Shows hyper the part of the connection that the guard has let through, but for those
/// requests that are answered without it.
///
/// The common case, whole heads in one read, copies nothing: they are read into
/// hyper's own buffer and checked there. Answers to several that came together leave
/// together.
pub(super) struct GuardedIo<'a, S> {
    stream: S,
    guard: Guard,
    direct: &'a dyn Direct,
    /// Heads that hyper was not shown.
    answered: u64,
    /// The answers to those that are to be written.
    sending: Option<Sending>,
    /// How long the head is whose answer is awaited, if one is. It is held, in front of all
    /// else, should hyper have to be shown it after all.
    waiting: Option<usize>,
    /// Whether hyper has written the answers to all that it was shown.
    is_hyper_idle: bool,
    held: Held,
    /// Why there will be no more bytes, once that is known.
    end: Option<End>,
    /// Whether hyper has met the end. It answers what came before it first.
    end_met: bool,
    timeouts: Timeouts,
    reading: Deadline,
    /// The wait that `reading` is set for.
    waits_for: Option<(Phase, u64)>,
    writing: Deadline,
    /// Whether an answer is stuck, and `writing` set.
    stuck: bool,
}

/// What was read, and is not for hyper yet.
#[derive(Default)]
struct Held {
    bytes: Vec<u8>,
    /// How many of them, at the front, the guard has let through: hyper has not fetched them.
    passed: usize,
    /// Whether the guard has still to look at them: there may be whole heads.
    is_unseen: bool,
}

struct Timeouts {
    header: Duration,
    body: Duration,
    idle: Duration,
    write: Duration,
}

/// Why a connection has no more bytes for hyper.
#[derive(Debug, Clone, Copy)]
enum End {
    /// The client has closed its side.
    Closed,
    /// The client has sent nothing for too long.
    Idle,
    /// The client has begun a request and not ended it in time.
    Late(Phase),
    /// The guard has refused what follows.
    Refused(Violation),
}

/// What has become of the bytes that were looked at.
struct Seen {
    /// So many at the front hold requests that are answered here.
    answered: usize,
    /// Behind those hyper may be shown all up to here.
    released: usize,
}

/// How a connection that hyper is done with must be closed.
#[derive(Debug)]
pub(super) enum Parting {
    /// At once: everything was said and read.
    Close,
    /// So that the last answer can be read: the client is still sending.
    Linger,
    /// With a last answer.
    Tell(Problem),
}

impl<'a, S: Stream> GuardedIo<'a, S> {
    pub(super) fn new(stream: S, limits: &Limits, direct: &'a dyn Direct) -> Self {
        Self {
            stream,
            guard: Guard::new(limits),
            direct,
            answered: 0,
            sending: None,
            waiting: None,
            is_hyper_idle: true,
            held: Held::default(),
            end: None,
            end_met: false,
            timeouts: Timeouts {
                header: limits.header_timeout,
                body: limits.body_timeout,
                idle: limits.idle_timeout,
                write: limits.write_timeout,
            },
            reading: Deadline::unset(),
            waits_for: None,
            writing: Deadline::unset(),
            stuck: false,
        }
    }

    /// The stream, and how it must be closed; `watch` is told which bound it met.
    pub(super) fn into_parts(self, watch: &DoorWatch) -> (S, Parting) {
        match self.end {
            Some(End::Refused(violation)) => watch.refused(violation),
            Some(End::Late(_)) => watch.late(),
            Some(End::Closed | End::Idle) | None => {}
        }
        let parting = match self.end {
            Some(End::Refused(violation)) if self.end_met => Parting::Tell(violation.problem()),
            Some(End::Late(phase)) if self.end_met => Parting::Tell(timed_out(phase)),
            Some(End::Refused(_) | End::Late(_)) => Parting::Linger,
            None if self.guard.phase() == Phase::Body => Parting::Linger,
            Some(End::Closed | End::Idle) | None => Parting::Close,
        };
        (self.stream, parting)
    }

    /// Writes what is left of answers that hyper knows nothing of.
    pub(super) fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(sending) = &mut self.sending else { return Poll::Ready(Ok(())) };
        let mut outcome = sending.poll_write(cx, Pin::new(&mut self.stream));
        if matches!(outcome, Poll::Ready(Ok(()))) {
            outcome = Pin::new(&mut self.stream).poll_flush(cx);
        }
        ready!(self.written(cx, outcome))?;
        (self.stuck, self.sending) = (false, None);
        Poll::Ready(Ok(()))
    }

    /// Hands out held bytes that the guard has let through.
    fn hand_out(&mut self, buf: &mut ReadBuf<'_>) {
        let count = self.held.passed.min(buf.remaining());
        self.is_hyper_idle &= count == 0;
        buf.put_slice(&self.held.bytes[..count]);
        self.held.bytes.drain(..count);
        self.held.passed -= count;
    }

    /// Reads straight into `buf`, and takes back what is not let through, or is answered
    /// here.
    fn read_direct(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        let fresh = &mut buf.filled_mut()[before..];
        if fresh.is_empty() {
            self.end = Some(End::Closed);
            return Poll::Ready(Ok(()));
        }
        let Seen { answered, released } = self.look_at(cx, fresh);
        if self.end.is_none() {
            self.held.bytes.extend_from_slice(&fresh[released..]);
        }
        let shown = released - answered;
        fresh.copy_within(answered..released, 0);
        self.is_hyper_idle &= shown == 0;
        buf.set_filled(before + shown);
        Poll::Ready(Ok(()))
    }

    /// Reads behind the held bytes.
    fn read_behind(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut space = [MaybeUninit::uninit(); REST_BYTES];
        let mut fresh = ReadBuf::uninit(&mut space);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut fresh))?;
        if fresh.filled().is_empty() {
            self.end = Some(End::Closed);
            return Poll::Ready(Ok(()));
        }
        self.held.bytes.extend_from_slice(fresh.filled());
        self.look_at_held(cx);
        Poll::Ready(Ok(()))
    }

    /// Looks at what is held, of which hyper was shown nothing.
    fn look_at_held(&mut self, cx: &mut Context<'_>) {
        let bytes = std::mem::take(&mut self.held.bytes);
        let Seen { answered, released } = self.look_at(cx, &bytes);
        self.held.bytes = bytes;
        self.held.bytes.drain(..answered);
        self.held.passed = released - answered;
    }

    /// Begins to answer the requests at the front of `bytes`, for as long as hyper owes no
    /// answer, and looks how far hyper may be shown what is behind them. The answers leave
    /// in one write, but wait for no other:
    ///
    /// 1. Two requests come together. The first is answered at once, the second is not.
    /// 2. Were both answers sent together, the first waited for the second.
    fn look_at(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Seen {
        let mut answered = 0;
        while self.is_hyper_idle {
            self.held.is_unseen = self.sending.as_ref().is_some_and(|sending| !sending.has_room());
            if self.held.is_unseen {
                return Seen { answered, released: answered };
            }
            let (rest, heads) = (&bytes[answered..], self.guard.heads());
            let Progress { released, violation } = self.guard.advance_once(rest);
            self.end = violation.map(End::Refused);
            if released == 0 {
                return Seen { answered, released: answered };
            }
            // Not what is left of a body, nor what a body comes behind.
            let is_whole = heads < self.guard.heads() && self.guard.phase() == Phase::Idle;
            let course = if is_whole {
                self.direct.begin(cx, &rest[..released])
            } else {
                Course::IsForHyper
            };
            match course {
                Course::Sends(next) => {
                    self.sending = Some(match self.sending.take() {
                        Some(before) => before.then(next),
                        None => next,
                    });
                    self.answered += 1;
                    answered += released;
                }
                Course::Waits => {
                    self.waiting = Some(released);
                    self.answered += 1;
                    return Seen { answered, released: answered };
                }
                Course::IsForHyper => {
                    return Seen { answered, released: self.pass(bytes, answered + released) };
                }
            }
        }
        Seen { answered, released: self.pass(bytes, answered) }
    }

    /// How far hyper may be shown `bytes`, of which the guard has let through the first
    /// `released`.
    fn pass(&mut self, bytes: &[u8], released: usize) -> usize {
        let progress = self.guard.advance(&bytes[released..]);
        self.end = progress.violation.map(End::Refused);
        released + progress.released
    }

    /// Waits for an answer that hyper knows nothing of, if there is one to come. Nothing is
    /// read meanwhile.
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(length) = self.waiting else { return Poll::Ready(()) };
        match self.direct.go_on(cx) {
            Course::Waits => return Poll::Pending,
            Course::Sends(sending) => {
                self.sending = Some(sending);
                self.held.bytes.drain(..length);
                self.held.is_unseen = !self.held.bytes.is_empty();
            }
            Course::IsForHyper => {
                self.answered -= 1;
                let bytes = std::mem::take(&mut self.held.bytes);
                self.held.passed = self.pass(&bytes, length);
                self.held.bytes = bytes;
            }
        }
        self.waiting = None;
        Poll::Ready(())
    }

    /// Waits for bytes, but not for ever.
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let phase = self.guard.phase();
        let wait = Some((phase, self.guard.heads()));
        if self.waits_for != wait {
            self.waits_for = wait;
            let patience = match phase {
                Phase::Idle => self.timeouts.idle,
                Phase::Head => self.timeouts.header,
                Phase::Body => self.timeouts.body,
            };
            self.reading.set(Instant::now() + patience);
        }
        ready!(self.reading.poll(cx));
        self.end = Some(match phase {
            Phase::Idle => End::Idle,
            Phase::Head | Phase::Body => End::Late(phase),
        });
        Poll::Ready(())
    }

    /// Passes the outcome of a write on; one that waits, waits not for ever.
    fn written<T>(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            return outcome;
        }
        if !self.stuck {
            self.stuck = true;
            self.writing.set(Instant::now() + self.timeouts.write);
        }
        self.writing.poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

/// The pieces in one, if they fit.
fn join<'a>(pieces: &[IoSlice<'_>], space: &'a mut [u8]) -> Option<&'a [u8]> {
    let mut end = 0;
    for piece in pieces {
        space.get_mut(end..end + piece.len())?.copy_from_slice(piece);
        end += piece.len();
    }
    Some(&space[..end])
}

fn timed_out(phase: Phase) -> Problem {
    let detail = match phase {
        Phase::Head | Phase::Idle => "the headers did not end in time",
        Phase::Body => "the body did not end in time",
    };
    Problem::new(408, codes::REQUEST_TIMED_OUT).detail(detail)
}

impl<S: Stream> AsyncRead for GuardedIo<'_, S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        loop {
            ready!(this.poll_send(cx))?;
            ready!(this.poll_answer(cx));
            ready!(this.poll_send(cx))?;
            this.hand_out(buf);
            if before < buf.filled().len() {
                return Poll::Ready(Ok(()));
            }
            if this.end.is_some() {
                this.end_met = true;
                return Poll::Ready(Ok(()));
            }
            let read = if this.held.is_unseen {
                this.look_at_held(cx);
                Poll::Ready(Ok(()))
            } else if this.held.bytes.is_empty() {
                this.read_direct(cx, buf)
            } else {
                this.read_behind(cx)
            };
            match read {
                Poll::Ready(outcome) => outcome?,
                Poll::Pending => ready!(this.wait(cx)),
            }
            if this.waiting.is_some() {
                // It was just looked at, and wakes this task.
                ready!(this.poll_send(cx))?;
                return Poll::Pending;
            }
        }
    }
}

impl<S: Stream> AsyncWrite for GuardedIo<'_, S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.written(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut joined = [0; JOINED_BYTES];
        let stream = Pin::new(&mut self.stream);
        let outcome = match join(bufs, &mut joined) {
            Some(bytes) => stream.poll_write(cx, bytes),
            None => stream.poll_write_vectored(cx, bufs),
        };
        self.written(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// hyper flushes when it has written a whole answer; TLS may still hold a part of it.
    ///
    /// 1. hyper is shown two requests that came together, and answers the first.
    /// 2. It flushes. A third request comes.
    /// 3. Were that answered here, the client took it for the answer to the second.
    ///
    /// So it is not idle before as many answers have ended as heads were shown to it. And
    /// an answer that has ended is in its buffer only, until it flushes.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.sending.is_some() {
            // It has written nothing since, and the time of what we write runs on.
            return Poll::Ready(Ok(()));
        }
        let outcome = Pin::new(&mut self.stream).poll_flush(cx);
        ready!(self.written(cx, outcome))?;
        self.stuck = false;
        let answered = self.answered + self.direct.ended();
        self.is_hyper_idle = self.held.passed == 0 && answered == self.guard.heads();
        Poll::Ready(Ok(()))
    }

    /// Leaves the sending side open: there may be a last word to say.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests;
