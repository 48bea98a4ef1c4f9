//! No reader sees what was forgotten before it began, whatever goes on.
//!
//! A database has a version of each key. Writers raise it there and then tell
//! the cache, in one of several ways; when that is acknowledged the version is
//! the key's floor. Readers remember the floor before they read: what they get
//! is at least that. A cache that always misses would pass, so each run says how
//! much of its traffic has to be hits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use distcache::{
    Answer, Clock, Context, DataSource, Dispatch, Engine, Error, EvictionPolicy, Found, Item,
    Keyspace, KeyspaceConfig, Loaded, ManualClock, SourceError,
};

use crate::support::{LONG, SECOND, until, validate, within};

const KEYS: usize = 32;
const WRITERS: usize = 2;
/// Reads of all readers for each write of one writer: a third of the calls are
/// writes.
const READS_A_WRITE: u64 = 4;

/// Ways to tell the cache that a key has another value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Delete,
    Invalidate,
    DeleteMany,
    Tag,
    /// By a tag that every value bears.
    TagOfAll,
    Prefix,
    Clear,
    Put,
    PutMany,
    /// A put that expires soon and leaves a stale value.
    PutForASecond,
}

/// Those that forget everything are rarer than those that forget one key, and
/// half of the others keep it there.
const WAYS: [Way; 20] = [
    Way::Put,
    Way::Delete,
    Way::Put,
    Way::Tag,
    Way::PutMany,
    Way::Invalidate,
    Way::Put,
    Way::Prefix,
    Way::PutForASecond,
    Way::DeleteMany,
    Way::Put,
    Way::Tag,
    Way::PutMany,
    Way::Delete,
    Way::Put,
    Way::Prefix,
    Way::PutForASecond,
    Way::Invalidate,
    Way::Put,
    Way::Tag,
];
const WAYS_FOR_ALL: [Way; 2] = [Way::TagOfAll, Way::Clear];

/// What the database has, and what the cache has acknowledged of it.
struct Versions {
    rows: [AtomicU64; KEYS],
    floors: [AtomicU64; KEYS],
    loads: AtomicU64,
    /// Every so many loads one fails; 0 for none.
    fails_every: u64,
}

fn key(n: usize) -> [u8; 2] {
    [b'k', u8::try_from(n).expect("few keys")]
}

fn version_in(value: &[u8]) -> u64 {
    u64::from_le_bytes(value.try_into().expect("eight bytes"))
}

struct Database(Arc<Versions>);

impl DataSource for Database {
    fn fetch(&self, key: &[u8], _: &Context) -> Result<Answer, SourceError> {
        let n = usize::from(key[1]);
        let load = self.0.loads.fetch_add(1, Ordering::Relaxed);
        let version = self.0.rows[n].load(Ordering::SeqCst);
        // Between the row and the cache is where writers like to come.
        for _ in 0..load % 7 {
            std::thread::yield_now();
        }
        if self.0.fails_every != 0 && load.is_multiple_of(self.0.fails_every) {
            return Err("the database has failed".into());
        }
        Ok(Loaded::new(version.to_le_bytes()).tag(format!("k{n}")).tag("all").into())
    }
}

/// One run.
struct Run {
    engine: Engine,
    things: Keyspace,
    clock: Arc<ManualClock>,
    versions: Arc<Versions>,
    is_over: AtomicBool,
    reads: AtomicU64,
    rounds: AtomicU64,
    /// Calls that ended with an error that the run's faults explain.
    errors: AtomicU64,
}

/// What one run is like.
#[derive(Clone)]
struct Kind {
    dispatch: Dispatch,
    config: KeyspaceConfig,
    fails_every: u64,
    /// Writes of each writer.
    writes: u64,
    /// Of a hundred gets so many are to be hits, at least.
    hits_min: u64,
    /// How often what happens meanwhile happens, at least.
    rounds_min: u64,
}

fn plain() -> Kind {
    let config = KeyspaceConfig::new("things").read_timeout(LONG).load_timeout(LONG);
    Kind {
        dispatch: Dispatch::Inline,
        config,
        fails_every: 0,
        writes: 4_000,
        hits_min: 30,
        rounds_min: 0,
    }
}

impl Run {
    fn new(kind: &Kind) -> Self {
        let clock = Arc::new(ManualClock::new());
        let engine = Engine::builder()
            .clock(clock.clone())
            .dispatch(kind.dispatch)
            .call_timeout(LONG)
            .capacity_bytes(64 << 20)
            .data_nodes(3)
            .start()
            .expect("good settings");
        let versions = Arc::new(Versions {
            rows: std::array::from_fn(|_| AtomicU64::new(0)),
            floors: std::array::from_fn(|_| AtomicU64::new(0)),
            loads: AtomicU64::new(0),
            fails_every: kind.fails_every,
        });
        let config = kind.config.clone().source(Database(versions.clone()));
        let things = engine.add_keyspace(config).expect("good settings");
        let is_over = AtomicBool::new(false);
        let [reads, rounds, errors] = [0, 0, 0].map(AtomicU64::new);
        Self { engine, things, clock, versions, is_over, reads, rounds, errors }
    }

