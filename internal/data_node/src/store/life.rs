//! How fresh an entry is.

use std::time::Duration;

use super::Store;
use crate::departed::Cause;
use crate::idle::Idle;
use crate::tags::TAG_RECORDS_MAX;
use crate::{Entry, Eviction, Slot, Tick, Version};

/// What becomes of entries as they age. An entry's expiry is its end for good:
/// it is fresh until then, less the longer of the two stale windows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lifetimes {
    /// How long it is served, marked as stale, while it is loaded again.
    pub stale_while_revalidate: Duration,
    /// How long it is served, marked as stale, when it cannot be loaded again.
    pub stale_if_error: Duration,
    /// How long before it is stale a use makes it be loaded again; at most half
    /// of its time.
    pub refresh_ahead: Duration,
    /// How long it may go unused; `None` for as long as it likes.
    pub idle: Option<Duration>,
}

impl Lifetimes {
    /// How long an entry stays when it is not fresh any more.
    pub fn stale(&self) -> Duration {
        self.stale_while_revalidate.max(self.stale_if_error)
    }
}

/// [`Lifetimes`], and what a look-up needs of them at once.
#[derive(Debug, Default)]
pub(crate) struct Life {
    times: Lifetimes,
    /// An entry that has more time than this is served without a second thought.
    margin_ms: u64,
}

/// How fresh an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Age {
    Fresh,
    /// Fresh, and due to be loaded again if it is used.
    Early,
    /// Not fresh any more since this tick, and kept.
    Stale(Tick),
    /// Kept so that its source can be asked whether it is still right; never served.
    NoCache,
    /// Not there any more, and why.
    Dead(Cause),
}

impl Age {
    /// Since when it is stale; `None` if it is not.
    pub(crate) fn stale_since(self) -> Option<Tick> {
        match self {
            Self::Stale(since) => Some(since),
            Self::Fresh | Self::Early | Self::NoCache | Self::Dead(_) => None,
        }
    }
}

impl<P: Eviction> Store<P> {
    pub(crate) fn lifetimes(&self) -> Lifetimes {
        self.life.times
    }

    /// Changes what becomes of entries as they age. Those that are here stay
    /// fresh for as long as they were to.
    pub(crate) fn set_lifetimes(&mut self, times: Lifetimes, now: Tick) {
        let (old, new) = (self.life.times.stale(), times.stale());
        let margin = new.saturating_add(times.refresh_ahead);
        let margin_ms = u64::try_from(margin.as_millis()).unwrap_or(u64::MAX);
        self.life = Life { times, margin_ms };
        if old != new {
            self.each_entry(|_, entry| {
                if entry.expires() != Tick::NEVER {
                    entry.set_expires(entry.expires().before(old).after(new));
                }
            });
        }
        match (&mut self.idle, times.idle) {
            (idle, None) => *idle = None,
            (Some(idle), Some(limit)) => idle.set_limit(limit),
            (idle @ None, Some(limit)) => {
                let mut uses = Idle::new(limit);
                let tables = (0..self.index.tables()).flat_map(|number| self.index.table(number));
                tables.for_each(|(slot, _)| uses.inserted(slot, now));
                *idle = Some(uses);
            }
        }
        if self.len() != 0 {
            // What ends first may be another one now.
            self.note_expiry(now);
        }
    }

    /// Whether an entry can be served without a second thought; notes the use.
    #[inline]
    pub(super) fn is_plain(&self, slot: Slot, entry: &Entry, now: impl Fn() -> Tick) -> bool {
        let expires = entry.expires();
        let time_left = || expires.as_ms().saturating_sub(now().as_ms());
        if expires != Tick::NEVER && time_left() <= self.life.margin_ms {
            return false;
        }
        if entry.is_no_cache() {
            return false;
        }
        if entry.is_tagged() && !self.tags.is_empty() && self.tags.revokes(entry) {
            return false;
        }
        match &self.idle {
            None => true,
            Some(idle) => {
                let now = now();
                let is_live = now < idle.ends(slot);
                if is_live {
                    idle.used(slot, now);
                }
                is_live
            }
        }
    }

