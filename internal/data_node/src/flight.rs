//! Loads on their way, and who waits for them.
//!
//! One caller that misses a key leads: it sees to it that the key is loaded.
//! Others that miss it meanwhile follow. All of them wait in the flight, each
//! to its own deadline; the flight waits for nobody.
//!
//! The flight is the load's *lease*: what was loaded is stored only if its
//! flight is still the one that the keyspace knows for the key. Whatever changes
//! or forgets the key takes the flight away, under the lock under which it
//! changes the key; so it does not matter whether there was an entry to be
//! changed. The interleaving that this stops:
//!
//! 1. A reader misses, and a load begins; it reads value 1 from the source.
//! 2. A writer stores value 2 in the source, and deletes the key here.
//! 3. The load arrives with value 1, and stores it: served from now on.
//!
//! A reader that comes after step 2 finds no flight and leads another one: it
//! does not wait for value 1 either. Those that came before may get it, as they
//! would have if they had been a little faster.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use distcache_bus::sync::Mutex;
use distcache_bus::{Replier, Waiter, reply_slot};

use crate::tags::Identity;
use crate::{Entry, InFlight, Tick, Value, Version};

/// Callers that wait for one load at most.
pub const WAITERS_MAX: usize = 65_536;

/// What a flight takes beside its key, in bytes: itself, its place in the
/// table, and its first waiters.
const FLIGHT_BYTES: u64 = 320;

/// Why a load has no value. Whoever gave it knows what it is.
pub type Failure = Arc<dyn Error + Send + Sync>;

/// What those who wait for a load are told.
#[derive(Debug, Clone)]
pub enum Landing {
    /// The value; or, as an absent one, that there is none.
    Value(Value),
    /// The load failed, and this is what the cache has.
    Stale(Value),
    /// The load failed.
    Failed(Failure),
    /// The load is not for those who came so late: look again.
    LookAgain,
}

/// One load of one key, and who waits for it.
pub struct Flight {
    key: Box<[u8]>,
    hash: u64,
    lease: Version,
    /// A load that takes longer than this is given up by its followers.
    overdue: Tick,
    /// What the keyspace holds for the key, if it may be served after a failure
    /// or can be found unchanged.
    stale: Option<Value>,
    waiters: Mutex<Waiters>,
}

/// Changed under the node's lock, until the landing.
#[derive(Default)]
struct Waiters {
    has_landed: bool,
    /// How many have come, ever.
    came: u64,
    /// Each with the number that had come before it.
    waiting: Vec<(u64, Replier<Landing>)>,
    /// Tags that were invalidated meanwhile, and how many had come by then.
    revoked: Vec<(u64, u64)>,
    /// How many had come when there were too many such tags to note.
    revoked_all: Option<u64>,
}

/// A load that somebody has to see to.
///
/// Dropped before the flight has landed, it tells those who wait to look again,
/// of whom one leads the next. The interleaving that this stops:
///
/// 1. A task looks, and is to lead; its reply is on its way.
/// 2. The task is dropped, and the reply with it. Nobody sees to the load.
/// 3. Everybody else follows, and waits for nothing.
#[derive(Debug)]
pub struct Lead(Arc<Flight>);

impl Lead {
    /// The load.
    pub fn flight(&self) -> &Arc<Flight> {
        &self.0
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        self.0.land(&Landing::LookAgain);
    }
}

/// Tags that a flight notes as invalidated. With more of them, every tagged
/// value is taken for an invalidated one.
const REVOKED_MAX: usize = 64;

impl Flight {
    /// A load that no node knows: what it brings is handed to those who wait, and never
    /// kept.
    pub fn apart(key: &[u8], hash: u64, overdue: Tick) -> Lead {
        let (lease, stale, waiters) = (Version::ZERO, None, Mutex::new(Waiters::default()));
        Lead(Arc::new(Self { key: key.into(), hash, lease, overdue, stale, waiters }))
    }

    /// Lets a caller wait for such a load; `None` if it has landed, or as many wait
    /// already as may.
    pub fn wait_apart(&self) -> Option<Waiter<Landing>> {
        let (replier, waiter) = reply_slot();
        self.join(replier).is_ok().then_some(waiter)
    }

    /// The key that is loaded.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// Its hash.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// What the cache has for the key meanwhile, and may not serve as fresh.
    pub fn stale(&self) -> Option<&Value> {
        self.stale.as_ref()
    }

    /// Whether it takes so long that others give it up.
    fn is_overdue(&self, now: Tick) -> bool {
        self.overdue <= now
    }

    /// Whether others may have given it up some time ago.
    pub fn was_given_up(&self, now: Tick) -> bool {
        self.overdue < now
    }

