//! What the engine tells: of each keyspace, its nodes, its topics and its bounds.

use distcache::{BreakerState, Engine, Error, Keyspace, KeyspaceStats};

use super::doors::of_bounds;
use super::family::Labels;
use super::{Family, is_gone};
use crate::cluster::{self, Members};
use crate::observe::{Observer, WINDOWS};

pub(super) async fn families(engine: &Engine, observer: &Observer) -> Result<Vec<Family>, Error> {
    let mut told = Vec::new();
    for name in engine.keyspaces() {
        // One that was removed meanwhile has nothing to tell.
        let Ok(keyspace) = engine.keyspace(&name) else { continue };
        match keyspace.stats_async().await {
            Ok(stats) => told.push((keyspace, stats)),
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(error),
        }
    }
    let mut families = of_keyspaces(&told);
    families.extend(of_past(engine, observer, &told));
    families.extend(of_nodes(engine));
    families.extend(cluster::members(engine).iter().flat_map(of_members));
    families.extend(of_topics(engine));
    let bounds = engine.limits_async().await?.into_iter().chain(observer.door.bounds());
    families.extend(of_bounds(bounds));
    Ok(families)
}

type Told = (Keyspace, KeyspaceStats);
/// A metric of a keyspace: its name, its meaning, and its part of the numbers.
type Part = (&'static str, &'static str, fn(&KeyspaceStats) -> u64);
/// The same by a label, which has these values.
type Parts = (
    &'static str,
    &'static str,
    &'static str,
    &'static [(&'static str, fn(&KeyspaceStats) -> u64)],
);

const COUNTERS: &[Part] = &[
    ("absent_hits", "Hits that said that there is no value", |of| of.absent_hits),
    ("copy_hits", "Reads of other members' keys answered with copies of theirs", |of| of.copy_hits),
    ("near_hits", "Reads of other members' keys answered with near copies", |of| of.near_hits),
    ("stale_served", "Answers that were stale, and marked so", |of| of.served_stale),
    ("collapsed", "Misses that waited for the load of another", |of| of.collapsed),
    ("gave_up", "Misses that gave up waiting for their load", |of| of.gave_up),
    ("loads_overtaken", "Loads not kept: the key was changed meanwhile", |of| of.loads_overtaken),
    ("inserts", "Puts and fills of keys that were not held", |of| of.inserts),
    ("updates", "Puts and fills of keys that were held", |of| of.updates),
    ("refusals", "Values refused for their size", |of| of.refusals),
    ("moved", "Entries moved between data nodes", |of| of.moved),
];

const GAUGES: &[Part] = &[
    ("entries", "Entries held", |of| of.entries),
    ("bytes", "Bytes accounted, overhead included", |of| of.bytes),
    ("bytes_max", "Bytes allowed", |of| of.bytes_max),
    ("flights", "Loads on their way", |of| of.flights),
    ("loads_waiting", "Loads that wait for their turn", |of| of.loads_waiting),
    ("writes_waiting", "Writes that wait for the store", |of| of.writes_waiting),
    ("writes_waiting_bytes", "Bytes of write-behind that wait", |of| of.writes_waiting_bytes),
];

const BY_LABEL: &[Parts] = &[
    (
        "gets",
        "Reads, by what the cache had",
        "result",
        &[("hit", |of| of.hits), ("miss", |of| of.misses)],
    ),
    (
        "loads",
        "Keys that the source was asked for, by what came of it",
        "result",
        &[
            ("found", |of| of.loads_found),
            ("not_found", |of| of.loads_not_found),
            ("failed", |of| of.load_failures),
            ("timed_out", |of| of.load_timeouts),
            ("cancelled", |of| of.loads_cancelled),
        ],
    ),
    (
        "loads_refused",
        "Loads that were never made, by what stopped them",
        "by",
        &[
            ("rate_limit", |of| of.refused_by_rate_limit),
            ("breaker", |of| of.refused_by_breaker),
            ("full_queue", |of| {
                of.loads_refused.saturating_sub(of.refused_by_rate_limit + of.refused_by_breaker)
            }),
        ],
    ),
    (
        "store_writes",
        "Writes to the store, by what came of them",
        "result",
        &[
            ("stored", |of| of.stored),
            ("failed", |of| of.store_failures),
            ("lost", |of| of.store_lost),
        ],
    ),
    (
        "removals",
        "Entries that went, by why",
        "cause",
        &[
            ("evicted", |of| of.evictions),
            ("expired", |of| of.expirations),
            ("deleted", |of| of.deletes),
            ("invalidated", |of| of.invalidations),
        ],
    ),
];

fn label(keyspace: &Keyspace) -> (&'static str, String) {
    ("keyspace", keyspace.name().to_owned())
}

