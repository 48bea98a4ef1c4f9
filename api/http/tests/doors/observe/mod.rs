//! What the server tells of itself, compared with what was done to it.

mod metrics;
mod openmetrics;
mod reports;

use std::sync::Arc;
use std::time::Duration;

use distcache::{Engine, KeyspaceConfig, ManualClock};
use distcache_http::doors::Kind;
use distcache_http::{History, Limits, OriginPolicy, ROOT_KEYSPACE, Routes};

use crate::support::TestDoor;

/// A door to an engine of its own, whose clock stands still unless it is moved.
pub(crate) struct Observed {
    pub(crate) door: TestDoor,
    pub(crate) engine: Engine,
    pub(crate) clock: Arc<ManualClock>,
}

pub(crate) fn observed(
    kind: Kind,
    keyspaces: impl IntoIterator<Item = KeyspaceConfig>,
) -> Observed {
    observed_within(kind, keyspaces, &Limits::default())
}

pub(crate) fn observed_within(
    kind: Kind,
    keyspaces: impl IntoIterator<Item = KeyspaceConfig>,
    limits: &Limits,
) -> Observed {
    let clock = Arc::new(ManualClock::new());
    let builder = Engine::builder().data_nodes(2).clock(clock.clone());
    let builder = builder.call_timeout(Duration::from_mins(1));
    let engine = builder.keyspace(KeyspaceConfig::new(ROOT_KEYSPACE)).start().expect("it starts");
    for keyspace in keyspaces {
        engine.add_keyspace(keyspace).expect("good settings");
    }
    let origins = OriginPolicy::listening_on("127.0.0.1:1".parse().expect("an address"));
    let history = History::start(&engine).expect("a thread");
    let routes = Routes::new(engine.clone(), origins).history(history);
    Observed { door: TestDoor::serving(kind, routes, limits), engine, clock }
}

/// A keyspace whose source has every key but those that begin with `no`, and fails
/// for those that begin with `broken`.
pub(crate) fn sourced(name: &str) -> KeyspaceConfig {
    KeyspaceConfig::new(name).source_fn(|key: &[u8]| match key {
        [b'n', b'o', ..] => Ok(None),
        [b'b', b'r', b'o', b'k', b'e', b'n', ..] => Err(std::io::Error::other("it is broken")),
        key => Ok(Some(key.to_vec())),
    })
}