    /// Tells everybody who waits, outside every lock; once.
    pub fn land(&self, landing: &Landing) {
        let (waiting, early) = {
            let mut waiters = self.waiters.lock();
            waiters.has_landed = true;
            let early = match landing {
                Landing::Value(value) => waiters.came_before_revocation(value.entry()),
                Landing::Stale(_) | Landing::Failed(_) | Landing::LookAgain => None,
            };
            (std::mem::take(&mut waiters.waiting), early.unwrap_or(u64::MAX))
        };
        for (came, waiter) in waiting {
            waiter.answer(if came < early { landing.clone() } else { Landing::LookAgain });
        }
    }

    /// Whether what was loaded bears a tag that was invalidated meanwhile.
    pub(crate) fn has_revoked(&self, entry: &Entry) -> bool {
        self.waiters.lock().came_before_revocation(entry).is_some()
    }

    /// Lets a caller wait. Returns how many do.
    fn join(&self, waiter: Replier<Landing>) -> Result<usize, NotJoined> {
        let mut waiters = self.waiters.lock();
        if waiters.has_landed {
            return Err(NotJoined::HasLanded(waiter));
        }
        if waiters.waiting.len() == WAITERS_MAX {
            // Those whose time was over have left no word.
            waiters.waiting.retain(|(_, waiter)| !waiter.is_unwanted());
        }
        if waiters.waiting.len() == WAITERS_MAX {
            return Err(NotJoined::IsFull);
        }
        let came = waiters.came;
        waiters.waiting.push((came, waiter));
        waiters.came += 1;
        Ok(waiters.waiting.len())
    }

    fn revoke(&self, tags: &[u64]) {
        let mut waiters = self.waiters.lock();
        let came = waiters.came;
        for &tag in tags {
            if waiters.revoked.iter().any(|&(revoked, _)| revoked == tag) {
                continue;
            }
            if waiters.revoked.len() < REVOKED_MAX {
                waiters.revoked.push((tag, came));
            } else {
                waiters.revoked_all.get_or_insert(came);
            }
        }
    }
}

impl Waiters {
    /// How many came before a tag of what has landed was invalidated; `None` if
    /// none was. The interleaving that this stops:
    ///
    /// 1. A load begins; nobody knows yet which tags its value will bear.
    /// 2. Tag T is invalidated, acknowledged.
    /// 3. A reader comes, finds the flight, and waits in it.
    /// 4. The value of before, which bears T, lands and is handed to it.
    fn came_before_revocation(&self, entry: &Entry) -> Option<u64> {
        let revoked = |tag| self.revoked.iter().find(|(revoked, _)| *revoked == tag);
        let noted = entry.tags().filter_map(|tag| revoked(tag).map(|&(_, came)| came)).min();
        let all = self.revoked_all.filter(|_| entry.is_tagged());
        noted.into_iter().chain(all).min()
    }
}

enum NotJoined {
    HasLanded(Replier<Landing>),
    IsFull,
}

/// What a flight for this key takes, in bytes.
pub(crate) fn flight_bytes(key: &[u8]) -> u64 {
    FLIGHT_BYTES + key.len() as u64
}

/// What became of a caller that has to wait.
pub(crate) enum Boarded {
    /// Somebody else has seen to the load.
    Follows,
    /// The caller has to.
    Leads(Lead),
    /// There are too many flights, or too many who wait for this one.
    Crowded,
}

/// The loads of one keyspace on one node.
#[derive(Default)]
pub(crate) struct Flights {
    /// By hash; those whose hashes are equal share a place.
    by_hash: HashMap<u64, Vec<Arc<Flight>>, BuildHasherDefault<Identity>>,
    len: usize,
    bytes: u64,
    pub(crate) tally: FlightTally,
}

/// What the bounds of a keyspace's loads have come to.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FlightTally {
    pub(crate) len_peak: usize,
    pub(crate) waiters_peak: usize,
    pub(crate) len_reached: u64,
    pub(crate) waiters_reached: u64,
}

/// What a new flight needs to know.
pub(crate) struct Departure<'a> {
    pub(crate) hash: u64,
    pub(crate) key: &'a [u8],
    pub(crate) lease: Version,
    pub(crate) overdue: Tick,
    pub(crate) stale: Option<Value>,
}

impl Flights {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// What they take from the heap, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether a load of the key is on its way, and in time.
    pub(crate) fn has(&self, hash: u64, key: &[u8], now: Tick) -> bool {
        self.find(hash, key).is_some_and(|flight| now < flight.overdue)
    }

    /// The load of a key that is on its way.
    pub(crate) fn trace(&self, hash: u64, key: &[u8]) -> Option<InFlight> {
        let flight = self.find(hash, key)?;
        let waiters = flight.waiters.lock();
        let in_flight = InFlight { waiters: waiters.waiting.len(), overdue: flight.overdue };
        (!waiters.has_landed).then_some(in_flight)
    }

    fn find(&self, hash: u64, key: &[u8]) -> Option<&Arc<Flight>> {
        self.by_hash.get(&hash)?.iter().find(|flight| &*flight.key == key)
    }

