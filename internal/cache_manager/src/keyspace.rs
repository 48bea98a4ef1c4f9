//! Keyspaces as the manager knows them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use distcache_bus::Watermark;
use distcache_node::{Cause, Departed, EvictionPolicy, KeyspaceId, Lifetimes, Value};

use crate::Error;
use crate::text_hash::text_hash;

/// How a keyspace works, in the whole process.
#[derive(Clone)]
pub struct KeyspaceSpec {
    /// Bytes that it may hold, overhead included; `None` for all that the
    /// process has. Divided over the nodes by their share of the ring.
    pub bytes_max: Option<u64>,
    /// Entries that it may hold; `None` for no such limit.
    pub entries_max: Option<u64>,
    /// Bytes of one value; `None` for 8 MiB, or a quarter of the smallest node's
    /// share if that is less.
    pub value_bytes_max: Option<u64>,
    /// Which entry goes when room is needed.
    pub eviction: EvictionPolicy,
    /// What becomes of entries as they age.
    pub lifetimes: Lifetimes,
    /// Loads on their way at once, on each node.
    pub flights_max: usize,
    /// Who is told of entries that go.
    pub listener: Option<Arc<dyn RemovalListener>>,
    /// Processes that hold each entry, its owner included, where processes share their
    /// keys: from 1 to [`REPLICAS_MAX`]. It stays what it was when the keyspace was added.
    pub replicas: u8,
    /// Which of them answer reads.
    pub read: ReadFrom,
    /// How many of them are waited for. It stays what it was when the keyspace was added.
    pub ack: Ack,
}

/// Processes that hold one entry, at most.
pub const REPLICAS_MAX: u8 = 7;

/// Which of the processes that hold an entry answer reads of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReadFrom {
    /// Its owner alone.
    #[default]
    Owner,
    /// Any that holds it, as far as it knows that what it holds is committed.
    Any,
}

impl ReadFrom {
    /// Each of them.
    pub const ALL: [Self; 2] = [Self::Owner, Self::Any];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Any => "any",
        }
    }
}

impl fmt::Display for ReadFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name().fmt(f)
    }
}

/// No word for who answers reads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it must be owner or any")]
pub struct NoReadFrom;

impl FromStr for ReadFrom {
    type Err = NoReadFrom;

    fn from_str(text: &str) -> Result<Self, NoReadFrom> {
        Self::ALL.into_iter().find(|read| read.name() == text).ok_or(NoReadFrom)
    }
}

/// How many of the processes that hold an entry have each change of it before anybody is
/// told of that change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ack {
    /// Its owner. No copies are made: one that may be older than what was acknowledged can
    /// never be answered with, so the keys of an owner that has died have none.
    One,
    /// More than half of them.
    Quorum,
    /// Each of them.
    #[default]
    All,
}

impl Ack {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::One, Self::Quorum, Self::All];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::Quorum => "quorum",
            Self::All => "all",
        }
    }
}

impl fmt::Display for Ack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name().fmt(f)
    }
}

/// No word for how many are waited for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it must be one, quorum or all")]
pub struct NoAck;

impl FromStr for Ack {
    type Err = NoAck;

    fn from_str(text: &str) -> Result<Self, NoAck> {
        Self::ALL.into_iter().find(|ack| ack.name() == text).ok_or(NoAck)
    }
}

/// Loads on their way at once on each node, if nothing else is said: more than
/// any source has connections, and a few hundred kilobytes.
pub const FLIGHTS_MAX: usize = 4096;

impl Default for KeyspaceSpec {
    fn default() -> Self {
        Self {
            bytes_max: None,
            entries_max: None,
            value_bytes_max: None,
            eviction: EvictionPolicy::default(),
            lifetimes: Lifetimes::default(),
            flights_max: FLIGHTS_MAX,
            listener: None,
            replicas: 1,
            read: ReadFrom::default(),
            ack: Ack::default(),
        }
    }
}

impl KeyspaceSpec {
    /// Processes that hold each entry: its owner alone, if nobody else is waited for.
    pub(crate) fn holders(&self) -> u8 {
        if self.ack == Ack::One { 1 } else { self.replicas }
    }

    /// Of those who keep copies, how many need not have a change.
    fn laggards(&self) -> u8 {
        if self.ack == Ack::Quorum { self.replicas.saturating_sub(1) / 2 } else { 0 }
    }
}

