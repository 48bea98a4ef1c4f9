//! How a call went, as far as that is told.

use distcache_manager::codes::Code;
use distcache_manager::{Page, Version};
use opentelemetry::KeyValue;
use opentelemetry::trace::{Status, TraceContextExt};

use super::Here;
use crate::{Answer, Error, Found, How, Keyspace, LoadError};

/// Under which name a span says how it went.
pub(super) const OUTCOME: &str = "distcache.outcome";

/// How a call or a load went.
pub(crate) struct Outcome {
    name: &'static str,
    /// `error.type`: a code, never the words of an error.
    error: Option<Code>,
    keys: Option<Keys>,
}

/// Of a call about many keys.
struct Keys {
    count: usize,
    failed: usize,
}

impl Outcome {
    /// Nobody waited for the end.
    pub(super) const DROPPED: Self = Self::of("dropped");

    const fn of(name: &'static str) -> Self {
        Self { name, error: None, keys: None }
    }

    fn error(code: Code) -> Self {
        Self { error: Some(code), ..Self::of("error") }
    }

    /// Of several keys: an error as soon as one of them has failed.
    fn of_many<T, E>(results: &[Result<T, E>], code: impl Fn(&E) -> Code) -> Self {
        let errors = || results.iter().filter_map(|result| result.as_ref().err());
        let one = errors().next().map_or(Self::of("ok"), |error| Self::error(code(error)));
        Self { keys: Some(Keys { count: results.len(), failed: errors().count() }), ..one }
    }

    /// Of the answers of a source: one has an answer of its own.
    pub(super) fn of_load(answers: &[Result<Answer, LoadError>]) -> Self {
        let many = Self::of_many(answers, LoadError::code);
        match answers {
            [Ok(Answer::Found(_))] => Self { name: "found", ..many },
            [Ok(Answer::NotFound)] => Self { name: "absent", ..many },
            [Ok(Answer::Unchanged { .. })] => Self { name: "unchanged", ..many },
            _ => many,
        }
    }

    pub(super) fn is_error(&self) -> bool {
        self.error.is_some()
    }

    /// Says it of a span, which ends.
    pub(super) fn end_span(&self, here: &Here) {
        let span = here.0.span();
        if span.is_recording() {
            span.set_attribute(KeyValue::new(OUTCOME, self.name));
            if let Some(Keys { count, failed }) = self.keys {
                span.set_attribute(KeyValue::new("distcache.keys.count", in_i64(count)));
                span.set_attribute(KeyValue::new("distcache.keys.failed", in_i64(failed)));
            }
            if let Some(code) = self.error {
                span.set_attribute(KeyValue::new("error.type", code.to_string()));
                span.set_status(Status::error(code.meaning()));
            }
        }
        span.end();
    }
}

fn in_i64(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// What a call returns, and what that says of how it went.
pub(crate) trait Tells {
    fn outcome(&self) -> Outcome;
}

/// What a call returns that has not failed.
pub(crate) trait Success {
    /// How it went, in a word.
    fn name(&self) -> &'static str {
        "ok"
    }
}

impl Success for () {}
impl Success for bool {}
impl Success for i64 {}
impl Success for u64 {}
impl Success for usize {}
impl Success for Keyspace {}
impl Success for Page {}
impl Success for Version {}

impl Success for Option<Found> {
    fn name(&self) -> &'static str {
        match self.as_ref().map(Found::how) {
            None => "absent",
            Some(How::Hit) => "hit",
            Some(How::Stale { .. }) => "stale",
            Some(How::Loaded) => "loaded",
            Some(How::Collapsed) => "collapsed",
        }
    }
}

impl<T: Success> Tells for Result<T, Error> {
    fn outcome(&self) -> Outcome {
        match self {
            Ok(success) => Outcome::of(success.name()),
            Err(error) => Outcome::error(error.code()),
        }
    }
}

impl<T> Tells for Vec<Result<T, Error>> {
    fn outcome(&self) -> Outcome {
        Outcome::of_many(self, Error::code)
    }
}
