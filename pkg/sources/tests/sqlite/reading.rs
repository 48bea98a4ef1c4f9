//! What a source finds.

use std::sync::Mutex;
use std::time::Duration;

use distcache::{Answer, DataStore, Loaded};
use distcache_sources::{Keys, Query, Sqlite};
use rusqlite::trace::{TraceEvent, TraceEventCodes};

use crate::db::{Db, kv};
use crate::support::{fetch, fetch_many, found, patient};

#[test]
fn a_text_key_may_have_a_nul() {
    let db = Db::with("CREATE TABLE kv (k TEXT PRIMARY KEY, v TEXT)");
    let source = db.kv();
    for key in ["\0", "a\0b", "a"] {
        source.store(key.as_bytes(), key.as_bytes(), &patient()).expect("stored");
    }
    assert_eq!(
        fetch_many(&source, &[b"a\0b", b"\0", b"a"]),
        [found("a\0b"), found("\0"), found("a")]
    );
    assert_eq!(fetch(&source, "a\0b"), found("a\0b"));
}

#[test]
fn a_table_may_be_in_an_attached_database() {
    let (db, other) = (
        Db::new(),
        Db::with("CREATE TABLE kv (k INT PRIMARY KEY, v); INSERT INTO kv VALUES (1, 'x')"),
    );
    let attach = format!("ATTACH '{}' AS other", other.file().display());
    let builder = db.builder(kv().schema("other"));
    let source = builder.on_open(move |connection| connection.execute_batch(&attach));
    let source = source.build().expect("valid settings");
    assert_eq!(fetch(&source, "1"), found("x"));
    source.store(b"2", b"y", &patient()).expect("stored");
    assert_eq!(other.ask("SELECT v FROM kv WHERE k = 2"), "y");
}

#[test]
fn every_type_is_rendered_as_documented() {
    let db = Db::with(
        "CREATE TABLE kv (k INTEGER PRIMARY KEY, v);
         INSERT INTO kv VALUES (1, 'text'), (2, x'00ff'), (3, -42), (4, 0.1), (5, 1e21)",
    );
    let source = db.kv();
    let keys: [&[u8]; 5] = [b"1", b"2", b"3", b"4", b"5"];
    let expected = [found("text"), found([0, 255]), found("-42"), found("0.1"), found("1e21")];
    assert_eq!(fetch_many(&source, &keys), expected);
}

/// SQLite takes them for equal; a cache that held the row under both would miss
/// a write to one of them.
#[test]
fn a_row_answers_only_for_the_key_that_it_bears() {
    let db = Db::with(
        "CREATE TABLE kv (k TEXT COLLATE NOCASE PRIMARY KEY, v TEXT);
         INSERT INTO kv VALUES ('Ab', 'x')",
    );
    let source = db.kv();
    assert_eq!(fetch(&source, "Ab"), found("x"));
    assert_eq!(fetch(&source, "aB"), Answer::NotFound);
    assert_eq!(fetch_many(&source, &[b"ab", b"Ab"]), [Answer::NotFound, found("x")]);
    let reals =
        Db::with("CREATE TABLE kv (k NUMERIC PRIMARY KEY, v); INSERT INTO kv VALUES (7, 'x')");
    assert_eq!(fetch_many(&reals.kv(), &[b"7.0", b"7"]), [Answer::NotFound, found("x")]);
}

