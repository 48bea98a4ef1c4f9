//! What a source stores and removes.

use distcache::DataStore;

use crate::db::Db;
use crate::support::{fetch, found, patient};

#[test]
fn text_is_stored_as_text_and_bytes_as_a_blob() {
    let db = Db::with("CREATE TABLE kv (k TEXT PRIMARY KEY, v TEXT, b BLOB)");
    let source = db.kv();
    source.store(b"text", b"x", &patient()).expect("stored");
    source.store(b"bytes", b"\xff", &patient()).expect("stored");
    assert_eq!(db.ask("SELECT group_concat(typeof(v)) FROM kv ORDER BY k"), "text,blob");
    assert_eq!(fetch(&source, "bytes"), found([0xff]));
    let blobs = distcache_sources::Table::new("kv", "k", "b");
    let blobs = db.builder(blobs).build().expect("valid settings");
    blobs.store(b"text", b"x", &patient()).expect("stored");
    assert_eq!(db.ask("SELECT typeof(b) FROM kv WHERE k = 'text'"), "blob");
}

#[test]
fn a_batch_is_one_transaction() {
    let db = Db::with(
        "CREATE TABLE kv (k INTEGER PRIMARY KEY, v TEXT); INSERT INTO kv VALUES (1, 'old')",
    );
    db.run(
        "CREATE TABLE log (entries INTEGER);
         CREATE TRIGGER noted AFTER INSERT ON kv BEGIN INSERT INTO log SELECT count(*) FROM kv; END",
    );
    let source = db.kv();
    let results = source
        .write_many(&[(b"2", Some(b"two")), (b"1", None), (b"3", Some(b"three"))], &patient());
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(db.ask("SELECT group_concat(k || v) FROM kv"), "2two,3three");
    assert_eq!(db.ask("SELECT group_concat(entries) FROM log"), "2,2");
    assert!(source.write_many(&[], &patient()).is_empty());
}
