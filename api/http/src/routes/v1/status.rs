//! `/v1/status`: what runs, since when, and how its keyspaces do.

use std::collections::BTreeMap;

use distcache::{BreakerState, Engine, Keyspace, KeyspaceStats};
use serde::Serialize;

use super::super::{document, failure, nodes};
use crate::cluster::{self, Members};
use crate::etag::Tagger;
use crate::observe::{Observer, Past, WINDOWS};
use crate::{Problem, Response};

/// `{"version","instance","uptime_s","features","cluster","keyspaces":[...],
/// "nodes":[...]}`; `cluster` is null of a server that is alone.
pub(in crate::routes) async fn report(
    engine: &Engine,
    observer: &Observer,
    tagger: Tagger,
) -> Result<Response, Problem> {
    let mut keyspaces = Vec::new();
    for name in engine.keyspaces() {
        let Ok(keyspace) = engine.keyspace(&name) else { continue };
        let stats = keyspace.stats_async().await.map_err(|error| failure::problem(&error))?;
        keyspaces.push(KeyspaceView::of(&keyspace, &stats, observer));
    }
    Ok(document(&Status {
        version: env!("CARGO_PKG_VERSION"),
        instance: tagger.instance(),
        uptime_s: observer.begun.elapsed().as_secs(),
        features: FEATURES,
        cluster: cluster::members(engine).map(ClusterView::of),
        keyspaces,
        nodes: nodes::views(&engine.manager().nodes()),
    }))
}

/// What was built in beside the least.
const FEATURES: &[&str] = &[
    #[cfg(feature = "cluster")]
    "cluster",
    #[cfg(feature = "hyper")]
    "hyper",
];

#[derive(Serialize)]
struct Status {
    version: &'static str,
    /// Which process this is, or which cluster: the tags of all its answers end with it.
    instance: String,
    uptime_s: u64,
    features: &'static [&'static str],
    cluster: Option<ClusterView>,
    keyspaces: Vec<KeyspaceView>,
    nodes: Vec<nodes::NodeView>,
}

/// `/v1/members` has the rest.
#[derive(Serialize)]
struct ClusterView {
    id: Option<String>,
    epoch: u64,
    has_lease: bool,
    members: usize,
}

impl ClusterView {
    fn of(members: Members) -> Self {
        let Members { cluster: id, epoch, has_lease, all, .. } = members;
        Self { id, epoch, has_lease, members: all.len() }
    }
}

#[derive(Serialize)]
struct KeyspaceView {
    name: String,
    entries: u64,
    bytes: u64,
    bytes_max: u64,
    gets: u64,
    hits: u64,
    loads: u64,
    evictions: u64,
    /// Null without one.
    breaker: Option<&'static str>,
    /// By the time over which it is told: `1m`, `10m`, `60m`. Empty until there is
    /// a history.
    lately: BTreeMap<&'static str, PastView>,
}

#[derive(Serialize)]
struct PastView {
    /// Less than was asked for while there is less history.
    over_s: u64,
    gets: u64,
    /// Null without gets.
    hit_ratio: Option<f64>,
    /// The mean; null if nothing was evicted.
    evicted_age_s: Option<f64>,
}

impl KeyspaceView {
    fn of(keyspace: &Keyspace, stats: &KeyspaceStats, observer: &Observer) -> Self {
        let past = |over| {
            let history = observer.history.as_ref()?;
            history.past(keyspace.name(), stats, keyspace.now(), over).map(PastView::of)
        };
        Self {
            name: keyspace.name().to_owned(),
            entries: stats.entries,
            bytes: stats.bytes,
            bytes_max: stats.bytes_max,
            gets: stats.gets,
            hits: stats.hits,
            loads: stats.loads,
            evictions: stats.evictions,
            breaker: keyspace.breaker().map(|state| match state {
                BreakerState::Closed => "closed",
                BreakerState::Open => "open",
                BreakerState::HalfOpen => "half_open",
            }),
            lately: WINDOWS.into_iter().filter_map(|(n, over)| Some((n, past(over)?))).collect(),
        }
    }
}

impl PastView {
    fn of(past: Past) -> Self {
        let Past { over, gets, hit_ratio, evicted_age_s } = past;
        Self { over_s: over.as_secs(), gets, hit_ratio, evicted_age_s }
    }
}
