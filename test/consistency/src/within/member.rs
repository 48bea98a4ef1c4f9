//! One member: an engine, the runtime of its cluster's tasks, and its machine's clock.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use distcache::{
    Ack, ClusterConfig, Engine, EngineBuilder, Keyspace, KeyspaceConfig, KeyspaceStats, Loaded,
    MemberState, ReadFrom,
};
use distcache_cluster::wire::{Address, Network};
use parking_lot::Mutex;
use tokio::runtime::{Builder, Handle, Runtime};

use super::clock::MachineClock;
use super::database::{Away, Database};
use super::tag_of;
use crate::failed::Failed;

/// So much that no entry goes for want of room, unless somebody brings ballast.
const CAPACITY_BYTES: u64 = 8 << 20;
/// What takes the room of everything else, once over.
const BALLAST: (usize, usize) = (1_000, 64 << 10);
/// How long a member may take to leave.
const LEAVE_WITHIN: Duration = Duration::from_secs(5);
/// How long one that was killed may take to see that.
const DIE_WITHIN: Duration = Duration::from_secs(10);

/// A keyspace of every member.
#[derive(Debug, Clone, Copy)]
pub(super) struct Space {
    pub(super) name: &'static str,
    pub(super) replicas: u8,
    pub(super) read: ReadFrom,
    pub(super) ack: Ack,
    /// Whether what is missing comes from the database.
    pub(super) is_loaded: bool,
}

/// All of them: with one copy and more, read from the owner and from any, waited for and not,
/// with a source and without.
pub(super) const SPACES: [Space; 8] = [
    space("one", 1),
    space("two", 2),
    Space { read: ReadFrom::Any, ..space("three-any", 3) },
    Space { ack: Ack::Quorum, ..space("three-quorum", 3) },
    Space { ack: Ack::One, ..space("two-one", 2) },
    Space { is_loaded: true, ..space("loaded", 1) },
    Space { is_loaded: true, read: ReadFrom::Any, ..space("loaded-two", 2) },
    Space { is_loaded: true, ack: Ack::Quorum, ..space("loaded-quorum", 4) },
];

const fn space(name: &'static str, replicas: u8) -> Space {
    Space { name, replicas, read: ReadFrom::Owner, ack: Ack::All, is_loaded: false }
}

/// The keyspace of what is in the way.
const BALLAST_SPACE: &str = "ballast";

/// One member, until it is killed or leaves.
pub(super) struct Member {
    engine: Engine,
    /// Of its cluster's tasks alone: one thread, which can be held up. None once it is killed.
    runtime: Mutex<Option<Runtime>>,
    clock: Arc<MachineClock>,
}

/// Where a member is, and who the others may be.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) number: usize,
    pub(super) network: Arc<Network>,
    pub(super) all: Vec<Address>,
    pub(super) database: Arc<Database>,
    pub(super) clients: Handle,
}

impl Member {
    /// Starts one; it joins by and by. It blocks.
    pub(super) fn start(place: &Place) -> Result<Self, Failed> {
        let Place { number, network, all, database, clients } = place;
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name(format!("member-{number}"))
            .enable_all()
            .build()
            .map_err(Failed::machine("making a runtime"))?;
        let clock = MachineClock::of(*number);
        let here = &all[*number];
        let cluster = ClusterConfig::new(here.as_str())
            .name("within")
            .members(all.iter().map(Address::as_str))
            .runtime(runtime.handle().clone())
            .world(Arc::new(network.member(here)), clock.clone());
        let builder = Engine::builder()
            .capacity_bytes(CAPACITY_BYTES)
            .data_nodes(2)
            .clock(clock.clone())
            .cluster(cluster)
            .keyspace(KeyspaceConfig::new(BALLAST_SPACE));
        let config = |space: &Space| {
            let config = KeyspaceConfig::new(space.name).replicas(space.replicas);
            let config = config.read(space.read).ack(space.ack);
            if space.is_loaded { loaded(config, database, clients) } else { config }
        };
        let builder = SPACES.iter().map(config).fold(builder, EngineBuilder::keyspace);
        let engine = builder.start().map_err(|error| Failed::Member(error.to_string()))?;
        Ok(Self { engine, runtime: Mutex::new(Some(runtime)), clock })
    }

