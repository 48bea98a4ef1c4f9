//! A process of a cluster, within this one.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use distcache_cluster::lease::BootTime;
use distcache_cluster::links::{self, MemberId, Serve, Serving};
use distcache_cluster::proto::reply::Outcome;
use distcache_cluster::proto::request::Operation;
use distcache_cluster::proto::{Found, Get, Moved, Read, Reply, Request};
use distcache_cluster::wire::{Address, Network, Wire};
use distcache_cluster::{Cluster, Parts, Settings, Tenant, View, Whose, handover};
use distcache_manager::{CacheManager, Config, Error};
use tokio::sync::watch;

/// A cache, and its part in a cluster.
pub(crate) struct Process {
    pub(crate) cache: Arc<CacheManager>,
    pub(crate) cluster: Cluster,
}

pub(crate) fn address(number: usize) -> Address {
    format!("process-{number}:1").parse().expect("an address")
}

/// Answers gets, of keys that are its own.
struct Shelf(Arc<CacheManager>);

impl Serve for Shelf {
    fn serve(&self, _from: &Address, request: Request) -> Serving {
        let Some(Operation::Get(Get { key, .. })) = request.operation else {
            panic!("nobody asks for more: {request:?}")
        };
        let outcome = match self.0.get(&key) {
            Ok(hit) => {
                let found = hit.map(|hit| Found {
                    value: Bytes::copy_from_slice(&hit.value),
                    version: hit.value.version().get(),
                    ..Found::default()
                });
                Outcome::Get(Read { found, near_ms: None })
            }
            Err(Error::Elsewhere) => Outcome::Moved(Moved {}),
            Err(error) => panic!("{error}"),
        };
        Serving::Now(Reply { outcome: Some(outcome), ..Reply::default() })
    }
}

impl Tenant for Shelf {
    fn settled(&self, _: &Arc<View>) {}
}

impl Process {
    /// Number `number` of `count`, which all know each other's addresses.
    pub(crate) async fn start(network: &Arc<Network>, number: usize, count: usize) -> Self {
        let config = Config { data_nodes: 2, capacity_bytes: 16 << 20, ..Config::default() };
        Self::start_with(network, number, count, config, handover::Settings::default()).await
    }

    /// The same, with other settings.
    pub(crate) async fn start_with(
        network: &Arc<Network>,
        number: usize,
        count: usize,
        config: Config,
        handover: handover::Settings,
    ) -> Self {
        let cache = Arc::new(CacheManager::start(config).expect("good settings"));
        let wire: Arc<dyn Wire> = Arc::new(network.member(&address(number)));
        let listener = wire.listen(&address(number)).await.expect("nobody else is there");
        let member = MemberId::random().expect("there are random numbers");
        let listed = (0..count).map(|number| address(number).as_str().into()).collect();
        let parts = Parts {
            cache: cache.clone(),
            wire,
            listener,
            links: links::Settings::new("test", member, address(number)),
            agreement: Settings::new(address(number).as_str()),
            uptime: Arc::new(BootTime),
            // It never changes.
            listed: watch::channel(Some(listed)).1,
            tenant: Arc::new(Shelf(cache.clone())),
        };
        let cluster = Cluster::start_with(parts, handover).expect("good settings");
        Self { cache, cluster }
    }

    /// Whether it answers for a key now.
    pub(crate) fn answers_for(&self, key: &[u8]) -> bool {
        match self.cache.get(key) {
            Ok(_) => true,
            Err(Error::Elsewhere) => false,
            Err(error) => panic!("{error}"),
        }
    }

    /// Entries that it holds, whosever they are.
    pub(crate) fn entries(&self) -> u64 {
        let statuses = self.cache.statuses().expect("it is not closed");
        statuses.iter().map(|(_, status)| status.entries).sum()
    }

    /// What whoever has the key says of it, asked from here; `None` if it sees things
    /// otherwise, or is not there.
    pub(crate) async fn ask(&self, key: &[u8]) -> Option<Option<Vec<u8>>> {
        let owner = match self.cluster.whose(self.cache.default_keyspace(), key) {
            Whose::Ours => return self.cache.get(key).ok().map(|hit| Some(hit?.value.to_vec())),
            Whose::Theirs(owner) => owner.as_str().parse().expect("an address"),
            Whose::Nobody => return None,
        };
        let get = Get {
            keyspace: "default".to_owned(),
            key: Bytes::copy_from_slice(key),
            ..Get::default()
        };
        let request = Request { operation: Some(Operation::Get(get)), ..Request::default() };
        let reply = self.cluster.call(&owner, request, Duration::from_secs(1)).await.ok()?;
        match reply.outcome? {
            Outcome::Get(Read { found, .. }) => Some(found.map(|found| found.value.to_vec())),
            _ => None,
        }
    }
}
