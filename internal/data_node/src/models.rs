//! What loads promise between threads, proved over every interleaving.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test -p distcache-bus -p distcache-node --release --lib models::
//! ```
//!
//! The threads of a model send the commands that the manager sends, to a real
//! node behind a real mailbox, and see to their loads in the order in which the
//! engine does: ask the source, land at the node, tell those who wait. The
//! source is a row behind a lock, as a database is.
//!
//! Each model names the line that it watches: without that line it fails. One that
//! leaves a thread waiting ends the whole run, with loom's word "deadlock".

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use distcache_bus::sync::{Mutex, patient};
use distcache_bus::{Command, Dispatch, Epoch, Mailbox, MailboxSettings, Waiter, reply_slot};
use loom::thread::{self, JoinHandle};

use crate::commands::{Delete, Get, Item, Land, LookUp, Put};
use crate::{
    Cargo, Condition, DataNode, Draft, EvictionPolicy, KeyspaceId, KeyspaceSettings, Landed,
    Landing, Lead, Lifetimes, Limits, Look, ManualClock, NodeSettings, Stored, Tick, Value,
};

mod forget;
mod herd;
mod journal;
mod overtake;

const EPOCH: Epoch = Epoch::FIRST;
const KEYSPACE: KeyspaceId = KeyspaceId { index: 0, generation: 0 };
const KEY: &[u8] = b"k";
const HASH: u64 = 7;
/// The tag that every loaded value bears.
const TAG: u64 = 1;
/// For as long as this after its end a value may be served.
const STALE: Duration = Duration::from_secs(10);

/// What the source has before it is changed, and after.
const OLD: Found = Found::Value(b'1');
const NEW: Found = Found::Value(b'2');

/// What somebody finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Value(u8),
    /// The source has no value.
    Absent,
    /// The cache has nothing.
    Nothing,
}

impl From<&Value> for Found {
    fn from(value: &Value) -> Self {
        value.first().map_or(Self::Absent, |byte| Self::Value(*byte))
    }
}

/// A node with one keyspace, and the source behind it.
struct World {
    node: Mailbox<DataNode>,
    clock: Arc<ManualClock>,
    row: Mutex<Found>,
    loads: AtomicUsize,
}

const LIMITS: Limits = Limits { bytes: 1 << 20, entries: u64::MAX, value_bytes: 1 << 10 };

fn settings() -> KeyspaceSettings {
    let lifetimes = Lifetimes { stale_while_revalidate: STALE, ..Lifetimes::default() };
    let policy = EvictionPolicy::Lru;
    KeyspaceSettings {
        policy,
        limits: LIMITS,
        lifetimes,
        listens: false,
        flights_max: 4,
        journal: None,
        is_copied: false,
    }
}

/// A world whose source has this, and whose cache has nothing.
fn world(row: Found) -> Arc<World> {
    world_of(&settings(), row)
}

fn world_of(settings: &KeyspaceSettings, row: Found) -> Arc<World> {
    let clock = Arc::new(ManualClock::new());
    let bytes_max = settings.limits.bytes;
    let mut node = DataNode::new(NodeSettings { bytes_max, clock: clock.clone() });
    drop(node.add_keyspace(KEYSPACE, settings));
    let mailbox = MailboxSettings {
        dispatch: Dispatch::Inline,
        inbox_capacity: 1,
        epoch: EPOCH,
        on_panic: Box::new(|message| panic!("a command panicked: {message}")),
    };
    let node = Mailbox::new(mailbox, node);
    Arc::new(World { node, clock, row: Mutex::new(row), loads: AtomicUsize::new(0) })
}

/// A draft of an entry that bears the tag; for a row.
fn draft(row: &[u8], expires: Tick) -> Draft<'_> {
    let draft = match row {
        [] => Draft::absent(KEY, expires),
        value => Draft::new(KEY, value, expires),
    };
    draft.expect("a short key").tagged(&[TAG]).expect("one tag")
}