    fn tell(&self, way: Way, n: usize, version: u64) -> Result<(), Error> {
        let (things, key, value) = (&self.things, key(n), version.to_le_bytes());
        let tag = format!("k{n}");
        let put = Item::new(&key, &value).tag(&tag).tag("all");
        match way {
            Way::Delete => things.delete(&key).map(drop),
            Way::Invalidate => things.invalidate(&key).map(drop),
            Way::DeleteMany => things.delete_many(&[&key]).remove(0).map(drop),
            Way::Tag => things.invalidate_tags(&[&tag]),
            Way::TagOfAll => things.invalidate_tags(&["all"]),
            Way::Prefix => things.invalidate_prefix(&key).map(drop),
            Way::Clear => things.clear().map(drop),
            Way::Put => things.put_item(&put).map(drop),
            Way::PutMany => things.put_many(&[put]).remove(0).map(drop),
            Way::PutForASecond => things.put_item(&put.ttl(SECOND)).map(drop),
        }
    }

    /// Each key has one writer: two puts at once are in no order.
    fn write(&self, writer: usize, kind: &Kind) {
        let mut chance = writer as u64 + 1;
        for write in 0.. {
            let is_done = kind.writes <= write;
            if is_done && kind.rounds_min <= self.rounds.load(Ordering::Relaxed)
                || self.is_over.load(Ordering::Relaxed)
            {
                return;
            }
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let pick = (chance >> 33) as usize;
            let n = (pick % (KEYS / WRITERS)) * WRITERS + writer;
            let pick = pick / KEYS;
            let way = match pick % 64 {
                0 => WAYS_FOR_ALL[(pick / 64) % WAYS_FOR_ALL.len()],
                _ => WAYS[(pick / 64) % WAYS.len()],
            };
            let version = self.versions.rows[n].fetch_add(1, Ordering::SeqCst) + 1;
            match self.tell(way, n, version) {
                Ok(()) => _ = self.versions.floors[n].fetch_max(version, Ordering::SeqCst),
                Err(error) => self.excuse(&error),
            }
            // Readers keep step, however many cores there are.
            let reads = READS_A_WRITE * (write + 1);
            let are_read = || reads <= self.reads.load(Ordering::Relaxed);
            until("there are reads", || are_read() || self.is_over.load(Ordering::Relaxed));
        }
    }

    fn excuse(&self, error: &Error) {
        self.errors.fetch_add(1, Ordering::Relaxed);
        let is_failed_load = matches!(error, Error::Load(_)) && self.versions.fails_every != 0;
        let is_lost_node = error.code() == distcache::codes::NODE_FAILED;
        assert!(is_failed_load || is_lost_node, "{error}");
    }

    fn floor(&self, n: usize) -> u64 {
        self.versions.floors[n].load(Ordering::SeqCst)
    }

    fn check(&self, n: usize, floor: u64, got: Result<Option<Found>, Error>) {
        self.reads.fetch_add(1, Ordering::Relaxed);
        match got {
            Ok(Some(found)) => {
                let seen = version_in(&found);
                let how = found.how();
                assert!(floor <= seen, "key {n}: {seen} ({how:?}) after {floor} was acknowledged");
            }
            Ok(None) => panic!("key {n}: the database has every key"),
            Err(error) => self.excuse(&error),
        }
    }

    fn read(&self, reader: usize) {
        let _ended = EndedByPanic(&self.is_over);
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let mut n = reader;
        while !self.is_over.load(Ordering::Relaxed) {
            n = (n * 5 + 3) % KEYS;
            let floor = self.floor(n);
            match reader % 3 {
                0 => self.check(n, floor, self.things.get(&key(n))),
                1 => self.check(n, floor, runtime.block_on(self.things.get_async(&key(n)))),
                _ => {
                    let some: Vec<_> = (n..n + 8).map(|n| n % KEYS).collect();
                    let floors: Vec<_> = some.iter().map(|&n| self.floor(n)).collect();
                    let keys: Vec<_> = some.iter().map(|&n| key(n)).collect();
                    let keys: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
                    let got = self.things.get_many(&keys);
                    for ((n, floor), got) in some.into_iter().zip(floors).zip(got) {
                        self.check(n, floor, got);
                    }
                }
            }
        }
    }

