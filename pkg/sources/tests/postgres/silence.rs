//! What is written to the log.

use std::sync::Mutex;

use distcache::{DataSource, DataStore};
use log::{LevelFilter, Log, Metadata, Record};

use crate::db::Db;
use crate::server::PASSWORD;
use crate::support::patient;
use crate::support::suite::Bed;

/// Every line that this crate, or the library below it, writes.
static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Lines;

impl Log for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        LINES.lock().expect("not poisoned").push(record.args().to_string());
    }

    fn flush(&self) {}
}

#[test]
fn the_log_shows_no_key_no_value_and_no_password() {
    log::set_logger(&Lines).expect("the first logger");
    log::set_max_level(LevelFilter::Trace);
    let Some(db) = Db::with(
        "CREATE TABLE kv (k TEXT PRIMARY KEY, v TEXT);
         CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN RAISE WARNING ''see %'', new; RETURN new; END';
         CREATE TRIGGER tell BEFORE INSERT ON kv FOR EACH ROW EXECUTE FUNCTION tell()",
    ) else {
        return;
    };
    let source = db.kv();
    source.store(b"hidden-key", b"hidden-value", &patient()).expect("stored");
    source.fetch(b"hidden-key", &patient()).expect("found");
    let many = source.fetch_many(&[b"hidden-key", b"hidden-other"], &patient());
    assert!(many.is_ok_and(|answers| answers.iter().all(Result::is_ok)));
    source.remove(b"hidden-key", &patient()).expect("removed");

    let lines = LINES.lock().expect("not poisoned");
    assert!(lines.iter().any(|line| line.contains("executing statement")), "it logs: {lines:?}");
    for secret in ["hidden-key", "hidden-value", "hidden-other", PASSWORD] {
        assert!(!lines.iter().any(|line| line.contains(secret)), "{secret} is in {lines:?}");
    }
}
