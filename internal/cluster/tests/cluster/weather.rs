//! Entries are handed over while links lose, double, delay and are cut: what does not
//! arrive is a miss, and nothing comes too late.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::time::Duration;

use distcache_cluster::handover::Settings;
use distcache_cluster::wire::Weather;

use crate::handover::{Cluster, Known, LARGE, NEW, VALUE, key};
use crate::keys::until;
use crate::process::{Process, address};

const KEYS: u32 = 600;

const ROUGH: [Weather; 2] = [
    Weather { doubled_permille: 300, late_permille: 300, ..calm() },
    Weather { lost_permille: 15, doubled_permille: 150, late_permille: 150, ..calm() },
];

const fn calm() -> Weather {
    Weather {
        delay: Duration::from_millis(3),
        lost_permille: 0,
        doubled_permille: 0,
        late_permille: 0,
        is_cut: false,
    }
}

/// The same weather between all.
fn set(cluster: &Cluster, weather: Weather) {
    for (one, other) in [(0, 1), (0, 2), (1, 2)] {
        cluster.network.set_between(&address(one), &address(other), weather);
    }
}

/// What was done to some of its keys by one that has just become their owner, and may yet
/// be given what they had before.
struct Changed {
    put: Vec<u32>,
    deleted: Vec<u32>,
}

/// Puts a third of the keys, and deletes a third.
fn change(process: &Process, keys: &[u32]) -> Changed {
    let mut changed = Changed { put: Vec::new(), deleted: Vec::new() };
    for (at, n) in keys.iter().enumerate() {
        match at % 3 {
            0 if process.cache.put(&key(*n), NEW, None).is_ok() => changed.put.push(*n),
            1 if process.cache.delete(&key(*n)).is_ok() => changed.deleted.push(*n),
            _ => {}
        }
    }
    assert!(!changed.put.is_empty() && !changed.deleted.is_empty(), "it has keys");
    changed
}

impl Changed {
    /// What was put is as it was put, or lost on its way to another owner; what was deleted
    /// is gone; and everything else is as it was, or lost. Returns how much is as it was.
    fn assert_holds(&self, cluster: &Cluster, before: &BTreeMap<u32, Known>) -> usize {
        let mut there = 0;
        for (n, (version, expires)) in before {
            let owner = &cluster.processes[cluster.owner(*n)];
            let Some(hit) = owner.get(owner.cache.default_keyspace(), &key(*n)) else { continue };
            assert!(!self.deleted.contains(n), "{n} has come back");
            if self.put.contains(n) {
                assert_eq!(&*hit.value, NEW, "{n} is as it was before");
                continue;
            }
            assert_eq!(hit.value.version().get(), *version, "{n}");
            assert!(hit.value.expires() <= *expires, "{n} ends later");
            there += 1;
        }
        there
    }
}

/// A page, or what it is asked by, is lost, comes twice or in another order.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn in_any_weather_an_entry_arrives_as_it_was_or_not_at_all() {
    for weather in ROUGH {
        let mut cluster = Cluster::of(2, KEYS, Settings::default()).await;
        let before = cluster.put_all(VALUE);
        set(&cluster, weather);
        cluster.start().await;
        cluster.until_settled(3).await;
        let changed = change(&cluster.processes[2], &cluster.keys_of(2));
        until("nothing is left behind", || {
            let all = cluster.processes.iter().enumerate();
            all.map(|(at, process)| (cluster.keys_of(at).len() as u64, process.entries()))
                .all(|(own, held)| held <= own)
        })
        .await;
        set(&cluster, calm());
        cluster.until_settled(3).await;
        let there = changed.assert_holds(&cluster, &before);
        assert!(0 < there, "{weather:?}: all is lost");
        set(&cluster, weather);
        let leaver = cluster.processes.pop().expect("there is one");
        // It may be too late for the others to agree: it is closed then all the same.
        let _in_time_or_not = leaver.cluster.leave(Duration::from_secs(15)).await;
        set(&cluster, calm());
        cluster.until_settled(2).await;
        let there = changed.assert_holds(&cluster, &before);
        assert!(0 < there, "{weather:?}: all is lost");
    }
}

/// Each time that some entries have come, every connection is broken: the page that is
/// under way is lost, and what comes after it is asked for.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hand_over_goes_on_after_each_break_and_loses_what_was_under_way() {
    // So slow that it is looked at several times, on whatever machine.
    let bytes_per_second = NonZeroU64::new(4 << 20).expect("it is not zero");
    let settings = Settings { bytes_per_second, ..Settings::default() };
    let mut cluster = Cluster::of(2, 100, settings).await;
    let before = cluster.put_all(LARGE);
    // A page is under way most of the time.
    set(&cluster, Weather { delay: Duration::from_millis(20), ..calm() });
    cluster.start().await;
    cluster.until_settled(3).await;
    let changed = Changed { put: Vec::new(), deleted: Vec::new() };
    let (mut breaks, mut seen) = (0, 0);
    let own: Vec<_> = (0..3).map(|at| cluster.keys_of(at).len() as u64).collect();
    until("nothing is left to give", || {
        let taken = cluster.processes[2].cluster.handed_over().pages_taken;
        if seen < taken && breaks < 6 {
            (seen, breaks) = (taken, breaks + 1);
            for giver in [0, 1] {
                cluster.network.reset(&address(giver), &address(2));
            }
        }
        let givers = cluster.processes[..2].iter().zip(&own);
        givers.into_iter().all(|(giver, own)| giver.entries() == *own)
    })
    .await;
    assert!(2 < breaks, "{breaks} times");
    cluster.until_settled(3).await;
    let there = changed.assert_holds(&cluster, &before);
    let stayed = before.len() - cluster.keys_of(2).len();
    assert!(stayed < there, "some have come: {there}, and {stayed} stayed where they were");
    let counts = cluster.processes.iter().map(|process| process.cluster.handed_over());
    assert_eq!(counts.map(|one| one.ended_by_time).sum::<u64>(), 0, "all who ask are answered");
}

/// 1. An heir asks, and nothing of what it is answered gets through.
/// 2. It has the key deleted, and put anew.
/// 3. The cut heals; what was answered may arrive yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_under_way_behind_a_cut_arrives_too_late() {
    let bytes_per_second = NonZeroU64::new(4 << 20).expect("it is not zero");
    let settings = Settings { bytes_per_second, ..Settings::default() };
    let mut cluster = Cluster::of(2, 100, settings).await;
    let before = cluster.put_all(LARGE);
    cluster.start().await;
    cluster.until_settled(3).await;
    let taken = || cluster.processes[2].cluster.handed_over().pages_taken;
    until("some have come", || 0 < taken()).await;
    // Its leader hears it, and it hears the leader again before its lease is over.
    for giver in [0, 1] {
        cluster.network.set(&address(giver), &address(2), Weather::cut());
    }
    let changed = change(&cluster.processes[2], &cluster.keys_of(2));
    set(&cluster, Weather::default());
    let own: Vec<_> = (0..3).map(|at| cluster.keys_of(at).len() as u64).collect();
    until("nothing is left behind", || {
        let givers = cluster.processes[..2].iter().zip(&own);
        givers.into_iter().all(|(giver, own)| giver.entries() == *own)
    })
    .await;
    cluster.until_settled(3).await;
    assert!(0 < changed.assert_holds(&cluster, &before));
}
