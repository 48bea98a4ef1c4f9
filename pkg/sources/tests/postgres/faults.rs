//! What goes wrong, and what is said about it.

use distcache::{Answer, DataSource, DataStore};
use distcache_sources::{ConfigError, Error, Postgres, Query, Table};

use crate::cable::Cable;
use crate::db::{Db, kv};
use crate::server::{PASSWORD, USER};
use crate::support::suite::Bed;
use crate::support::{assert_silent, error, failure, fetch, found, patient};

#[test]
fn a_server_that_is_not_there_is_named() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address").to_string();
    drop(listener);
    let connection = format!("postgres://{USER}:{PASSWORD}@{address}/x");
    let source = Postgres::builder(connection, kv()).build().expect("valid settings");
    let failed = source.fetch(b"a", &patient()).expect_err("nobody there");
    assert_silent(&failed, &[PASSWORD]);
    let Error::Connect { address: told, reason } = error(&failed) else { panic!("{failed}") };
    assert_eq!(*told, address);
    assert!(reason.contains("refused"), "{reason}");
}

#[test]
fn a_wrong_password_is_said_to_be_wrong_and_not_shown() {
    let Some(db) = Db::with("CREATE TABLE kv (k TEXT PRIMARY KEY, v TEXT)") else { return };
    let source = db.builder(kv()).password("wrong-word").build().expect("valid settings");
    let failed = source.fetch(b"a", &patient()).expect_err("denied");
    assert_silent(&failed, &["wrong-word", PASSWORD]);
    let Error::Denied { address, user, reason } = error(&failed) else { panic!("{failed}") };
    assert_eq!((address.as_str(), user.as_str()), (&*format!("127.0.0.1:{}", db.port()), USER));
    assert!(reason.contains("password authentication failed"), "{reason}");
    assert!(source.check(&patient()).is_err());
    let source = db.builder(kv()).password(PASSWORD).build().expect("valid settings");
    assert_eq!(fetch(&source, "a"), Answer::NotFound);
}

#[test]
fn a_missing_database_table_or_column_is_named() {
    let Some(db) = Db::with("CREATE TABLE kv (k TEXT PRIMARY KEY, v TEXT)") else { return };
    let missing = |source: &Postgres| match failure(source, "a", &patient()) {
        Error::Missing { reason } => reason,
        other => panic!("{other}"),
    };
    let other = format!("{} dbname=nowhere", db.connection());
    let source = Postgres::builder(other, kv()).build().expect("valid settings");
    assert_eq!(missing(&source), "database \"nowhere\" does not exist");
    let of_table = |table: Table| missing(&db.source(table));
    assert_eq!(of_table(Table::new("todos", "k", "v")), "relation \"todos\" does not exist");
    assert_eq!(of_table(kv().schema("s")), "relation \"s.kv\" does not exist");
    assert_eq!(of_table(Table::new("kv", "id", "v")), "column t.id does not exist");
    assert_eq!(of_table(kv().ttl_column("ttl")), "column t.ttl does not exist");
    let query = Query::new("SELECT v FROM kv WHERE k = $1").tags_column("tags");
    assert_eq!(missing(&db.source(query)), "the query gives no column \"tags\"");
}

#[test]
fn a_query_that_cannot_be_one_is_refused() {
    let Some(db) = Db::with("CREATE TABLE kv (k TEXT PRIMARY KEY, v TEXT)") else { return };
    for sql in [
        "SELEKT 1",
        "SELECT v FROM kv",
        "SELECT v FROM kv WHERE k = $1 OR v = $2",
        "DELETE FROM kv WHERE k = $1",
    ] {
        let source = db.source(Query::new(sql));
        let failed = failure(&source, "a", &patient());
        assert!(matches!(failed, Error::Rejected { .. }), "{sql}: {failed}");
        assert!(source.check(&patient()).is_err(), "{sql}");
    }
    let query =
        Query::new("SELECT v FROM kv WHERE k = $1").many("SELECT k, v FROM kv WHERE k = $1");
    let refused = db.source(query).check(&patient()).expect_err("no array").to_string();
    assert!(refused.contains("array of keys"), "{refused}");
}

