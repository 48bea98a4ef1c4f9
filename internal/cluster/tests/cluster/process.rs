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
use distcache_manager::{
    CacheManager, Config, Draft, Error, Hit, Keyspace, NEAR_LASTS, Tick, Value, Version,
};
use tokio::sync::watch;
use tokio::time::sleep;

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
        let Some(Operation::Get(Get { key, near_tenure, .. })) = request.operation else {
            panic!("nobody asks for more: {request:?}")
        };
        let cache = self.0.clone();
        Serving::Later(Box::pin(async move { answer(&cache, &key, near_tenure).await }))
    }
}

/// What there is of a key, when its last change is committed; and a near copy, if that is
/// asked for.
async fn answer(cache: &CacheManager, key: &[u8], near_tenure: Option<u64>) -> Reply {
    let grant = |tenure| cache.grant_near(tenure, cache.default_keyspace(), key);
    let near_ms = if near_tenure.is_some_and(grant) { ms(NEAR_LASTS) } else { None };
    let outcome = match read(cache, key).await {
        Some(hit) => {
            let near_ms = near_ms.filter(|_| hit.is_some());
            let found = hit.map(|hit| Found {
                value: Bytes::copy_from_slice(&hit.value),
                version: hit.value.version().get(),
                ..Found::default()
            });
            Outcome::Get(Read { found, near_ms })
        }
        None => Outcome::Moved(Moved {}),
    };
    Reply { outcome: Some(outcome), ..Reply::default() }
}

fn ms(time: Duration) -> Option<u32> {
    u32::try_from(time.as_millis()).ok()
}

/// What there is of a key of this process, when its last change is committed; `None` if it
/// does not answer for the key, or has not all the time.
async fn read(cache: &CacheManager, key: &[u8]) -> Option<Option<Hit>> {
    let tenure = cache.tenure();
    let hit = match cache.get(key) {
        Ok(hit) => hit,
        Err(Error::Elsewhere) => return None,
        Err(error) => panic!("{error}"),
    };
    committed(cache, key).await;
    cache.answers_since(tenure, cache.default_keyspace(), key).then_some(hit)
}

/// Waits until whoever follows the changes of a key has made the last one.
pub(crate) async fn committed(cache: &CacheManager, key: &[u8]) {
    let journal = cache.journal();
    let number = journal.latest(cache.key_hash(cache.default_keyspace(), key));
    while journal.wait(number, 0).is_some() {
        sleep(Duration::from_millis(2)).await;
    }
}

impl Tenant for Shelf {
    fn settled(&self, _: &Arc<View>) {}
}

impl Process {
    /// Number `number` of `count`, which all know each other's addresses.
    pub(crate) async fn start(network: &Arc<Network>, number: usize, count: usize) -> Self {
        let config = Config { data_nodes: 2, capacity_bytes: 16 << 20, ..Config::default() };
        // However busy the machine is: that nobody could tell in time is no test's matter.
        let recall_within = Duration::from_mins(1);
        let handover = handover::Settings { recall_within, ..handover::Settings::default() };
        Self::start_with(network, number, count, config, handover).await
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
        match self.cache.answers_for(self.cache.default_keyspace(), key) {
            Ok(()) => true,
            Err(Error::Elsewhere) => false,
            Err(error) => panic!("{error}"),
        }
    }

    /// What there is of a key of its own, when nobody waits for the key's entry any more.
    pub(crate) fn get(&self, keyspace: &Keyspace, key: &[u8]) -> Option<Hit> {
        loop {
            match self.cache.get_in(keyspace, key) {
                Err(Error::Elsewhere) if self.cache.answers_for(keyspace, key).is_ok() => {
                    std::thread::yield_now();
                }
                told => return told.expect("it is its own"),
            }
        }
    }

    /// Entries that it holds, whosever they are.
    pub(crate) fn entries(&self) -> u64 {
        let statuses = self.cache.statuses().expect("it is not closed");
        statuses.iter().map(|(_, status)| status.entries).sum()
    }

    /// Reads a key with near copies: what there is, and whether this process alone has said
    /// so; `None` if whoever has the key sees things otherwise, or is not there.
    pub(crate) async fn read_near(&self, key: &[u8]) -> Option<(Option<Vec<u8>>, bool)> {
        let space = self.cache.default_keyspace();
        if let Some(value) = self.cache.get_near(space, key) {
            return Some((Some(value.to_vec()), true));
        }
        let owner = match self.cluster.whose(space, key) {
            Whose::Ours => {
                let hit = read(&self.cache, key).await?;
                return Some((hit.map(|hit| hit.value.to_vec()), true));
            }
            Whose::Theirs(owner) => owner,
            Whose::Nobody => return None,
        };
        let near = self.cache.ask_near(space, key);
        let near_tenure = near.map(|near| near.tenure());
        let get = Get { near_tenure, ..get(key) };
        let request = Request { operation: Some(Operation::Get(get)), ..Request::default() };
        let reply = self.cluster.call(&owner, request, Duration::from_secs(1)).await.ok()?;
        let Outcome::Get(Read { found, near_ms }) = reply.outcome? else { return None };
        let Some(found) = found else { return Some((None, false)) };
        if let (Some(near), Some(near_ms)) = (near, near_ms) {
            let draft = Draft::new(key, &found.value, Tick::NEVER).expect("a short key");
            let value = Value::from(draft.entry_of(Version::from(found.version)));
            self.cache.keep_near(space, near, value, Duration::from_millis(near_ms.into()));
        }
        Some((Some(found.value.to_vec()), false))
    }

    /// What whoever has the key says of it, asked from here; `None` if it sees things
    /// otherwise, or is not there.
    pub(crate) async fn ask(&self, key: &[u8]) -> Option<Option<Vec<u8>>> {
        let owner = match self.cluster.whose(self.cache.default_keyspace(), key) {
            Whose::Ours => return self.cache.get(key).ok().map(|hit| Some(hit?.value.to_vec())),
            Whose::Theirs(owner) => owner.as_str().parse().expect("an address"),
            Whose::Nobody => return None,
        };
        let operation = Some(Operation::Get(get(key)));
        let request = Request { operation, ..Request::default() };
        let reply = self.cluster.call(&owner, request, Duration::from_secs(1)).await.ok()?;
        match reply.outcome? {
            Outcome::Get(Read { found, .. }) => Some(found.map(|found| found.value.to_vec())),
            _ => None,
        }
    }
}

fn get(key: &[u8]) -> Get {
    let keyspace = "default".to_owned();
    Get { keyspace, key: Bytes::copy_from_slice(key), ..Get::default() }
}
