//! What keyspaces did lately: a sample of each, some times a minute.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use distcache::{Engine, KeyspaceStats, Tick};

/// Time between two samples.
const EVERY: Duration = Duration::from_secs(10);

/// Samples that are kept of each keyspace: an hour, and one before it.
const SAMPLES_MAX: usize = 361;

/// The times over which the past is told, and their names.
pub(crate) const WINDOWS: [(&str, Duration); 3] =
    [("1m", Duration::from_mins(1)), ("10m", Duration::from_mins(10)), ("60m", HOUR)];

const HOUR: Duration = Duration::from_hours(1);

/// Samples of every keyspace, and the thread that takes them. It ends when this
/// is dropped.
#[derive(Debug)]
pub struct History {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    by_keyspace: HashMap<String, VecDeque<Sample>>,
    is_closed: bool,
}

/// What a keyspace had counted at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sample {
    at: Tick,
    gets: u64,
    hits: u64,
    evicted: u64,
    evicted_age_ms: u64,
}

impl Sample {
    fn of(stats: &KeyspaceStats, at: Tick) -> Self {
        Self {
            at,
            gets: stats.gets,
            hits: stats.hits,
            evicted: stats.evicted_ages.count(),
            evicted_age_ms: stats.evicted_ages.sum_ms,
        }
    }
}

/// What happened in some time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Past {
    /// How long that was: less than was asked for while there is less history.
    pub(crate) over: Duration,
    pub(crate) gets: u64,
    /// The part of the gets that were hits; `None` without gets.
    pub(crate) hit_ratio: Option<f64>,
    /// The mean age of what was evicted, in seconds; `None` if nothing was whose
    /// age is known.
    pub(crate) evicted_age_s: Option<f64>,
}

