//! The same surface for a program that was built without the feature `cluster`. The
//! settings refuse a load balancer there.

use distcache::codes;
use distcache_config::Loaded;
use distcache_http::{Front, Readiness, Request, Response, Service};

use crate::failure::Failure;

/// There is none.
pub(crate) enum Balancer {}

impl Service for Balancer {
    async fn call(&self, _: Request<'_>) -> Response {
        match *self {}
    }
}

pub(crate) fn start(_: &Loaded, _: Front, _: Readiness) -> Result<Balancer, Failure> {
    let code = codes::CLUSTER_NOT_BUILT;
    Err(Failure::to_start(code, code.meaning()))
}
