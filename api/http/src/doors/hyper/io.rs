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
use super::direct::{Course, Direct};
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
/// hyper's own buffer and checked there.
pub(super) struct GuardedIo<'a, S> {
    stream: S,
    guard: Guard,
    direct: &'a dyn Direct,
    /// Heads that hyper was not shown.
    answered: u64,
    /// What becomes of the last of those, until its answer is written. While that is awaited
    /// the head is held, should hyper have to be shown it after all.
    course: Course,
    /// Whether hyper has written the answers to all that it was shown.
    is_hyper_idle: bool,
    /// Read, but not yet let through; behind `passed` bytes that are.
    held: Vec<u8>,
    /// How many bytes at the front of `held` hyper has not fetched yet.
    passed: usize,
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
            course: Course::IsForHyper,
            is_hyper_idle: true,
            held: Vec::new(),
            passed: 0,
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

    /// Writes what is left of an answer that hyper knows nothing of.
    pub(super) fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Course::Sends(sending) = &mut self.course else { return Poll::Ready(Ok(())) };
        let mut outcome = sending.poll_write(cx, Pin::new(&mut self.stream));
        if matches!(outcome, Poll::Ready(Ok(()))) {
            outcome = Pin::new(&mut self.stream).poll_flush(cx);
        }
        ready!(self.written(cx, outcome))?;
        (self.stuck, self.course) = (false, Course::IsForHyper);
        Poll::Ready(Ok(()))
    }

    /// Hands out held bytes that the guard has let through.
    fn hand_out(&mut self, buf: &mut ReadBuf<'_>) {
        let count = self.passed.min(buf.remaining());
        self.is_hyper_idle &= count == 0;
        buf.put_slice(&self.held[..count]);
        self.held.drain(..count);
        self.passed -= count;
    }

    /// Reads straight into `buf`, and takes back what is not let through, or is answered
    /// here.
    fn read_direct(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let (before, heads) = (buf.filled().len(), self.guard.heads());
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        let fresh = &buf.filled()[before..];
        let Progress { released, violation } = self.guard.advance(fresh);
        self.end = end_of(fresh.len(), violation);
        if self.end.is_none() {
            self.held.extend_from_slice(&fresh[released..]);
        }
        let is_alone = heads + 1 == self.guard.heads() && released == fresh.len();
        let mut shown = released;
        if is_alone && self.is_hyper_idle && self.guard.phase() == Phase::Idle {
            self.course = self.direct.begin(cx, fresh);
            if let Course::Waits = self.course {
                self.held.extend_from_slice(fresh);
            }
            if !matches!(self.course, Course::IsForHyper) {
                shown = 0;
                self.answered += 1;
            }
        }
        self.is_hyper_idle &= shown == 0;
        buf.set_filled(before + shown);
        Poll::Ready(Ok(()))
    }

    /// Waits for an answer that hyper knows nothing of, if there is one to come. Nothing is
    /// read meanwhile.
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !matches!(self.course, Course::Waits) {
            return Poll::Ready(());
        }
        self.course = self.direct.go_on(cx);
        match self.course {
            Course::Waits => return Poll::Pending,
            Course::Sends(_) => self.held.clear(),
            Course::IsForHyper => {
                self.answered -= 1;
                self.passed = self.held.len();
            }
        }
        Poll::Ready(())
    }

    /// Reads behind the held bytes.
    fn read_behind(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut space = [MaybeUninit::uninit(); REST_BYTES];
        let mut fresh = ReadBuf::uninit(&mut space);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut fresh))?;
        self.held.extend_from_slice(fresh.filled());
        let progress = self.guard.advance(&self.held);
        self.passed = progress.released;
        self.end = end_of(fresh.filled().len(), progress.violation);
        Poll::Ready(Ok(()))
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

fn end_of(bytes_read: usize, violation: Option<Violation>) -> Option<End> {
    match violation {
        Some(violation) => Some(End::Refused(violation)),
        None => (bytes_read == 0).then_some(End::Closed),
    }
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
            let read =
                if this.held.is_empty() { this.read_direct(cx, buf) } else { this.read_behind(cx) };
            match read {
                Poll::Ready(outcome) => outcome?,
                Poll::Pending => ready!(this.wait(cx)),
            }
            if let Course::Waits = this.course {
                // It was just looked at, and wakes this task.
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
        if let Course::Sends(_) = self.course {
            // It has written nothing since, and the time of what we write runs on.
            return Poll::Ready(Ok(()));
        }
        let outcome = Pin::new(&mut self.stream).poll_flush(cx);
        ready!(self.written(cx, outcome))?;
        self.stuck = false;
        let answered = self.answered + self.direct.ended();
        self.is_hyper_idle = self.passed == 0 && answered == self.guard.heads();
        Poll::Ready(Ok(()))
    }

    /// Leaves the sending side open: there may be a last word to say.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests;
