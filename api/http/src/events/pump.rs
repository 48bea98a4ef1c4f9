//! The thread between the topics and the clients.

use std::sync::Arc;

use crossbeam_channel::{Select, TryRecvError, tick};
use distcache::{Engine, Event as OfEngine, Invalidation, Received, RingChange, Subscription};

use super::Shared;
use super::frame::Event;

/// Changes that wait for the pump, of each kind.
const CHANGES_MAX: usize = 1_024;
/// Invalidations that do.
const INVALIDATIONS_MAX: usize = 8_192;

/// What the pump listens to.
#[derive(Debug, Clone)]
pub(super) struct Sources {
    engine: Arc<Subscription<OfEngine>>,
    ring: Arc<Subscription<RingChange>>,
    /// Only while a client wants them: there are as many as deletes.
    invalidations: Option<Arc<Subscription<Invalidation>>>,
}

impl Sources {
    pub(super) fn of(engine: &Engine) -> Self {
        Self {
            engine: Arc::new(engine.events(CHANGES_MAX)),
            ring: Arc::new(engine.topics().ring_change.subscribe(CHANGES_MAX)),
            invalidations: None,
        }
    }

    /// Listens to invalidations too, if they are wanted.
    pub(super) fn follow(&mut self, engine: &Engine, invalidations: bool) {
        if invalidations && self.invalidations.is_none() {
            let topic = &engine.topics().cache_invalidation;
            self.invalidations = Some(Arc::new(topic.subscribe(INVALIDATIONS_MAX)));
        }
    }

    /// Listens to them no more. What is returned is to be dropped without a lock.
    pub(super) fn unfollow(&mut self) -> Option<Arc<Subscription<Invalidation>>> {
        self.invalidations.take()
    }
}

/// Runs for as long as there is a client.
pub(super) fn run(shared: &Shared) {
    let ticks = tick(shared.keep_alive);
    while let Some(sources) = shared.sources() {
        let mut select = Select::new();
        select.recv(&shared.nudged);
        select.recv(&ticks);
        sources.engine.watch(&mut select);
        sources.ring.watch(&mut select);
        if let Some(invalidations) = &sources.invalidations {
            invalidations.watch(&mut select);
        }
        select.ready();
        drop(select);
        // Which of them it is does not matter: to look costs little.
        let _ = shared.nudged.try_recv();
        if ticks.try_recv().is_ok() {
            shared.keep_alive();
        }
        if hand_over(shared, &sources).is_err() {
            shared.end();
        }
    }
}

/// The engine has ended.
struct Ended;

fn hand_over(shared: &Shared, sources: &Sources) -> Result<(), Ended> {
    drain(&sources.engine, CHANGES_MAX, |received| match received {
        Received::Message(event) => {
            if let Some(event) = Event::of_engine(event) {
                shared.tell(&event);
            }
        }
        Received::Missed(missed) => shared.tell_missed(missed, false),
    })?;
    drain(&sources.ring, CHANGES_MAX, |received| match received {
        Received::Message(change) => {
            if let Some(event) = Event::of_ring(&change) {
                shared.tell(&event);
            }
        }
        Received::Missed(missed) => shared.tell_missed(missed, false),
    })?;
    let Some(invalidations) = &sources.invalidations else { return Ok(()) };
    drain(invalidations, CHANGES_MAX, |received| match received {
        Received::Message(gone) => shared.tell(&Event::of_invalidation(gone)),
        Received::Missed(missed) => shared.tell_missed(missed, true),
    })
}

/// Takes what waits in a subscription, but not for ever.
fn drain<T>(
    subscription: &Subscription<T>,
    max: usize,
    mut take: impl FnMut(Received<T>),
) -> Result<(), Ended> {
    for _ in 0..max {
        match subscription.try_recv() {
            Ok(received) => take(received),
            Err(TryRecvError::Empty) => return Ok(()),
            Err(TryRecvError::Disconnected) => return Err(Ended),
        }
    }
    Ok(())
}
