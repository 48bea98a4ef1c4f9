//! Loads that take too long, wait for each other, or are given up.

use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use distcache::{Answer, Cancelled, DataSource, DataStore};
use distcache_sources::{Error, Postgres, Query, Wait};

use crate::db::{Db, kv};
use crate::support::suite::Bed;
use crate::support::{cancelled, error, failure, fetch, found, patient, until, within_ms};

/// Sleeps as many seconds as the key says, and answers with its session.
fn sleeper(db: &Db, connections: usize) -> Postgres {
    let query = Query::new("SELECT pg_backend_pid() FROM pg_sleep($1::int)");
    db.builder(query).connections(connections).build().expect("valid settings")
}

/// The process of the session that answers.
fn session(source: &Postgres) -> String {
    match fetch(source, "0") {
        Answer::Found(session) => String::from_utf8_lossy(session.value()).into_owned(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_slow_query_ends_when_its_time_is_up_and_its_connection_goes_on() {
    let Some(db) = Db::with("") else { return };
    let source = sleeper(&db, 1);
    let session = session(&source);
    let Error::TimedOut { waited_for, limit } = failure(&source, "60", &within_ms(1000)) else {
        panic!("no time-out");
    };
    assert_eq!(waited_for, Wait::Answer);
    assert!(limit <= Duration::from_secs(1));
    assert_eq!(self::session(&source), session, "the same connection");
    assert_eq!(db.busy_session(), None, "the server has given up, too");
}

#[test]
fn a_slow_write_ends_when_its_time_is_up_and_is_not_made() {
    let Some(db) = Db::with(
        "CREATE TABLE kv (k TEXT PRIMARY KEY, v TEXT);
         CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN IF new.v = ''slow'' THEN PERFORM pg_sleep(60); END IF; RETURN new; END';
         CREATE TRIGGER slow BEFORE INSERT ON kv FOR EACH ROW EXECUTE FUNCTION slow()",
    ) else {
        return;
    };
    let source = db.builder(kv()).connections(1).build().expect("valid settings");
    let results = source.write_many(&[(b"a", Some(b"x")), (b"b", Some(b"slow"))], &within_ms(500));
    for result in results {
        let failed = result.expect_err("too slow");
        assert!(matches!(error(&failed), Error::TimedOut { .. }), "{failed}");
    }
    assert_eq!(db.sql("SELECT count(*) FROM kv"), "0");
    source.store(b"a", b"y", &patient()).expect("stored");
    assert_eq!(fetch(&source, "a"), found("y"));
}

#[test]
fn a_cancelled_query_ends_also_at_the_server() {
    let Some(db) = Db::with("") else { return };
    let source = sleeper(&db, 1);
    let result = cancelled(|| db.busy_session().is_some(), |context| source.fetch(b"60", context));
    assert!(result.expect_err("cancelled").is::<Cancelled>());
    until("the server stops", || db.busy_session().is_none());
    fetch(&source, "0");
}

/// A stopped process says nothing, like a machine behind a cut cable.
#[test]
fn a_server_that_falls_silent_holds_nobody_longer_than_its_time() {
    let Some(db) = Db::with("") else { return };
    let source = sleeper(&db, 1);
    let session = session(&source);
    let signal = |name: &str| {
        let sent = Command::new("kill").args([name, &session]).status().expect("kill");
        assert!(sent.success());
    };
    signal("-STOP");
    let failed = failure(&source, "0", &within_ms(300));
    signal("-CONT");
    assert!(matches!(failed, Error::TimedOut { waited_for: Wait::Answer, .. }), "{failed}");
    assert_ne!(self::session(&source), session, "another connection");
}

#[test]
fn a_server_that_accepts_and_says_nothing_is_not_waited_for() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let connection = format!("host=127.0.0.1 port={port} user=app");
    let source = Postgres::builder(&connection, kv()).build().expect("valid settings");
    let failed = failure(&source, "a", &within_ms(100));
    assert!(matches!(failed, Error::TimedOut { waited_for: Wait::Opening, .. }), "{failed}");

    let hasty = Postgres::builder(&connection, kv()).connect_timeout(Duration::from_millis(100));
    let failed = failure(&hasty.build().expect("valid settings"), "a", &patient());
    let expected = Error::Connect {
        address: format!("127.0.0.1:{port}"),
        reason: "no answer within 100ms".into(),
    };
    assert_eq!(failed, expected);
    let result = cancelled(|| true, |context| source.fetch(b"a", context));
    assert!(result.expect_err("cancelled").is::<Cancelled>());
}

#[test]
fn more_callers_than_connections_take_turns() {
    let Some(db) = Db::with("") else { return };
    let source = sleeper(&db, 2);
    thread::scope(|scope| {
        let callers: Vec<_> = (0..8).map(|_| scope.spawn(|| session(&source))).collect();
        assert!(callers.into_iter().all(|caller| caller.join().is_ok()));
    });
    let opened = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                  AND application_name = 'distcache'";
    assert!(["1", "2"].contains(&db.sql(opened).as_str()));
}

#[test]
fn who_waits_for_a_connection_in_vain_is_told_so() {
    let Some(db) = Db::with("") else { return };
    let source = sleeper(&db, 1);
    let flag = Arc::new(AtomicBool::new(false));
    let context = patient().cancelled_by(Arc::clone(&flag));
    thread::scope(|scope| {
        let first = scope.spawn(|| source.fetch(b"60", &context));
        until("the connection is in use", || db.busy_session().is_some());
        let failed = failure(&source, "0", &within_ms(50));
        let limit_is_told =
            matches!(failed, Error::TimedOut { waited_for: Wait::Connection { of: 1 }, .. });
        assert!(limit_is_told, "{failed}");
        flag.store(true, Ordering::Release);
        assert!(first.join().expect("no panic").expect_err("cancelled").is::<Cancelled>());
    });
}
