//! One keyspace's part on one node: its entries, and its loads.

mod jots;

use std::sync::Arc;

use distcache_bus::Replier;

use crate::any_store::{AnyStore, on_store};
use crate::departed::Departed;
use crate::flight::{Boarded, Departure, Flight, Flights, flight_bytes};
use crate::removals::{Removal, RemovalLog, Removals};
use crate::store::{Age, Lifetimes, Limits};
use crate::{
    Draft, Entry, EvictionPolicy, Held, InFlight, Journal, Landing, Lead, Peaks, Selection, Slot,
    Tick, Value, Version,
};

/// Which keyspace. A number is used again after its keyspace was removed, under
/// the next generation: what was meant for the old one never reaches the new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyspaceId {
    /// Its place among the keyspaces.
    pub index: u16,
    /// How many keyspaces have had that place before it.
    pub generation: u32,
}

/// How a keyspace works on one node.
#[derive(Debug, Clone)]
pub struct KeyspaceSettings {
    /// Which entry goes when room is needed.
    pub policy: EvictionPolicy,
    /// How much it may hold on this node.
    pub limits: Limits,
    /// What becomes of entries as they age.
    pub lifetimes: Lifetimes,
    /// Whether somebody wants to be told of entries that go.
    pub listens: bool,
    /// Loads on their way at once, on this node.
    pub flights_max: usize,
    /// Where changes are written down, if others may have copies.
    pub journal: Option<Arc<Journal>>,
    /// Whether others keep copies of all of it, and not only of keys of which they were
    /// granted near copies.
    pub is_copied: bool,
}

/// When a put is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Condition {
    /// Whatever is there.
    #[default]
    Always,
    /// If the key has no value.
    Absent,
    /// If it has one.
    Present,
    /// If its value has this version.
    Version(Version),
    /// If its value has a version before this one.
    Before(Version),
}

impl Condition {
    /// Whether it is met by the version that a key has; `None` if it has no value.
    pub fn is_met_by(self, held: Option<Version>) -> bool {
        match self {
            Self::Always => true,
            Self::Absent => held.is_none(),
            Self::Present => held.is_some(),
            Self::Version(version) => held == Some(version),
            Self::Before(version) => held.is_some_and(|held| held < version),
        }
    }
}

/// What a caller finds who can see to a load.
#[derive(Debug)]
pub enum Look {
    /// A fresh value; or that there is none, as far as the source knew.
    Hit(Value),
    /// A value to serve while it is loaded again.
    Served {
        /// The value.
        value: Value,
        /// Since when it is not fresh; `None` if it still is.
        stale_since: Option<Tick>,
        /// The load, if the caller has to see to it.
        refresh: Option<Lead>,
    },
    /// The caller waits, and has to see to this load.
    Leads(Lead),
    /// The caller waits for somebody else's load.
    Follows,
    /// There are too many loads, or too many who wait for this one.
    Crowded,
    /// The keyspace is not there any more.
    Gone,
}

/// What a load has brought.
#[derive(Debug, Clone)]
pub enum Cargo {
    /// An entry to store: a value, or that there is none. Its end is that of
    /// being fresh: the keyspace adds its stale window when it lands.
    Entry(Entry),
    /// What the cache has is still right, and fresh until this tick.
    Unchanged(Tick),
    /// What the cache has was right just now. It is kept until this tick, so that the
    /// source can be asked again by its validator before anybody else is given it.
    NoCache(Tick),
    /// An answer that is not to be kept.
    Nothing,
    /// The load failed.
    Failure,
}

/// What a landed load has left.
#[derive(Debug)]
pub enum Landed {
    /// The entry was stored, or is fresh again.
    Stored(Value),
    /// The load failed, and this may be served instead, marked as stale.
    Stale(Value),
    /// Nothing was stored: the key was changed or forgotten meanwhile.
    Overtaken,
    /// Nothing was stored.
    Nothing,
}

