//! What goes wrong, and what is said about it.

use std::fs;

use distcache::{DataSource, DataStore};
use distcache_sources::{ConfigError, Error, Keys, Query, Sqlite, Table};
use rusqlite::functions::FunctionFlags;

use crate::db::{Db, kv};
use crate::support::{assert_silent, error, failure, fetch, found, patient};

fn built(db: &Db, sql: &str) -> Sqlite {
    db.builder(Query::new(sql)).keys(Keys::Text).build().expect("valid settings")
}

#[test]
fn a_missing_file_is_named_and_not_made() {
    let db = Db::new();
    let file = db.file().with_file_name("missing.db");
    let source = Sqlite::builder(&file, kv()).build().expect("valid settings");
    let Error::Connect { address, reason } = failure(&source, "a", &patient()) else {
        panic!("it is there");
    };
    assert_eq!(
        (address, reason),
        (file.display().to_string(), format!("unable to open database file: {}", file.display()))
    );
    assert!(!file.exists());
    assert!(source.check(&patient()).is_err());
}

#[test]
fn a_file_that_is_no_database_is_an_error_until_it_is_one() {
    let db = Db::new();
    let file = db.file().with_file_name("other.db");
    fs::write(&file, vec![b'x'; 4096]).expect("written");
    let source = Sqlite::builder(&file, kv()).build().expect("valid settings");
    assert!(matches!(failure(&source, "a", &patient()), Error::Connect { .. }));

    fs::remove_file(&file).expect("removed");
    let connection = rusqlite::Connection::open(&file).expect("a database");
    connection
        .execute_batch("CREATE TABLE kv (k TEXT, v TEXT); INSERT INTO kv VALUES ('a', 'x')")
        .expect("valid SQL");
    assert_eq!(fetch(&source, "a"), found("x"));
}

#[test]
fn a_missing_table_or_column_is_named() {
    let db = Db::with("CREATE TABLE kv (k TEXT PRIMARY KEY, v TEXT)");
    let missing = |table: Table| {
        let source = db.builder(table).build().expect("valid settings");
        match failure(&source, "a", &patient()) {
            Error::Missing { reason } => reason,
            other => panic!("{other}"),
        }
    };
    assert_eq!(missing(Table::new("todos", "k", "v")), "no such table: todos");
    assert_eq!(missing(Table::new("kv", "id", "v")), "no such column: id");
    assert_eq!(missing(Table::new("kv", "k", "value")), "no such column: value");
    assert_eq!(missing(kv().ttl_column("ttl")), "no such column: t.ttl");
    assert_eq!(missing(kv().tags_column("tags")), "no such column: t.tags");
    let source = db.builder(Query::new("SELECT v FROM kv WHERE k = ?1").ttl_column("ttl"));
    let source = source.keys(Keys::Text).build().expect("valid settings");
    assert!(matches!(failure(&source, "a", &patient()), Error::Missing { .. }));
}

#[test]
fn a_table_that_is_made_later_is_found_then() {
    let db = Db::new();
    let source = db.kv();
    assert!(matches!(failure(&source, "a", &patient()), Error::Missing { .. }));
    db.run("CREATE TABLE kv (k TEXT PRIMARY KEY, v TEXT); INSERT INTO kv VALUES ('a', 'x')");
    assert_eq!(fetch(&source, "a"), found("x"));
    db.run("DROP TABLE kv");
    assert!(matches!(failure(&source, "a", &patient()), Error::Missing { .. }));
}

