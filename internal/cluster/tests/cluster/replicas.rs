//! Copies: what was acknowledged is read although its owner is gone.

use std::collections::BTreeSet;
use std::time::Duration;

use distcache_bus::Deadline;
use distcache_cluster::wire::{Network, Weather};
use distcache_manager::{Config, Error, Keyspace, KeyspaceSpec, Tick, Write};

use crate::keys::until;
use crate::process::{Process, address};

const THINGS: &str = "things";
const KEYS: u32 = 300;

fn key(number: u32) -> Vec<u8> {
    format!("key-{number}").into_bytes()
}

fn value(number: u32) -> Vec<u8> {
    format!("value-{number}").into_bytes()
}

/// Processes with a keyspace of which each entry has so many replicas.
struct Cluster {
    network: std::sync::Arc<Network>,
    processes: Vec<Process>,
    count: usize,
}

impl Cluster {
    /// So many of `count`.
    async fn of(now: usize, count: usize, replicas: u8) -> Self {
        let mut cluster = Self { network: Network::new(1), processes: Vec::new(), count };
        for number in 0..now {
            cluster.start(number, replicas).await;
        }
        cluster.until_all_have_owners(now).await;
        cluster
    }

    async fn start(&mut self, number: usize, replicas: u8) {
        let process = Process::start(&self.network, number, self.count).await;
        let spec = KeyspaceSpec { replicas, ..KeyspaceSpec::default() };
        process.cache.add_keyspace(THINGS, &spec).expect("it is new");
        self.processes.push(process);
    }

    async fn until_all_have_owners(&self, count: usize) {
        until("all are owners, and each key has one", || {
            let owners = |process: &Process| {
                let view = process.cluster.view();
                view.map_or(0, |view| view.members().iter().filter(|m| m.state.owns()).count())
            };
            self.processes.iter().all(|process| owners(process) == count)
                && (0..KEYS).all(|n| self.owners(n).len() == 1)
        })
        .await;
    }

    fn owners(&self, n: u32) -> Vec<usize> {
        let owns = |at: &usize| {
            let process = &self.processes[*at];
            process.cache.answers_for(&things(process), &key(n)).is_ok()
        };
        (0..self.processes.len()).filter(owns).collect()
    }

    fn owner(&self, n: u32) -> &Process {
        &self.processes[self.owners(n)[0]]
    }

    /// Puts it at its owner, and waits until that is committed.
    fn put(&self, n: u32, value: &[u8], expires: Tick) {
        let process = self.owner(n);
        let write = Write { expires, ..Write::new(&[], value) };
        let (key, things) = (key(n), things(process));
        process.cache.put_in(&things, &Write { key: &key, ..write }).expect("it is its own");
        assert!(is_committed(process, n), "nobody has made the change of {n}");
    }

    fn get(&self, n: u32) -> Option<Vec<u8>> {
        let process = self.owner(n);
        let hit = process.cache.get_in(&things(process), &key(n)).expect("it is its own");
        hit.map(|hit| hit.value.to_vec())
    }

    async fn until_each_entry_has_its_copy(&self) {
        until("each entry has its copy", || {
            let held: u64 = self.processes.iter().map(Process::entries).sum();
            held >= 2 * u64::from(KEYS) && (0..KEYS).all(|n| self.get(n).is_some())
        })
        .await;
    }

    fn has_everything(&self) {
        let lost: BTreeSet<u32> = (0..KEYS).filter(|n| self.get(*n).is_none()).collect();
        assert!(lost.is_empty(), "{lost:?}");
        (0..KEYS).for_each(|n| assert_eq!(self.get(n), Some(value(n)), "{n}"));
    }

    /// One falls silent at once, and the others agree that it is gone.
    async fn kill(&mut self, at: usize) {
        drop(self.processes.remove(at));
        self.until_all_have_owners(self.processes.len()).await;
    }
}

fn things(process: &Process) -> Keyspace {
    process.cache.keyspace(THINGS).expect("it was added")
}

