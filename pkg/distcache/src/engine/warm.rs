//! Loads keys before anybody asks for them, and again those that a lost member had.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use super::{Event, Shared};
use crate::Keyspace;
#[cfg(feature = "cluster")]
use crate::cluster::Away;

/// How far a keyspace's warm-up is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Warming {
    /// Keys that are to be loaded.
    pub keys: u64,
    /// Keys that were loaded, or of which it is known that they have no value.
    pub loaded: u64,
    /// Keys that could not be loaded.
    pub failed: u64,
}

impl Warming {
    /// Whether nothing is left to be loaded.
    pub fn is_done(&self) -> bool {
        self.keys <= self.loaded + self.failed
    }
}

/// The numbers of a warm-up, as it goes on.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    keys: AtomicU64,
    loaded: AtomicU64,
    failed: AtomicU64,
    /// Losses of members after which its keys are still to be looked at. Whoever raises it
    /// from 0 sees to all that come meanwhile: one thread, however many are lost.
    #[cfg(feature = "cluster")]
    losses: AtomicU64,
}

impl Progress {
    fn now(&self) -> Warming {
        Warming {
            keys: self.keys.load(Ordering::Relaxed),
            loaded: self.loaded.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
        }
    }
}

/// How long the keys of one that is to be a member wait until it is: so long may the
/// others take to start.
const LEASE_WAIT: Duration = Duration::from_mins(1);

/// A log line each time so many parts of ten are done.
const TENTHS_A_LINE: u64 = 1;

impl Keyspace {
    /// How far the warm-up is of the keys that the keyspace was added with.
    pub fn warming(&self) -> Warming {
        self.inner.warming.now()
    }

    /// Loads keys that the cache does not have, as many at a time as the
    /// keyspace's `batch_max`, and waits for them.
    pub fn warm(&self, keys: &[&[u8]]) -> Warming {
        let mut warming = Warming { keys: keys.len() as u64, ..Warming::default() };
        for batch in keys.chunks(self.inner.setup.load().config.batch_max) {
            let failed =
                self.get_many_unnoted(batch).iter().filter(|answer| answer.is_err()).count();
            warming.failed += failed as u64;
            warming.loaded += (batch.len() - failed) as u64;
        }
        warming
    }

    /// Like [`warm`](Self::warm), for tasks.
    pub async fn warm_async(&self, keys: &[&[u8]]) -> Warming {
        let mut warming = Warming { keys: keys.len() as u64, ..Warming::default() };
        let batch_max = self.inner.setup.load().config.batch_max;
        for batch in keys.chunks(batch_max) {
            let answers = self.get_many_unnoted_async(batch).await;
            let failed = answers.iter().filter(|answer| answer.is_err()).count();
            warming.failed += failed as u64;
            warming.loaded += (batch.len() - failed) as u64;
        }
        warming
    }

    /// Loads the keyspace's warm keys, and shows how far it is.
    fn warm_up(&self) -> Warming {
        let setup = self.inner.setup.load_full();
        let keys: Vec<&[u8]> = setup.config.warm_keys.iter().map(Vec::as_slice).collect();
        let progress = &self.inner.warming;
        let mut told_tenths = 0;
        for batch in keys.chunks(setup.config.batch_max) {
            if self.inner.under_way.is_called_off() {
                break;
            }
            let Warming { loaded, failed, .. } = self.warm(batch);
            progress.loaded.fetch_add(loaded, Ordering::Relaxed);
            progress.failed.fetch_add(failed, Ordering::Relaxed);
            let now = progress.now();
            let tenths = (now.loaded + now.failed) * 10 / now.keys;
            if told_tenths + TENTHS_A_LINE <= tenths {
                told_tenths = tenths;
                log::info!(
                    "warming {:?}: {} of {} keys, {} failed",
                    self.name(),
                    now.loaded + now.failed,
                    now.keys,
                    now.failed
                );
            }
        }
        progress.now()
    }
}

#[cfg(feature = "cluster")]
impl Keyspace {
    /// Loads the warm keys that this process owns, until no member was lost meanwhile.
    fn warm_own(&self, away: &Away) -> Warming {
        let losses = &self.inner.warming.losses;
        loop {
            let seen = losses.load(Ordering::Acquire);
            // Before that nobody answers for what was the lost one's.
            away.wait_until_settled(LEASE_WAIT);
            let setup = self.inner.setup.load_full();
            let keys = setup.config.warm_keys.iter().map(Vec::as_slice);
            let own: Vec<&[u8]> = keys.filter(|key| self.is_own(key)).collect();
            let mut warming = Warming::default();
            for batch in own.chunks(setup.config.batch_max) {
                if self.inner.under_way.is_called_off() {
                    break;
                }
                let Warming { keys, loaded, failed } = self.warm(batch);
                warming.keys += keys;
                warming.loaded += loaded;
                warming.failed += failed;
            }
            if losses.compare_exchange(seen, 0, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                return warming;
            }
        }
    }

    fn is_own(&self, key: &[u8]) -> bool {
        self.inner.manager.answers_for(&self.inner.cache, key).is_ok()
    }
}

impl Shared {
    /// Loads the warm keys of a keyspace, on a thread of its own.
    pub(super) fn warm_up(&self, keyspace: &Keyspace) {
        if keyspace.inner.setup.load().config.warm_keys.is_empty() {
            return;
        }
        let keys = keyspace.inner.setup.load().config.warm_keys.len() as u64;
        keyspace.inner.warming.keys.store(keys, Ordering::Relaxed);
        let (of_thread, events) = (keyspace.clone(), self.events.clone());
        let away = self.away.clone();
        let warm = move || {
            // Before that nothing that is loaded would be kept.
            away.wait_for_lease(LEASE_WAIT);
            let Warming { loaded, failed, .. } = of_thread.warm_up();
            let name = of_thread.name().to_owned();
            events.publish(|| Event::KeyspaceWarmed { name, loaded, failed });
        };
        self.on_warmer(keyspace.name(), warm);
    }

    /// Loads those warm keys of all keyspaces again that this process owns: a member was
    /// lost, and what it held with it. Copies of other members are hits.
    #[cfg(feature = "cluster")]
    pub(crate) fn warm_up_again(&self) {
        for keyspace in self.keyspaces.load().iter() {
            let losses = &keyspace.inner.warming.losses;
            let is_cold = keyspace.inner.setup.load().config.warm_keys.is_empty();
            if is_cold || 0 < losses.fetch_add(1, Ordering::AcqRel) {
                continue;
            }
            let (of_thread, events) = (keyspace.clone(), self.events.clone());
            let away = self.away.clone();
            let warm = move || {
                let Warming { keys, loaded, failed } = of_thread.warm_own(&away);
                if 0 < keys {
                    let name = of_thread.name().to_owned();
                    events.publish(|| Event::KeyspaceWarmed { name, loaded, failed });
                }
            };
            if !self.on_warmer(keyspace.name(), warm) {
                losses.store(0, Ordering::Release);
            }
        }
    }

    /// Returns whether there is a thread for it.
    fn on_warmer(&self, keyspace: &str, warm: impl FnOnce() + Send + 'static) -> bool {
        let name = format!("distcache-warm-{keyspace}");
        match thread::Builder::new().name(name).spawn(warm) {
            Ok(thread) => {
                let mut warmers = self.warmers.lock();
                warmers.retain(|warmer| !warmer.is_finished());
                warmers.push(thread);
                true
            }
            Err(error) => {
                log::warn!("no thread could be started to warm a keyspace: {error}");
                false
            }
        }
    }
}
