//! Todos in a SQLite file, read through a cache:
//! `cargo run -p distcache-sources --example todos`.
//!
//! The first read of a todo asks the database, the next ones do not. What is
//! changed in the database is seen when the cache is told to forget it.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use distcache::{Engine, How, Keyspace, KeyspaceConfig};
use distcache_sources::rusqlite::Connection;
use distcache_sources::{Keys, Query, Sqlite};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// A todo as JSON, put together by the database.
const SELECT: &str =
    "SELECT json_object('id', id, 'title', title, 'done', done) FROM todos WHERE id = ?1";

fn main() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("todos.db");
    let database = Connection::open(&file)?;
    database.execute_batch(
        "CREATE TABLE todos (id INTEGER PRIMARY KEY, title TEXT, done INTEGER);
         INSERT INTO todos VALUES (1, 'write it down', 0), (2, 'read it', 0);",
    )?;

    let engine = Engine::builder().capacity_bytes(16 << 20).start()?;
    let todos = engine.add_keyspace(keyspace(&file)?)?;

    show(&todos, "1")?; // loaded
    show(&todos, "1")?; // a hit
    show(&todos, "3")?; // there is none, and that is remembered too

    database.execute("UPDATE todos SET done = 1 WHERE id = 1", [])?;
    todos.invalidate(b"1")?;
    show(&todos, "1")?; // loaded again: done

    let stats = todos.stats()?;
    println!("{} reads, {} of them from the database", stats.gets, stats.loads);
    engine.shutdown(Duration::from_secs(5))?;
    Ok(())
}

fn keyspace(file: &Path) -> Result<KeyspaceConfig> {
    let source = Sqlite::builder(file, Query::new(SELECT)).keys(Keys::Integer).read_only();
    Ok(KeyspaceConfig::new("todos")
        .ttl(Duration::from_mins(5))
        .negative_ttl(Duration::from_secs(30))
        .source(source.build()?))
}

fn show(todos: &Keyspace, id: &str) -> Result<()> {
    match todos.get(id.as_bytes())? {
        Some(todo) => println!("{} {}", how(todo.how()), String::from_utf8_lossy(&todo)),
        None => println!("there is no todo {id}"),
    }
    Ok(())
}

fn how(how: How) -> &'static str {
    match how {
        How::Hit => "from the cache:   ",
        How::Loaded | How::Collapsed => "from the database:",
        How::Stale { .. } => "of before:        ",
    }
}

#[test]
fn todos_are_read_through_and_forgotten_when_they_change() {
    main().expect("the example runs");
}
