//! An HTTP server as a source, against servers that the tests start.

mod engine;
mod faults;
mod freshness;
mod no_cache;
mod reading;
mod redirects;
mod server;
mod time;
mod tls;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use distcache::{Answer, Context, DataSource, Loaded, SourceError};
use distcache_sources::{Http, HttpBuilder, HttpError};

use crate::server::{Reply, Server};

/// Longer than any step of a test takes on a busy machine.
fn patient() -> Context {
    Context::within(Duration::from_mins(1))
}

/// A source over a server, whose keys are under `/things/`.
fn builder(server: &Server) -> HttpBuilder {
    Http::builder(server.url("/things/{key}")).timeout(Duration::from_mins(1))
}

fn source(server: &Server) -> Http {
    builder(server).build().expect("good settings")
}

fn fetch(source: &Http, key: &str) -> Answer {
    source.fetch(key.as_bytes(), &patient()).expect("an answer")
}

/// A value that was found, and nothing said of it but what is given here.
fn found(value: &str) -> Answer {
    Loaded::new(value).into()
}

/// The error of a load that must fail.
fn failure(source: &Http, key: &[u8]) -> HttpError {
    error(&source.fetch(key, &patient()).expect_err("a failure"))
}

fn error(error: &SourceError) -> HttpError {
    error.downcast_ref::<HttpError>().expect("a source's own error").clone()
}

/// What a source of this server makes of one answer.
fn answered(reply: Reply) -> Result<Answer, HttpError> {
    let server = Server::answering(reply);
    source(&server).fetch(b"a", &patient()).map_err(|failed| error(&failed))
}

/// A load that can be called off.
fn cancellable() -> (Context, impl Fn() + Sync) {
    let flag = Arc::new(AtomicBool::new(false));
    (patient().cancelled_by(flag.clone()), move || flag.store(true, Ordering::Release))
}
