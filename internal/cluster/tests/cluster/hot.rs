//! Every read is the latest acknowledged value or a miss, while members come and go.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use distcache_cluster::wire::Network;
use distcache_manager::Error;
use parking_lot::RwLock;

use crate::keys::until;
use crate::process::Process;

const KEYS: usize = 60;

/// Every so many rounds the other half of the keys is written, too.
const COLD_EVERY: u64 = 2_000;

/// What was said of each key: the largest number that a write which was acknowledged, or
/// a read, has shown; and the largest that was ever begun.
///
/// A value is a number; each write of a key, deletes included, has the next one. A read
/// must not give a smaller number than was shown before it began, nor one of which no
/// write has begun when it returns. Both rules are exact: the sweep of a register whose
/// writes are in order (Gibbons and Korach, "Testing shared memories", 1997).
#[derive(Default)]
struct Register {
    shown: AtomicU64,
    begun: AtomicU64,
}

struct World {
    processes: RwLock<Vec<Arc<Process>>>,
    registers: Vec<Register>,
    is_over: AtomicBool,
    hits: AtomicU64,
    acknowledged: AtomicU64,
}

fn key(number: usize) -> Vec<u8> {
    format!("hot-{number}").into_bytes()
}

impl World {
    /// Those that are there now.
    fn processes(&self) -> Vec<Arc<Process>> {
        self.processes.read().clone()
    }

    /// Writes the keys of one writer over and over, at whoever answers for them: one half
    /// of them always, the other now and then, so that entries of those are taken over.
    fn write(&self, writer: usize, writers: usize) {
        let mut numbers = [0_u64; KEYS];
        for round in 0_u64.. {
            if self.is_over.load(Ordering::Relaxed) {
                return;
            }
            let is_due = |k: &usize| *k < KEYS / 2 || round.is_multiple_of(COLD_EVERY);
            for k in (writer..KEYS).step_by(writers).filter(is_due) {
                let number = numbers[k] + 1;
                let register = &self.registers[k];
                register.begun.fetch_max(number, Ordering::SeqCst);
                match self.write_somewhere(k, number) {
                    Ok(()) => {
                        register.shown.fetch_max(number, Ordering::SeqCst);
                        self.acknowledged.fetch_add(1, Ordering::Relaxed);
                        numbers[k] = number;
                    }
                    // Nobody has done it: the number is free.
                    Err(Error::Elsewhere) => {}
                    // It may have been done or not.
                    Err(_unknown) => numbers[k] = number,
                }
            }
            std::thread::yield_now();
        }
    }

    fn write_somewhere(&self, k: usize, number: u64) -> Result<(), Error> {
        let key = key(k);
        for process in self.processes() {
            let done = if number.is_multiple_of(7) {
                process.cache.delete(&key).map(drop)
            } else {
                process.cache.put(&key, &number.to_le_bytes(), None).map(drop)
            };
            if done != Err(Error::Elsewhere) {
                return done;
            }
        }
        Err(Error::Elsewhere)
    }

    /// Reads all keys from everywhere.
    async fn read(&self) {
        while !self.is_over.load(Ordering::Relaxed) {
            for (k, register) in self.registers.iter().enumerate() {
                for process in self.processes() {
                    let floor = register.shown.load(Ordering::SeqCst);
                    let Some(Some(value)) = process.ask(&key(k)).await else { continue };
                    let number = u64::from_le_bytes(value.try_into().expect("a number"));
                    let begun = register.begun.load(Ordering::SeqCst);
                    assert!(floor <= number, "key {k}: {number} after {floor} was shown");
                    assert!(number <= begun, "key {k}: {number} was never written");
                    register.shown.fetch_max(number, Ordering::SeqCst);
                    self.hits.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }

    /// What came to those that are there from beginning to end.
    fn came(&self) -> u64 {
        let counts = self.processes().into_iter().take(2).map(|one| one.cluster.handed_over());
        counts.map(|counts| counts.entries_taken + counts.entries_refused).sum()
    }
}

/// Ends the writers, who would go on for ever if the test failed.
struct EndOnDrop(Arc<World>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn while_entries_are_handed_over_every_read_is_the_latest_value_or_a_miss() {
    let network = Network::new(1);
    let start = async |number| Arc::new(Process::start(&network, number, 3).await);
    let processes = vec![start(0).await, start(1).await];
    let world = Arc::new(World {
        processes: RwLock::new(processes),
        registers: (0..KEYS).map(|_| Register::default()).collect(),
        is_over: AtomicBool::new(false),
        hits: AtomicU64::new(0),
        acknowledged: AtomicU64::new(0),
    });
    let end = EndOnDrop(world.clone());
    let writers = [0, 1].map(|writer| {
        let world = world.clone();
        tokio::task::spawn_blocking(move || world.write(writer, 2))
    });
    let readers = [(); 2].map(|()| {
        let world = world.clone();
        tokio::spawn(async move { world.read().await })
    });
    let busy = async |what: &str| {
        let (acknowledged, hits) = (&world.acknowledged, &world.hits);
        let (wrote, read) =
            (acknowledged.load(Ordering::Relaxed) + 1_000, hits.load(Ordering::Relaxed) + 1_000);
        until(what, || {
            let ended = readers.iter().any(tokio::task::JoinHandle::is_finished);
            assert!(!ended, "a reader has seen what it should not see");
            wrote < acknowledged.load(Ordering::Relaxed) && read < hits.load(Ordering::Relaxed)
        })
        .await;
    };
    busy("two are at work").await;
    for round in 0..3 {
        let new = start(2).await;
        world.processes.write().push(new.clone());
        until("the new one serves", || (0..KEYS).any(|k| new.answers_for(&key(k)))).await;
        busy("three are at work").await;
        until("it weighs", || new.cluster.agreement().weighs()).await;
        let before = world.came();
        new.cluster.leave(Duration::from_mins(1)).await.expect("they agree");
        world.processes.write().pop();
        busy("two are at work again").await;
        assert!(before < world.came(), "round {round}: nothing was handed over");
    }
    drop(end);
    for reader in readers {
        reader.await.expect("it has seen nothing that it should not see");
    }
    for writer in writers {
        writer.await.expect("it has nothing to complain of");
    }
}
