//! The same surface for a program that was built without the feature `otel`:
//! each call is itself, and nothing is kept.

use std::time::Duration;

use super::Operation;
use crate::{Answer, LoadError};
#[cfg(feature = "cluster")]
use distcache_cluster::{
    proto::{Reply, reply::Outcome},
    wire::Address,
};

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

#[cfg(feature = "cluster")]
impl Watch {
    pub(crate) fn asks(&self, _operation: &'static str, _to: &Address) -> LinkWatch {
        let Self = self;
        LinkWatch
    }

    pub(crate) fn answers(&self, _operation: &'static str, _traceparent: &[u8]) -> LinkWatch {
        let Self = self;
        LinkWatch
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

#[cfg(feature = "cluster")]
#[derive(Debug)]
pub(crate) struct LinkWatch;

#[cfg(feature = "cluster")]
impl LinkWatch {
    pub(crate) fn here(&self) -> &Here {
        let Self = self;
        &Here(())
    }

    pub(crate) fn traceparent(&self) -> Vec<u8> {
        let Self = self;
        Vec::new()
    }

    pub(crate) fn heard<E>(self, _: &Result<Reply, E>) {
        let Self = self;
    }

    pub(crate) fn answered(self, _: Option<&Outcome>) {
        let Self = self;
    }
}