/// Is told of entries that are not there any more, and why.
///
/// It is called on the thread whose call made them go (or that of the sweep),
/// after that call has been made and outside every lock: it may call the cache.
/// A call waits for it; so it SHOULD be quick. It may panic: the entry is gone
/// all the same. A node that is lost tells nobody.
pub trait RemovalListener: Send + Sync + 'static {
    /// The entry of `key` has gone.
    fn removed(&self, key: &[u8], value: &Value, cause: Cause);
}

impl<F: Fn(&[u8], &Value, Cause) + Send + Sync + 'static> RemovalListener for F {
    fn removed(&self, key: &[u8], value: &Value, cause: Cause) {
        self(key, value, cause);
    }
}

/// A keyspace that was added. Cloning it gives another handle to the same one;
/// after it was removed, every call with it says so.
#[derive(Clone)]
pub struct Keyspace(Arc<Inner>);

struct Inner {
    id: KeyspaceId,
    name: Box<str>,
    /// Makes equal keys of two keyspaces different: a part of their hash.
    salt: u64,
    /// The same in every process.
    name_hash: u64,
    shares_hits: AtomicBool,
    reads_copies: AtomicBool,
    listener: ArcSwap<Option<Arc<dyn RemovalListener>>>,
    replicas: u8,
    laggards: u8,
    /// Where copies of what others own lie; none in such a keyspace itself.
    copies: Option<Keyspace>,
    is_of_copies: bool,
}

impl Keyspace {
    /// `copies` is where copies lie of what others own of it.
    pub(crate) fn new(
        id: KeyspaceId,
        name: &str,
        salt: u64,
        spec: &KeyspaceSpec,
        copies: Option<Self>,
    ) -> Self {
        let inner = Inner {
            id,
            name: name.into(),
            salt,
            name_hash: text_hash(name),
            shares_hits: AtomicBool::new(false),
            reads_copies: AtomicBool::new(false),
            listener: ArcSwap::default(),
            replicas: spec.holders(),
            laggards: spec.laggards(),
            copies,
            is_of_copies: false,
        };
        let keyspace = Self(Arc::new(inner));
        keyspace.follow(spec);
        keyspace
    }

    /// That in which copies lie of what others own of the keyspace `name`: its keys have
    /// the same hashes and the same places.
    pub(crate) fn of_copies(id: KeyspaceId, name: &str, salt: u64, spec: &KeyspaceSpec) -> Self {
        let mut keyspace = Self::new(id, name, salt, spec, None);
        Arc::get_mut(&mut keyspace.0).expect("nobody else has it yet").is_of_copies = true;
        keyspace
    }

    /// Takes over what a spec says about calls.
    pub(crate) fn follow(&self, spec: &KeyspaceSpec) {
        self.0.shares_hits.store(spec.eviction.shares_hits(), Ordering::Relaxed);
        self.0.reads_copies.store(spec.read == ReadFrom::Any, Ordering::Relaxed);
        self.0.listener.store(Arc::new(spec.listener.clone()));
        if let Some(copies) = &self.0.copies {
            copies.follow(spec);
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Which one it is.
    pub fn id(&self) -> KeyspaceId {
        self.0.id
    }

    /// A hash of its name, the same in every process: where processes share keys, a
    /// part of each key's place among them.
    #[inline]
    pub fn name_hash(&self) -> u64 {
        self.0.name_hash
    }

    /// The [`name_hash`](Self::name_hash) of the keyspace of that name, if there is one here
    /// or not.
    pub fn hash_of_name(name: &str) -> u64 {
        text_hash(name)
    }

    /// Processes that hold each of its entries, the owner included.
    pub fn replicas(&self) -> u8 {
        self.0.replicas
    }

    /// Of those who keep copies, how many need not have a change before anybody is told of
    /// it, where as many as there are [`replicas`](Self::replicas) hold each entry: none if
    /// all are waited for, the smaller half if a majority is.
    #[inline]
    pub fn laggards(&self) -> usize {
        usize::from(self.0.laggards)
    }

    /// Where copies lie of what others own of it, if any are kept.
    pub(crate) fn copies(&self) -> Option<&Self> {
        self.0.copies.as_ref()
    }

    /// Whether copies here may be read. It need not be the latest word: what they may be
    /// read for does not hang on it.
    #[inline]
    pub fn reads_copies(&self) -> bool {
        self.0.copies.is_some() && self.0.reads_copies.load(Ordering::Relaxed)
    }

    /// Whether it holds copies of what others own.
    pub fn is_of_copies(&self) -> bool {
        self.0.is_of_copies
    }

    #[inline]
    pub(crate) fn salt(&self) -> u64 {
        self.0.salt
    }

    /// Whether gets can be made beside each other. It need not be the latest
    /// word: a policy that was changed meanwhile copes with both.
    #[inline]
    pub(crate) fn shares_hits(&self) -> bool {
        self.0.shares_hits.load(Ordering::Relaxed)
    }

    fn tell(&self, departed: &Departed) {
        let listener = self.0.listener.load();
        let Some(listener) = listener.as_ref() else { return };
        if departed.entry.is_absent() {
            return;
        }
        let value = Value::from(departed.entry.clone());
        let (key, cause) = (departed.entry.key(), departed.cause);
        let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            listener.removed(key, &value, cause);
        }));
        if told.is_err() {
            log::error!("the removal listener of keyspace {:?} panicked", self.name());
        }
    }
}

