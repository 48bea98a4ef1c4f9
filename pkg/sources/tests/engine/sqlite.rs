//! Over a SQLite file.

use std::time::Duration;

use distcache::{
    BreakerState, CircuitBreaker, Context, DataSource, Engine, Error, Keyspace, KeyspaceConfig,
    LoadError, WriteBehind,
};
use distcache_sources::rusqlite::Connection;
use distcache_sources::{Sqlite, Table};
use tempfile::TempDir;

const LONG: Duration = Duration::from_mins(1);

/// A file with numbers and their names.
fn file() -> (TempDir, Connection) {
    let folder = tempfile::tempdir().expect("a folder");
    let database = Connection::open(folder.path().join("numbers.db")).expect("a file");
    database
        .execute_batch(
            "CREATE TABLE numbers (id INTEGER PRIMARY KEY, name TEXT);
             INSERT INTO numbers VALUES (1, 'one'), (2, 'two');",
        )
        .expect("a table");
    (folder, database)
}

fn source(folder: &TempDir) -> Sqlite {
    let file = folder.path().join("numbers.db");
    Sqlite::builder(file, Table::new("numbers", "id", "name")).build().expect("good settings")
}

fn numbers(config: KeyspaceConfig) -> (Engine, Keyspace) {
    let engine = Engine::builder().call_timeout(LONG).start().expect("good settings");
    let keyspace = engine.add_keyspace(config.read_timeout(LONG).load_timeout(LONG));
    (engine.clone(), keyspace.expect("good settings"))
}

fn text(keyspace: &Keyspace, key: &str) -> Option<String> {
    let found = keyspace.get(key.as_bytes()).expect("an answer")?;
    Some(String::from_utf8(found.to_vec()).expect("a text"))
}

#[test]
fn a_row_is_read_once_and_again_when_it_is_forgotten() {
    let (folder, database) = file();
    let config = KeyspaceConfig::new("numbers").negative_ttl(LONG).source(source(&folder));
    let (_engine, numbers) = numbers(config);
    assert_eq!(text(&numbers, "1").as_deref(), Some("one"));
    database.execute("UPDATE numbers SET name = 'uno' WHERE id = 1", []).unwrap();
    assert_eq!(text(&numbers, "1").as_deref(), Some("one"), "nobody has told the cache");
    numbers.invalidate(b"1").unwrap();
    assert_eq!(text(&numbers, "1").as_deref(), Some("uno"));
    assert_eq!((text(&numbers, "3"), text(&numbers, "3")), (None, None));
    assert_eq!(numbers.stats().unwrap().loads, 3, "that there is no 3 was remembered");
}

#[test]
fn many_rows_are_read_by_one_request() {
    let (folder, _database) = file();
    let (_engine, numbers) = numbers(KeyspaceConfig::new("numbers").source(source(&folder)));
    let answers = numbers.get_many(&[b"1", b"2", b"3"]);
    let found: Vec<_> = answers.into_iter().map(|answer| answer.unwrap().is_some()).collect();
    assert_eq!(found, [true, true, false]);
    let stats = numbers.stats().unwrap();
    assert_eq!((stats.loads, stats.source_requests), (3, 1));
}

#[test]
fn a_query_that_fails_is_one_failure_however_many_keys_it_is_for() {
    let (folder, database) = file();
    let breaker = CircuitBreaker::new(2, LONG);
    let config = KeyspaceConfig::new("numbers").source(source(&folder)).circuit_breaker(breaker);
    let (_engine, numbers) = numbers(config);
    database.execute("ALTER TABLE numbers RENAME TO figures", []).unwrap();
    for state_after in [Some(BreakerState::Closed), Some(BreakerState::Open)] {
        let answers = numbers.get_many(&[b"1", b"2", b"3"]);
        let failed = |error: &Error| matches!(error, Error::Load(LoadError::Failed(_)));
        assert!(answers.iter().all(|answer| answer.as_ref().is_err_and(failed)), "{answers:?}");
        assert_eq!(numbers.breaker(), state_after);
    }
    let context = Context::within(LONG);
    let failed = source(&folder).fetch_many(&[b"1", b"2"], &context).unwrap_err();
    assert!(failed.to_string().contains("no such table"), "{failed}");
}

#[test]
fn a_write_through_is_in_the_file_when_it_is_acknowledged() {
    let (folder, database) = file();
    let (from, to) = (source(&folder), source(&folder));
    let config = KeyspaceConfig::new("numbers").source(from).write_through(to);
    let (_engine, numbers) = numbers(config);
    numbers.put(b"1", b"eins").unwrap();
    let name: String =
        database.query_row("SELECT name FROM numbers WHERE id = 1", [], |row| row.get(0)).unwrap();
    assert_eq!((name.as_str(), text(&numbers, "1").as_deref()), ("eins", Some("eins")));
    assert!(numbers.delete(b"1").unwrap());
    assert_eq!(text(&numbers, "1"), None);
}

#[test]
fn a_write_behind_is_read_before_it_is_in_the_file_and_is_there_at_the_end() {
    let (folder, database) = file();
    let (from, to) = (source(&folder), source(&folder));
    let behind = WriteBehind::new().delay(LONG);
    let config = KeyspaceConfig::new("numbers").source(from).write_behind(to, behind);
    let (engine, numbers) = numbers(config);
    numbers.put(b"1", b"eins").unwrap();
    numbers.invalidate(b"1").unwrap();
    assert_eq!(text(&numbers, "1").as_deref(), Some("eins"), "the file does not know it yet");
    engine.shutdown(LONG).unwrap();
    let name: String =
        database.query_row("SELECT name FROM numbers WHERE id = 1", [], |row| row.get(0)).unwrap();
    assert_eq!(name, "eins");
}

#[test]
fn a_table_that_is_not_there_is_said_to_be_missing() {
    let (folder, database) = file();
    database.execute_batch("DROP TABLE numbers").unwrap();
    let (_engine, numbers) = numbers(KeyspaceConfig::new("numbers").source(source(&folder)));
    let error = numbers.get(b"1").unwrap_err();
    assert!(matches!(error, Error::Load(LoadError::Failed(_))), "{error}");
    assert!(error.to_string().contains("numbers"), "{error}");
}
