//! The same surface for a program that was built without the feature `cluster`. The
//! settings refuse `[cluster]` there.

use std::net::SocketAddr;

use distcache::{Engine, EngineBuilder};
use distcache_config::{Faults, Loaded};

pub(crate) struct Membership;

impl Membership {
    #[expect(clippy::unnecessary_wraps, reason = "where there is a cluster it may fail")]
    pub(crate) fn of(_: &Loaded, _: SocketAddr) -> Result<Self, Faults> {
        Ok(Self)
    }

    pub(crate) fn join(&self, builder: EngineBuilder) -> EngineBuilder {
        let Self = self;
        builder
    }

    pub(crate) fn told(&self, _: &Engine) -> Option<String> {
        let Self = self;
        None
    }

    pub(crate) fn follow(&mut self, _: &Loaded) -> bool {
        let Self = self;
        false
    }
}
