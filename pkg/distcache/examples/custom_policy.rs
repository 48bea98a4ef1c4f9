//! An eviction policy of one's own: of two entries taken at random, the one whose
//! last use is longer ago goes.
//!
//! A hit writes one number, where exact LRU has a list to keep in order; and a
//! loop that is a little longer than the cache does not push out everything
//! (D. Luu, "Caches: LRU v. random", 2014, <https://danluu.com/2choices-eviction/>).
//!
//! `cargo run -p distcache --example custom_policy`

use std::error::Error;
use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};

#[cfg(test)]
use distcache::policy::{self, Trial};
use distcache::{
    CustomPolicy, Engine, Eviction, EvictionPolicy, KeyspaceConfig, KeyspaceStats, Slot,
};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// The policy of one data node. It never sees a key or a value: entries are
/// slots, and slots are small numbers that are used again.
#[derive(Debug, Default)]
struct OlderOfTwo {
    /// One row for each slot, and for each place in the list of those in use.
    /// In segments, because what grows by doubling needs three times its memory
    /// for a moment, and memory is counted.
    segments: Vec<Box<[Row]>>,
    /// Slots in use: they have the places below this.
    used: u32,
    /// The time of this policy: insertions, modulo 2^32.
    now: u32,
    /// Random numbers drawn so far.
    drawn: u64,
}

#[derive(Debug, Default)]
struct Row {
    /// When the slot was used last. Atomic, so that readers share the lock.
    last_use: AtomicU32,
    /// Where the slot is in the list.
    place: u32,
    /// The list: which slot is at this place.
    slot: Option<Slot>,
}

const ROWS_A_SEGMENT: usize = 1024;
/// A segment, and the pointer to it.
const SEGMENT_BYTES: usize = ROWS_A_SEGMENT * size_of::<Row>() + size_of::<Box<[Row]>>();

impl OlderOfTwo {
    fn row(&self, index: usize) -> &Row {
        &self.segments[index / ROWS_A_SEGMENT][index % ROWS_A_SEGMENT]
    }

    fn row_mut(&mut self, index: usize) -> &mut Row {
        &mut self.segments[index / ROWS_A_SEGMENT][index % ROWS_A_SEGMENT]
    }

    fn grow(&mut self) {
        self.segments.reserve_exact(1);
        self.segments.push((0..ROWS_A_SEGMENT).map(|_| Row::default()).collect());
    }

    fn put_at(&mut self, place: u32, slot: Slot) {
        self.row_mut(place as usize).slot = Some(slot);
        self.row_mut(slot.index()).place = place;
    }

    fn at(&self, place: u32) -> Slot {
        self.row(place as usize).slot.expect("places below `used` have a slot")
    }

    fn age(&self, slot: Slot) -> u32 {
        self.now.wrapping_sub(self.row(slot.index()).last_use.load(Ordering::Relaxed))
    }

    /// A slot in use, each as likely as the other.
    fn any(&mut self) -> Slot {
        self.drawn += 1;
        let place = ((random(self.drawn) >> 32) * u64::from(self.used)) >> 32;
        self.at(u32::try_from(place).expect("it is less than `used`"))
    }
}

impl Eviction for OlderOfTwo {
    /// Hits write nothing but an atomic number: readers need not wait for each
    /// other.
    fn shares_hits(&self) -> bool {
        true
    }

    fn inserted(&mut self, slot: Slot, _hash: u64, _bytes: u64) {
        while self.segments.len() * ROWS_A_SEGMENT <= slot.index() {
            self.grow();
        }
        self.now = self.now.wrapping_add(1);
        self.hit(slot);
        self.put_at(self.used, slot);
        self.used += 1;
    }

    fn hit(&mut self, slot: Slot) {
        *self.row_mut(slot.index()).last_use.get_mut() = self.now;
    }

    fn hit_shared(&self, slot: Slot) {
        self.row(slot.index()).last_use.store(self.now, Ordering::Relaxed);
    }

    /// The last of the list takes the place of the slot that goes.
    fn removed(&mut self, slot: Slot) {
        let place = self.row(slot.index()).place;
        debug_assert_eq!(self.at(place), slot, "a slot knows its place");
        self.used -= 1;
        self.put_at(place, self.at(self.used));
        self.row_mut(self.used as usize).slot = None;
    }

    fn victim(&mut self) -> Option<Slot> {
        if self.used == 0 {
            return None;
        }
        let (one, other) = (self.any(), self.any());
        Some(if self.age(one) < self.age(other) { other } else { one })
    }

    fn heap_bytes(&self) -> u64 {
        (self.segments.len() * SEGMENT_BYTES) as u64
    }

    fn growth_bytes(&self, slots: usize) -> u64 {
        let segments = slots.div_ceil(ROWS_A_SEGMENT).saturating_sub(self.segments.len());
        (segments * SEGMENT_BYTES) as u64
    }

    fn clear(&mut self) {
        *self = Self { drawn: self.drawn, ..Self::default() };
    }

    fn validate(&self, entries: usize) {
        assert_eq!(self.used as usize, entries, "every entry is in the list");
        for place in 0..self.used {
            assert_eq!(self.row(self.at(place).index()).place, place, "and knows its place");
        }
    }
}