#[test]
fn a_row_says_its_ttl_and_tags() {
    let db = Db::with(
        "CREATE TABLE kv (k TEXT PRIMARY KEY, v TEXT, seconds REAL, tags TEXT);
         INSERT INTO kv VALUES ('a', 'x', 1.5, 'red,green'), ('b', 'y', NULL, NULL), ('c', 'z', 0, '')",
    );
    let table = kv().ttl_column("seconds").tags_column("tags");
    let query = Query::new("SELECT v, tags, seconds FROM kv WHERE k = ?1")
        .many("SELECT k, v, tags, seconds FROM kv WHERE k IN rarray(?1)")
        .ttl_column("seconds")
        .tags_column("tags");
    let sources = [db.builder(table), db.builder(query).keys(Keys::Text)];
    for source in sources.map(|builder| builder.build().expect("valid settings")) {
        let expected = [
            Answer::Found(
                Loaded::new("x").ttl(Duration::from_millis(1500)).tag("red").tag("green"),
            ),
            found("y"),
            Answer::Found(Loaded::new("z").ttl(Duration::ZERO)),
        ];
        assert_eq!(fetch_many(&source, &[b"a", b"b", b"c"]), expected);
        assert_eq!(fetch(&source, "a"), expected[0]);
    }
}

#[test]
fn a_query_gives_what_it_likes() {
    let db = Db::with(
        "CREATE TABLE todos (id INTEGER PRIMARY KEY, title TEXT, done INTEGER);
         INSERT INTO todos VALUES (1, 'write', 1), (2, 'rest', 0)",
    );
    let json = "json_object('title', title, 'done', done) FROM todos WHERE id";
    let query =
        Query::new(format!("SELECT {json} = ?1")).many(format!("SELECT id, {json} IN rarray(?1)"));
    let source = db.builder(query).keys(Keys::Integer).build().expect("valid settings");
    source.check(&patient()).expect("valid queries");
    let expected = [
        found(r#"{"title":"rest","done":0}"#),
        Answer::NotFound,
        found(r#"{"title":"write","done":1}"#),
    ];
    assert_eq!(fetch_many(&source, &[b"2", b"3", b"1"]), expected);
    assert_eq!(fetch(&source, "2"), expected[0]);
}

static STATEMENTS: Mutex<Vec<String>> = Mutex::new(Vec::new());

#[test]
fn many_keys_are_one_query() {
    let db = Db::with(
        "CREATE TABLE kv (k INTEGER PRIMARY KEY, v INTEGER);
         WITH RECURSIVE n (i) AS (VALUES (0) UNION ALL SELECT i + 2 FROM n WHERE i < 1998)
         INSERT INTO kv SELECT i, i * i FROM n",
    );
    let counted = |connection: &mut rusqlite::Connection| {
        let note = |event: TraceEvent<'_>| {
            if let TraceEvent::Stmt(_, sql) = event {
                STATEMENTS.lock().expect("not poisoned").push(sql.to_owned());
            }
        };
        connection.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(note))
    };
    let source = db.builder(kv()).on_open(counted).build().expect("valid settings");
    source.check(&patient()).expect("a table");
    STATEMENTS.lock().expect("not poisoned").clear();

    let keys: Vec<String> = (0..1000).map(|key: u32| key.to_string()).collect();
    let keys: Vec<&[u8]> = keys.iter().map(String::as_bytes).collect();
    let answers = fetch_many(&source, &keys);
    for (key, answer) in (0..1000_u32).zip(answers) {
        let expected = if key % 2 == 0 { found((key * key).to_string()) } else { Answer::NotFound };
        assert_eq!(answer, expected);
    }
    assert_eq!(STATEMENTS.lock().expect("not poisoned").len(), 1);
}

#[test]
fn a_file_may_be_open_for_reading_only() {
    let db =
        Db::with("CREATE TABLE kv (k TEXT PRIMARY KEY, v TEXT); INSERT INTO kv VALUES ('a', 'x')");
    let uri = format!("file:{}?mode=ro", db.file().display());
    let sources = [
        db.builder(kv()).read_only().build().expect("valid settings"),
        Sqlite::builder(uri, kv()).build().expect("valid settings"),
    ];
    for source in sources {
        assert_eq!(fetch(&source, "a"), found("x"));
        let refused = source.store(b"a", b"y", &patient());
        let text = refused.expect_err("read only").to_string();
        assert!(text.contains("attempt to write a readonly database"), "{text}");
        assert_eq!(fetch(&source, "a"), found("x"));
    }
}
