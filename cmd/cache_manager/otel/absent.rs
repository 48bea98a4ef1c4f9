//! The same surface for a program that was built without the feature `otel`. The
//! settings refuse `[otel]` there.

use distcache::{Engine, EngineBuilder};
use distcache_config::Config;
use distcache_http::Routes;

use crate::failure::Failure;

pub(crate) struct Export;

impl Export {
    #[expect(clippy::unnecessary_wraps, reason = "where there is something to start it may fail")]
    pub(crate) fn start(_: &Config) -> Result<Self, Failure> {
        Ok(Self)
    }

    pub(crate) fn engine(&self) -> EngineBuilder {
        let Self = self;
        Engine::builder()
    }

    pub(crate) fn routes(&self, routes: Routes) -> Routes {
        let Self = self;
        routes
    }

    pub(crate) fn end(self) {
        let Self = self;
    }
}