    /// The entry of a key and how fresh it is; no use of it.
    pub(crate) fn examine(&self, hash: u64, key: &[u8], now: Tick) -> Option<(Slot, &Entry, Age)> {
        let (slot, entry) = self.peek(hash, key)?;
        Some((slot, entry, self.age(slot, entry, now)))
    }

    /// How fresh an entry is.
    pub(super) fn age(&self, slot: Slot, entry: &Entry, now: Tick) -> Age {
        let times = &self.life.times;
        if entry.expires() <= now && entry.expires() != Tick::NEVER {
            return Age::Dead(Cause::Expired);
        }
        if entry.is_tagged() && self.tags.revokes(entry) {
            return Age::Dead(Cause::Invalidated);
        }
        if self.idle.as_ref().is_some_and(|idle| idle.ends(slot) <= now) {
            return Age::Dead(Cause::Idle);
        }
        if entry.is_no_cache() {
            return Age::NoCache;
        }
        if entry.expires() == Tick::NEVER {
            return Age::Fresh;
        }
        let fresh_until = entry.expires().before(times.stale());
        if fresh_until <= now {
            return Age::Stale(fresh_until);
        }
        let half = entry.born().map_or(Duration::ZERO, |born| fresh_until.since(born) / 2);
        let early_from = fresh_until.before(times.refresh_ahead.min(half));
        if early_from <= now { Age::Early } else { Age::Fresh }
    }

    /// Frees the entry of a key if it has gone; unless somebody is to be told
    /// of it, which is the sweep's business.
    #[cold]
    pub(super) fn bury_if_dead(&mut self, hash: u64, key: &[u8], now: Tick) {
        if let Some((slot, _, Age::Dead(cause))) = self.examine(hash, key, now)
            && self.departed.is_none()
        {
            self.go(slot, cause, now);
        }
    }

    /// Gives the entry of a key another end, if it is fresh. Returns whether it
    /// was.
    pub(crate) fn set_expires(&mut self, hash: u64, key: &[u8], expires: Tick, now: Tick) -> bool {
        let stale = self.life.times.stale();
        let Some((slot, entry, Age::Fresh | Age::Early)) = self.examine(hash, key, now) else {
            return false;
        };
        if entry.is_absent() {
            return false;
        }
        entry.set_expires(expires.after(stale));
        let ends = entry.expires();
        self.note_expiry(ends);
        self.used(slot, || now);
        true
    }

    /// Forgets, as it were at `version`, every entry that bears one of these
    /// tags. They are freed by the sweep.
    pub(crate) fn revoke(&mut self, tags: &[u64], version: Version, now: Tick) {
        for &tag in tags {
            let is_full = self.tags.records() == TAG_RECORDS_MAX;
            self.counters.reached.tag_records += u64::from(is_full);
            self.tags.revoke(tag, version);
        }
        self.note_expiry(now);
        self.keep_to_ceiling(now);
    }

    /// Whether an entry that is to be stored as of `version` would be dead.
    pub(crate) fn has_revoked(&self, entry: &Entry) -> bool {
        entry.is_tagged() && self.tags.revokes(entry)
    }

    /// Invalidated tags that are remembered.
    pub(crate) fn tag_records(&self) -> usize {
        self.tags.records()
    }

    /// When an entry that is dead has died; `None` if that is not noted.
    pub(crate) fn death(&self, slot: Slot, entry: &Entry, cause: Cause) -> Option<Tick> {
        match cause {
            Cause::Expired => Some(entry.expires()),
            Cause::Idle => self.idle.as_ref().map(|idle| idle.ends(slot)),
            Cause::Evicted | Cause::Deleted | Cause::Invalidated | Cause::Replaced => None,
        }
    }

    fn each_entry(&self, work: impl Fn(Slot, &Entry)) {
        let tables = (0..self.index.tables()).flat_map(|number| self.index.table(number));
        tables.for_each(|(slot, entry)| work(slot, entry));
    }
}