    /// Writes, reads and does `meanwhile` again and again, until all is written.
    fn go(&self, kind: &Kind, mut meanwhile: impl FnMut(&Self)) {
        std::thread::scope(|scope| {
            let writers: Vec<_> =
                (0..WRITERS).map(|writer| scope.spawn(move || self.write(writer, kind))).collect();
            (0..3).for_each(|reader| _ = scope.spawn(move || self.read(reader)));
            while !writers.iter().all(std::thread::ScopedJoinHandle::is_finished) {
                let _ended = EndedByPanic(&self.is_over);
                meanwhile(self);
                self.rounds.fetch_add(1, Ordering::Relaxed);
                std::thread::yield_now();
            }
            self.is_over.store(true, Ordering::Relaxed);
        });
        let stats = self.things.stats().expect("an answer");
        let hits = stats.hits * 100 / stats.gets;
        assert!(kind.hits_min <= hits, "{hits} % of the gets were hits: {stats:?}");
        until("no load is left", || self.things.stats().expect("an answer").flights == 0);
        validate(&self.engine);
    }
}

/// A reader that has seen something old ends the run: nobody waits for it.
struct EndedByPanic<'a>(&'a AtomicBool);

impl Drop for EndedByPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

fn nothing(_: &Run) {}

#[test]
fn nothing_that_was_forgotten_is_read_again() {
    for dispatch in [Dispatch::Inline, Dispatch::Worker] {
        for policy in EvictionPolicy::ALL {
            let config = plain().config.eviction(policy);
            let writes = if dispatch == Dispatch::Inline { 4_000 } else { 1_000 };
            let kind = Kind { dispatch, config, writes, ..plain() };
            Run::new(&kind).go(&kind, nothing);
        }
    }
}

#[test]
fn nothing_that_was_forgotten_is_read_again_where_hardly_anything_stays() {
    let config = plain().config.entries_max(6);
    let kind = Kind { config, hits_min: 2, ..plain() };
    Run::new(&kind).go(&kind, nothing);
}

#[test]
fn nothing_that_was_forgotten_is_served_stale_or_refreshed_from_before() {
    let config = plain().config.ttl(SECOND * 4).refresh_ahead(SECOND * 2);
    let config = config.stale_while_revalidate(SECOND * 2).stale_if_error(SECOND * 8);
    let kind = Kind { config, fails_every: 20, ..plain() };
    let run = Run::new(&kind);
    run.go(&kind, |run| {
        run.clock.advance(SECOND);
        // As many steps as there are reads, not as the machine has time for.
        let reads = run.reads.load(Ordering::Relaxed);
        within(SECOND, || reads + 20 < run.reads.load(Ordering::Relaxed));
    });
    let stats = run.things.stats().unwrap();
    // Hundreds, but fewer the less time the machine has for the readers.
    assert!(10 < stats.served_stale, "{} stale values", stats.served_stale);
    assert!(run.clock.now().as_ms() > 4_000);
}

/// Returns the calls that failed.
fn while_nodes_come_and_go() -> u64 {
    let kind = Kind { writes: 6_000, hits_min: 10, rounds_min: 10, ..plain() };
    let run = Run::new(&kind);
    run.go(&kind, |run| {
        let added = run.engine.manager().add_node().expect("room for one more");
        run.engine.manager().remove_node(added).expect("it was there");
    });
    run.errors.load(Ordering::Relaxed)
}

#[test]
fn nothing_that_was_forgotten_is_read_again_while_nodes_come_and_go() {
    while_nodes_come_and_go();
}

#[test]
fn nodes_that_come_and_go_fail_nobody() {
    (0..10).for_each(|_| assert_eq!(while_nodes_come_and_go(), 0, "calls failed"));
}

#[test]
fn nothing_that_was_forgotten_is_read_again_while_nodes_die() {
    let kind = Kind { writes: 6_000, hits_min: 10, rounds_min: 4, ..plain() };
    let run = Run::new(&kind);
    let mut deaths = 0;
    run.go(&kind, |run| {
        let nodes = run.engine.manager().nodes();
        let victim = &nodes[deaths % nodes.len()];
        let _lost = run.engine.manager().on_node(victim.id, |_| panic!("a fuse has blown"));
        let lives = victim.incarnation;
        until("it was replaced", || {
            let nodes = run.engine.manager().nodes();
            nodes.iter().any(|node| node.id == victim.id && lives < node.incarnation)
        });
        deaths += 1;
        let reads = run.reads.load(Ordering::Relaxed);
        within(SECOND, || reads + 500 < run.reads.load(Ordering::Relaxed));
    });
}

#[test]
fn nothing_that_was_forgotten_is_read_again_while_settings_change() {
    let kind = Kind { hits_min: 10, rounds_min: 20, ..plain() };
    let run = Run::new(&kind);
    let mut changes = 0_u32;
    // Through the manager: an update by the engine refuses loads meanwhile.
    run.go(&kind, |run| {
        let mut spec = run.engine.manager().keyspace_spec("things").expect("it is there");
        spec.lifetimes.idle = changes.is_multiple_of(2).then_some(LONG);
        spec.entries_max = changes.is_multiple_of(3).then_some(8);
        run.engine.manager().change_keyspace("things", &spec).expect("good settings");
        changes += 1;
    });
}
