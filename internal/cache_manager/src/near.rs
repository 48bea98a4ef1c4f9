//! Near copies: values of keys that other processes own and this one reads often.
//!
//! The key's owner grants a near copy for some time, and tells of each change of the key
//! meanwhile: it acknowledges none before all have dropped what they had, or their time is
//! over ([`Journal::grant`](distcache_node::Journal::grant)). So a near copy is read
//! without asking anybody. It is read under a lease, and in the tenure in which it was
//! granted.
//!
//! Which keys are worth one is told by a count of reads that went to others: so many within
//! a second, and far more than of other keys. A key that is changed as often as it is read is
//! none of them.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use distcache_bus::Watermark;
use distcache_bus::mutants::{Mutant, is_planted};
use distcache_node::{KeyspaceId, Value};
use parking_lot::Mutex;

/// Reads of a key that went to its owner within one second, before it is asked for; and so
/// many times more than of a place of [`HEATS`] on average, whose keys are counted together.
pub(crate) const READS_MIN: u32 = 4;
const READS_TIMES: u64 = 4;

/// Parts with a lock of their own.
const SHARDS: usize = 16;
/// Places of a shard that a key can have, beside each other.
const WAYS: usize = 8;
/// Sets of so many places, in one shard, at most: 4,096 near copies in all.
const SETS_MAX: u64 = 32;
/// A place for every so many bytes.
const BYTES_A_PLACE: u64 = 1 << 10;
/// Keys are told apart by so many bits of their hash when a change is noted.
const NOTES: usize = 64;
/// The same when reads are counted: 64 KiB.
const HEATS: usize = 1 << 14;
/// From this part of its time on, one reader asks for a near copy anew.
const RENEW_AT_PERCENT: u32 = 75;

/// The near copies of this process.
pub(crate) struct Near {
    /// None, if there is no room for near copies.
    shards: Box<[Mutex<Shard>]>,
    /// What all values together may take.
    bytes_max: u64,
    /// By place of the key's hash: which second, and how many reads went to others in it.
    heats: Box<[AtomicU32]>,
    /// The same of all keys.
    all: AtomicU64,
    mark: Watermark,
}

struct Shard {
    /// The tenure in which its near copies were granted.
    tenure: u64,
    /// Changes of which this shard was told.
    changes: u64,
    /// The last one, by place of the key's hash.
    last: [u64; NOTES],
    /// The last one of all keys.
    last_of_all: u64,
    bytes_max: u64,
    bytes: u64,
    sets: Box<[[Option<Held>; WAYS]]>,
}

struct Held {
    keyspace: KeyspaceId,
    hash: u64,
    value: Value,
    /// By the clock of the territory.
    until: Duration,
    /// When one reader is to ask for it anew; `None` if one has gone.
    renew_at: Option<Duration>,
}

/// A read that asks a key's owner for a near copy.
#[derive(Debug, Clone, Copy)]
pub struct NearAsk {
    hash: u64,
    tenure: u64,
    /// Changes that were told of by then.
    changes: u64,
    asked: Duration,
}

impl NearAsk {
    /// The tenure in which it is asked.
    pub fn tenure(&self) -> u64 {
        self.tenure
    }
}

impl Near {
    /// Near copies in so many bytes, their table included.
    pub(crate) fn new(bytes: u64) -> Self {
        let shard_bytes = bytes / SHARDS as u64;
        let places = shard_bytes / BYTES_A_PLACE;
        let sets = (places / WAYS as u64).clamp(1, SETS_MAX);
        let table_bytes = sets * size_of::<[Option<Held>; WAYS]>() as u64;
        let bytes_max = shard_bytes.saturating_sub(table_bytes);
        let shards = if bytes_max == 0 { 0 } else { SHARDS };
        let shard = |_| Mutex::new(Shard::new(sets, bytes_max));
        Self {
            shards: (0..shards).map(shard).collect(),
            bytes_max: bytes_max * shards as u64,
            heats: (0..if shards == 0 { 0 } else { HEATS }).map(|_| AtomicU32::new(0)).collect(),
            all: AtomicU64::new(0),
            mark: Watermark::default(),
        }
    }