/// The part itself.
#[derive(Debug)]
pub(crate) struct Keyspace {
    pub(crate) id: KeyspaceId,
    pub(crate) store: AnyStore,
    pub(crate) flights: Flights,
    flights_max: usize,
    journal: Option<Arc<Journal>>,
    is_copied: bool,
    /// What the node leaves to this keyspace; at most its own limit.
    ceiling_bytes: u64,
    peaks: Peaks,
}

impl Keyspace {
    pub(crate) fn new(
        id: KeyspaceId,
        settings: &KeyspaceSettings,
        removals: Arc<Removals>,
        now: Tick,
    ) -> Self {
        let log = RemovalLog::new(removals, id);
        let store = AnyStore::new(&settings.policy, settings.limits, log);
        let flights_max = settings.flights_max;
        let (flights, ceiling_bytes) = (Flights::default(), settings.limits.bytes);
        let peaks = Peaks::default();
        let (journal, is_copied) = (settings.journal.clone(), settings.is_copied);
        let mut keyspace =
            Self { id, store, flights, flights_max, journal, is_copied, ceiling_bytes, peaks };
        on_store!(&mut keyspace.store, store => {
            store.set_lifetimes(settings.lifetimes, now);
            store.listen(settings.listens);
        });
        keyspace
    }

    /// Works by other settings from now on. Entries stay where they allow it.
    pub(crate) fn change(
        mut self,
        settings: &KeyspaceSettings,
        is_policy_new: bool,
        now: Tick,
    ) -> Self {
        if is_policy_new {
            self.store = self.store.with_policy(&settings.policy);
        }
        self.flights_max = settings.flights_max;
        self.journal.clone_from(&settings.journal);
        self.is_copied = settings.is_copied;
        on_store!(&mut self.store, store => {
            store.listen(settings.listens);
            // What this takes counts when the limits are looked at.
            store.set_lifetimes(settings.lifetimes, now);
        });
        self.set_limits(settings.limits, now);
        self
    }

    /// Changes what it may hold, loads included, and evicts what is too much.
    pub(crate) fn set_limits(&mut self, limits: Limits, now: Tick) {
        on_store!(&mut self.store, store => store.set_limits(limits, now));
        self.ceiling_bytes = limits.bytes;
        self.shrink_to(limits.bytes, now);
    }

    pub(crate) fn len(&self) -> usize {
        on_store!(&self.store, store => store.len())
    }

    /// Accounted bytes.
    #[inline]
    pub(crate) fn bytes(&self) -> u64 {
        on_store!(&self.store, store => store.bytes()) + self.flights.bytes()
    }

    pub(crate) fn limits(&self) -> Limits {
        on_store!(&self.store, store => store.limits())
    }

    /// What storing an entry can add to the accounted bytes.
    pub(crate) fn growth_for(&self, entry_bytes: u64) -> u64 {
        on_store!(&self.store, store => store.growth_for(entry_bytes))
    }

    /// Leaves to the entries what others do not have, and the loads.
    pub(crate) fn set_ceiling(&mut self, bytes: u64) {
        self.ceiling_bytes = bytes.min(self.limits().bytes);
        let bytes = self.ceiling_bytes.saturating_sub(self.flights.bytes());
        on_store!(&mut self.store, store => store.set_ceiling(bytes));
    }

    /// Evicts until it takes no more than `bytes`, or holds nothing. Returns
    /// whether it takes no more.
    fn shrink_to(&mut self, bytes: u64, now: Tick) -> bool {
        while bytes < self.bytes() {
            if !on_store!(&mut self.store, store => store.evict_one(now)) {
                return false;
            }
        }
        true
    }

    /// The value of a key as a read without a load sees it, stale or fresh; no
    /// use of it.
    pub(crate) fn peek(&self, hash: u64, key: &[u8], now: Tick) -> Option<(Slot, &Entry, Age)> {
        self.kept(hash, key, now).filter(|(_, _, age)| *age != Age::NoCache)
    }