impl History {
    /// Begins to take samples of an engine's keyspaces, every ten seconds.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn start(engine: &Engine) -> io::Result<Self> {
        let mut history = Self::by_hand();
        let (shared, engine) = (history.shared.clone(), engine.clone());
        let builder = thread::Builder::new().name("distcache-history".to_owned());
        history.thread = Some(builder.spawn(move || shared.run(&engine))?);
        Ok(history)
    }

    /// One that takes samples when it is told to.
    pub(crate) fn by_hand() -> Self {
        Self { shared: Arc::default(), thread: None }
    }

    /// What has happened over a time in a keyspace that has these numbers now.
    /// `None` if there is no sample of it yet.
    pub(crate) fn past(
        &self,
        keyspace: &str,
        stats: &KeyspaceStats,
        now: Tick,
        over: Duration,
    ) -> Option<Past> {
        let state = self.shared.lock();
        let samples = state.by_keyspace.get(keyspace)?;
        let from = Tick::from_ms(now.as_ms().saturating_sub(ms(over)));
        // The last one that is as old as that; if none is, the oldest.
        let older = samples.iter().rev().find(|sample| sample.at <= from);
        let then = older.or(samples.front())?;
        Some(Past::between(then, &Sample::of(stats, now)))
    }
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Past {
    fn between(then: &Sample, now: &Sample) -> Self {
        let more = |part: fn(&Sample) -> u64| part(now).saturating_sub(part(then));
        let (gets, evicted) = (more(|sample| sample.gets), more(|sample| sample.evicted));
        Self {
            over: now.at.since(then.at),
            gets,
            hit_ratio: part(more(|sample| sample.hits), gets),
            evicted_age_s: part(more(|sample| sample.evicted_age_ms), evicted)
                .map(|age_ms| age_ms / 1_000.0),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
fn part(some: u64, of: u64) -> Option<f64> {
    (of != 0).then(|| some as f64 / of as f64)
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nobody panics under it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, engine: &Engine) {
        let mut state = self.lock();
        while !state.is_closed {
            drop(state);
            // The engine is asked with no lock held.
            let samples = sample(engine);
            state = self.lock();
            state.add(samples);
            let waited = self.changed.wait_timeout_while(state, EVERY, |state| !state.is_closed);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// What every keyspace has counted by now.
fn sample(engine: &Engine) -> Vec<(String, Sample)> {
    let of = |name: String| {
        let stats = engine.keyspace(&name).and_then(|keyspace| keyspace.stats()).ok()?;
        Some((name, Sample::of(&stats, engine.now())))
    };
    engine.keyspaces().into_iter().filter_map(of).collect()
}

impl State {
    /// Adds a sample of each keyspace that there is, and forgets the others.
    fn add(&mut self, samples: Vec<(String, Sample)>) {
        let mut before = std::mem::take(&mut self.by_keyspace);
        for (name, sample) in samples {
            let mut held = before.remove(&name).unwrap_or_default();
            // Another keyspace of the same name counts from the beginning.
            if held.back().is_some_and(|last| sample.gets < last.gets) {
                held.clear();
            }
            if held.len() == SAMPLES_MAX {
                held.pop_front();
            }
            held.push_back(sample);
            self.by_keyspace.insert(name, held);
        }
    }
}

impl Drop for History {
    fn drop(&mut self) {
        self.shared.lock().is_closed = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // It calls the engine, whose calls end; what it panicked with is in the log.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use distcache::{Keyspace, KeyspaceConfig, ManualClock, Stopwatch};

    use super::*;

    struct Fixture {
        history: History,
        engine: Engine,
        things: Keyspace,
        clock: Arc<ManualClock>,
    }

    fn fixture() -> Fixture {
        let clock = Arc::new(ManualClock::new());
        let engine = Engine::builder().clock(clock.clone()).data_nodes(1).start().unwrap();
        let things = engine.add_keyspace(KeyspaceConfig::new("things").entries_max(1)).unwrap();
        Fixture { history: History::by_hand(), engine, things, clock }
    }

    impl Fixture {
        fn take_sample(&self) {
            self.history.shared.lock().add(sample(&self.engine));
        }

        fn past(&self, over: Duration) -> Option<Past> {
            self.history.past("things", &self.things.stats().unwrap(), self.engine.now(), over)
        }

        fn get(&self, hits: u64, misses: u64) {
            self.things.put(b"a", b"1").unwrap();
            (0..hits).for_each(|_| assert!(self.things.get(b"a").unwrap().is_some()));
            (0..misses).for_each(|_| assert!(self.things.get(b"b").unwrap().is_none()));
        }
    }

    #[test]
    fn ratios_are_of_what_happened_since_and_not_of_all() {
        let fixture = fixture();
        assert_eq!(fixture.past(HOUR), None, "there is no sample yet");
        fixture.take_sample();
        fixture.get(0, 10);
        fixture.clock.advance(Duration::from_mins(9));
        fixture.take_sample();
        fixture.get(3, 1);
        fixture.clock.advance(Duration::from_mins(1));
        let minute = fixture.past(Duration::from_mins(1)).unwrap();
        assert_eq!((minute.gets, minute.hit_ratio), (4, Some(0.75)));
        assert_eq!(minute.over, Duration::from_mins(1));
        let ten = fixture.past(Duration::from_mins(10)).unwrap();
        assert_eq!((ten.gets, ten.hit_ratio), (14, Some(3.0 / 14.0)));
        let hour = fixture.past(HOUR).unwrap();
        assert_eq!((hour.gets, hour.over), (14, Duration::from_mins(10)), "as long as it knows");
    }

    #[test]
    fn without_gets_there_is_no_ratio() {
        let fixture = fixture();
        fixture.take_sample();
        assert_eq!(fixture.past(HOUR).unwrap().hit_ratio, None);
    }

    #[test]
    fn the_mean_age_is_of_what_was_evicted_since() {
        let fixture = fixture();
        fixture.things.put(b"a", b"1").unwrap();
        fixture.take_sample();
        fixture.clock.advance(Duration::from_secs(30));
        fixture.things.put(b"b", b"1").unwrap();
        fixture.clock.advance(Duration::from_secs(10));
        fixture.things.put(b"c", b"1").unwrap();
        assert_eq!(fixture.past(HOUR).unwrap().evicted_age_s, Some(20.0));
    }

    #[test]
    fn a_keyspace_that_takes_the_name_of_another_has_no_past_of_it() {
        let fixture = fixture();
        fixture.get(5, 5);
        fixture.take_sample();
        fixture.engine.delete_keyspace("things").unwrap();
        let things = fixture.engine.add_keyspace(KeyspaceConfig::new("things")).unwrap();
        let fixture = Fixture { things, ..fixture };
        fixture.clock.advance(Duration::from_mins(1));
        fixture.take_sample();
        fixture.clock.advance(Duration::from_mins(1));
        fixture.get(1, 0);
        assert_eq!(fixture.past(HOUR).unwrap().gets, 1);
        fixture.engine.delete_keyspace("things").unwrap();
        fixture.take_sample();
        assert!(fixture.history.shared.lock().by_keyspace.is_empty());
    }

    #[test]
    fn an_hour_of_samples_is_kept_and_no_more() {
        let fixture = fixture();
        for _ in 0..2 * SAMPLES_MAX {
            fixture.take_sample();
            fixture.clock.advance(EVERY);
        }
        let state = fixture.history.shared.lock();
        let samples = &state.by_keyspace["things"];
        assert_eq!(samples.len(), SAMPLES_MAX);
        let oldest = fixture.engine.now().since(samples.front().unwrap().at);
        assert!(HOUR <= oldest, "{oldest:?}");
    }

    #[test]
    fn the_thread_takes_a_sample_at_once_and_ends_with_its_history() {
        let Fixture { engine, things, .. } = fixture();
        let history = History::start(&engine).unwrap();
        let shared = history.shared.clone();
        let has_sample =
            || history.past("things", &things.stats().unwrap(), engine.now(), HOUR).is_some();
        let waited = Stopwatch::start();
        while !has_sample() {
            assert!(waited.elapsed() < EVERY, "the first one comes at once");
            thread::yield_now();
        }
        drop(history);
        assert_eq!(Arc::strong_count(&shared), 1, "the thread has ended");
    }
}