#[test]
fn a_query_that_cannot_be_one_is_refused() {
    let db = Db::with("CREATE TABLE kv (k TEXT PRIMARY KEY, v TEXT)");
    let wrong = [
        "SELEKT v FROM kv WHERE k = ?1",
        "SELECT v FROM kv",
        "SELECT v FROM kv WHERE k = ?1 OR v = ?2",
        "SELECT v FROM kv WHERE k = ?1; DROP TABLE kv",
    ];
    for sql in wrong {
        let source = built(&db, sql);
        assert!(matches!(failure(&source, "a", &patient()), Error::Rejected { .. }), "{sql}");
        assert!(source.check(&patient()).is_err(), "{sql}");
    }
    assert_eq!(db.ask("SELECT count(*) || '' FROM kv"), "0");
    let query =
        Query::new("SELECT v FROM kv WHERE k = ?1").many("SELECT v FROM kv WHERE k IN rarray(?1)");
    let source = db.builder(query).keys(Keys::Text).build().expect("valid settings");
    let refused = source.check(&patient()).expect_err("one column");
    assert!(refused.to_string().contains("gives 1 columns, and 2 are needed"), "{refused}");
}

#[test]
fn no_error_shows_a_key_or_a_value() {
    let db = Db::with(
        "CREATE TABLE kv (k TEXT PRIMARY KEY, v TEXT CHECK (length(v) < 12));
         CREATE TRIGGER strict BEFORE INSERT ON kv WHEN new.v LIKE '%note'
         BEGIN SELECT RAISE(ABORT, 'no ' || new.v); END",
    );
    let source = db.kv();
    for value in ["secret-value", "secret-note"] {
        let refused = source.store(b"secret-key", value.as_bytes(), &patient());
        assert_silent(&refused.expect_err("refused"), &["secret"]);
    }
    let query = db.builder(Query::new("SELECT fail(?1)")).keys(Keys::Text).on_open(|connection| {
        connection.create_scalar_function("fail", 1, FunctionFlags::default(), |arguments| {
            let key: String = arguments.get(0)?;
            Err::<i64, _>(rusqlite::Error::UserFunctionError(format!("no {key}").into()))
        })
    });
    let failed = query.build().expect("valid settings").fetch(b"secret-key", &patient());
    assert_silent(&failed.expect_err("it fails"), &["secret"]);
    let json = built(&db, "SELECT json_extract('{}', ?1)");
    assert_silent(&json.fetch(b"secret-key", &patient()).expect_err("no path"), &["secret"]);
}

#[test]
fn nothing_is_printed_of_a_source_but_its_file_and_sql() {
    let db = Db::new();
    assert_eq!(format!("{:?}", db.kv()), format!("Sqlite {{ file: {:?}, .. }}", db.file()));
    assert!(format!("{:?}", db.builder(kv())).contains("Table"));
}

#[test]
fn a_connection_that_cannot_be_readied_is_an_error() {
    let db = Db::with("CREATE TABLE kv (k TEXT PRIMARY KEY, v TEXT)");
    let source =
        db.builder(kv()).on_open(|connection| connection.execute_batch("PRAGMA nonsense("));
    let source = source.build().expect("valid settings");
    assert!(matches!(failure(&source, "a", &patient()), Error::Rejected { .. }));
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let db = Db::new();
    let refused = |builder: distcache_sources::SqliteBuilder| builder.build().expect_err("refused");
    assert_eq!(refused(db.builder(kv()).connections(0)), ConfigError::Connections);
    assert_eq!(refused(db.builder(Query::new("SELECT ?1"))), ConfigError::Keys);
    for table in [Table::new("", "k", "v"), Table::new("kv", "k\0", "v"), kv().schema("")] {
        assert_eq!(refused(db.builder(table)), ConfigError::Name);
    }
}

/// A panic of a function of one's own harms nobody else.
#[test]
fn a_panic_gives_its_connection_back() {
    let db = Db::new();
    let builder = db.builder(Query::new("SELECT v FROM kv WHERE k = ?1")).keys(Keys::Text);
    let builder = builder.connections(1).on_open(|_| panic!("a planted panic"));
    let source = builder.build().expect("valid settings");
    for _ in 0..2 {
        let fetched = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            source.fetch(b"a", &patient())
        }));
        assert!(fetched.is_err(), "the second one waits for no connection either");
    }
    assert!(
        error(
            &Sqlite::builder("/", kv())
                .build()
                .expect("valid")
                .check(&patient())
                .expect_err("a folder")
        )
        .to_string()
        .contains("cannot connect to /")
    );
}