    /// The same, and also one that is kept only to be asked for.
    fn kept(&self, hash: u64, key: &[u8], now: Tick) -> Option<(Slot, &Entry, Age)> {
        let found = on_store!(&self.store, store => store.examine(hash, key, now));
        found.filter(|(_, entry, age)| !matches!(age, Age::Dead(_)) && !entry.is_absent())
    }

    /// The entry of a key that can be served, how the last one went, and the load
    /// that is on its way.
    pub(crate) fn trace(
        &self,
        hash: u64,
        key: &[u8],
        now: Tick,
    ) -> (Option<Held>, Option<Removal>, Option<InFlight>) {
        let flight = self.flights.trace(hash, key);
        on_store!(&self.store, store => {
            let last = store.last_removal(hash);
            match store.examine(hash, key, now) {
                None => (None, last, flight),
                Some((slot, entry, Age::Dead(cause))) => {
                    let died = store.death(slot, entry, cause).unwrap_or(now);
                    (None, Some(Removal::of(entry, cause, died)), flight)
                }
                Some((_, entry, age)) => {
                    let held = Held {
                        value: Value::from(entry.clone()),
                        stale_since: age.stale_since(),
                        is_early: age == Age::Early,
                        heap_bytes: entry.heap_bytes(),
                    };
                    (Some(held), last, flight)
                }
            }
        })
    }

    /// Notes what it takes, if that is the most ever. Returns the bytes.
    pub(crate) fn note_peaks(&mut self) -> u64 {
        self.peaks = self.peaks();
        self.bytes()
    }

    /// The most there has been of what has a bound.
    pub(crate) fn peaks(&self) -> Peaks {
        let tally = &self.flights.tally;
        self.peaks.max(&Peaks {
            bytes: self.bytes(),
            entries: self.len() as u64,
            flights: tally.len_peak as u64,
            waiters: tally.waiters_peak as u64,
            tag_records: on_store!(&self.store, store => store.tag_records()) as u64,
        })
    }

    pub(crate) fn meets(
        &self,
        condition: Condition,
        hash: u64,
        key: &[u8],
        now: Tick,
    ) -> Result<(), Option<Version>> {
        if condition == Condition::Always {
            return Ok(());
        }
        let held = self.kept(hash, key, now).map(|(_, entry, _)| entry.version());
        if condition.is_met_by(held) { Ok(()) } else { Err(held) }
    }

    /// What a caller finds who can see to a load. `ask` is told the lease and
    /// the end of a load that begins.
    pub(crate) fn look(&mut self, visit: Visit<'_>, waiter: Replier<Landing>) -> Look {
        let Visit { hash, key, now, .. } = visit;
        let times = self.lifetimes();
        let mut held = None;
        if let Some((slot, entry, age)) =
            on_store!(&self.store, store => store.examine(hash, key, now))
        {
            let value = Value::from(entry.clone());
            match age {
                Age::Fresh => return self.hit(slot, value, now),
                Age::Early if value.is_absent() => return self.hit(slot, value, now),
                Age::Early => return self.serve(&visit, slot, value, None),
                Age::Stale(since) if !value.is_absent() => {
                    let is_in_window = now < since.after(times.stale_while_revalidate);
                    if visit.need == Need::Any && is_in_window {
                        return self.serve(&visit, slot, value, Some(since));
                    }
                    held = Some(value);
                }
                Age::NoCache => {
                    on_store!(&mut self.store, store => store.used(slot, || now));
                    held = Some(value);
                }
                Age::Stale(_) | Age::Dead(_) => {}
            }
        }
        if !self.has_room_for_flight(key, now) {
            return Look::Crowded;
        }
        let departure = visit.departure(held);
        match self.flights.board(departure, now, self.flights_max, waiter) {
            Boarded::Follows => Look::Follows,
            Boarded::Leads(lead) => Look::Leads(lead),
            Boarded::Crowded => Look::Crowded,
        }
    }

