//! `/v1/trace/{ks}/{key}`: where a key belongs, what is held of it, and if nothing
//! is, why.

use std::time::Duration;

use distcache::{Freshness, Held, InFlight, Keyspace, Removal, Tick, Trace, Ttl};
use serde::Serialize;

use super::super::{document, failure};
use crate::{Problem, Response};

/// `{"node","node_age_ms","held","load","write_waits","removed"}`. Times are in
/// milliseconds from now: `age_ms` back, `ttl_ms` ahead. To ask is no use of the
/// key: nothing is counted and nothing loaded.
pub(in crate::routes) async fn report(
    keyspace: &Keyspace,
    key: &[u8],
) -> Result<Response, Problem> {
    let trace = keyspace.trace_async(key).await.map_err(|error| failure::problem(&error))?;
    Ok(document(&TraceView::of(&trace, keyspace.now())))
}

#[derive(Serialize)]
struct TraceView {
    node: String,
    node_age_ms: u64,
    held: Option<HeldView>,
    load: Option<LoadView>,
    write_waits: bool,
    removed: Option<RemovalView>,
}

#[derive(Serialize)]
struct HeldView {
    /// A text: beyond what readers of JSON can hold as a number.
    version: String,
    state: &'static str,
    is_absent: bool,
    age_ms: Option<u64>,
    /// Null for a value that stays until it is evicted, and for a stale one.
    ttl_ms: Option<u64>,
    stale_ms: Option<u64>,
    content_type: Option<Box<str>>,
    value_bytes: u64,
    memory_bytes: u64,
    tags: usize,
}

#[derive(Serialize)]
struct LoadView {
    waiters: usize,
}

#[derive(Serialize)]
struct RemovalView {
    cause: &'static str,
    /// How long ago it went.
    ago_ms: u64,
    /// How old it was then.
    age_ms: Option<u64>,
}

impl TraceView {
    fn of(trace: &Trace, now: Tick) -> Self {
        Self {
            node: trace.node.to_string(),
            node_age_ms: ms(now.since(trace.node_born)),
            held: trace.held.as_ref().map(|held| HeldView::of(held, now)),
            load: trace.load.as_ref().map(|load: &InFlight| LoadView { waiters: load.waiters }),
            write_waits: trace.write_waits,
            removed: trace.removal.as_ref().map(|removal| RemovalView::of(removal, now)),
        }
    }
}

impl HeldView {
    fn of(held: &Held, now: Tick) -> Self {
        let (state, stale_ms) = match held.freshness {
            Freshness::Fresh => ("fresh", None),
            Freshness::Early => ("early", None),
            Freshness::NoCache => ("no-cache", None),
            Freshness::Stale { since } => ("stale", Some(ms(now.since(since)))),
        };
        let ttl_ms = match held.ttl {
            Some(Ttl::For(left)) => Some(ms(left)),
            Some(Ttl::UntilEvicted) | None => None,
        };
        Self {
            version: held.version.to_string(),
            state,
            is_absent: held.is_absent,
            age_ms: held.born.map(|born| ms(now.since(born))),
            ttl_ms,
            stale_ms,
            content_type: held.content_type.clone(),
            value_bytes: held.value_bytes,
            memory_bytes: held.heap_bytes,
            tags: held.tags,
        }
    }
}

impl RemovalView {
    fn of(removal: &Removal, now: Tick) -> Self {
        let Removal { cause, at, age } = *removal;
        Self { cause: cause.name(), ago_ms: ms(now.since(at)), age_ms: age.map(ms) }
    }
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
