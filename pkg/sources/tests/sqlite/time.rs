//! Loads that take too long, wait for each other, or are given up.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use distcache::{Answer, Cancelled, Context, DataSource, DataStore};
use distcache_sources::{Error, Keys, Query, Sqlite, Wait};
use rusqlite::functions::FunctionFlags;

use crate::db::{Db, kv};
use crate::support::{cancelled, error, failure, fetch, found, patient, until, within_ms};

/// Counts for minutes.
const ENDLESS: &str = "WITH RECURSIVE n (i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n) \
                       SELECT count(*) FROM n";

fn endless(db: &Db) -> Sqlite {
    db.builder(Query::new(ENDLESS))
        .keys(Keys::Integer)
        .connections(1)
        .build()
        .expect("valid settings")
}

#[test]
fn a_slow_query_ends_when_its_time_is_up() {
    let db = Db::new();
    let source = endless(&db);
    let limit = Duration::from_millis(50);
    let Error::TimedOut { waited_for, limit: told } =
        failure(&source, "1", &Context::within(limit))
    else {
        panic!("no time-out");
    };
    assert_eq!(waited_for, Wait::Answer);
    assert!(told <= limit);
}

#[test]
fn a_connection_goes_on_after_a_slow_query() {
    let db =
        Db::with("CREATE TABLE kv (k TEXT PRIMARY KEY, v TEXT); INSERT INTO kv VALUES ('a', 'x')");
    let sql = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE ?1 = 'slow') \
               SELECT count(*) FROM n";
    let source =
        db.builder(Query::new(sql)).keys(Keys::Text).connections(1).build().expect("valid");
    assert!(matches!(failure(&source, "slow", &within_ms(20)), Error::TimedOut { .. }));
    assert_eq!(fetch(&source, "fast"), found("1"));
}

#[test]
fn a_load_without_time_asks_for_nothing() {
    let db = Db::new();
    let source = db.kv();
    let failed = failure(&source, "a", &Context::within(Duration::ZERO));
    assert_eq!(failed, Error::TimedOut { waited_for: Wait::Start, limit: Duration::ZERO });
}

#[test]
fn a_slow_query_ends_when_it_is_cancelled() {
    static STEPS: AtomicUsize = AtomicUsize::new(0);
    let sql = "WITH RECURSIVE n (i) AS (SELECT ?1 UNION ALL SELECT step(i) FROM n) SELECT count(*) FROM n";
    let db = Db::new();
    let builder = db.builder(Query::new(sql)).keys(Keys::Integer).on_open(|connection| {
        connection.create_scalar_function("step", 1, FunctionFlags::default(), |arguments| {
            STEPS.fetch_add(1, Ordering::Relaxed);
            arguments.get::<i64>(0).map(|number| number + 1)
        })
    });
    let source = builder.build().expect("valid settings");
    let result =
        cancelled(|| 0 < STEPS.load(Ordering::Relaxed), |context| source.fetch(b"1", context));
    assert!(result.expect_err("cancelled").is::<Cancelled>());
}

#[test]
fn a_locked_database_is_said_to_be_locked() {
    let db = Db::with("CREATE TABLE kv (k TEXT PRIMARY KEY, v TEXT)");
    let locker = db.connection();
    locker.execute_batch("BEGIN IMMEDIATE").expect("the lock");
    let source = db.kv();
    let refused = source.store(b"a", b"x", &within_ms(50)).expect_err("locked");
    assert!(matches!(error(&refused), Error::Locked { .. }), "{refused}");
    // The lock timeout ends it also where there is time.
    let hasty = db.builder(kv()).lock_timeout(Duration::from_millis(30)).build().expect("valid");
    let refused = hasty.store(b"a", b"x", &patient()).expect_err("locked");
    assert_eq!(*error(&refused), Error::Locked { waited: Duration::from_millis(30) });
    // In WAL mode, who writes does not hinder who reads.
    assert_eq!(fetch(&source, "a"), Answer::NotFound);
    let result = cancelled(|| true, |context| source.store(b"a", b"x", context));
    assert!(result.expect_err("cancelled").is::<Cancelled>());

    locker.execute_batch("COMMIT").expect("unlocked");
    source.store(b"a", b"x", &patient()).expect("stored");
    assert_eq!(fetch(&source, "a"), found("x"));
}

