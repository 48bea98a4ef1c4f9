//! Engines on a clock of their own, and sources that do as they are told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use distcache::{
    Answer, Context, DataSource, Dispatch, Engine, Keyspace, KeyspaceConfig, ManualClock,
    SourceError,
};
use parking_lot::{Condvar, Mutex};

/// Longer than anything here takes: a wait that lasts as long has failed.
pub(crate) const LONG: Duration = Duration::from_mins(1);

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// An engine on a clock that stands still unless it is moved.
pub(crate) fn engine() -> (Engine, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new());
    let builder = Engine::builder().clock(clock.clone()).call_timeout(LONG).hash_key([7; 16]);
    let engine = builder.capacity_bytes(64 << 20).data_nodes(4).start();
    (engine.expect("good settings"), clock)
}

/// An engine whose calls go to its nodes by their inboxes: so that every one of
/// them is a future that has to wait.
pub(crate) fn engine_by_inbox() -> Engine {
    let builder = Engine::builder().dispatch(Dispatch::Worker).call_timeout(LONG);
    builder.capacity_bytes(64 << 20).data_nodes(2).start().expect("good settings")
}

/// Recounts every structure of every node, and compares.
pub(crate) fn validate(engine: &Engine) {
    for node in engine.manager().nodes() {
        let recounted = engine.manager().on_node(node.id, |state| state.validate());
        assert_eq!(recounted, Ok(()), "{} does not add up", node.id);
    }
}

/// Waits for something that other threads bring about.
pub(crate) fn until(what: &str, is_so: impl FnMut() -> bool) {
    assert!(within(LONG, is_so), "{what}: not within {LONG:?}");
}

/// Whether something comes about in time.
#[expect(clippy::disallowed_methods, reason = "other threads work in real time")]
pub(crate) fn within(time: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    let begun = std::time::Instant::now();
    while !is_so() {
        if time < begun.elapsed() {
            return false;
        }
        std::thread::yield_now();
    }
    true
}

/// A keyspace named `things` with these settings, on an engine of its own.
pub(crate) fn keyspace(config: KeyspaceConfig) -> (Engine, Keyspace, Arc<ManualClock>) {
    let (engine, clock) = engine();
    let keyspace = engine.add_keyspace(config).expect("good settings");
    (engine, keyspace, clock)
}

/// The settings of a patient keyspace over a source.
pub(crate) fn over(source: &Arc<Origin>) -> KeyspaceConfig {
    KeyspaceConfig::new("things")
        .read_timeout(LONG)
        .load_timeout(LONG)
        .ttl_jitter(0.0)
        .source(source.clone())
}

/// A source that can be held, changed, and made to fail.
#[derive(Default)]
pub(crate) struct Origin {
    calls: AtomicU64,
    running: AtomicU64,
    most_running: AtomicU64,
    fails: AtomicBool,
    panics: AtomicBool,
    /// What every key has; `None` for nothing.
    answer: Mutex<Option<Answer>>,
    gate: Mutex<Gate>,
    changed: Condvar,
}

#[derive(Default)]
struct Gate {
    is_closed: bool,
    /// Calls that have read their answer and wait to bring it.
    waiting: u64,
}

impl Origin {
    pub(crate) fn new(value: &str) -> Arc<Self> {
        let origin = Self::default();
        origin.set(Answer::from(value));
        Arc::new(origin)
    }

    pub(crate) fn set(&self, answer: Answer) {
        *self.answer.lock() = Some(answer);
    }

    /// Holds calls after they have read their answer, until the gate opens.
    pub(crate) fn close_gate(&self) {
        self.gate.lock().is_closed = true;
    }

    pub(crate) fn open_gate(&self) {
        self.gate.lock().is_closed = false;
        self.changed.notify_all();
    }

    /// Returns when so many calls wait at the gate.
    pub(crate) fn wait_for_calls_at_gate(&self, calls: u64) {
        let mut gate = self.gate.lock();
        while gate.waiting < calls {
            let is_late = self.changed.wait_for(&mut gate, LONG).timed_out();
            assert!(!is_late, "{calls} calls were to come");
        }
    }

    pub(crate) fn fail(&self, fails: bool) {
        self.fails.store(fails, Ordering::SeqCst);
    }

    pub(crate) fn panic(&self, panics: bool) {
        self.panics.store(panics, Ordering::SeqCst);
    }

    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    /// The most calls that ever ran at once.
    pub(crate) fn most_running(&self) -> u64 {
        self.most_running.load(Ordering::SeqCst)
    }

    fn pass_gate(&self) {
        let mut gate = self.gate.lock();
        gate.waiting += 1;
        self.changed.notify_all();
        while gate.is_closed {
            assert!(!self.changed.wait_for(&mut gate, LONG).timed_out(), "the gate stays closed");
        }
        gate.waiting -= 1;
    }
}

impl DataSource for Origin {
    fn fetch(&self, _key: &[u8], _context: &Context) -> Result<Answer, SourceError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_running.fetch_max(running, Ordering::SeqCst);
        let answer = self.answer.lock().clone();
        self.pass_gate();
        self.running.fetch_sub(1, Ordering::SeqCst);
        assert!(!self.panics.load(Ordering::SeqCst), "the source was told to panic");
        if self.fails.load(Ordering::SeqCst) {
            return Err("the source was told to fail".into());
        }
        Ok(answer.unwrap_or(Answer::NotFound))
    }
}

/// The text of a value.
pub(crate) fn text(value: &[u8]) -> String {
    String::from_utf8(value.to_vec()).expect("a text")
}

/// Runs `work` on so many threads, and returns what each of them did.
pub(crate) fn on_threads<R: Send>(threads: usize, work: impl Fn(usize) -> R + Sync) -> Vec<R> {
    std::thread::scope(|scope| {
        let work = &work;
        let spawn = |number| {
            let builder = std::thread::Builder::new().stack_size(128 << 10);
            builder.spawn_scoped(scope, move || work(number)).expect("a thread")
        };
        let threads: Vec<_> = (0..threads).map(spawn).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    })
}