impl World {
    fn call<C: Command<DataNode>>(&self, command: C) -> C::Reply {
        self.node.call(EPOCH, &patient(), command).expect("the node serves")
    }

    /// What one who came to lead a load does.
    fn see_to(&self, lead: &Lead) {
        let row = *self.row.lock();
        self.loads.fetch_add(1, Ordering::Relaxed);
        let bytes = match row {
            Found::Value(byte) => vec![byte],
            Found::Absent | Found::Nothing => Vec::new(),
        };
        let entry = draft(&bytes, Tick::NEVER).entry();
        let (flight, cargo) = (lead.flight().clone(), Cargo::Entry(entry.clone()));
        let told = self.call(Land { epoch: EPOCH, keyspace: KEYSPACE, flight, cargo });
        let value = match told.reply {
            Landed::Stored(value) | Landed::Stale(value) => value,
            Landed::Overtaken | Landed::Nothing => Value::from(entry),
        };
        lead.flight().land(&Landing::Value(value));
    }

    fn look(&self) -> (Look, Waiter<Landing>) {
        let (waiter, waits) = reply_slot();
        let load_time = Duration::from_mins(1);
        let (hash, key) = (HASH, KEY);
        let look = LookUp { epoch: EPOCH, keyspace: KEYSPACE, hash, key, load_time, waiter };
        (self.call(look).reply, waits)
    }

    /// What a caller gets who has missed the key: its own load's value, or
    /// another's.
    fn get(&self) -> Found {
        loop {
            let (look, waits) = self.look();
            match look {
                Look::Hit(value) => return Found::from(&value),
                Look::Served { value, refresh, .. } => {
                    if let Some(lead) = refresh {
                        self.see_to(&lead);
                    }
                    return Found::from(&value);
                }
                Look::Leads(lead) => self.see_to(&lead),
                Look::Follows => {}
                Look::Gone => return Found::Nothing,
                Look::Crowded => panic!("there is room for every flight"),
            }
            match waits.wait(&patient()) {
                Some(Ok(Landing::Value(value))) => return Found::from(&value),
                Some(Ok(Landing::LookAgain)) => {}
                other => panic!("nothing fails here: {other:?}"),
            }
        }
    }

    /// Changes the row, as somebody else's transaction does.
    fn write(&self, row: Found) {
        *self.row.lock() = row;
    }

    fn put_until(&self, value: Found, expires: Tick) -> Stored {
        let Found::Value(byte) = value else { panic!("a put has a value") };
        let bytes = [byte];
        let (item, condition) = (Item::Draft(draft(&bytes, expires)), Condition::Always);
        let put = Put { epoch: EPOCH, keyspace: KEYSPACE, hash: HASH, item, condition };
        self.call(put).reply.expect("a small value")
    }

    /// Puts a value; a load that it overtakes has it at once.
    fn put(&self, value: Found) {
        if let Some((flight, value)) = self.put_until(value, Tick::NEVER).overtaken {
            flight.land(&Landing::Value(value));
        }
    }

    fn delete(&self) {
        self.call(Delete { keyspace: KEYSPACE, hash: HASH, key: KEY });
    }

    /// What the cache holds for the key when every thread of the model has ended.
    /// No flight is left then.
    fn held(&self) -> Found {
        self.held_in(KEYSPACE)
    }

    fn held_in(&self, keyspace: KeyspaceId) -> Found {
        let held = self.call(Get { keyspace, hash: HASH, key: KEY });
        let recount = |node: &mut DataNode| {
            node.sweep();
            node.validate();
            assert_eq!(node.status().flights, 0, "a flight is left behind");
        };
        self.node.locked(Duration::MAX, recount).expect("the node serves");
        held.as_ref().map_or(Found::Nothing, Found::from)
    }
}

/// A caller on a thread of its own.
fn reader(world: &Arc<World>) -> JoinHandle<Found> {
    let world = world.clone();
    thread::spawn(move || world.get())
}

fn ended(reader: JoinHandle<Found>) -> Found {
    reader.join().expect("a reader does not panic")
}