fn is_committed(process: &Process, n: u32) -> bool {
    let journal = process.cache.journal();
    let latest = journal.latest(process.cache.key_hash(&things(process), &key(n)));
    let wait = |waiter: distcache_bus::Waiter<()>| {
        waiter.wait(&Deadline::within(Duration::from_secs(20))) == Some(Ok(()))
    };
    journal.wait(latest, 0).is_none_or(wait)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_committed_is_there_after_its_owner_has_died() {
    let mut cluster = Cluster::of(3, 3, 2).await;
    (0..KEYS).for_each(|n| cluster.put(n, b"old", Tick::NEVER));
    (0..KEYS).for_each(|n| cluster.put(n, &value(n), Tick::NEVER));
    cluster.kill(0).await;
    (0..KEYS).for_each(|n| assert_eq!(cluster.get(n), Some(value(n)), "{n}"));
    // The next one, too: there are copies of what was adopted.
    (0..KEYS).for_each(|n| assert!(is_committed(cluster.owner(n), n)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn with_three_replicas_two_may_die_at_once() {
    let mut cluster = Cluster::of(5, 5, 3).await;
    (0..KEYS).for_each(|n| cluster.put(n, &value(n), Tick::NEVER));
    drop(cluster.processes.remove(0));
    cluster.kill(0).await;
    (0..KEYS).for_each(|n| assert_eq!(cluster.get(n), Some(value(n)), "{n}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_forgotten_does_not_come_back_with_its_copy() {
    let mut cluster = Cluster::of(3, 3, 2).await;
    (0..KEYS).for_each(|n| cluster.put(n, &value(n), Tick::NEVER));
    for n in (0..KEYS).step_by(3) {
        let process = cluster.owner(n);
        assert!(process.cache.delete_in(&things(process), &key(n)).expect("it is its own"));
        assert!(is_committed(process, n));
    }
    cluster.kill(0).await;
    for n in 0..KEYS {
        let expected = (n % 3 != 0).then(|| value(n));
        assert_eq!(cluster.get(n), expected, "{n}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_joins_is_given_copies_of_what_was_there_before() {
    let mut cluster = Cluster::of(2, 3, 2).await;
    (0..KEYS).for_each(|n| cluster.put(n, &value(n), Tick::NEVER));
    cluster.start(2, 2).await;
    cluster.until_all_have_owners(3).await;
    // Two thirds of the copies lie elsewhere now. All are there when each process has as
    // many copies as entries lie elsewhere for it: twice as many entries as keys.
    cluster.until_each_entry_has_its_copy().await;
    cluster.kill(0).await;
    cluster.has_everything();
}

/// Who has died kept copies, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_keeps_more_after_a_death_is_given_what_was_there_before_the_next() {
    let mut cluster = Cluster::of(5, 5, 2).await;
    (0..KEYS).for_each(|n| cluster.put(n, &value(n), Tick::NEVER));
    for _ in 0..2 {
        cluster.kill(0).await;
        cluster.until_each_entry_has_its_copy().await;
        cluster.has_everything();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_copy_ends_no_later_than_its_entry() {
    let mut cluster = Cluster::of(3, 3, 2).await;
    let end = |process: &Process| process.cache.now().after(Duration::from_mins(10));
    let ends: Vec<Tick> = (0..KEYS)
        .map(|n| {
            let end = end(cluster.owner(n));
            cluster.put(n, &value(n), end);
            end
        })
        .collect();
    let left = |process: &Process, n: u32| {
        let hit = process.cache.get_in(&things(process), &key(n)).expect("its own");
        hit.expect("it is there").value.expires().as_ms() - process.cache.now().as_ms()
    };
    let before: Vec<u64> = (0..KEYS).map(|n| left(cluster.owner(n), n)).collect();
    assert_eq!(before.len(), ends.len());
    cluster.kill(0).await;
    for n in 0..KEYS {
        let left = left(cluster.owner(n), n);
        assert!(left < before[n as usize], "{n} ends later: {left}");
        assert!(before[n as usize] < left + 60_000, "{n} ends early: {left}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_change_is_not_committed_while_who_keeps_the_copy_is_not_reached() {
    let cluster = Cluster::of(3, 3, 2).await;
    (0..KEYS).for_each(|n| cluster.put(n, b"old", Tick::NEVER));
    let at = cluster.owners(0)[0];
    let process = &cluster.processes[at];
    for other in (0..3).filter(|other| *other != at) {
        let (one, other) = (address(at), address(other));
        cluster.network.set_between(&one, &other, Weather::cut());
    }
    let things = things(process);
    let stored = process.cache.put_in(&things, &Write::new(&key(0), b"new"));
    assert!(matches!(stored, Ok(_) | Err(Error::ClaimEnded)), "{stored:?}");
    let journal = process.cache.journal();
    let latest = journal.latest(process.cache.key_hash(&things, &key(0)));
    let waiter = journal.wait(latest, 0).expect("nobody else has it");
    assert_ne!(waiter.wait(&Deadline::within(Duration::from_millis(300))), Some(Ok(())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_is_waited_for_who_has_left() {
    let mut cluster = Cluster::of(3, 3, 3).await;
    cluster.put(1, b"1", Tick::NEVER);
    let leaver = cluster.processes.remove(0);
    leaver.cluster.leave(Duration::from_secs(10)).await.expect("the others agree");
    cluster.until_all_have_owners(2).await;
    cluster.put(1, b"2", Tick::NEVER);
    assert_eq!(cluster.get(1), Some(b"2".to_vec()));
}

#[test]
fn there_are_one_to_seven_replicas_and_their_number_stays() {
    let cache = distcache_manager::CacheManager::start(Config::default()).expect("good settings");
    for replicas in [0, 8] {
        let spec = KeyspaceSpec { replicas, ..KeyspaceSpec::default() };
        let refused = cache.add_keyspace(THINGS, &spec).expect_err("too few or too many");
        assert!(refused.to_string().contains("1 to 7"), "{refused}");
    }
    let spec = KeyspaceSpec { replicas: 7, ..KeyspaceSpec::default() };
    cache.add_keyspace(THINGS, &spec).expect("as many as there may be");
    assert_eq!(cache.keyspaces().len(), 2, "that of the copies is not told");
    let changed = KeyspaceSpec { replicas: 2, ..spec };
    cache.change_keyspace(THINGS, &changed).expect_err("they stay as many");
    cache.remove_keyspace(THINGS).expect("it is there");
    cache.add_keyspace(THINGS, &changed).expect("its name is free");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn more_changes_than_may_wait_for_copies_are_refused_and_change_nothing() {
    let cluster = Cluster::of(3, 3, 2).await;
    let at = cluster.owners(0)[0];
    let process = &cluster.processes[at];
    for other in (0..3).filter(|other| *other != at) {
        cluster.network.set_between(&address(at), &address(other), Weather::cut());
    }
    let (things, large) = (things(process), vec![7; 1 << 16]);
    let journal = process.cache.journal();
    let mut stored = 0_u64;
    let refused = loop {
        match process.cache.put_in(&things, &Write::new(&key(0), &large)) {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
        assert!(journal.bytes() < 2 * distcache_manager::JOURNAL_BYTES_MAX, "no bound");
    };
    // As quick as this is, its lease is not over by then; on a slow machine it is.
    if refused == Error::Busy {
        assert_eq!(journal.head() - journal.committed(), stored);
        let many = process.cache.delete_many_in(&things, &[&key(0), &key(0)]);
        assert_eq!(many, [Err(Error::Busy), Err(Error::Busy)]);
        assert!(process.cache.bounds().expect("it is open").iter().any(|bound| {
            bound.name == "journal" && 2 <= bound.reached && bound.used == Some(journal.bytes())
        }));
    } else {
        assert!(matches!(refused, Error::ClaimEnded | Error::Elsewhere), "{refused}");
    }
}