    /// A keyspace of it; None when it has ended.
    pub(super) fn keyspace(&self, space: &Space) -> Option<Keyspace> {
        self.engine.keyspace(space.name).ok()
    }

    /// Whether it works by a view of so many, and weighs.
    pub(super) fn is_settled(&self, count: usize) -> Option<u64> {
        let told = self.engine.members()?;
        let are_active = told.members.iter().all(|member| member.state == MemberState::Active);
        let is_so = told.has_lease && told.weighs && are_active && told.members.len() == count;
        is_so.then_some(told.epoch)
    }

    /// Ends it as a kill does: nothing of its cluster's tasks runs any more, and nobody is
    /// told. What clients still ask of it, it answers as long as it may. It blocks.
    pub(super) fn kill(&self) {
        if let Some(runtime) = self.runtime.lock().take() {
            runtime.shutdown_background();
        }
        // It cannot leave in order: that is what a kill is.
        let _late = self.engine.shutdown(DIE_WITHIN);
    }

    /// Has it leave in good order, if it can within its time. It blocks.
    pub(super) fn leave(&self) {
        let _late = self.engine.shutdown(LEAVE_WITHIN);
        if let Some(runtime) = self.runtime.lock().take() {
            runtime.shutdown_background();
        }
    }

    /// Holds up the thread of its cluster's tasks.
    pub(super) fn stall(&self, time: Duration) {
        if let Some(runtime) = &*self.runtime.lock() {
            runtime.spawn(async move { std::thread::sleep(time) });
        }
    }

    /// Its machine sleeps for so long: nothing of its cluster's tasks runs, and one of its
    /// clocks stands still.
    pub(super) fn sleep(&self, time: Duration) {
        self.clock.stand_still(time);
        self.stall(time);
    }

    /// One of its data nodes panics, and is replaced by an empty one.
    pub(super) fn blow_a_fuse(&self, at: usize) {
        let nodes = self.engine.manager().nodes();
        let node = nodes[at % nodes.len()].id;
        // It says that the node has failed: that is what it was to do. No message is written
        // of a panic that goes on.
        let fuse = |_: &mut _| resume_unwind(Box::new("a fuse"));
        let _failed = self.engine.manager().on_node::<()>(node, fuse);
    }

    /// Fills its memory with what nobody reads. It blocks.
    pub(super) fn bring_ballast(&self) {
        let Ok(ballast) = self.engine.keyspace(BALLAST_SPACE) else { return };
        let (count, bytes) = BALLAST;
        let large = vec![0; bytes];
        for number in 0..count {
            // What is refused takes no room: there are more of them than are needed.
            let _refused = ballast.put(number.to_string().as_bytes(), &large);
        }
        let _left = ballast.clear();
    }

    /// Entries that were evicted since it was started.
    pub(super) fn evicted(&self) -> u64 {
        let statuses = self.engine.manager().statuses().unwrap_or_default();
        statuses.iter().map(|(_, status)| status.evictions).sum()
    }

    /// Data nodes that were replaced since it was started.
    pub(super) fn replaced(&self) -> u64 {
        self.engine.manager().nodes().iter().map(|node| node.incarnation).sum()
    }

    /// What it has counted of each keyspace.
    pub(super) fn stats(&self) -> Vec<KeyspaceStats> {
        let keyspaces = SPACES.iter().filter_map(|space| self.keyspace(space));
        keyspaces.filter_map(|keyspace| keyspace.stats().ok()).collect()
    }
}

/// With a source: of a key that is a number in decimal, the number that the database has.
fn loaded(config: KeyspaceConfig, database: &Arc<Database>, clients: &Handle) -> KeyspaceConfig {
    let (database, clients) = (database.clone(), clients.clone());
    let fetch = move |key: Vec<u8>| {
        let database = database.clone();
        async move {
            let key = std::str::from_utf8(&key).ok().and_then(|key| key.parse::<u32>().ok());
            let key = key.expect("keys are made here");
            let number = database.get(key as usize).await?;
            Ok::<_, Away>(Loaded::new(number.to_string()).tag(tag_of(key)))
        }
    };
    config.async_source_fn(fetch, move |load| drop(clients.spawn(load)))
}
