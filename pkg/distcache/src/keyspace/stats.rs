//! What a keyspace counts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use distcache_manager::NodeStatus;

use super::Setup;
use crate::Answer;
use crate::load::LoadError;
use crate::{Ages, Durations, Histogram};

/// What the engine counts of a keyspace; the nodes count the rest.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    requests: AtomicU64,
    found: AtomicU64,
    not_found: AtomicU64,
    failed: AtomicU64,
    timed_out: AtomicU64,
    cancelled: AtomicU64,
    refused: AtomicU64,
    refused_by_rate_limit: AtomicU64,
    refused_by_breaker: AtomicU64,
    pub(crate) overtaken: AtomicU64,
    request_times: Histogram,
    pub(crate) collapsed: AtomicU64,
    pub(crate) served_stale: AtomicU64,
    pub(crate) absent_hits: AtomicU64,
    pub(crate) copy_hits: AtomicU64,
    pub(crate) near_hits: AtomicU64,
    pub(crate) gave_up: AtomicU64,
    pub(crate) stored: AtomicU64,
    pub(crate) store_failures: AtomicU64,
    pub(crate) store_lost: AtomicU64,
}

pub(crate) fn raise(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Counters {
    /// Counts a load that is not made.
    pub(crate) fn count_refusal(&self, error: &LoadError) {
        raise(&self.refused);
        match error {
            LoadError::RateLimited { .. } => raise(&self.refused_by_rate_limit),
            LoadError::CircuitOpen { .. } => raise(&self.refused_by_breaker),
            _ => {}
        }
    }

    /// Counts one request to the source, its time and its answers.
    pub(crate) fn count_request(&self, answers: &[Result<Answer, LoadError>], took: Duration) {
        self.request_times.note(took);
        raise(&self.requests);
        for answer in answers {
            raise(match answer {
                Ok(Answer::Found(_) | Answer::Unchanged { .. }) => &self.found,
                Ok(Answer::NotFound) => &self.not_found,
                Err(LoadError::TimedOut { .. }) => &self.timed_out,
                Err(LoadError::Cancelled) => &self.cancelled,
                Err(_) => &self.failed,
            });
        }
    }
}

/// What has happened in a keyspace since it was added, and what it holds now.
///
/// They add up: `gets` are `hits` and `misses`; `loads` are `loads_found`,
/// `loads_not_found`, `load_failures`, `load_timeouts` and `loads_cancelled`;
/// `inserts` and what was moved in are the `entries` held now, and those that
/// were deleted, evicted, expired, invalidated or moved out. What is counted never
/// falls while data nodes come and go; but of a node that is lost the entries are
/// gone without a count, and perhaps the last second of what it has counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyspaceStats {
    /// Entries held now, the words that there is no value included.
    pub entries: u64,
    /// Bytes accounted now, tables and loads on their way included.
    pub bytes: u64,
    /// Bytes allowed.
    pub bytes_max: u64,
    /// Reads by `get` and `get_many`, one a key.
    pub gets: u64,
    /// Reads answered by the cache: stale ones and the word that there is no
    /// value included.
    pub hits: u64,
    /// Reads that found nothing to serve.
    pub misses: u64,
    /// Hits that said that there is no value.
    pub absent_hits: u64,
    /// Reads of other members' keys that were answered with this member's copies; they are
    /// not among `gets`.
    pub copy_hits: u64,
    /// Reads of other members' keys that were answered with near copies; they are not among
    /// `gets` either.
    pub near_hits: u64,
    /// Answers that were stale, and marked so.
    pub served_stale: u64,
    /// Misses that waited for somebody else's load.
    pub collapsed: u64,
    /// Misses that gave up waiting for their load.
    pub gave_up: u64,
    /// Requests made to the source: one may be for many keys.
    pub source_requests: u64,
    /// Keys that the source was asked for.
    pub loads: u64,
    /// Loads that brought a value, or that it has not changed.
    pub loads_found: u64,
    /// Loads that brought the word that there is none.
    pub loads_not_found: u64,
    /// Loads that failed.
    pub load_failures: u64,
    /// Loads that took too long.
    pub load_timeouts: u64,
    /// Loads that were cancelled.
    pub loads_cancelled: u64,
    /// Loads that were never made: the breaker was open, the rate limit reached,
    /// or the queue full.
    pub loads_refused: u64,
    /// Those of them that the rate limit stopped.
    pub refused_by_rate_limit: u64,
    /// Those of them that the open breaker stopped.
    pub refused_by_breaker: u64,
    /// Loads whose value was not kept: the key was changed or forgotten meanwhile.
    pub loads_overtaken: u64,
    /// How long requests to the source took.
    pub source_request_times: Durations,
    /// Loads on their way now.
    pub flights: u64,
    /// Loads that wait for their turn now.
    pub loads_waiting: u64,
    /// Writes that wait for the store now.
    pub writes_waiting: u64,
    /// Bytes that wait for the store of write-behind now.
    pub writes_waiting_bytes: u64,
    /// Writes that reached the store, in time for those who wait or not.
    pub stored: u64,
    /// Writes that the store failed to make; some were tried again.
    pub store_failures: u64,
    /// Writes of write-behind that were given up.
    pub store_lost: u64,
    /// Puts and fills of keys that were not held.
    pub inserts: u64,
    /// Puts and fills of keys that were.
    pub updates: u64,
    /// Entries deleted.
    pub deletes: u64,
    /// Entries evicted to make room.
    pub evictions: u64,
    /// How old the evicted entries had become.
    pub evicted_ages: Ages,
    /// Entries whose time was over, or which nobody used.
    pub expirations: u64,
    /// Entries invalidated by tag or prefix.
    pub invalidations: u64,
    /// Values refused for their size.
    pub refusals: u64,
    /// Entries moved between data nodes.
    pub moved: u64,
}

