//! What a source is told beside the key.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use distcache_bus::Deadline;
use distcache_manager::Value;

use crate::otel::Here;

/// How long a load may take, whether anybody still wants it, and what the cache
/// had before.
#[derive(Clone)]
pub struct Context {
    /// `None` for as long as it takes.
    until: Option<Instant>,
    cancelled: Arc<AtomicBool>,
    stale: Option<Value>,
    /// The same for each key of a request for several; empty if there is none of any.
    stales: Arc<[Option<Value>]>,
    /// Where the load stands in its trace.
    pub(crate) here: Here,
}

/// A load was given up because nobody wants it any more. A source that returns
/// this has not failed: the circuit breaker does not count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the load was cancelled")]
pub struct Cancelled;

impl Context {
    /// A load that may take as long as it likes; for trying a source out.
    pub fn unbounded() -> Self {
        let (stale, stales) = (None, Arc::default());
        Self { until: None, cancelled: Arc::default(), stale, stales, here: Here::default() }
    }

    /// A load that has `timeout` from now on.
    pub fn within(timeout: Duration) -> Self {
        let until = Deadline::within(timeout).instant();
        Self { until: Some(until), ..Self::unbounded() }
    }

    /// The value that the cache has, but may not serve as fresh any more; so
    /// that a source can ask "has it changed?".
    #[must_use]
    pub fn with_stale(mut self, stale: Option<Value>) -> Self {
        self.stale = stale;
        self
    }

    /// What the cache has of each of several keys, in their order.
    pub(crate) fn with_stales(self, stales: impl Iterator<Item = Option<Value>>) -> Self {
        let stales: Vec<_> = stales.collect();
        let is_none = stales.iter().all(Option::is_none);
        Self { stales: if is_none { Arc::default() } else { stales.into() }, ..self }
    }

    /// The same for one of the keys of
    /// [`fetch_many`](crate::DataSource::fetch_many), by its place among them: with
    /// what the cache has of that key.
    #[must_use]
    pub fn of_key(&self, place: usize) -> Self {
        let Some(stale) = self.stales.get(place) else { return self.clone() };
        Self { stale: stale.clone(), stales: Arc::default(), ..self.clone() }
    }

    /// Time that is left; zero when it is used up, `Duration::MAX` without a
    /// deadline.
    pub fn remaining(&self) -> Duration {
        self.until.map_or(Duration::MAX, |until| Deadline::at(until).remaining())
    }

    /// When the load's time is up; `None` for never.
    pub fn deadline(&self) -> Option<Instant> {
        self.until
    }

    /// Whether the load's time is up.
    pub fn is_over(&self) -> bool {
        self.remaining() == Duration::ZERO
    }

    /// Whether nobody wants the load any more: its keyspace was deleted, or
    /// the engine is shutting down. A source that notices may return
    /// [`Cancelled`].
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    /// The expired value that the cache still has, if there is one. Of several keys
    /// each has its own: [`of_key`](Self::of_key).
    pub fn stale(&self) -> Option<&Value> {
        self.stale.as_ref()
    }

    /// By what the source knows that value, if it has said so
    /// ([`Loaded::validator`](crate::Loaded::validator)).
    pub fn validator(&self) -> Option<&str> {
        self.stale()?.label().validator()
    }

    /// Stands there in its trace.
    pub(crate) fn at(mut self, here: &Here) -> Self {
        self.here = here.clone();
        self
    }

    /// Is cancelled when the flag becomes true; for trying a source out.
    #[must_use]
    pub fn cancelled_by(mut self, flag: Arc<AtomicBool>) -> Self {
        self.cancelled = flag;
        self
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("remaining", &self.remaining())
            .field("is_cancelled", &self.is_cancelled())
            .field("stale", &self.stale.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_without_a_deadline_is_never_over() {
        let context = Context::unbounded();
        assert_eq!((context.remaining(), context.is_over()), (Duration::MAX, false));
    }

    #[test]
    fn a_deadline_of_zero_is_over_at_once() {
        let context = Context::within(Duration::ZERO);
        assert!(context.is_over());
        assert_eq!(context.remaining(), Duration::ZERO);
    }

    #[test]
    fn a_cancellation_reaches_every_copy() {
        let flag = Arc::new(AtomicBool::new(false));
        let context = Context::unbounded().cancelled_by(flag.clone());
        let copy = context.clone();
        flag.store(true, Ordering::Release);
        assert!(context.is_cancelled() && copy.is_cancelled());
    }
}
