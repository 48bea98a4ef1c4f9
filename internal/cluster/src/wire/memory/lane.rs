//! One direction of a connection within the process.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::time::{Instant, Sleep, sleep_until};

use super::{Network, UNPROVED};
use crate::wire::{Address, FrameTooLong, Incoming, Outgoing, Pipe, PipeBroken};

/// How much may be under way on one lane before who sends has to wait; as much as
/// the buffers of a socket. One frame always may.
const UNDER_WAY_BYTES_MAX: usize = 256 << 10;

/// Frames from one member to another.
#[derive(Debug)]
pub(super) struct Lane {
    network: Arc<Network>,
    from: Address,
    to: Address,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The one that arrives first on top.
    frames: BinaryHeap<Reverse<Passing>>,
    bytes: usize,
    /// Frames that were ever sent: those that arrive at the same time keep order.
    sent: u64,
    /// No frame that is not late arrives before this.
    last_at: Option<Instant>,
    end: End,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// How far the end of a lane is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum End {
    #[default]
    Open,
    /// The sender has closed: what is under way still arrives.
    Closed,
    /// The receiver is gone, or the connection was reset.
    Lost,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Passing {
    at: Instant,
    number: u64,
    frame: Bytes,
}

impl Lane {
    pub(super) fn start(network: &Arc<Network>, from: &Address, to: &Address) -> Arc<Self> {
        let (network, from, to) = (network.clone(), from.clone(), to.clone());
        let lane = Arc::new(Self { network, from, to, state: Mutex::default() });
        lane.network.add(&lane);
        lane
    }

    pub(super) fn is_between(&self, one: &Address, other: &Address) -> bool {
        [&self.from, &self.to] == [one, other] || [&self.from, &self.to] == [other, one]
    }

    pub(super) fn is_open(&self) -> bool {
        self.state.lock().end == End::Open
    }