    fn lifetimes(&self) -> Lifetimes {
        on_store!(&self.store, store => store.lifetimes())
    }

    fn hit(&mut self, slot: Slot, value: Value, now: Tick) -> Look {
        on_store!(&mut self.store, store => store.hit_after_miss(slot, now));
        Look::Hit(value)
    }

    /// Serves a value, and lets the caller load it again if nobody does.
    fn serve(
        &mut self,
        visit: &Visit<'_>,
        slot: Slot,
        value: Value,
        stale_since: Option<Tick>,
    ) -> Look {
        on_store!(&mut self.store, store => store.hit_after_miss(slot, visit.now));
        let has_flight = self.flights.has(visit.hash, visit.key, visit.now);
        let may_depart = !has_flight
            && !self.flights.is_full(self.flights_max)
            && self.has_room_for_flight(visit.key, visit.now);
        let refresh = may_depart.then(|| {
            self.flights.detach(visit.hash, visit.key);
            self.flights.depart_alone(visit.departure(Some(value.clone())))
        });
        Look::Served { value, stale_since, refresh }
    }

    /// Makes room for one more load, by evicting if it has to.
    fn has_room_for_flight(&mut self, key: &[u8], now: Tick) -> bool {
        let bytes = self.ceiling_bytes.saturating_sub(flight_bytes(key));
        if bytes < self.bytes() {
            on_store!(&mut self.store, store => store.note_full());
        }
        self.shrink_to(bytes, now)
    }

    /// Ends a load. Its cargo is stored if its lease still holds, as of the
    /// version that `version` makes.
    pub(crate) fn land(
        &mut self,
        flight: &Flight,
        cargo: Cargo,
        now: Tick,
        version: impl FnOnce() -> Version,
    ) -> Landed {
        if !self.flights.end(flight) {
            return Landed::Overtaken;
        }
        let (hash, key) = (flight.hash(), flight.key());
        match cargo {
            Cargo::Entry(entry) => {
                let is_revoked = flight.has_revoked(&entry);
                if is_revoked || on_store!(&mut self.store, store => store.admits(&entry)).is_err()
                {
                    // What was here before is older than what the source has said.
                    on_store!(&mut self.store, store => store.delete(hash, key, now));
                    return if is_revoked { Landed::Overtaken } else { Landed::Nothing };
                }
                entry.set_version(version());
                // 1. A load begins, in a keyspace with a stale window of an hour.
                // 2. The keyspace is changed to one without a stale window.
                // 3. The load lands. Had it added the hour by itself, its value
                //    would be fresh for an hour too long.
                entry.set_expires(entry.expires().after(self.lifetimes().stale()));
                let value = Value::from(entry.clone());
                on_store!(&mut self.store, store => store.put(hash, entry, || now));
                Landed::Stored(value)
            }
            Cargo::Unchanged(expires) => self.renew(hash, key, expires, false, now),
            Cargo::NoCache(expires) => self.renew(hash, key, expires, true, now),
            Cargo::Nothing => {
                on_store!(&mut self.store, store => store.delete(hash, key, now));
                Landed::Nothing
            }
            Cargo::Failure => self.stale_if_error(hash, key, now),
        }
    }

    /// Gives a value that was found unchanged another end; fresh until then, unless it
    /// is to be asked for again.
    fn renew(
        &mut self,
        hash: u64,
        key: &[u8],
        expires: Tick,
        is_no_cache: bool,
        now: Tick,
    ) -> Landed {
        let stale = self.lifetimes().stale();
        let Some((_, entry, _)) = self.kept(hash, key, now) else { return Landed::Nothing };
        let entry = entry.clone();
        if !entry.set_no_cache(is_no_cache) {
            on_store!(&mut self.store, store => store.delete(hash, key, now));
            return Landed::Nothing;
        }
        entry.set_expires(expires.after(stale));
        on_store!(&mut self.store, store => store.note_end(entry.expires()));
        Landed::Stored(Value::from(entry))
    }

