//! What reads through the engine cost:
//! `cargo bench -p distcache --bench reads [-- CASE...]`, where a CASE is the
//! beginning of a name, such as `hit` or `read-through`.
//!
//! One thread, unless the case says otherwise; 100,000 keys of 16 bytes in random order, values of 64 bytes. Who
//! is compared runs in turn, seven times; the medians count.
//!
//! `RATIO case rival X`: we make X times as many reads a second. `FACT name X`:
//! millions of reads a second.
#![expect(clippy::print_stdout, reason = "printing figures is what a benchmark is for")]

use std::convert::Infallible;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use distcache::{Engine, Keyspace, KeyspaceConfig};
use distcache_manager::CacheManager;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const KEYS: u64 = 100_000;
const READS: usize = 400_000;
const ROUNDS: usize = 7;
const VALUE: [u8; 64] = [7; 64];
/// Keys of one batch.
const BATCH: usize = 100;
/// One read in so many asks for a key that nobody has asked for.
const MISS_EVERY: usize = 20;

type Key = [u8; 16];

fn key(number: u64) -> Key {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&number.to_le_bytes());
    key
}

/// Xorshift (G. Marsaglia, "Xorshift RNGs", 2003): the same everywhere.
fn random_keys() -> Vec<Key> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        key((state >> 11) % KEYS)
    };
    (0..READS).map(|_| next()).collect()
}

/// One who is measured: makes `READS` reads.
struct Contestant<'a> {
    name: &'static str,
    round: Box<dyn FnMut() + 'a>,
}

impl<'a> Contestant<'a> {
    fn new(name: &'static str, round: impl FnMut() + 'a) -> Self {
        Self { name, round: Box::new(round) }
    }

    #[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
    fn seconds(&mut self) -> f64 {
        let start = Instant::now();
        (self.round)();
        start.elapsed().as_secs_f64()
    }
}

/// Runs both in turn and prints how they compare.
fn compare(case: &str, mut ours: Contestant<'_>, mut rival: Contestant<'_>) {
    let cases: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    if !cases.is_empty() && !cases.iter().any(|asked| case.starts_with(asked)) {
        return;
    }
    ours.seconds(); // to warm up
    rival.seconds();
    let (mut of_ours, mut of_rival) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        of_ours.push(ours.seconds());
        of_rival.push(rival.seconds());
    }
    let (we, they) = (median(of_ours), median(of_rival));
    #[expect(clippy::cast_precision_loss, reason = "there are less than a million reads")]
    let millions = |seconds: f64| READS as f64 / seconds / 1e6;
    println!("FACT {case}-{}-millions {:.3}", ours.name, millions(we));
    println!("FACT {case}-{}-millions {:.3}", rival.name, millions(they));
    println!("RATIO {case} {} {:.2}", rival.name, they / we);
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

/// Awaits what is ready at once, as a rule: now and then its node is being swept.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        std::thread::yield_now();
    }
}

fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let keys = random_keys();
    hits(&keys);
    read_through(&keys);
}

fn hits(keys: &[Key]) {
    let manager = CacheManager::start(distcache::Config::default()).expect("good settings");
    let engine = Engine::builder().start().expect("good settings");
    let things = engine.add_keyspace(KeyspaceConfig::new("things")).expect("good settings");
    for number in 0..KEYS {
        manager.put(&key(number), &VALUE, None).expect("it fits");
        things.put(&key(number), &VALUE).expect("it fits");
    }
    let by_manager = || {
        Contestant::new("manager", || {
            for key in keys {
                assert!(black_box(manager.get(key)).expect("an answer").is_some());
            }
        })
    };
    let by_engine = || {
        Contestant::new("engine", || {
            for key in keys {
                assert!(black_box(engine.get("things", key)).expect("an answer").is_some());
            }
        })
    };
    let one_by_one = || {
        Contestant::new("get", || {
            for key in keys {
                assert!(black_box(things.get(key)).expect("an answer").is_some());
            }
        })
    };
    compare("hit-by-name", by_engine(), by_manager());
    compare("hit-by-handle", one_by_one(), by_manager());
    let by_future = Contestant::new("get-async", || {
        for key in keys {
            assert!(black_box(now(things.get_async(key))).expect("an answer").is_some());
        }
    });
    compare("hit-async", by_future, one_by_one());
    many(keys, &things);
}

/// Keys that are asked for together.
type Batch<'a> = Vec<&'a [u8]>;

/// Batches of keys, and the same keys one by one.
fn many(keys: &[Key], things: &Keyspace) {
    let batches: Vec<Batch<'_>> =
        keys.chunks(BATCH).map(|batch| batch.iter().map(|key| &key[..]).collect()).collect();
    let by_batch = |batches: &[Batch<'_>]| {
        for batch in batches {
            let answers = black_box(things.get_many(batch));
            assert!(answers.iter().all(|answer| matches!(answer, Ok(Some(_)))));
        }
    };
    let one_by_one = |batches: &[Batch<'_>]| {
        for key in batches.iter().flatten() {
            assert!(black_box(things.get(key)).expect("an answer").is_some());
        }
    };
    compare(
        "hit-many",
        Contestant::new("get-many", || by_batch(&batches)),
        Contestant::new("get", || one_by_one(&batches)),
    );
    compare(
        "hit-many-on-two-threads",
        Contestant::new("get-many", || on_two_threads(&batches, by_batch)),
        Contestant::new("get", || on_two_threads(&batches, one_by_one)),
    );
}

fn on_two_threads(batches: &[Batch<'_>], work: impl Fn(&[Batch<'_>]) + Sync) {
    let (one, other) = batches.split_at(batches.len() / 2);
    std::thread::scope(|scope| {
        scope.spawn(|| work(one));
        work(other);
    });
}

fn through(name: &str, on_caller: bool) -> (Engine, Keyspace) {
    let engine = Engine::builder().start().expect("good settings");
    let source = |_: &[u8]| -> Result<&[u8], Infallible> { Ok(&VALUE) };
    let config = KeyspaceConfig::new(name).entries_max(KEYS).source_fn(source);
    let config = if on_caller { config.loads_on_caller() } else { config };
    let things = engine.add_keyspace(config).expect("good settings");
    (engine, things)
}

/// Nineteen reads of twenty find their key; the other loads one that is new, for
/// which another has to go.
fn read_through(keys: &[Key]) {
    for (case, on_caller) in [("read-through-95", true), ("read-through-95-on-threads", false)] {
        let (_engine, things) = through("things", on_caller);
        let moka = moka::sync::Cache::builder().max_capacity(KEYS).build();
        let mut unknown = KEYS;
        let ours = Contestant::new("engine", || {
            for (at, known) in keys.iter().enumerate() {
                unknown += 1;
                let key = if at % MISS_EVERY == 0 { key(unknown) } else { hot(known) };
                assert!(black_box(things.get(&key)).expect("an answer").is_some());
            }
        });
        let mut unknown = KEYS;
        let theirs = Contestant::new("moka", || {
            for (at, known) in keys.iter().enumerate() {
                unknown += 1;
                let key = if at % MISS_EVERY == 0 { key(unknown) } else { hot(known) };
                let load = || std::sync::Arc::<[u8]>::from(&VALUE[..]);
                black_box(moka.get_with(key, load));
            }
        });
        compare(case, ours, theirs);
    }
}

/// One of a few thousand keys: used so often that they stay.
fn hot(key: &Key) -> Key {
    let mut hot = *key;
    hot[1] &= 0x0F;
    hot[2] = 0;
    hot
}
