//! Two members: this process, and the one that owns the keys.

use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use distcache::{
    Certificates, ClusterConfig, Discovery, DiscoveryFailed, Engine, Item, Keyspace,
    KeyspaceConfig, MemberState, Members, Stopwatch, Tls,
};
use parking_lot::Mutex;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

use crate::helper::{Helper, PAUSE, order, say, until_dismissed};
use crate::{Key, VALUE, numbered};

/// What a process is told that owns keys.
pub(crate) const OWNER: &str = "be-the-owner";

pub(crate) const KEYSPACE: &str = "things";

/// Keys that are stored; the other member owns half of them or so.
const KEYS: u64 = 200_000;

/// What near copies may take, where there are any.
const NEAR_BYTES: u64 = 8 << 20;

/// Longer than anything takes here, on whatever machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Who listens where, as far as it is known.
#[derive(Debug, Clone, Default)]
struct Directory(Arc<Mutex<Vec<String>>>);

impl Discovery for Directory {
    fn addresses(&self) -> Result<Vec<String>, DiscoveryFailed> {
        Ok(self.0.lock().clone())
    }
}

/// What proves a member, as PEM.
#[derive(Serialize, Deserialize)]
struct Papers {
    authority: String,
    certificate: String,
    key: String,
}

impl Papers {
    /// Of two members on loopback, by an authority of their own.
    fn of_two() -> [Self; 2] {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let authority = params.self_signed(&key).expect("a certificate").pem();
        let issuer = Issuer::new(params, key);
        [(); 2].map(|()| {
            let params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("a good name");
            let key = KeyPair::generate().expect("a key");
            let certificate = params.signed_by(&key, &issuer).expect("a certificate").pem();
            Self { authority: authority.clone(), certificate, key: key.serialize_pem() }
        })
    }

    fn tls(&self) -> Arc<Tls> {
        let Self { authority, certificate, key } = self;
        let [authority, certificate, key] = [authority, certificate, key].map(String::as_bytes);
        let certificates = Certificates::from_pem(authority, certificate, key);
        let tls = certificates.and_then(Tls::new);
        Arc::new(tls.expect("what was just made can be read"))
    }
}

/// How the two reach each other.
#[derive(Serialize, Deserialize)]
enum Way {
    Clear,
    Tls(Papers),
    /// Over the server of NATS at this URL.
    Nats(String),
}

#[cfg(feature = "nats")]
fn over_nats(cluster: ClusterConfig, url: &str) -> ClusterConfig {
    let nats = distcache::Nats::by(distcache::NatsAccount::at([url]));
    cluster.nats(nats.expect("a good address"))
}

#[cfg(not(feature = "nats"))]
fn over_nats(_: ClusterConfig, url: &str) -> ClusterConfig {
    unreachable!("nobody has started a server at {url}")
}

fn start(directory: &Directory, way: &Way, runtime: Option<&Runtime>, near_bytes: u64) -> Engine {
    let cluster = ClusterConfig::new("127.0.0.1:0")
        .near_bytes(near_bytes)
        .discovery(directory.clone())
        .discover_every(Duration::from_millis(50))
        .expect(2);
    let cluster = match way {
        Way::Clear => cluster,
        Way::Tls(papers) => cluster.tls(papers.tls()),
        Way::Nats(url) => over_nats(cluster, url),
    };
    let cluster = match runtime {
        Some(runtime) => cluster.runtime(runtime.handle().clone()),
        None => cluster,
    };
    let things = KeyspaceConfig::new(KEYSPACE);
    Engine::builder().cluster(cluster).keyspace(things).start().expect("good settings")
}

fn members(engine: &Engine) -> Members {
    engine.members().expect("it is one of a cluster")
}

/// In a process of its own: owns keys until it is dismissed.
pub(crate) fn be_the_owner() {
    let way: Way = order();
    let directory = Directory::default();
    let engine = start(&directory, &way, None, 0);
    say(&members(&engine).address);
    *directory.0.lock() = order();
    until_dismissed();
}

/// This process as a member, and another one.
pub(crate) struct Pair {
    pub(crate) things: Keyspace,
    /// Those that the other member owns.
    pub(crate) keys: Arc<[Key]>,
    engine: Engine,
    epoch: u64,
    _owner: Helper,
}

impl Pair {
    /// In the clear. The links of this process are on that runtime.
    pub(crate) fn start(client: &Runtime) -> Self {
        Self::by(client, [Way::Clear, Way::Clear], 0)
    }

    /// The same; this process has near copies of what it often reads.
    pub(crate) fn start_near(client: &Runtime) -> Self {
        Self::by(client, [Way::Clear, Way::Clear], NEAR_BYTES)
    }

    /// With TLS.
    pub(crate) fn start_secured(client: &Runtime) -> Self {
        Self::by(client, Papers::of_two().map(Way::Tls), 0)
    }

    /// Over the server of NATS at this URL.
    #[cfg(feature = "nats")]
    pub(crate) fn start_over(client: &Runtime, url: &str) -> Self {
        Self::by(client, [(); 2].map(|()| Way::Nats(url.to_owned())), 0)
    }

    fn by(client: &Runtime, [ours, theirs]: [Way; 2], near_bytes: u64) -> Self {
        let mut owner = Helper::start(&[OWNER]);
        owner.tell(&theirs);
        let directory = Directory::default();
        let engine = start(&directory, &ours, Some(client), near_bytes);
        let addresses = vec![members(&engine).address, owner.hear()];
        owner.tell(&addresses);
        *directory.0.lock() = addresses;
        let things = engine.keyspace(KEYSPACE).expect("it was just made");
        until("both are members", || {
            let told = members(&engine);
            let active = |member: &distcache::Member| member.state == MemberState::Active;
            told.has_lease && told.members.len() == 2 && told.members.iter().all(active)
        });
        until("both answer", || (0..64).all(|number| things.peek(&numbered(number)).is_ok()));
        fill(&things);
        let keys: Arc<[Key]> = theirs_of(&engine).collect();
        assert!(10_000 < keys.len(), "the other member owns {} keys only", keys.len());
        let epoch = members(&engine).epoch;
        Self { things, keys, engine, epoch, _owner: owner }
    }

    /// The epoch of the view by which all is measured.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Whether nothing has changed between the members since they began.
    pub(crate) fn is_as_before(&self) -> bool {
        let told = members(&self.engine);
        told.has_lease && told.epoch == self.epoch
    }
}

fn fill(things: &Keyspace) {
    let keys: Vec<Key> = (0..KEYS).map(numbered).collect();
    for keys in keys.chunks(1_000) {
        let items: Vec<_> = keys.iter().map(|key| Item::new(key, &VALUE)).collect();
        for stored in things.put_many(&items) {
            stored.expect("it fits");
        }
    }
}

/// The keys that the other member owns.
fn theirs_of(engine: &Engine) -> impl Iterator<Item = Key> {
    let manager = engine.manager().clone();
    let spaces = manager.keyspaces();
    let space = spaces.into_iter().find(|space| space.name() == KEYSPACE).expect("it is there");
    (0..KEYS).map(numbered).filter(move |key| manager.answers_for(&space, key).is_err())
}

/// Waits for something that comes by itself.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let since = Stopwatch::start();
    while !is_so() {
        assert!(since.elapsed() < PATIENCE, "{what}");
        sleep(PAUSE);
    }
}
