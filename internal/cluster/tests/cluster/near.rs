//! Near copies of what is read most, while who writes changes just that and links lose half
//! of their messages.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use distcache_cluster::handover;
use distcache_cluster::wire::{Network, Weather};
use distcache_manager::{Config, Epoch};
use tokio::time::{sleep, timeout};

use crate::keys::until;
use crate::process::{Process, address, committed};

const PROCESSES: usize = 3;
const READERS: usize = 48;
const KEYS: usize = 1_000;
/// The skew of the reads.
const ZIPF: f64 = 1.2;
/// So many of the keys are changed, those that are read most.
const CHANGED: usize = 10;
const STORMS: usize = 3;
/// Longer than a change waits for anybody.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was said of each key, as in the test of hot keys that are handed over.
#[derive(Default)]
struct Register {
    shown: AtomicU64,
    begun: AtomicU64,
}

struct World {
    network: Arc<Network>,
    processes: Vec<Process>,
    registers: Vec<Register>,
    /// Up to which chance each key is drawn.
    chances: Vec<f64>,
    is_over: AtomicBool,
    reads: AtomicU64,
    /// Those that were answered without leaving the process.
    local: AtomicU64,
    acknowledged: AtomicU64,
}

fn key(number: usize) -> Vec<u8> {
    format!("zipf-{number}").into_bytes()
}

/// Dice that fall the same way each time (G. Marsaglia, "Xorshift RNGs", 2003).
struct Dice(u64);

impl Dice {
    #[expect(clippy::cast_precision_loss, reason = "a chance need not be exact")]
    fn chance(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[expect(clippy::cast_precision_loss, reason = "there are few keys")]
fn chances() -> Vec<f64> {
    let weights: Vec<f64> = (1..=KEYS).map(|rank| (rank as f64).powf(-ZIPF)).collect();
    let sum: f64 = weights.iter().sum();
    let add = |up_to: &mut f64, weight: &f64| {
        *up_to += weight / sum;
        Some(*up_to)
    };
    weights.iter().scan(0.0, add).collect()
}

impl World {
    async fn start() -> Arc<Self> {
        let network = Network::new(1);
        let mut processes = Vec::new();
        for number in 0..PROCESSES {
            let capacity_bytes = 16 << 20;
            let config =
                Config { data_nodes: 2, capacity_bytes, near_bytes: 1 << 20, ..Config::default() };
            let settings = handover::Settings::default();
            let process = Process::start_with(&network, number, PROCESSES, config, settings).await;
            processes.push(process);
        }
        let world = Self {
            network,
            processes,
            registers: (0..KEYS).map(|_| Register::default()).collect(),
            chances: chances(),
            is_over: AtomicBool::new(false),
            reads: AtomicU64::new(0),
            local: AtomicU64::new(0),
            acknowledged: AtomicU64::new(0),
        };
        until("each key has one owner", || {
            (0..KEYS).all(|k| {
                let answers = |process: &&Process| process.answers_for(&key(k));
                world.processes.iter().filter(answers).count() == 1
            })
        })
        .await;
        let world = Arc::new(world);
        for k in 0..KEYS {
            world.put(k).await;
        }
        world
    }

    /// Puts the next number of a key at whoever answers for it. It counts as acknowledged if
    /// that one has answered for it all the time.
    async fn put(&self, k: usize) {
        let (key, register) = (key(k), &self.registers[k]);
        let number = register.begun.fetch_add(1, Ordering::SeqCst) + 1;
        for process in &self.processes {
            let (cache, tenure) = (&process.cache, process.cache.tenure());
            if cache.put(&key, &number.to_le_bytes(), None).is_err() {
                continue;
            }
            timeout(PATIENCE, committed(cache, &key)).await.expect("it is committed at some time");
            if cache.answers_since(tenure, cache.default_keyspace(), &key) {
                register.shown.fetch_max(number, Ordering::SeqCst);
                self.acknowledged.fetch_add(1, Ordering::Relaxed);
            }
            return;
        }
    }

    /// Changes the keys that are read most, one after the other.
    async fn write(&self) {
        while !self.is_over.load(Ordering::Relaxed) {
            for k in 0..CHANGED {
                self.put(k).await;
                sleep(Duration::from_millis(20)).await;
            }
        }
    }

    async fn read(&self, reader: usize) {
        let mut dice = Dice(reader as u64 + 1);
        while !self.is_over.load(Ordering::Relaxed) {
            let drawn = dice.chance();
            let k = self.chances.partition_point(|up_to| *up_to <= drawn).min(KEYS - 1);
            let register = &self.registers[k];
            let floor = register.shown.load(Ordering::SeqCst);
            let process = &self.processes[reader % PROCESSES];
            self.reads.fetch_add(1, Ordering::Relaxed);
            let Some((value, is_local)) = process.read_near(&key(k)).await else { continue };
            self.local.fetch_add(u64::from(is_local), Ordering::Relaxed);
            let Some(value) = value else { continue };
            let number = u64::from_le_bytes(value.try_into().expect("a number"));
            assert!(floor <= number, "key {k}: {number} after {floor} was shown");
            let begun = register.begun.load(Ordering::SeqCst);
            assert!(number <= begun, "key {k}: {number} was never written");
            register.shown.fetch_max(number, Ordering::SeqCst);
            sleep(Duration::from_millis(1)).await;
        }
    }

    fn set(&self, weather: Weather) {
        for (one, other) in [(0, 1), (0, 2), (1, 2)] {
            self.network.set_between(&address(one), &address(other), weather);
        }
    }

    /// The share of the reads since then that left no process.
    #[expect(clippy::cast_precision_loss, reason = "a share need not be exact")]
    fn share(&self, (reads, local): (u64, u64)) -> f64 {
        let (all, here) = self.counts();
        (here - local) as f64 / (all - reads) as f64
    }

    fn counts(&self) -> (u64, u64) {
        (self.reads.load(Ordering::Relaxed), self.local.load(Ordering::Relaxed))
    }
}

/// Ends readers and the writer, who would go on for ever if the test failed.
struct EndOnDrop(Arc<World>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn most_reads_stay_in_their_process_and_none_is_older_though_half_of_all_messages_is_lost() {
    let world = World::start().await;
    let end = EndOnDrop(world.clone());
    let mut at_work = Vec::new();
    for reader in 0..READERS {
        let world = world.clone();
        at_work.push(tokio::spawn(async move { world.read(reader).await }));
    }
    let writer = world.clone();
    at_work.push(tokio::spawn(async move { writer.write().await }));
    sleep(Duration::from_secs(1)).await;
    let before = world.counts();
    for _ in 0..STORMS {
        sleep(Duration::from_secs(1)).await;
        world.set(Weather { lost_permille: 500, ..Weather::default() });
        sleep(Duration::from_secs(1)).await;
        world.set(Weather::default());
    }
    let (share, counts) = (world.share(before), world.counts());
    drop(end);
    for one in at_work {
        one.await.expect("nobody has seen what it may not");
    }
    let acknowledged = world.acknowledged.load(Ordering::Relaxed) - KEYS as u64;
    assert!(0.8 <= share, "{share} of {} reads were answered at once", counts.0);
    assert!(CHANGED as u64 <= acknowledged, "{acknowledged} changes were acknowledged");
    assert!(world.processes.iter().all(|one| one.cache.epoch() > Epoch::FIRST));
}
