//! Over a PostgreSQL server.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use distcache::{CircuitBreaker, Engine, Error, Keyspace, KeyspaceConfig, LoadError};
use distcache_sources::{Postgres, Query, Table};

use crate::server::PostgresServer;

const LONG: Duration = Duration::from_mins(1);

const ROWS: &str = "CREATE TABLE numbers (id INT PRIMARY KEY, name TEXT);
    INSERT INTO numbers SELECT n, 'number ' || n FROM generate_series(1, 1000) n";

fn engine() -> Engine {
    Engine::builder().call_timeout(LONG).start().expect("good settings")
}

fn over(server: &PostgresServer) -> KeyspaceConfig {
    let table = Table::new("numbers", "id", "name");
    let source = Postgres::builder(server.connection("postgres"), table).build();
    let config = KeyspaceConfig::new("numbers").read_timeout(LONG).load_timeout(LONG);
    config.source(source.expect("good settings"))
}

fn text(keyspace: &Keyspace, key: &str) -> Option<String> {
    let found = keyspace.get(key.as_bytes()).expect("an answer")?;
    Some(String::from_utf8(found.to_vec()).expect("a text"))
}

#[test]
fn a_herd_of_readers_asks_the_server_once_for_a_row() {
    let Some(server) = PostgresServer::start() else { return };
    server.sql("postgres", ROWS);
    let engine = engine();
    let numbers = engine.add_keyspace(over(&server).negative_ttl(LONG)).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..100 {
            scope.spawn(|| {
                assert_eq!(text(&numbers, "7").as_deref(), Some("number 7"));
                assert_eq!(text(&numbers, "1001"), None);
            });
        }
    });
    let stats = numbers.stats().unwrap();
    assert_eq!((stats.loads, stats.loads_found, stats.loads_not_found), (2, 1, 1));
}

#[test]
fn a_server_that_restarts_under_load_costs_marked_answers_and_no_wrong_ones() {
    let Some(mut server) = PostgresServer::start() else { return };
    server.sql("postgres", ROWS);
    let engine = engine();
    let config = over(&server)
        .ttl(Duration::from_millis(20))
        .stale_if_error(LONG)
        .circuit_breaker(CircuitBreaker::new(3, Duration::from_millis(50)));
    let numbers = engine.add_keyspace(config).unwrap();
    let keys: Vec<String> = (1..=100).map(|id: u32| id.to_string()).collect();
    for key in &keys {
        assert!(text(&numbers, key).is_some());
    }
    let (fresh, stale) = <(AtomicU64, AtomicU64)>::default();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for key in keys.iter().cycle() {
                    if is_over.load(Ordering::SeqCst) {
                        break;
                    }
                    let found = numbers.get(key.as_bytes()).expect("fresh or stale");
                    let found = found.expect("every key has a row");
                    assert_eq!(&*found, format!("number {key}").as_bytes());
                    let count = if found.is_stale() { &stale } else { &fresh };
                    count.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        let grows = |count: &AtomicU64| {
            let begun = count.load(Ordering::SeqCst);
            while count.load(Ordering::SeqCst) < begun + 1_000 {
                std::thread::yield_now();
            }
        };
        grows(&fresh);
        server.stop();
        grows(&stale);
        server.go_on();
        let loads = || numbers.stats().expect("an answer").loads_found;
        let before = loads();
        while loads() < before + 100 {
            std::thread::yield_now();
        }
        grows(&fresh);
        is_over.store(true, Ordering::SeqCst);
    });
    let stats = numbers.stats().unwrap();
    assert!(0 < stats.load_failures && 0 < stats.loads_refused, "{stats:?}");
}

#[test]
fn a_query_that_takes_too_long_is_ended_and_told_as_that() {
    let Some(server) = PostgresServer::start() else { return };
    let query = Query::new("SELECT 'late' FROM (SELECT pg_sleep(600)) AS s WHERE $1::int = 1");
    let source = Postgres::builder(server.connection("postgres"), query).build().unwrap();
    let config = KeyspaceConfig::new("slow").source(source).read_timeout(LONG);
    let engine = engine();
    let slow = engine.add_keyspace(config.load_timeout(Duration::from_millis(200))).unwrap();
    // Whoever sees it first says so: the source, or the engine's own clock.
    let error = slow.get(b"1").unwrap_err();
    let is_told = matches!(error, Error::Load(LoadError::TimedOut { .. }))
        || error.to_string().contains("took too long");
    assert!(is_told, "{error}");
    let error = slow.within(Duration::from_millis(10)).get(b"1").unwrap_err();
    assert!(matches!(error, Error::WaitedTooLong { .. }), "{error}");
}

#[test]
fn a_server_that_is_away_is_named_and_the_password_is_not() {
    let Some(mut server) = PostgresServer::start() else { return };
    server.stop();
    let table = Table::new("numbers", "id", "name");
    let source = Postgres::builder(server.connection("postgres"), table).password("secret");
    let config = KeyspaceConfig::new("numbers").source(source.build().unwrap());
    let engine = engine();
    let numbers = engine.add_keyspace(config.read_timeout(LONG)).unwrap();
    let error = numbers.get(b"1").unwrap_err();
    let address = format!("127.0.0.1:{}", server.port());
    assert!(error.to_string().contains(&address), "{error}");
    assert!(!error.to_string().contains("secret") && !format!("{error:?}").contains("secret"));
}
