//! Engines that find each other on loopback.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use distcache::{
    ClusterConfig, Discovery, DiscoveryFailed, Engine, EngineBuilder, KeyspaceConfig, MemberState,
    Members,
};
use parking_lot::Mutex;

/// Who listens where, as far as it is known.
#[derive(Debug, Clone, Default)]
pub(crate) struct Directory(Arc<Mutex<Vec<String>>>);

impl Discovery for Directory {
    fn addresses(&self) -> Result<Vec<String>, DiscoveryFailed> {
        Ok(self.0.lock().clone())
    }
}

/// One keyspace without a source, and one whose keys are their own values.
pub(crate) fn keyspaces() -> Vec<KeyspaceConfig> {
    vec![
        KeyspaceConfig::new("plain"),
        KeyspaceConfig::new("sourced")
            .source_fn(|key: &[u8]| -> Result<_, std::io::Error> { Ok(Some(key.to_vec())) }),
    ]
}

/// Engines of one cluster.
pub(crate) struct Fleet {
    pub(crate) engines: Vec<Engine>,
    directory: Directory,
    count: usize,
}

/// Longer than anything takes here, on whatever machine.
const PATIENCE: Duration = Duration::from_mins(1);

impl Fleet {
    /// So many, each with these keyspaces, when all of them serve.
    pub(crate) fn of(count: usize, keyspaces: impl Fn() -> Vec<KeyspaceConfig>) -> Self {
        let mut fleet = Self::to_be_of(count);
        for _ in 0..count {
            let engine = fleet.start(keyspaces());
            fleet.engines.push(engine);
        }
        fleet.settle();
        fleet
    }

    /// One of which nobody has started yet.
    pub(crate) fn to_be_of(count: usize) -> Self {
        Self { engines: Vec::new(), directory: Directory::default(), count }
    }

    /// One more, which is not waited for.
    pub(crate) fn start(&self, keyspaces: Vec<KeyspaceConfig>) -> Engine {
        self.start_with(keyspaces, |cluster| cluster)
    }

    /// The same, with another setting of its cluster.
    pub(crate) fn start_with(
        &self,
        keyspaces: Vec<KeyspaceConfig>,
        set: impl FnOnce(ClusterConfig) -> ClusterConfig,
    ) -> Engine {
        self.start_as(keyspaces, set, |builder| builder)
    }

    /// The same, with another setting of the engine.
    pub(crate) fn start_as(
        &self,
        keyspaces: Vec<KeyspaceConfig>,
        set: impl FnOnce(ClusterConfig) -> ClusterConfig,
        set_engine: impl FnOnce(EngineBuilder) -> EngineBuilder,
    ) -> Engine {
        let cluster = ClusterConfig::new("127.0.0.1:0")
            .name("fleet")
            .discovery(self.directory.clone())
            .discover_every(Duration::from_millis(50))
            .expect(self.count)
            .lease(Duration::from_secs(2));
        let builder = Engine::builder().capacity_bytes(32 << 20).data_nodes(2);
        let builder = set_engine(builder.cluster(set(cluster)));
        let builder = keyspaces.into_iter().fold(builder, EngineBuilder::keyspace);
        let engine = builder.start().expect("good settings");
        self.directory.0.lock().push(members(&engine).address);
        engine
    }

    /// Waits until all of them are members with a lease, by one view.
    pub(crate) fn settle(&self) {
        until("all are members", || {
            let told: Vec<_> = self.engines.iter().map(members).collect();
            told.iter().all(|one| {
                one.has_lease
                    && one.members.len() == self.engines.len()
                    && one.epoch == told[0].epoch
                    && one.members.iter().all(|member| member.state == MemberState::Active)
            })
        });
        // Each has keys, so each has settled.
        until("all answer", || {
            let mut all = self.engines.iter();
            all.all(|engine| {
                let names = engine.keyspaces();
                names.iter().all(|name| {
                    (0..64_u8)
                        .all(|key| engine.keyspace(name).is_ok_and(|one| one.peek(&[key]).is_ok()))
                })
            })
        });
    }

    /// The engine that owns a key.
    pub(crate) fn owner(&self, keyspace: &str, key: &[u8]) -> usize {
        let owns = |engine: &Engine| {
            let manager = engine.manager();
            let spaces = manager.keyspaces();
            let space = spaces.iter().find(|space| space.name() == keyspace);
            manager.answers_for(space.expect("it is there"), key).is_ok()
        };
        let owners: Vec<_> =
            (0..self.engines.len()).filter(|&at| owns(&self.engines[at])).collect();
        assert_eq!(owners.len(), 1, "one owner");
        owners[0]
    }

    /// A key of each engine, in their order.
    pub(crate) fn a_key_of_each(&self, keyspace: &str) -> Vec<Vec<u8>> {
        let key_of = |at| {
            let mut keys = (0..10_000).map(|n: u32| format!("key-{n}").into_bytes());
            keys.find(|key| self.owner(keyspace, key) == at).expect("each owns some")
        };
        (0..self.engines.len()).map(key_of).collect()
    }
}

pub(crate) fn members(engine: &Engine) -> Members {
    engine.members().expect("it is one of a cluster")
}

/// Waits for something that comes by itself.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let since = distcache::Stopwatch::start();
    while !is_so() {
        assert!(since.elapsed() < PATIENCE, "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}