impl KeyspaceStats {
    pub(crate) fn of(counters: &Counters, setup: &Setup, nodes: &[NodeStatus]) -> Self {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let sum = |part: fn(&NodeStatus) -> u64| nodes.iter().map(part).sum::<u64>();
        let (hits, misses) = (sum(|node| node.hits), sum(|node| node.misses));
        let (found, not_found) = (count(&counters.found), count(&counters.not_found));
        let (failed, timed_out) = (count(&counters.failed), count(&counters.timed_out));
        let cancelled = count(&counters.cancelled);
        Self {
            entries: sum(|node| node.entries),
            bytes: sum(|node| node.bytes),
            bytes_max: sum(|node| node.capacity_bytes),
            gets: hits + misses,
            hits,
            misses,
            absent_hits: count(&counters.absent_hits),
            copy_hits: count(&counters.copy_hits),
            near_hits: count(&counters.near_hits),
            served_stale: count(&counters.served_stale),
            collapsed: count(&counters.collapsed),
            gave_up: count(&counters.gave_up),
            source_requests: count(&counters.requests),
            loads: found + not_found + failed + timed_out + cancelled,
            loads_found: found,
            loads_not_found: not_found,
            load_failures: failed,
            load_timeouts: timed_out,
            loads_cancelled: cancelled,
            loads_refused: count(&counters.refused),
            refused_by_rate_limit: count(&counters.refused_by_rate_limit),
            refused_by_breaker: count(&counters.refused_by_breaker),
            loads_overtaken: count(&counters.overtaken),
            source_request_times: counters.request_times.durations(),
            flights: sum(|node| node.flights),
            loads_waiting: setup.loads_waiting() as u64,
            writes_waiting: setup.writes_waiting() as u64,
            writes_waiting_bytes: setup.writes_waiting_bytes(),
            stored: count(&counters.stored),
            store_failures: count(&counters.store_failures),
            store_lost: count(&counters.store_lost),
            inserts: sum(|node| node.inserts),
            updates: sum(|node| node.updates),
            deletes: sum(|node| node.deletes),
            evictions: sum(|node| node.evictions),
            evicted_ages: nodes
                .iter()
                .fold(Ages::default(), |sum, node| sum.plus(&node.evicted_ages)),
            expirations: sum(|node| node.expirations),
            invalidations: sum(|node| node.invalidations),
            refusals: sum(|node| node.refusals),
            moved: sum(|node| node.moved_in),
        }
    }
}

impl KeyspaceStats {
    /// Each number with its name, in the order of their declaration; of durations
    /// and ages the sums.
    pub fn members(&self) -> impl Iterator<Item = (&'static str, u64)> {
        // Taken apart by name, so that a new member cannot be forgotten.
        let Self {
            entries,
            bytes,
            bytes_max,
            gets,
            hits,
            misses,
            absent_hits,
            copy_hits,
            near_hits,
            served_stale,
            collapsed,
            gave_up,
            source_requests,
            loads,
            loads_found,
            loads_not_found,
            load_failures,
            load_timeouts,
            loads_cancelled,
            loads_refused,
            refused_by_rate_limit,
            refused_by_breaker,
            loads_overtaken,
            source_request_times,
            flights,
            loads_waiting,
            writes_waiting,
            writes_waiting_bytes,
            stored,
            store_failures,
            store_lost,
            inserts,
            updates,
            deletes,
            evictions,
            evicted_ages,
            expirations,
            invalidations,
            refusals,
            moved,
        } = *self;
        [
            ("entries", entries),
            ("bytes", bytes),
            ("bytes_max", bytes_max),
            ("gets", gets),
            ("hits", hits),
            ("misses", misses),
            ("absent_hits", absent_hits),
            ("copy_hits", copy_hits),
            ("near_hits", near_hits),
            ("served_stale", served_stale),
            ("collapsed", collapsed),
            ("gave_up", gave_up),
            ("source_requests", source_requests),
            ("loads", loads),
            ("loads_found", loads_found),
            ("loads_not_found", loads_not_found),
            ("load_failures", load_failures),
            ("load_timeouts", load_timeouts),
            ("loads_cancelled", loads_cancelled),
            ("loads_refused", loads_refused),
            ("refused_by_rate_limit", refused_by_rate_limit),
            ("refused_by_breaker", refused_by_breaker),
            ("loads_overtaken", loads_overtaken),
            ("source_request_time_us", source_request_times.sum_us),
            ("flights", flights),
            ("loads_waiting", loads_waiting),
            ("writes_waiting", writes_waiting),
            ("writes_waiting_bytes", writes_waiting_bytes),
            ("stored", stored),
            ("store_failures", store_failures),
            ("store_lost", store_lost),
            ("inserts", inserts),
            ("updates", updates),
            ("deletes", deletes),
            ("evictions", evictions),
            ("evicted_age_ms", evicted_ages.sum_ms),
            ("expirations", expirations),
            ("invalidations", invalidations),
            ("refusals", refusals),
            ("moved", moved),
        ]
        .into_iter()
    }
}