    /// Makes both ends look again.
    pub(super) fn wake(&self) {
        let mut state = self.state.lock();
        let wakers = [state.reader.take(), state.writer.take()];
        drop(state);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    /// Nothing gets through any more, what is under way included.
    pub(super) fn reset(&self) {
        let mut state = self.state.lock();
        state.end = End::Lost;
        state.frames.clear();
        state.bytes = 0;
        drop(state);
        self.wake();
    }

    fn close(&self) {
        let mut state = self.state.lock();
        if state.end == End::Open {
            state.end = End::Closed;
        }
        drop(state);
        self.wake();
    }

    fn has_room(&self, context: &mut Context<'_>) -> Poll<Result<(), PipeBroken>> {
        // That the other end is gone is told on the way back.
        let is_told = !self.network.weather(&self.to, &self.from).is_cut;
        let mut state = self.state.lock();
        match state.end {
            End::Closed | End::Lost if is_told => {
                Poll::Ready(Err(broken(io::ErrorKind::BrokenPipe)))
            }
            _ if state.bytes < UNDER_WAY_BYTES_MAX => Poll::Ready(Ok(())),
            _ => {
                state.writer = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Sends a frame into the weather.
    fn send(&self, frame: &Bytes) {
        let (copies, late, delay) = self.network.throw(&self.from, &self.to, |weather, dice| {
            let is_lost = dice.falls(weather.lost_permille);
            let is_doubled = dice.falls(weather.doubled_permille);
            let is_late = dice.falls(weather.late_permille);
            let late = is_late.then(|| dice.part_of(super::Weather::LATE_MAX));
            (if is_lost { 0 } else { 1 + usize::from(is_doubled) }, late, weather.delay)
        });
        let mut state = self.state.lock();
        for _ in 0..copies {
            let in_order = state.last_at.max(Some(Instant::now() + delay)).expect("one is there");
            let at = in_order + late.unwrap_or_default();
            if late.is_none() {
                state.last_at = Some(at);
            }
            state.sent += 1;
            state.bytes += frame.len();
            let number = state.sent;
            state.frames.push(Reverse(Passing { at, number, frame: frame.clone() }));
        }
        let reader = state.reader.take();
        drop(state);
        reader.into_iter().for_each(Waker::wake);
    }

    /// The next frame, or when there will be one.
    fn poll_next(&self, context: &mut Context<'_>) -> Result<Option<Bytes>, Option<Instant>> {
        let is_cut = self.network.weather(&self.from, &self.to).is_cut;
        let mut state = self.state.lock();
        let wait_until = match state.frames.peek() {
            None if state.end != End::Open && !is_cut => return Ok(None),
            Some(Reverse(first)) if first.at <= Instant::now() && !is_cut => {
                let Reverse(passing) = state.frames.pop().expect("it was seen");
                state.bytes -= passing.frame.len();
                let writer = state.writer.take();
                drop(state);
                writer.into_iter().for_each(Waker::wake);
                return Ok(Some(passing.frame));
            }
            Some(Reverse(first)) if !is_cut => Some(first.at),
            _ => None,
        };
        state.reader = Some(context.waker().clone());
        Err(wait_until)
    }
}

/// The pipe of who sends on one lane and receives on the other.
pub(super) fn pipe(outgoing: &Arc<Lane>, incoming: &Arc<Lane>, frame_bytes_max: usize) -> Pipe {
    let lane = outgoing.clone();
    let outgoing = Box::new(Sending { lane, unsent: VecDeque::new(), frame_bytes_max });
    let lane = incoming.clone();
    let incoming = Box::new(Receiving { lane, frame_bytes_max, alarm: None, has_ended: false });
    Pipe { outgoing, incoming, identity: UNPROVED }
}

struct Sending {
    lane: Arc<Lane>,
    unsent: VecDeque<Bytes>,
    frame_bytes_max: usize,
}

impl Outgoing for Sending {
    fn push(&mut self, frame: Bytes) -> Result<(), FrameTooLong> {
        let (bytes, max) = (frame.len(), self.frame_bytes_max);
        if max < bytes {
            return Err(FrameTooLong { bytes, max });
        }
        self.unsent.push_back(frame);
        Ok(())
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), PipeBroken>> {
        loop {
            std::task::ready!(self.lane.has_room(context))?;
            let Some(frame) = self.unsent.pop_front() else { return Poll::Ready(Ok(())) };
            self.lane.send(&frame);
        }
    }

    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<Result<(), PipeBroken>> {
        std::task::ready!(self.poll_flush(context))?;
        self.lane.close();
        Poll::Ready(Ok(()))
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.lane.close();
    }
}

struct Receiving {
    lane: Arc<Lane>,
    frame_bytes_max: usize,
    /// Rings when the next frame arrives.
    alarm: Option<Pin<Box<Sleep>>>,
    has_ended: bool,
}

impl Incoming for Receiving {
    fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, PipeBroken>>> {
        while !self.has_ended {
            match self.lane.poll_next(context) {
                Ok(Some(frame)) if self.frame_bytes_max < frame.len() => {
                    self.has_ended = true;
                    self.lane.reset();
                    let max = self.frame_bytes_max;
                    return Poll::Ready(Some(Err(PipeBroken::FrameTooLong { max })));
                }
                Ok(Some(frame)) => return Poll::Ready(Some(Ok(frame))),
                Ok(None) => self.has_ended = true,
                Err(None) => return Poll::Pending,
                Err(Some(at)) => {
                    let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(at)));
                    alarm.as_mut().reset(at);
                    std::task::ready!(alarm.as_mut().poll(context));
                }
            }
        }
        Poll::Ready(None)
    }

    fn limit(&mut self, frame_bytes_max: usize) {
        self.frame_bytes_max = frame_bytes_max;
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        self.lane.reset();
    }
}

fn broken(kind: io::ErrorKind) -> PipeBroken {
    io::Error::from(kind).into()
}
