//! The same surface for a program that was built without the feature `otel`:
//! each call is itself, and nothing is kept.

use std::time::Duration;

use super::Operation;
use crate::{Answer, LoadError};

#[derive(Debug, Clone, Default)]
pub(crate) struct Otel;

impl Otel {
    pub(crate) fn watch(&self, _keyspace: &str) -> Watch {
        let Self = self;
        Watch
    }
}

#[derive(Debug)]
pub(crate) struct Watch;

impl Watch {
    #[inline]
    pub(crate) fn is_told(&self) -> bool {
        let Self = self;
        false
    }

    #[inline]
    pub(crate) fn call<R>(&self, _: Operation, work: impl FnOnce() -> R) -> R {
        let Self = self;
        work()
    }

    #[inline]
    pub(crate) fn call_async<F: Future>(&self, _: Operation, future: F) -> F {
        let Self = self;
        future
    }

    pub(crate) fn load(&self, _: &Here, _keys: usize) -> LoadWatch {
        let Self = self;
        LoadWatch
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Here(());

impl Here {
    pub(crate) fn current() -> Self {
        Self(())
    }

    pub(crate) fn run<R>(&self, work: impl FnOnce() -> R) -> R {
        let Self(()) = self;
        work()
    }

    pub(crate) fn run_async<F: Future>(&self, future: F) -> F {
        let Self(()) = self;
        future
    }
}

#[derive(Debug)]
pub(crate) struct LoadWatch;

impl LoadWatch {
    pub(crate) fn here(&self) -> &Here {
        let Self = self;
        &Here(())
    }

    pub(crate) fn end(self, _: &[Result<Answer, LoadError>], _took: Duration) {
        let Self = self;
    }
}
