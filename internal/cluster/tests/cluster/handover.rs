//! Entries follow their keys from member to member.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use distcache_cluster::handover::Settings;
use distcache_cluster::wire::Network;
use distcache_manager::{Config, ManualClock, Tick, Write};

use crate::keys::{until, who};
use crate::process::Process;

const ALL: usize = 3;
pub(crate) const VALUE: &[u8] = b"value";
pub(crate) const NEW: &[u8] = b"new";

/// Processes that know of three, and a clock that they have in common and that stands.
pub(crate) struct Cluster {
    pub(crate) network: Arc<Network>,
    clock: Arc<ManualClock>,
    handover: Settings,
    pub(crate) processes: Vec<Process>,
    keys: u32,
}

/// What is known of an entry.
pub(crate) type Known = (u64, Tick);

pub(crate) fn key(number: u32) -> Vec<u8> {
    format!("key-{number}").into_bytes()
}

impl Cluster {
    /// So many processes, which have a number of keys between them.
    pub(crate) async fn of(count: usize, keys: u32, handover: Settings) -> Self {
        let (network, clock) = (Network::new(1), Arc::new(ManualClock::new()));
        let mut cluster = Self { network, clock, handover, processes: Vec::new(), keys };
        for _ in 0..count {
            cluster.start().await;
        }
        cluster.until_settled(count).await;
        cluster
    }

    pub(crate) async fn start(&mut self) {
        let clock = self.clock.clone();
        let capacity_bytes = 64 << 20;
        let config = Config { data_nodes: 2, capacity_bytes, clock, ..Config::default() };
        let (number, handover) = (self.processes.len(), self.handover.clone());
        let one = Process::start_with(&self.network, number, ALL, config, handover);
        self.processes.push(one.await);
    }

    /// So many are owners, and each key is one's.
    pub(crate) async fn until_settled(&self, count: usize) {
        until("all are owners", || {
            let owns = |process: &Process| {
                let view = process.cluster.view();
                view.is_some_and(|view| {
                    view.members().iter().filter(|member| member.state.owns()).count() == count
                })
            };
            self.processes.iter().all(owns)
        })
        .await;
        until("each key has an owner", || {
            (0..self.keys).all(|n| who(&self.processes, &key(n)).len() == 1)
        })
        .await;
    }

    /// Who answers for a key, by its place.
    pub(crate) fn owner(&self, n: u32) -> usize {
        let answers = |process: &Process| process.answers_for(&key(n));
        self.processes.iter().position(answers).expect("somebody answers for it")
    }

    /// Those keys of which a process is the owner.
    pub(crate) fn keys_of(&self, process: usize) -> Vec<u32> {
        (0..self.keys).filter(|n| self.owner(*n) == process).collect()
    }

    /// Puts every key where it belongs, with a time of its own and what is said of it.
    pub(crate) fn put_all(&self, value: &[u8]) -> BTreeMap<u32, Known> {
        let put = |n: u32| {
            let cache = &self.processes[self.owner(n)].cache;
            let expires = cache.now().after(Duration::from_secs(100 + u64::from(n)));
            let tags = [cache.tag_hash("tag")];
            let (key, content_type) = (key(n), Some("text/plain"));
            let write = Write { expires, tags: &tags, content_type, ..Write::new(&key, value) };
            let stored = cache.put_in(cache.default_keyspace(), &write).expect("it is its own");
            (n, (stored.version.get(), expires))
        };
        (0..self.keys).map(put).collect()
    }

    /// What its owner says of a key.
    pub(crate) fn known(&self, n: u32) -> Option<Known> {
        let owner = &self.processes[self.owner(n)];
        let hit = owner.get(owner.cache.default_keyspace(), &key(n))?;
        assert_eq!(hit.value.label().content_type(), Some("text/plain"));
        Some((hit.value.version().get(), hit.value.expires()))
    }

    /// Every key is as it was, at whoever has it now, and ends no later.
    fn assert_all_there(&self, before: &BTreeMap<u32, Known>) {
        for (n, (version, expires)) in before {
            let now = self.known(*n).unwrap_or_else(|| panic!("{n} is lost"));
            assert_eq!(now.0, *version, "{n}");
            assert!(now.1 <= *expires, "{n} ends later: {now:?}, not {expires:?}");
            assert!(expires.before(Duration::from_secs(1)) < now.1, "{n} ends early: {now:?}");
        }
    }

