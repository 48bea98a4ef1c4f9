//! Processes with a keyspace of which each entry is held by several.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use distcache_bus::Deadline;
use distcache_cluster::wire::Network;
use distcache_manager::{Keyspace, KeyspaceSpec, Tick, Write};

use crate::keys::until;
use crate::process::Process;

pub(crate) const THINGS: &str = "things";
pub(crate) const KEYS: u32 = 300;

pub(crate) fn key(number: u32) -> Vec<u8> {
    format!("key-{number}").into_bytes()
}

pub(crate) fn value(number: u32) -> Vec<u8> {
    format!("value-{number}").into_bytes()
}

/// Processes with a keyspace of which each entry has so many replicas.
pub(crate) struct Holders {
    pub(crate) network: Arc<Network>,
    pub(crate) processes: Vec<Process>,
    count: usize,
    spec: KeyspaceSpec,
}

impl Holders {
    /// So many of `count`.
    pub(crate) async fn of(now: usize, count: usize, replicas: u8) -> Self {
        Self::with(now, count, KeyspaceSpec { replicas, ..KeyspaceSpec::default() }).await
    }

    /// The same, of a keyspace that works so.
    pub(crate) async fn with(now: usize, count: usize, spec: KeyspaceSpec) -> Self {
        let mut cluster = Self { network: Network::new(1), processes: Vec::new(), count, spec };
        for number in 0..now {
            cluster.start(number).await;
        }
        cluster.until_all_have_owners(now).await;
        cluster.until_all_follow().await;
        cluster
    }

    /// Waits until all who keep copies have begun to.
    ///
    /// 1. The members are found. One owns a key, and has stored it.
    /// 2. Another follows it from now on: whatever was stored before is read off by and by.
    /// 3. The owner dies before that. Nobody is told anything older, and nobody has it.
    async fn until_all_follow(&self) {
        let holders = u64::from(things(&self.processes[0]).replicas());
        let holders = holders.min(self.processes.len() as u64);
        if holders == 1 {
            return;
        }
        (0..KEYS).for_each(|n| self.put(n, b"first", Tick::NEVER));
        until("each entry has its copies", || {
            let held: u64 = self.processes.iter().map(Process::entries).sum();
            holders * u64::from(KEYS) <= held
        })
        .await;
    }

    pub(crate) async fn start(&mut self, number: usize) {
        let process = Process::start(&self.network, number, self.count).await;
        process.cache.add_keyspace(THINGS, &self.spec).expect("it is new");
        self.processes.push(process);
    }

    pub(crate) async fn until_all_have_owners(&self, count: usize) {
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

    pub(crate) fn owners(&self, n: u32) -> Vec<usize> {
        let owns = |at: &usize| {
            let process = &self.processes[*at];
            process.cache.answers_for(&things(process), &key(n)).is_ok()
        };
        (0..self.processes.len()).filter(owns).collect()
    }

    pub(crate) fn owner(&self, n: u32) -> &Process {
        &self.processes[self.owners(n)[0]]
    }

    /// Puts it at its owner, and waits until that is committed.
    pub(crate) fn put(&self, n: u32, value: &[u8], expires: Tick) {
        let process = self.owner(n);
        let write = Write { expires, ..Write::new(&[], value) };
        let (key, things) = (key(n), things(process));
        process.cache.put_in(&things, &Write { key: &key, ..write }).expect("it is its own");
        assert!(is_committed(process, n), "nobody has made the change of {n}");
    }

    pub(crate) fn get(&self, n: u32) -> Option<Vec<u8>> {
        let process = self.owner(n);
        let hit = process.get(&things(process), &key(n));
        hit.map(|hit| hit.value.to_vec())
    }

    pub(crate) async fn until_each_entry_has_its_copy(&self) {
        until("each entry has its copy", || {
            let held: u64 = self.processes.iter().map(Process::entries).sum();
            held >= 2 * u64::from(KEYS) && (0..KEYS).all(|n| self.get(n).is_some())
        })
        .await;
    }

    pub(crate) fn has_everything(&self) {
        let lost: BTreeSet<u32> = (0..KEYS).filter(|n| self.get(*n).is_none()).collect();
        // A machine that is too busy may have others removed, or nodes replaced.
        let stands = |process: &Process| {
            let view = process.cluster.view();
            let members = view.map(|view| (view.epoch(), view.members().to_vec()));
            (members, process.cache.replacements())
        };
        let stand: Vec<_> = self.processes.iter().map(stands).collect();
        assert!(lost.is_empty(), "{lost:?} are lost: {stand:?}");
        (0..KEYS).for_each(|n| assert_eq!(self.get(n), Some(value(n)), "{n}"));
    }

    /// One falls silent at once, and the others agree that it is gone.
    pub(crate) async fn kill(&mut self, at: usize) {
        drop(self.processes.remove(at));
        self.until_all_have_owners(self.processes.len()).await;
    }
}

pub(crate) fn things(process: &Process) -> Keyspace {
    process.cache.keyspace(THINGS).expect("it was added")
}

/// Whether its last change is with as many as are waited for, or is so soon.
pub(crate) fn is_committed(process: &Process, n: u32) -> bool {
    let (journal, things) = (process.cache.journal(), things(process));
    let latest = journal.latest(process.cache.key_hash(&things, &key(n)));
    let wait = |waiter: distcache_bus::Waiter<()>| {
        waiter.wait(&Deadline::within(Duration::from_secs(20))) == Some(Ok(()))
    };
    journal.wait(latest, things.laggards()).is_none_or(wait)
}