/// Every keyspace, by name and by place. Read without a lock, swapped whole.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    table: ArcSwap<Table>,
    /// How many there were at once.
    mark: Watermark,
}

#[derive(Debug, Default, Clone)]
struct Table {
    /// By the index in their ids.
    places: Vec<Option<Keyspace>>,
}

impl Directory {
    #[inline]
    pub(crate) fn find(&self, name: &str) -> Option<Keyspace> {
        let table = self.table.load();
        table.places.iter().flatten().find(|keyspace| keyspace.name() == name).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Keyspace> {
        self.table.load().places.iter().flatten().cloned().collect()
    }

    /// Publishes a keyspace, in its place.
    pub(crate) fn add(&self, keyspace: &Keyspace) {
        self.change(|table| {
            let index = usize::from(keyspace.id().index);
            table.places.resize_with(table.places.len().max(index + 1), || None);
            table.places[index] = Some(keyspace.clone());
        });
        self.mark.note(self.all().len() as u64);
    }

    pub(crate) fn remove(&self, keyspace: &Keyspace) {
        self.change(|table| {
            let place = table.places.get_mut(usize::from(keyspace.id().index));
            place.and_then(|place| place.take_if(|held| held.id() == keyspace.id()));
        });
    }

    /// How many there were at once, and how often there was no place.
    pub(crate) fn mark(&self) -> &Watermark {
        &self.mark
    }

    fn change(&self, change: impl Fn(&mut Table)) {
        self.table.rcu(|table| {
            let mut table = Table::clone(table);
            change(&mut table);
            table
        });
    }

    /// Tells the listeners of entries that have gone. No lock may be held.
    #[inline]
    pub(crate) fn tell(&self, departed: &[(KeyspaceId, Departed)]) {
        if !departed.is_empty() {
            self.tell_each(departed);
        }
    }

    #[cold]
    fn tell_each(&self, departed: &[(KeyspaceId, Departed)]) {
        let table = self.table.load_full();
        for (id, one) in departed {
            let keyspace = table.places.get(usize::from(id.index)).and_then(Option::as_ref);
            if let Some(keyspace) = keyspace.filter(|keyspace| keyspace.id() == *id) {
                keyspace.tell(one);
            }
        }
    }
}

/// The longest name of a keyspace, in bytes.
pub const KEYSPACE_NAME_BYTES_MAX: usize = 255;
/// Keyspaces that one process has at most: each has tables on every node.
pub const KEYSPACES_MAX: usize = 1024;

/// Refuses names that could not be written in a path, a log or a metric.
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    let is_good = |c: char| !c.is_control() && c != '/';
    if name.is_empty() || KEYSPACE_NAME_BYTES_MAX < name.len() || !name.chars().all(is_good) {
        return Err(Error::KeyspaceNameInvalid);
    }
    Ok(())
}

impl fmt::Debug for Keyspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyspace").field("name", &self.name()).finish_non_exhaustive()
    }
}

impl fmt::Debug for KeyspaceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyspaceSpec")
            .field("bytes_max", &self.bytes_max)
            .field("entries_max", &self.entries_max)
            .field("value_bytes_max", &self.value_bytes_max)
            .field("eviction", &self.eviction)
            .field("lifetimes", &self.lifetimes)
            .field("flights_max", &self.flights_max)
            .field("replicas", &self.replicas)
            .field("read", &self.read)
            .field("ack", &self.ack)
            .finish_non_exhaustive()
    }
}
