//! What happens in the engine, told to clients as it happens: server-sent events.
//!
//! ```text
//! topics of the engine -> one pump thread -> a bounded queue a client -> door
//! ```
//!
//! The pump runs, and listens to the topics, while there is a client. It writes
//! each event once. A client whose queue is full misses events and is told how
//! many; it delays nobody.

mod frame;
mod inbox;
mod pump;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, bounded};
use distcache::{Bound, Engine, Watermark, codes};
use parking_lot::Mutex;

use crate::{Chunks, Problem};
use inbox::Inbox;
use pump::Sources;

/// Clients at a time: each has a connection and a queue.
const CLIENTS_MAX: usize = 64;
/// A comment after so long without an event: proxies close what is silent, and
/// a client that has left is only noticed by writing to it.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Where clients listen. Dropping it ends every stream and joins the pump.
#[derive(Debug)]
pub(crate) struct Hub {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Wakes the pump when the state has changed.
    nudge: Sender<()>,
    nudged: Receiver<()>,
    keep_alive: Duration,
    /// How many clients there ever were at a time.
    mark: Watermark,
}

#[derive(Debug, Default)]
struct State {
    clients: Vec<Arc<Inbox>>,
    /// What the pump listens to; `None` while there is no client.
    sources: Option<Sources>,
    /// The pump, if it was started and has not said that it ends.
    pump: Option<JoinHandle<()>>,
    /// The number of the last event.
    sequence: u64,
}

impl Default for Hub {
    fn default() -> Self {
        Self::with_keep_alive(KEEP_ALIVE)
    }
}

impl Hub {
    fn with_keep_alive(keep_alive: Duration) -> Self {
        let (nudge, nudged) = bounded(1);
        let (state, mark) = (Mutex::default(), Watermark::default());
        Self { shared: Arc::new(Shared { state, nudge, nudged, keep_alive, mark }) }
    }

    /// How many streams are open, and may be.
    pub(crate) fn bound(&self) -> Bound {
        let open = self.shared.state.lock().clients.len() as u64;
        Bound::new("event_streams", "streams", CLIENTS_MAX as u64).marked(open, &self.shared.mark)
    }

    /// Listens from now on.
    ///
    /// # Errors
    /// 503, when there are as many clients as may be.
    pub(crate) fn open(&self, engine: &Engine, invalidations: bool) -> Result<Stream, Problem> {
        let mut state = self.shared.state.lock();
        if CLIENTS_MAX <= state.clients.len() {
            self.shared.mark.reach();
            let detail = format!("{CLIENTS_MAX} streams are open already");
            return Err(Problem::new(503, codes::STREAMS_FULL).detail(detail).retry_after(15));
        }
        if state.pump.is_none() {
            state.pump = Some(self.shared.start_pump()?);
        }
        state.sources.get_or_insert_with(|| Sources::of(engine)).follow(engine, invalidations);
        let inbox = Arc::new(Inbox::new(invalidations));
        // The first of a queue: there is room for it.
        drop(inbox.push(&frame::open(state.sequence)));
        state.clients.push(Arc::clone(&inbox));
        self.shared.mark.note(state.clients.len() as u64);
        drop(state);
        self.shared.nudge();
        Ok(Stream { shared: Arc::clone(&self.shared), inbox })
    }
}

impl Shared {
    fn start_pump(self: &Arc<Self>) -> Result<JoinHandle<()>, Problem> {
        let shared = Arc::clone(self);
        let thread = thread::Builder::new().name("distcache-events".to_owned());
        let pump = thread.spawn(move || pump::run(&shared));
        pump.map_err(|error| {
            Problem::new(503, codes::SPAWN_FAILED).detail(error.to_string()).retry_after(1)
        })
    }

    /// A nudge that waits already is as good as another.
    fn nudge(&self) {
        let _ = self.nudge.try_send(());
    }

    /// What to listen to. `None` is the word of the pump that it ends: who comes
    /// after starts another.
    fn sources(&self) -> Option<Sources> {
        let mut state = self.state.lock();
        if state.sources.is_none() {
            state.pump = None;
        }
        state.sources.clone()
    }

    /// Hands an event to whom it concerns.
    fn tell(&self, event: &frame::Event) {
        let mut state = self.state.lock();
        state.sequence += 1;
        let frame = event.frame(state.sequence);
        let wants = |inbox: &&Arc<Inbox>| inbox.invalidations || !event.is_invalidation();
        let wakers: Vec<_> =
            state.clients.iter().filter(wants).filter_map(|inbox| inbox.push(&frame)).collect();
        // Waking runs the code of others: not under the lock.
        drop(state);
        wakers.into_iter().for_each(std::task::Waker::wake);
    }

    /// Tells clients that the pump itself was too slow for a topic.
    fn tell_missed(&self, missed: u64, of_invalidations: bool) {
        let state = self.state.lock();
        let wants = |inbox: &&Arc<Inbox>| inbox.invalidations || !of_invalidations;
        let wakers: Vec<_> =
            state.clients.iter().filter(wants).filter_map(|inbox| inbox.miss(missed)).collect();
        drop(state);
        wakers.into_iter().for_each(std::task::Waker::wake);
    }

    fn keep_alive(&self) {
        let state = self.state.lock();
        let wakers: Vec<_> = state.clients.iter().filter_map(|inbox| inbox.keep_alive()).collect();
        drop(state);
        wakers.into_iter().for_each(std::task::Waker::wake);
    }

    /// Ends every stream, and the pump with them.
    fn end(&self) {
        let (clients, sources) = {
            let mut state = self.state.lock();
            (std::mem::take(&mut state.clients), state.sources.take())
        };
        clients.iter().filter_map(|inbox| inbox.end()).for_each(std::task::Waker::wake);
        drop(sources);
        self.nudge();
    }

    fn leave(&self, inbox: &Arc<Inbox>) {
        let mut state = self.state.lock();
        state.clients.retain(|one| !Arc::ptr_eq(one, inbox));
        // What nobody wants costs nothing any more.
        let unwanted = if state.clients.is_empty() {
            (state.sources.take(), None)
        } else {
            let is_wanted = state.clients.iter().any(|one| one.invalidations);
            let sources = state.sources.as_mut().filter(|_| !is_wanted);
            (None, sources.and_then(Sources::unfollow))
        };
        drop(state);
        drop(unwanted);
        self.nudge();
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        let pump = self.shared.state.lock().pump.take();
        self.shared.end();
        if let Some(pump) = pump {
            // Its panic was told when it happened.
            let _ = pump.join();
        }
    }
}

/// One client's stream: the body of an answer.
#[derive(Debug)]
pub(crate) struct Stream {
    shared: Arc<Shared>,
    inbox: Arc<Inbox>,
}

impl Chunks for Stream {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.inbox.poll_next(cx)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.shared.leave(&self.inbox);
    }
}