    /// What may be served although it could not be loaded again. What was
    /// deleted or invalidated is not here any more, and never comes back so.
    ///
    /// What is here need not be in that window:
    ///
    /// 1. A keyspace serves what is stale for an hour while it is loaded again,
    ///    and for no time after an error.
    /// 2. A caller needs a fresh value, and waits for such a load; or it waits
    ///    since before the keyspace was given these windows.
    /// 3. The load fails. The value is still here, for another 59 minutes.
    fn stale_if_error(&self, hash: u64, key: &[u8], now: Tick) -> Landed {
        let window = self.lifetimes().stale_if_error;
        match self.peek(hash, key, now) {
            Some((_, entry, Age::Stale(since))) if now < since.after(window) => {
                Landed::Stale(Value::from(entry.clone()))
            }
            _ => Landed::Nothing,
        }
    }

    /// Removes the value of a key and takes its load off. Returns whether it had
    /// a value.
    pub(crate) fn delete(&mut self, hash: u64, key: &[u8], now: Tick) -> bool {
        self.flights.detach(hash, key);
        let had_value = self.kept(hash, key, now).is_some();
        on_store!(&mut self.store, store => store.delete(hash, key, now));
        had_value
    }

    /// Removes everything and takes every load off. Returns how many entries
    /// there were.
    pub(crate) fn clear(&mut self, now: Tick) -> usize {
        self.flights.detach_where(|_, _| true);
        on_store!(&mut self.store, store => store.clear(now))
    }

    /// Forgets every value that bears one of these tags, as of `version`.
    pub(crate) fn revoke(&mut self, tags: &[u64], version: Version, now: Tick) {
        self.flights.revoke(tags);
        on_store!(&mut self.store, store => store.revoke(tags, version, now));
    }

    /// Removes what is selected among the next `entries`; from the beginning if
    /// `at` is 0, when the loads of what is selected are taken off too: those
    /// that begin later read what the source has by now.
    pub(crate) fn invalidate_some(
        &mut self,
        at: usize,
        entries: usize,
        selection: &Selection,
        removed: &mut u64,
        now: Tick,
    ) -> Option<usize> {
        if at == 0 {
            self.flights.detach_where(|_, key| selection.has(key));
        }
        on_store!(&mut self.store, store => {
            store.invalidate_some(at, entries, selection, removed, now)
        })
    }

    /// Stores a value for a key whose entry can be written over.
    pub(crate) fn overwrite(
        &mut self,
        hash: u64,
        draft: &Draft<'_>,
        version: Version,
        now: impl Fn() -> Tick,
    ) -> bool {
        on_store!(&mut self.store, store => store.overwrite(hash, draft, version, now))
    }

    /// Whether somebody wants to be told of what goes.
    pub(crate) fn is_heard(&self) -> bool {
        on_store!(&self.store, store => store.is_heard())
    }

    pub(crate) fn take_departed(&mut self) -> Vec<Departed> {
        on_store!(&mut self.store, store => store.take_departed())
    }

    pub(crate) fn validate(&self) {
        on_store!(&self.store, store => store.validate());
        self.flights.validate();
        assert!(self.flights.len() <= self.flights_max, "flights within their limit");
        assert!(self.bytes() <= self.limits().bytes, "flights and entries within the limit");
    }
}

/// What a look can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// A fresh value, or a stale one while it is loaded again.
    Any,
    /// Only a fresh one.
    Fresh,
}

/// One caller's look at one key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Visit<'a> {
    pub(crate) hash: u64,
    pub(crate) key: &'a [u8],
    pub(crate) need: Need,
    pub(crate) now: Tick,
    /// The lease and the end of a load that it may begin.
    pub(crate) lease: Version,
    pub(crate) overdue: Tick,
}

impl<'a> Visit<'a> {
    fn departure(&self, stale: Option<Value>) -> Departure<'a> {
        let Self { hash, key, lease, overdue, .. } = *self;
        Departure { hash, key, lease, overdue, stale }
    }
}