    /// Whether there is no room for any.
    pub(crate) fn is_off(&self) -> bool {
        self.shards.is_empty()
    }

    /// What values may take, what they take, and the most they have taken.
    pub(crate) fn fill(&self) -> (u64, u64, &Watermark) {
        let bytes = self.shards.iter().map(|shard| shard.lock().bytes).sum();
        (self.bytes_max, bytes, &self.mark)
    }

    fn shard(&self, hash: u64) -> Option<&Mutex<Shard>> {
        // The lowest bits say which node of the process it would be.
        self.shards.get((hash >> 32) as usize % SHARDS)
    }

    /// Drops all; what is granted from now on is of this tenure.
    pub(crate) fn begin(&self, tenure: u64) {
        for shard in &self.shards {
            let mut shard = shard.lock();
            shard.tenure = tenure;
            shard.clear();
        }
    }

    /// What a process has of a key, by the tenure and at a time.
    pub(crate) fn get(
        &self,
        tenure: u64,
        now: Duration,
        keyspace: KeyspaceId,
        (hash, key): (u64, &[u8]),
    ) -> Option<Value> {
        let mut shard = self.shard(hash)?.lock();
        if shard.tenure != tenure {
            return None;
        }
        let held = shard.held(keyspace, hash, key)?;
        if held.until <= now {
            return None;
        }
        if held.renew_at.is_some_and(|at| at <= now) {
            held.renew_at = None;
            return None;
        }
        Some(held.value.clone())
    }

    /// A read of the key goes to its owner. Returns how to ask for a near copy with it, if
    /// it is read so often, or was before.
    pub(crate) fn ask(
        &self,
        tenure: u64,
        now: Duration,
        keyspace: KeyspaceId,
        (hash, key): (u64, &[u8]),
    ) -> Option<NearAsk> {
        let is_hot = self.count(hash, now)?;
        let mut shard = self.shard(hash)?.lock();
        if shard.tenure != tenure {
            return None;
        }
        let is_worth = is_hot || shard.held(keyspace, hash, key).is_some();
        let changes = shard.changes;
        is_worth.then_some(NearAsk { hash, tenure, changes, asked: now })
    }

    /// Keeps what a key's owner has granted, for so long since it was asked.
    ///
    /// 1. A read asks for a near copy, and is granted version 4.
    /// 2. The key is changed. This process is told, and has nothing to drop.
    /// 3. The answer of step 1 arrives, is kept, and read when version 5 is acknowledged.
    ///
    /// So it is kept only if no change of the key was told of since it was asked for.
    pub(crate) fn keep(&self, keyspace: KeyspaceId, ask: NearAsk, value: Value, lasts: Duration) {
        let Some(shard) = self.shard(ask.hash) else { return };
        let mut shard = shard.lock();
        if shard.tenure != ask.tenure || shard.has_changed(ask) {
            return;
        }
        let (hash, until) = (ask.hash, ask.asked + lasts);
        let renew_at = Some(ask.asked + lasts * RENEW_AT_PERCENT / 100);
        let (before, bytes) = (shard.bytes, value.heap_bytes());
        let held = Held { keyspace, hash, value, until, renew_at };
        if bytes <= shard.bytes_max {
            shard.put(held);
        }
        let more = shard.bytes.saturating_sub(before);
        drop(shard);
        if 0 < more {
            self.mark.note(self.fill().1);
        }
    }

    /// Drops what there is of a key that was changed.
    pub(crate) fn change(&self, keyspace: KeyspaceId, (hash, key): (u64, &[u8])) {
        if is_planted(Mutant::NearKept) {
            return;
        }
        let Some(shard) = self.shard(hash) else { return };
        let mut shard = shard.lock();
        shard.changes += 1;
        shard.last[note(hash)] = shard.changes;
        shard.forget(keyspace, hash, key);
        drop(shard);
        if let Some(heat) = self.heats.get(heat(hash)) {
            heat.store(0, Ordering::Relaxed);
        }
    }

    /// Drops all: of what was changed nothing is known, or it was much.
    pub(crate) fn clear(&self) {
        self.shards.iter().for_each(|shard| shard.lock().clear());
    }