    /// Lets a caller wait for a load of the key; makes it lead one if there is
    /// none that is on its way and in time, and less than `flights_max` in all.
    pub(crate) fn board(
        &mut self,
        departure: Departure<'_>,
        now: Tick,
        flights_max: usize,
        waiter: Replier<Landing>,
    ) -> Boarded {
        let mut waiter = waiter;
        if let Some(flight) = self.find(departure.hash, departure.key)
            && now < flight.overdue
        {
            match flight.join(waiter) {
                Ok(waiters) => {
                    self.tally.waiters_peak = self.tally.waiters_peak.max(waiters);
                    return Boarded::Follows;
                }
                Err(NotJoined::IsFull) => {
                    self.tally.waiters_reached += 1;
                    return Boarded::Crowded;
                }
                // Its node could not be told in time.
                Err(NotJoined::HasLanded(back)) => waiter = back,
            }
        }
        self.detach(departure.hash, departure.key);
        if flights_max <= self.len {
            self.forget_ended(now);
        }
        if self.is_full(flights_max) {
            return Boarded::Crowded;
        }
        let flight = self.depart(departure);
        match flight.join(waiter) {
            Ok(_) => Boarded::Leads(Lead(flight)),
            Err(_) => unreachable!("a new flight has room, and has not landed"),
        }
    }

    /// Whether no load can begin; counts that.
    pub(crate) fn is_full(&mut self, flights_max: usize) -> bool {
        let is_full = flights_max <= self.len;
        self.tally.len_reached += u64::from(is_full);
        is_full
    }

    /// Begins a load of a key that none is on its way for, and nobody waits for.
    pub(crate) fn depart_alone(&mut self, departure: Departure<'_>) -> Lead {
        Lead(self.depart(departure))
    }

    fn depart(&mut self, departure: Departure<'_>) -> Arc<Flight> {
        let Departure { hash, key, lease, overdue, stale } = departure;
        let waiters = Mutex::new(Waiters::default());
        let flight = Arc::new(Flight { key: key.into(), hash, lease, overdue, stale, waiters });
        self.by_hash.entry(hash).or_default().push(flight.clone());
        self.len += 1;
        self.tally.len_peak = self.tally.len_peak.max(self.len);
        self.bytes += flight_bytes(key);
        flight
    }

    /// Takes the load of a key off: what it brings will not be stored, and who
    /// comes from now on does not wait for it.
    pub(crate) fn detach(&mut self, hash: u64, key: &[u8]) -> Option<Arc<Flight>> {
        self.remove(hash, |flight| &*flight.key == key)
    }

    /// The same for this very load. Returns whether it was still known.
    pub(crate) fn end(&mut self, flight: &Flight) -> bool {
        let is_it = |held: &Flight| held.lease == flight.lease && held.key == flight.key;
        self.remove(flight.hash, is_it).is_some()
    }

    fn remove(&mut self, hash: u64, is_it: impl Fn(&Flight) -> bool) -> Option<Arc<Flight>> {
        let sharing = self.by_hash.get_mut(&hash)?;
        let at = sharing.iter().position(|flight| is_it(flight))?;
        let flight = sharing.swap_remove(at);
        if sharing.is_empty() {
            self.by_hash.remove(&hash);
        }
        self.len -= 1;
        self.bytes -= flight_bytes(&flight.key);
        Some(flight)
    }

    /// Forgets loads that have landed without their node being told, and those
    /// that take too long.
    pub(crate) fn forget_ended(&mut self, now: Tick) {
        if self.is_empty() {
            return;
        }
        let has_ended =
            |flight: &&Arc<Flight>| flight.is_overdue(now) || flight.waiters.lock().has_landed;
        let ended: Vec<_> = self.iter().filter(has_ended).cloned().collect();
        for flight in ended {
            self.end(&flight);
        }
    }

    /// Takes every load off whose hash and key are picked.
    pub(crate) fn detach_where(&mut self, picks: impl Fn(u64, &[u8]) -> bool) {
        let picked: Vec<_> = self.iter().filter(|flight| picks(flight.hash, &flight.key)).collect();
        let picked: Vec<_> = picked.into_iter().cloned().collect();
        for flight in picked {
            self.end(&flight);
        }
    }

    /// Tells every load that tags were invalidated.
    pub(crate) fn revoke(&self, tags: &[u64]) {
        self.iter().for_each(|flight| flight.revoke(tags));
    }

    fn iter(&self) -> impl Iterator<Item = &Arc<Flight>> {
        self.by_hash.values().flatten()
    }

    /// Recounts; for [`validate`](crate::DataNode::validate).
    pub(crate) fn validate(&self) {
        assert_eq!(self.iter().count(), self.len, "flights");
        let bytes: u64 = self.iter().map(|flight| flight_bytes(&flight.key)).sum();
        assert_eq!(bytes, self.bytes, "bytes of the flights");
        assert!(self.by_hash.values().all(|sharing| !sharing.is_empty()), "no place is empty");
    }
}

impl fmt::Debug for Flight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flight").field("lease", &self.lease).finish_non_exhaustive()
    }
}

impl fmt::Debug for Flights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flights").field("len", &self.len).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