#[test]
fn what_a_trigger_says_is_not_shown() {
    let Some(db) = Db::with(
        "CREATE TABLE kv (k TEXT PRIMARY KEY, v TEXT);
         CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN RAISE NOTICE ''see %'', new.v; RAISE ''no %'', new.v; END';
         CREATE TRIGGER no BEFORE INSERT ON kv FOR EACH ROW EXECUTE FUNCTION no()",
    ) else {
        return;
    };
    let refused = db.kv().store(b"secret-key", b"secret-value", &patient());
    assert_silent(&refused.expect_err("refused"), &["secret"]);
    // Nor what a function says of a key that it cannot read.
    let source = db.source(Query::new("SELECT ($1::text)::int"));
    assert_silent(&source.fetch(b"secret", &patient()).expect_err("no number"), &["secret"]);
}

#[test]
fn who_may_not_read_is_told_which_table() {
    let Some(db) = Db::with(&format!(
        "CREATE TABLE kv (k TEXT PRIMARY KEY, v TEXT); CREATE ROLE stranger LOGIN PASSWORD '{PASSWORD}'"
    )) else {
        return;
    };
    let connection = format!("{} user=stranger", db.connection());
    let source = Postgres::builder(connection, kv()).build().expect("valid settings");
    let failed = failure(&source, "a", &patient());
    assert_eq!(failed, Error::Rejected { reason: "permission denied for table kv".into() });
}

/// A statement that was prepared before fails once; it is prepared anew.
#[test]
fn a_table_may_be_altered_while_it_is_read() {
    let Some(db) =
        Db::with("CREATE TABLE kv (k TEXT PRIMARY KEY, v INT); INSERT INTO kv VALUES ('a', 7)")
    else {
        return;
    };
    let source = db.builder(kv()).connections(1).build().expect("valid settings");
    assert_eq!(fetch(&source, "a"), found("7"));
    db.sql("ALTER TABLE kv ALTER v TYPE TEXT USING v || '!'");
    assert_eq!(fetch(&source, "a"), found("7!"));
    db.sql("DROP TABLE kv");
    assert!(matches!(failure(&source, "a", &patient()), Error::Missing { .. }));
}

#[test]
fn a_session_that_an_administrator_ended_is_replaced_unseen() {
    let Some(db) = Db::with("CREATE TABLE kv (k TEXT PRIMARY KEY, v TEXT)") else { return };
    let source = db.kv();
    let end = "SELECT count(pg_terminate_backend(pid, 60000)) FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    source.store(b"a", b"x", &patient()).expect("stored");
    assert_eq!(db.sql(end), "1");
    assert_eq!(fetch(&source, "a"), found("x"));
    assert_eq!(db.sql(end), "1");
    source.store(b"a", b"y", &patient()).expect("stored");
    assert_eq!(db.sql("SELECT v FROM kv"), "y");
}

/// Without a word of the server, unlike the one before.
#[test]
fn a_connection_that_is_cut_is_replaced_unseen() {
    let Some(db) = Db::with("CREATE TABLE kv (k TEXT PRIMARY KEY, v TEXT)") else { return };
    let cable = Cable::to(db.port());
    let connection = db.connection_by(cable.port());
    let source = Postgres::builder(connection, kv()).build().expect("valid settings");
    source.store(b"a", b"x", &patient()).expect("stored");
    cable.cut();
    assert_eq!(fetch(&source, "a"), found("x"));
    cable.cut();
    source.store(b"a", b"y", &patient()).expect("stored");
    assert_eq!(fetch(&source, "a"), found("y"));
}

#[test]
fn nothing_is_printed_of_a_source_but_its_address_and_user() {
    let builder = Postgres::builder(format!("host=db.local user={USER} password={PASSWORD}"), kv());
    let builder = builder.password(PASSWORD);
    assert!(!format!("{builder:?}").contains(PASSWORD));
    let source = builder.build().expect("valid settings");
    let expected = r#"Postgres { address: "db.local:5432", user: "cache", .. }"#;
    assert_eq!(format!("{source:?}"), expected);
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let refused =
        |connection: &str| Postgres::builder(connection, kv()).build().expect_err("refused");
    for option in ["sslmode=require", "sslnegotiation=direct", "channel_binding=require"] {
        assert_eq!(refused(&format!("host=db.local {option}")), ConfigError::Tls, "{option}");
    }
    assert_eq!(refused("host=db.local sslmode=verify-full"), ConfigError::TlsVerify);
    assert_eq!(refused("user=app"), ConfigError::Host);
    assert_eq!(refused("nonsense"), ConfigError::ConnectionString);
    let none = Postgres::builder("host=db.local", kv()).connections(0).build();
    assert_eq!(none.expect_err("refused"), ConfigError::Connections);
    let nameless = Postgres::builder("host=db.local", Table::new("", "k", "v")).build();
    assert_eq!(nameless.expect_err("refused"), ConfigError::Name);
}
