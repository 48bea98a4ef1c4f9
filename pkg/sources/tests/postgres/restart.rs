//! A server that is stopped and started again while it is in use.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use distcache::{DataSource, DataStore};
use distcache_sources::{Error, Postgres};

use crate::db::kv;
use crate::server::PostgresServer;
use crate::support::{error, fetch, found, patient, until};

const CALLERS: usize = 4;

#[test]
fn a_restarted_server_answers_again_and_the_errors_say_that_it_was_away() {
    let Some(mut server) = PostgresServer::start() else { return };
    server.sql(
        "postgres",
        "CREATE TABLE kv (k INT PRIMARY KEY, v TEXT); INSERT INTO kv VALUES (1, 'x')",
    );
    let source = Postgres::builder(server.connection("postgres"), kv()).connections(CALLERS);
    let source = source.build().expect("valid settings");
    let (found_before, failed, found_after) = <(AtomicUsize, AtomicUsize, AtomicUsize)>::default();
    let (is_away, is_over) = <(AtomicBool, AtomicBool)>::default();

    thread::scope(|scope| {
        for caller in 0..CALLERS {
            let (source, is_away, is_over) = (&source, &is_away, &is_over);
            let (found_before, failed, found_after) = (&found_before, &failed, &found_after);
            scope.spawn(move || {
                while !is_over.load(Ordering::SeqCst) {
                    let result = if caller == 0 {
                        source.store(b"2", b"y", &patient()).map(|()| found("x"))
                    } else {
                        source.fetch(b"1", &patient())
                    };
                    match result {
                        Ok(answer) => {
                            assert_eq!(answer, found("x"));
                            let away = is_away.load(Ordering::SeqCst);
                            if away { found_after } else { found_before }
                                .fetch_add(1, Ordering::SeqCst);
                        }
                        Err(other) => {
                            let told = error(&other);
                            assert!(says_that_it_was_away(told), "{told:?}");
                            failed.fetch_add(1, Ordering::SeqCst);
                        }
                    }
                }
            });
        }
        let grows = |count: &AtomicUsize, what| {
            let begun = count.load(Ordering::SeqCst);
            until(what, || begun + 10 < count.load(Ordering::SeqCst));
        };
        grows(&found_before, "callers are answered");
        server.stop();
        is_away.store(true, Ordering::SeqCst);
        grows(&failed, "callers are told that the server is away");
        server.go_on();
        grows(&found_after, "callers are answered again");
        is_over.store(true, Ordering::SeqCst);
    });
    let failed = failed.load(Ordering::SeqCst);
    assert_eq!(fetch(&source, "2"), found("y"), "after {failed} failures");
}

fn says_that_it_was_away(error: &Error) -> bool {
    matches!(error, Error::Connect { .. } | Error::ShutDown { .. } | Error::Broken { .. })
}

/// Also the connections that nobody used meanwhile are found to be broken, and
/// replaced by the load that meets them: no caller sees the restart.
#[test]
fn a_restart_between_two_loads_is_not_noticed() {
    let Some(mut server) = PostgresServer::start() else { return };
    server.sql(
        "postgres",
        "CREATE TABLE kv (k INT PRIMARY KEY, v TEXT); INSERT INTO kv VALUES (1, 'x')",
    );
    let source = Postgres::builder(server.connection("postgres"), kv()).build().expect("valid");
    assert_eq!(fetch(&source, "1"), found("x"));
    server.stop();
    server.go_on();
    assert_eq!(fetch(&source, "1"), found("x"));
    server.stop();
    server.go_on();
    source.store(b"1", b"y", &patient()).expect("stored");
    assert_eq!(fetch(&source, "1"), found("y"));
}
