//! What a source stores.

use distcache::{Answer, DataStore};
use distcache_sources::{Error, Query};

use crate::db::Db;
use crate::support::suite::Bed;
use crate::support::{error, fetch, fetch_many, found, patient};

#[test]
fn a_value_is_stored_as_what_the_column_is() {
    let Some(db) = Db::with("CREATE TYPE mood AS ENUM ('sad', 'glad')") else { return };
    for (of, value, misfit) in [
        ("smallint", "-7", "40000"),
        ("int", "7", "07"),
        ("bigint", "7", "seven"),
        ("real", "0.5", "half"),
        ("double precision", "1e21", ""),
        ("boolean", "true", "yes"),
        ("uuid", "67e55044-10b1-426f-9247-bb680e5fe0c8", "67e55044"),
        ("json", "{\"a\" : 1}", "a\0b"),
        ("jsonb", "{\"a\": 1}", "a\0b"),
        ("mood", "glad", "\0"),
    ] {
        let table =
            format!("DROP TABLE IF EXISTS kv; CREATE TABLE kv (k TEXT PRIMARY KEY, v {of})");
        db.sql(&table);
        let source = db.kv();
        source.store(b"a", value.as_bytes(), &patient()).expect("stored");
        assert_eq!(fetch(&source, "a"), found(value), "{of}");
        let refused = source.store(b"a", misfit.as_bytes(), &patient()).expect_err("refused");
        assert!(matches!(error(&refused), Error::Value { .. }), "{of}: {refused}");
        assert_eq!(fetch(&source, "a"), found(value), "{of}");
    }
    db.sql("DROP TABLE kv; CREATE TABLE kv (k TEXT PRIMARY KEY, v timestamptz)");
    let refused = db.kv().store(b"a", b"2026-01-02T03:04:05Z", &patient()).expect_err("refused");
    assert_eq!(*error(&refused), Error::Type { of: "timestamptz".into() });
    let query = Query::new("SELECT v FROM kv WHERE k = $1")
        .store("INSERT INTO kv VALUES ($1, $2::text::timestamptz)");
    let source = db.source(query);
    source.store(b"a", b"2026-01-02T03:04:05Z", &patient()).expect("stored");
    assert_eq!(fetch(&source, "a"), found("2026-01-02T03:04:05Z"));
}

#[test]
fn a_batch_is_one_transaction() {
    let Some(db) =
        Db::with("CREATE TABLE kv (k int PRIMARY KEY, v text, by bigint DEFAULT txid_current())")
    else {
        return;
    };
    let keys: Vec<String> = (0..500).map(|key| key.to_string()).collect();
    let writes: Vec<_> = keys.iter().map(|key| (key.as_bytes(), Some(key.as_bytes()))).collect();
    let results = db.kv().write_many(&writes, &patient());
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(db.sql("SELECT count(*), count(DISTINCT by) FROM kv"), "500|1");
}

/// The constraint is looked at when the transaction ends.
#[test]
fn a_write_that_fails_at_the_end_is_not_made() {
    let Some(db) = Db::with(
        "CREATE TABLE kv (k text PRIMARY KEY, v text);
         CREATE TABLE parents (name text PRIMARY KEY); INSERT INTO parents VALUES ('known');
         ALTER TABLE kv ADD FOREIGN KEY (v) REFERENCES parents INITIALLY DEFERRED",
    ) else {
        return;
    };
    let source = db.builder(crate::db::kv()).connections(1).build().expect("valid settings");
    let refused = source.store(b"a", b"unknown", &patient()).expect_err("refused");
    assert!(matches!(error(&refused), Error::Rejected { .. }), "{refused}");
    let results =
        source.write_many(&[(b"a", Some(b"unknown")), (b"b", Some(b"known"))], &patient());
    assert!(results[0].is_err() && results[1].is_ok(), "{results:?}");
    assert_eq!(fetch_many(&source, &[b"a", b"b"]), [Answer::NotFound, found("known")]);
}

/// Whether it was made, nobody knows: it is not made a second time.
#[test]
fn a_write_whose_end_is_not_known_is_not_made_again() {
    let Some(db) = Db::with(
        "CREATE TABLE kv (k text PRIMARY KEY, v text); CREATE SEQUENCE attempts;
         CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN PERFORM nextval(''attempts''), pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';
         CREATE CONSTRAINT TRIGGER die AFTER INSERT ON kv INITIALLY DEFERRED
             FOR EACH ROW WHEN (new.v = 'last word') EXECUTE FUNCTION die()",
    ) else {
        return;
    };
    let source = db.kv();
    source.store(b"a", b"x", &patient()).expect("stored");
    let failed = source.store(b"b", b"last word", &patient()).expect_err("the session ends");
    assert!(matches!(error(&failed), Error::ShutDown { .. } | Error::Broken { .. }), "{failed}");
    assert_eq!(db.sql("SELECT last_value FROM attempts"), "1");
    assert_eq!(fetch_many(&source, &[b"a", b"b"]), [found("x"), Answer::NotFound]);
}