fn of_keyspaces(told: &[Told]) -> Vec<Family> {
    let mut families = Vec::new();
    for (name, help, part) in COUNTERS {
        let mut family = Family::counter(name, help);
        for (keyspace, stats) in told {
            family.count(vec![label(keyspace)], part(stats));
        }
        families.push(family);
    }
    for (name, help, part) in GAUGES {
        let mut family = Family::gauge(name, help);
        for (keyspace, stats) in told {
            family.measure(vec![label(keyspace)], part(stats));
        }
        families.push(family);
    }
    families.extend(BY_LABEL.iter().map(|parts| by_label(parts, told)));
    families.extend(histograms(told));
    families.push(breakers(told));
    families
}

fn by_label((name, help, by, parts): &Parts, told: &[Told]) -> Family {
    let mut family = Family::counter(name, help);
    for (keyspace, stats) in told {
        for (value, part) in *parts {
            family.count(vec![label(keyspace), (by, (*value).to_owned())], part(stats));
        }
    }
    family
}

fn histograms(told: &[Told]) -> [Family; 2] {
    let mut times = Family::histogram(
        "source_request_duration_seconds",
        "How long requests to the source took; one may be for many keys",
    );
    let mut ages =
        Family::histogram("evicted_age_seconds", "How old entries were when they were evicted");
    for (keyspace, stats) in told {
        times.times(vec![label(keyspace)], &stats.source_request_times);
        ages.ages(vec![label(keyspace)], &stats.evicted_ages);
    }
    [times, ages]
}

fn breakers(told: &[Told]) -> Family {
    let mut family =
        Family::gauge("breaker_open", "Whether the source is left alone because it failed");
    for (keyspace, _) in told {
        let is_open = keyspace.breaker() == Some(BreakerState::Open);
        family.measure(vec![label(keyspace)], u64::from(is_open));
    }
    family
}

/// What has happened lately, as far as there is a history.
fn of_past(engine: &Engine, observer: &Observer, told: &[Told]) -> [Family; 2] {
    let mut ratios = Family::gauge("hit_ratio", "The part of the reads that were hits, lately");
    let mut ages = Family::gauge("evicted_age_mean_seconds", "The mean age of what went, lately");
    for (keyspace, stats) in told {
        for (window, over) in WINDOWS {
            let history = observer.history.as_ref();
            let past = history.and_then(|h| h.past(keyspace.name(), stats, engine.now(), over));
            let labels = || vec![label(keyspace), ("over", window.to_owned())];
            if let Some(ratio) = past.and_then(|past| past.hit_ratio) {
                ratios.measure_part(labels(), ratio);
            }
            if let Some(age_s) = past.and_then(|past| past.evicted_age_s) {
                ages.measure_part(labels(), age_s);
            }
        }
    }
    [ratios, ages]
}

fn of_nodes(engine: &Engine) -> [Family; 3] {
    let mut shares = Family::gauge("node_ring_share", "The part of the keys that a node owns");
    let mut lives = Family::counter("node_replacements", "How often a node was replaced");
    let mut inboxes = Family::gauge("node_inbox_depth", "Commands that wait at a node");
    for node in engine.manager().nodes() {
        let labels = || -> Labels { vec![("node", node.id.to_string())] };
        shares.measure_part(labels(), node.ring_share);
        lives.count(labels(), node.incarnation);
        inboxes.measure(labels(), node.status.map_or(0, |status| status.inbox_depth));
    }
    [shares, lives, inboxes]
}

fn of_members(members: &Members) -> [Family; 3] {
    let mut count = Family::gauge("cluster_members", "Members of the cluster");
    let mut epoch = Family::gauge("cluster_epoch", "The view of the cluster that is worked by");
    let mut lease = Family::gauge("cluster_has_lease", "Whether the cache may be served from");
    count.measure(Vec::new(), members.all.len() as u64);
    epoch.measure(Vec::new(), members.epoch);
    lease.measure(Vec::new(), u64::from(members.has_lease));
    [count, epoch, lease]
}

fn of_topics(engine: &Engine) -> [Family; 3] {
    let mut subscribers = Family::gauge("topic_subscribers", "Who listens to a topic");
    let mut waiting = Family::gauge("topic_waiting", "Messages that the slowest has not read");
    let mut missed = Family::counter("topic_missed", "Messages that a subscriber missed");
    for lag in engine.lags() {
        let labels = || -> Labels { vec![("topic", lag.topic.to_owned())] };
        subscribers.measure(labels(), lag.subscribers);
        waiting.measure(labels(), lag.waiting);
        missed.count(labels(), lag.missed);
    }
    [subscribers, waiting, missed]
}