#[test]
fn a_write_waits_for_a_lock_that_is_given_back() {
    let db = Db::with("CREATE TABLE kv (k TEXT PRIMARY KEY, v TEXT)");
    let (source, locker) = (db.kv(), db.connection());
    locker.execute_batch("BEGIN EXCLUSIVE").expect("the lock");
    let begun = Barrier::new(2);
    thread::scope(|scope| {
        let write = scope.spawn(|| {
            begun.wait();
            source.store(b"a", b"x", &patient())
        });
        begun.wait();
        locker.execute_batch("COMMIT").expect("unlocked");
        write.join().expect("no panic").expect("stored");
    });
    assert_eq!(fetch(&source, "a"), found("x"));
}

/// What callers of a function of SQL do together.
#[derive(Default)]
struct Gate {
    inside: AtomicUsize,
    most_inside: AtomicUsize,
    is_open: AtomicBool,
}

impl Gate {
    /// Stays until the gate is open.
    fn pass(&self) {
        let inside = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_inside.fetch_max(inside, Ordering::SeqCst);
        until("the gate is open", || self.is_open.load(Ordering::SeqCst));
        self.inside.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Answers every key when the gate is open.
fn gated(db: &Db, connections: usize, gate: &Arc<Gate>) -> Sqlite {
    let gate = Arc::clone(gate);
    let builder = db.builder(Query::new("SELECT pass(?1)")).keys(Keys::Integer);
    let builder = builder.connections(connections).on_open(move |connection| {
        let gate = Arc::clone(&gate);
        connection.create_scalar_function("pass", 1, FunctionFlags::default(), move |arguments| {
            gate.pass();
            arguments.get::<i64>(0)
        })
    });
    builder.build().expect("valid settings")
}

#[test]
fn more_callers_than_connections_take_turns() {
    let (db, gate) = (Db::new(), Arc::default());
    let source = gated(&db, 2, &gate);
    thread::scope(|scope| {
        let callers: Vec<_> = (0..8).map(|_| scope.spawn(|| fetch(&source, "7"))).collect();
        until("both connections are in use", || gate.inside.load(Ordering::SeqCst) == 2);
        let waits = failure(&source, "7", &within_ms(50));
        let limit = matches!(waits, Error::TimedOut { waited_for: Wait::Connection { of: 2 }, .. });
        assert!(limit, "{waits}");
        gate.is_open.store(true, Ordering::SeqCst);
        assert!(callers.into_iter().all(|caller| caller.join().expect("no panic") == found("7")));
    });
    assert_eq!(gate.most_inside.load(Ordering::SeqCst), 2);
}

#[test]
fn who_waits_for_a_connection_in_vain_is_told_so() {
    let db = Db::new();
    let source = endless(&db);
    let flag = Arc::new(AtomicBool::new(false));
    let context = patient().cancelled_by(Arc::clone(&flag));
    thread::scope(|scope| {
        let first = scope.spawn(|| source.fetch(b"1", &context));
        until("the connection is in use", || {
            let waits = failure(&source, "2", &within_ms(20));
            matches!(waits, Error::TimedOut { waited_for: Wait::Connection { of: 1 }, .. })
        });
        let second = cancelled(|| true, |context| source.fetch(b"2", context));
        assert!(second.expect_err("cancelled").is::<Cancelled>());
        flag.store(true, Ordering::Release);
        assert!(first.join().expect("no panic").expect_err("cancelled").is::<Cancelled>());
    });
}