/// The number at some place of a random sequence (`SplitMix64`).
fn random(place: u64) -> u64 {
    let mut bits = place.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

/// The policy's name, and how each data node makes its own.
fn custom() -> CustomPolicy {
    CustomPolicy::new("older of two", OlderOfTwo::default)
}

/// What a keyspace is told.
fn older_of_two() -> EvictionPolicy {
    EvictionPolicy::Custom(custom())
}

const ENTRIES_MAX: u64 = 1_000;
const READS: u64 = 30_000;

/// Hits of a hundred reads, with exact LRU and with the policy of this example.
#[derive(Debug)]
struct Hits {
    lru: u64,
    ours: u64,
}

impl Hits {
    /// Of reads of keys in some order.
    fn of(key_of: fn(u64) -> u64) -> Result<Self> {
        let lru = hits_percent(EvictionPolicy::Lru, key_of)?;
        Ok(Self { lru, ours: hits_percent(older_of_two(), key_of)? })
    }
}

/// Reads keys, and puts those that are missing.
fn hits_percent(policy: EvictionPolicy, key_of: fn(u64) -> u64) -> Result<u64> {
    let engine = Engine::builder().data_nodes(1).start()?;
    let config = KeyspaceConfig::new("tried").entries_max(ENTRIES_MAX).eviction(policy);
    let tried = engine.add_keyspace(config)?;
    for read in 0..READS {
        let key = key_of(read).to_le_bytes();
        if tried.get(&key)?.is_none() {
            tried.put(&key, b"value")?;
        }
    }
    Ok(tried.stats()?.hits * 100 / READS)
}

/// A tenth more keys than there is room for, one after the other, again and
/// again.
fn round_and_round(read: u64) -> u64 {
    read % (ENTRIES_MAX + ENTRIES_MAX / 10)
}

/// Every other read is of one of 200 favourites, the rest are of keys that are
/// read once.
fn favourites(read: u64) -> u64 {
    if read.is_multiple_of(2) { random(read) % 200 } else { ENTRIES_MAX + read }
}

/// Puts many more values than one mebibyte can hold.
fn fill(policy: EvictionPolicy) -> Result<KeyspaceStats> {
    let engine = Engine::builder().data_nodes(1).start()?;
    let config = KeyspaceConfig::new("full").bytes_max(1 << 20).eviction(policy);
    let full = engine.add_keyspace(config)?;
    for key in 0..30_000_u32 {
        full.put(&key.to_le_bytes(), b"value")?;
    }
    Ok(full.stats()?)
}

fn main() -> Result {
    let mut out = std::io::stdout().lock();
    let Hits { lru, ours } = Hits::of(round_and_round)?;
    writeln!(
        out,
        "a loop a tenth longer than the cache: {lru} % hits with lru, {ours} % with ours"
    )?;
    let Hits { lru, ours } = Hits::of(favourites)?;
    writeln!(out, "favourites among the rest: {lru} % hits with lru, {ours} % with ours")?;
    for policy in [EvictionPolicy::Lru, older_of_two()] {
        let KeyspaceStats { entries, bytes, bytes_max, .. } = fill(policy.clone())?;
        writeln!(out, "{policy}: {entries} entries in {bytes} of {bytes_max} bytes")?;
    }
    Ok(())
}

/// Entries that come, are used and go in any order: it names no slot that is not
/// in use, forgets none, and takes no memory that it has not told of.
#[test]
fn it_does_what_the_cache_asks_of_a_policy() {
    policy::check(&custom());
}

#[test]
fn of_two_entries_the_one_used_last_goes_last_whenever_both_are_drawn() {
    let mut used_last_goes_last = 0;
    for drawn in 0..100 {
        let mut trial = Trial::new(OlderOfTwo { drawn, ..OlderOfTwo::default() });
        let [used, unused] = [1, 2].map(|hash| trial.insert(hash, 100));
        // A third entry: so that its time goes on, and the use is told from it.
        let newest = trial.insert(3, 100);
        trial.hit(used);
        trial.remove(newest);
        used_last_goes_last += u32::from(trial.drain() == [unused, used]);
    }
    // In a quarter of the cases the one used last is drawn twice.
    assert!((65..85).contains(&used_last_goes_last), "{used_last_goes_last} of 100");
}

#[test]
fn a_loop_longer_than_the_cache_does_not_defeat_it() {
    let Hits { lru, ours } = Hits::of(round_and_round).unwrap();
    assert!(lru == 0 && 50 < ours, "{ours}");
}

#[test]
fn what_is_used_again_and_again_stays() {
    let Hits { lru, ours } = Hits::of(favourites).unwrap();
    assert!(ours <= lru && lru - ours <= 5, "{ours} of {lru}");
}

#[test]
fn its_memory_is_told_before_it_is_taken_and_leaves_less_for_entries() {
    let mut policy = OlderOfTwo::default();
    let growth = policy.growth_bytes(1);
    policy.grow();
    assert_eq!((policy.heap_bytes(), policy.growth_bytes(ROWS_A_SEGMENT)), (growth, 0));

    let [lru, ours] = [EvictionPolicy::Lru, older_of_two()].map(|policy| fill(policy).unwrap());
    assert!(ours.bytes <= ours.bytes_max && ours.entries + ours.evictions == ours.inserts);
    assert!(ours.entries < lru.entries, "a row takes more than the links of lru");
}