    /// Counts of all processes together: of entries that were given, taken and refused.
    fn moved(&self) -> (u64, u64, u64) {
        let counts = self.processes.iter().map(|process| process.cluster.handed_over());
        counts.fold((0, 0, 0), |(given, taken, refused), one| {
            let (more_taken, more_refused) = (one.entries_taken, one.entries_refused);
            (given + one.entries_given, taken + more_taken, refused + more_refused)
        })
    }
}

/// One mebibyte a second, for three seconds.
fn slow() -> Settings {
    let bytes_per_second = NonZeroU64::new(1 << 20).expect("it is not zero");
    Settings { bytes_per_second, within: Duration::from_secs(3), ..Settings::default() }
}

/// A value of which three have room in a page.
pub(crate) const LARGE: &[u8] = &[7; 300 << 10];

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_joins_has_all_that_others_put_before_and_nothing_else_has_moved() {
    let mut cluster = Cluster::of(2, 1_000, Settings::default()).await;
    let before = cluster.put_all(VALUE);
    assert_eq!(cluster.moved(), (0, 0, 0));
    cluster.start().await;
    cluster.until_settled(3).await;
    let moved = cluster.keys_of(2).len() as u64;
    assert!(100 < moved, "it has its part: {moved}");
    until("all is there", || cluster.processes[2].entries() == moved).await;
    cluster.assert_all_there(&before);
    assert_eq!(cluster.moved(), (moved, moved, 0), "only keys whose owner changed have moved");
    assert_eq!(cluster.processes.iter().map(Process::entries).sum::<u64>(), 1_000);
    // What was known of a value by its tag is known of it there.
    let new = &cluster.processes[2].cache;
    new.revoke_in(new.default_keyspace(), &[new.tag_hash("tag")]).unwrap();
    assert!(cluster.keys_of(2).into_iter().all(|n| cluster.known(n).is_none()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_leaves_has_handed_over_all_that_it_had() {
    let mut cluster = Cluster::of(3, 1_000, Settings::default()).await;
    let before = cluster.put_all(VALUE);
    let theirs = cluster.keys_of(2).len() as u64;
    let leaver = cluster.processes.pop().expect("there is one");
    leaver.cluster.leave(Duration::from_mins(1)).await.unwrap();
    let counts = leaver.cluster.handed_over();
    assert_eq!((counts.entries_given, counts.ended_by_time), (theirs, 0));
    assert!(100 < theirs && leaver.entries() == 0, "nothing stayed behind");
    cluster.until_settled(2).await;
    cluster.assert_all_there(&before);
    assert_eq!(cluster.moved(), (0, theirs, 0), "only keys whose owner changed have moved");
    assert!(leaver.cache.get(&key(0)).is_err(), "it answers for nothing");
}

/// Some ten mebibytes, at four a second.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_leaves_stays_until_its_heirs_have_everything() {
    let bytes_per_second = NonZeroU64::new(4 << 20).expect("it is not zero");
    let settings = Settings { bytes_per_second, ..Settings::default() };
    let mut cluster = Cluster::of(3, 100, settings).await;
    let before = cluster.put_all(LARGE);
    let leaver = cluster.processes.pop().expect("there is one");
    leaver.cluster.leave(Duration::from_mins(1)).await.unwrap();
    cluster.until_settled(2).await;
    cluster.assert_all_there(&before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_changed_before_its_entry_came_stays_and_no_more_comes_than_its_rate_and_time_allow()
 {
    let mut cluster = Cluster::of(2, 100, slow()).await;
    let before = cluster.put_all(LARGE);
    cluster.start().await;
    cluster.until_settled(3).await;
    let new = &cluster.processes[2];
    let keys = cluster.keys_of(2);
    // 100 values of 300 KiB, a third of which goes to the new one: some 10 MiB.
    let (mut changed, mut deleted) = (Vec::new(), Vec::new());
    for (index, n) in keys.iter().copied().enumerate() {
        match index % 3 {
            0 => {
                new.cache.put(&key(n), NEW, None).unwrap();
                changed.push(n);
            }
            1 => {
                new.cache.delete(&key(n)).unwrap();
                deleted.push(n);
            }
            _ => {}
        }
    }
    let came = (keys.len() * LARGE.len()) as u64;
    until("its time is over, or all has come", || {
        let counts = new.cluster.handed_over();
        counts.ended_by_time == 1 || came <= counts.bytes_taken
    })
    .await;
    let counts = new.cluster.handed_over();
    // In three seconds, and what both others give at once.
    assert!(counts.bytes_taken <= (3 + 2) << 20, "{counts:?}");
    assert!(counts.entries_taken + counts.entries_refused <= 3 * counts.pages_taken, "{counts:?}");
    assert!(0 < counts.entries_taken, "{counts:?}");
    let mut there = 0;
    for n in keys {
        let value = new.get(new.cache.default_keyspace(), &key(n)).map(|hit| hit.value);
        if changed.contains(&n) {
            assert_eq!(value.as_deref(), Some(NEW), "{n}");
        } else if deleted.contains(&n) {
            assert_eq!(value.as_deref(), None, "{n}");
        } else if let Some(value) = value {
            assert_eq!(value.version().get(), before[&n].0, "{n}");
            there += 1;
        }
    }
    assert!(there < 30, "some are lost: {there} came");
    // What nobody has asked for in its time is dropped.
    for (index, process) in cluster.processes[..2].iter().enumerate() {
        let own = cluster.keys_of(index).len() as u64;
        let given = || process.cluster.handed_over();
        until("its time is over there, too", || given().ended_by_time == 1).await;
        until("strays are dropped", || process.entries() == own).await;
    }
}

/// Of the pages only the first of each giver comes: the next ones wait for a long time.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_asks_for_a_key_whose_page_has_not_come_is_answered_with_its_entry() {
    let (bytes_per_second, within) = (NonZeroU64::MIN, Duration::from_mins(10));
    let settings = Settings { bytes_per_second, within, patience: within, ..Settings::default() };
    let mut cluster = Cluster::of(2, 100, settings).await;
    let before = cluster.put_all(LARGE);
    cluster.start().await;
    cluster.until_settled(3).await;
    let new = &cluster.processes[2].cluster;
    until("the first pages have come", || 2 == new.handed_over().pages_taken).await;
    let came = new.handed_over().entries_taken;
    let keys = cluster.keys_of(2);
    assert!(2 * came < keys.len() as u64, "{came} of {}", keys.len());
    cluster.assert_all_there(&before);
    // They are counted when they are there.
    until("all are counted", || keys.len() as u64 <= new.handed_over().entries_taken).await;
    let counts = new.handed_over();
    assert_eq!((counts.entries_taken, counts.entries_refused), (keys.len() as u64, 0));
    // Of a key of which nobody has anything that is said, and not waited for.
    let unknown = (100..1_000).find(|n| cluster.processes[2].answers_for(&key(*n)));
    assert_eq!(cluster.known(unknown.expect("it owns a third of all")), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_giver_that_dies_in_the_middle_leaves_misses_and_nothing_else() {
    let within = Duration::from_secs(30);
    let mut cluster = Cluster::of(2, 100, Settings { within, ..slow() }).await;
    let before = cluster.put_all(LARGE);
    cluster.start().await;
    cluster.until_settled(3).await;
    let new = &cluster.processes[2].cluster;
    until("some have come", || 0 < new.handed_over().entries_taken).await;
    let victim = cluster.processes.remove(1);
    victim.cluster.close().await;
    drop(victim);
    cluster.until_settled(2).await;
    let mut there = 0;
    for (n, known) in &before {
        let now = cluster.known(*n);
        there += u32::from(now.is_some());
        assert!(now.is_none_or(|(version, end)| version == known.0 && end <= known.1), "{n}");
    }
    assert!(0 < there && there < 100, "what the dead one had is lost: {there} are there");
    let taken = || cluster.processes[1].cluster.handed_over();
    until("it takes nothing more", || {
        let before = taken();
        cluster.keys_of(1).iter().for_each(|n| _ = cluster.known(*n));
        before == taken()
    })
    .await;
}