    /// Counts a read. Returns whether there were so many of its key in this second.
    ///
    /// What is lost among reads that are counted at once does not matter.
    fn count(&self, hash: u64, now: Duration) -> Option<bool> {
        const READS: u32 = 0xfff;
        #[expect(clippy::cast_possible_truncation, reason = "a second is told from its next ones")]
        let second = now.as_secs() as u32;
        let heat = self.heats.get(heat(hash))?;
        let counted = heat.load(Ordering::Relaxed);
        let before = if counted & !READS == second << 12 { counted & READS } else { 0 };
        let reads = (before + 1).min(READS);
        heat.store(second << 12 | reads, Ordering::Relaxed);
        let counted = self.all.load(Ordering::Relaxed);
        let is_same = counted >> 32 == u64::from(second);
        let all = if is_same { counted & u64::from(u32::MAX) } else { 0 } + 1;
        self.all.store(u64::from(second) << 32 | all, Ordering::Relaxed);
        let others = u32::try_from(all * READS_TIMES / HEATS as u64).unwrap_or(u32::MAX);
        Some(READS_MIN.saturating_add(others) <= reads)
    }
}

impl Shard {
    fn new(sets: u64, bytes_max: u64) -> Self {
        let sets = (0..sets).map(|_| [const { None }; WAYS]).collect();
        let (tenure, changes, last_of_all) = (0, 0, 0);
        Self { tenure, changes, last: [0; NOTES], last_of_all, bytes_max, bytes: 0, sets }
    }

    fn set(&mut self, hash: u64) -> &mut [Option<Held>; WAYS] {
        let at = (hash >> 40) as usize % self.sets.len();
        &mut self.sets[at]
    }

    fn held(&mut self, keyspace: KeyspaceId, hash: u64, key: &[u8]) -> Option<&mut Held> {
        self.set(hash).iter_mut().flatten().find(|held| held.is_of(keyspace, hash, key))
    }

    fn has_changed(&self, ask: NearAsk) -> bool {
        ask.changes < self.last[note(ask.hash)].max(self.last_of_all)
    }

    /// Puts it in the place of what there was of its key, or of what ends first.
    fn put(&mut self, held: Held) {
        self.forget(held.keyspace, held.hash, held.value.entry().key());
        let bytes = held.value.heap_bytes();
        while self.bytes_max < self.bytes + bytes && self.drop_first() {}
        let set = self.set(held.hash);
        let first = |place: &&mut Option<Held>| place.as_ref().map(|held| held.until);
        let place = set.iter_mut().min_by_key(first).expect("a set has places");
        let gone = place.replace(held);
        self.bytes += bytes;
        self.bytes -= gone.map_or(0, |gone| gone.value.heap_bytes());
    }

    fn forget(&mut self, keyspace: KeyspaceId, hash: u64, key: &[u8]) {
        let is_it = |held: &mut Held| held.is_of(keyspace, hash, key);
        let gone = self.set(hash).iter_mut().find_map(|place| place.take_if(is_it));
        self.bytes -= gone.map_or(0, |gone| gone.value.heap_bytes());
    }

    /// Drops what ends first; says whether there was any.
    fn drop_first(&mut self) -> bool {
        let places = self.sets.iter_mut().flatten().filter(|place| place.is_some());
        let first = places.min_by_key(|place| place.as_ref().map(|held| held.until));
        let gone = first.and_then(Option::take);
        self.bytes -= gone.as_ref().map_or(0, |gone| gone.value.heap_bytes());
        gone.is_some()
    }

    fn clear(&mut self) {
        self.changes += 1;
        self.last_of_all = self.changes;
        self.sets.iter_mut().flatten().for_each(|place| *place = None);
        self.bytes = 0;
    }
}

impl Held {
    fn is_of(&self, keyspace: KeyspaceId, hash: u64, key: &[u8]) -> bool {
        self.hash == hash && self.keyspace == keyspace && self.value.entry().key() == key
    }
}

fn note(hash: u64) -> usize {
    (hash >> 48) as usize % NOTES
}

fn heat(hash: u64) -> usize {
    (hash >> 34) as usize % HEATS
}

#[cfg(test)]
mod tests;
