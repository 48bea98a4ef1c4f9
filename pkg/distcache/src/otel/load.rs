//! One request to a source.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;

use super::Here;
use super::numbers::Numbers;
use super::outcome::Outcome;
use super::watch::Live;
use crate::{Answer, LoadError};

/// A request to a source that has begun, and its span.
pub(crate) struct LoadWatch {
    here: Here,
    /// `None` if nobody is told.
    told: Option<Told>,
}

struct Told {
    numbers: Option<Arc<Numbers>>,
    about: [KeyValue; 1],
    has_span: bool,
}

impl LoadWatch {
    /// The source goes on with the trace of its caller all the same.
    pub(super) fn of_nobody(here: &Here) -> Self {
        Self { here: here.clone(), told: None }
    }

    pub(super) fn begin(live: &Live, parent: &Here, keys: usize) -> Self {
        let about = live.of_keyspace.clone();
        let here = live.span_within(&parent.0, "distcache.load", &about);
        let numbers = live.otel.numbers.clone();
        if let Some(numbers) = &numbers {
            numbers.note_misses(keys, &about);
        }
        let has_span = live.otel.tracer.is_some();
        Self { here, told: Some(Told { numbers, about, has_span }) }
    }

    /// Where the source stands while it is asked.
    pub(crate) fn here(&self) -> &Here {
        &self.here
    }

    pub(crate) fn end(mut self, answers: &[Result<Answer, LoadError>], took: Duration) {
        let Some(told) = self.told.take() else { return };
        if let Some(numbers) = &told.numbers {
            numbers.note_fetch(took, &told.about);
        }
        if told.has_span {
            Outcome::of_load(answers).end_span(&self.here);
        }
    }
}

impl Drop for LoadWatch {
    /// The runtime of its source has ended.
    fn drop(&mut self) {
        if self.told.take().is_some_and(|told| told.has_span) {
            Outcome::DROPPED.end_span(&self.here);
        }
    }
}
