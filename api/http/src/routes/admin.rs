//! `/_distcache/admin/...`: the admin routes of Tochemey/distcache.
//!
//! Members, units and layout are those that it has: durations are nanoseconds, the
//! JSON is indented. What we do not have is 0: there is no port of discovery, and no cache
//! of what others own. Keys are not shown, not even those that are to be warm.

use std::net::SocketAddr;
use std::time::Duration;

use distcache::{Engine, Keyspace, KeyspaceStats};
use serde::Serialize;

use super::{failure, ready};
use crate::cluster::{self, Member};
use crate::{Problem, Readiness, Response};

/// What may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OfAdmin {
    Peers,
    Keyspaces,
    Healthz,
    Readyz,
}

/// The members, where they reach each other; a process that is alone, at the address where
/// its door listens.
pub(super) fn peers(engine: &Engine, address: Option<SocketAddr>) -> Response {
    let peers: Vec<_> = match cluster::members(engine) {
        Some(members) => {
            let is_me = |member: &Member| Some(&member.id) == members.me.as_ref();
            members.all.iter().map(|member| Peer::at(&member.address, is_me(member))).collect()
        }
        None => address.map(|address| Peer::at(&address.to_string(), true)).into_iter().collect(),
    };
    indented(&peers)
}

/// Every keyspace, and what has happened in it.
pub(super) async fn keyspaces(engine: &Engine) -> Result<Response, Problem> {
    let mut snapshots = Vec::new();
    for name in engine.keyspaces() {
        // One that has gone since is not told.
        let Ok(keyspace) = engine.keyspace(&name) else { continue };
        let stats = keyspace.stats_async().await.map_err(|error| failure::problem(&error))?;
        snapshots.push(Snapshot::of(&keyspace, &stats));
    }
    Ok(indented(&snapshots))
}

pub(super) fn healthz() -> Response {
    Response::text("ok")
}

/// What `/readyz` says, in two words.
pub(super) fn readyz(engine: &Engine, readiness: &Readiness) -> Response {
    match ready::report(engine, readiness) {
        Ok(_) => Response::text("ready"),
        Err(problem) => {
            Response::of_type(problem.status(), "text/plain; charset=utf-8", "not ready\n".into())
        }
    }
}

fn indented(document: &impl Serialize) -> Response {
    let mut bytes = serde_json::to_vec_pretty(document).expect("texts and numbers are JSON");
    bytes.push(b'\n');
    Response::json(bytes)
}

#[derive(Serialize)]
struct Peer {
    bind_addr: String,
    bind_port: u16,
    discovery_port: u16,
    is_self: bool,
}

impl Peer {
    /// At `HOST:PORT`. An IPv6 address is told without its brackets.
    fn at(address: &str, is_self: bool) -> Self {
        let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
        let bind_addr = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let bind_port = port.parse().unwrap_or(0);
        Self { bind_addr, bind_port, discovery_port: 0, is_self }
    }
}

#[derive(Serialize)]
struct Snapshot {
    name: String,
    max_bytes: u64,
    default_ttl: u64,
    read_timeout: u64,
    write_timeout: u64,
    main_cache_bytes: u64,
    hot_cache_bytes: u64,
    stats: Stats,
}

#[derive(Serialize)]
struct Stats {
    gets: u64,
    cache_hits: u64,
    get_from_peers_latency_lower: u64,
    peer_loads: u64,
    peer_errors: u64,
    loads: u64,
    loads_deduped: u64,
    local_loads: u64,
    local_load_errs: u64,
    remove_keys_requests: u64,
    removed_keys: u64,
}

impl Snapshot {
    fn of(keyspace: &Keyspace, stats: &KeyspaceStats) -> Self {
        let settings = keyspace.config().settings();
        Self {
            name: keyspace.name().to_owned(),
            max_bytes: stats.bytes_max,
            default_ttl: settings.ttl.map_or(0, nanoseconds),
            read_timeout: nanoseconds(settings.read_timeout),
            write_timeout: nanoseconds(settings.write_timeout),
            main_cache_bytes: stats.bytes,
            hot_cache_bytes: 0,
            stats: Stats::of(stats),
        }
    }
}

impl Stats {
    /// There, a load is a get that missed, and is deduped if it is the first of
    /// those that wait for one.
    fn of(stats: &KeyspaceStats) -> Self {
        Self {
            gets: stats.gets,
            cache_hits: stats.hits,
            get_from_peers_latency_lower: 0,
            peer_loads: 0,
            peer_errors: 0,
            loads: stats.misses,
            loads_deduped: stats.misses.saturating_sub(stats.collapsed),
            local_loads: stats.loads_found,
            local_load_errs: stats.load_failures + stats.load_timeouts,
            remove_keys_requests: 0,
            removed_keys: stats.deletes,
        }
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
