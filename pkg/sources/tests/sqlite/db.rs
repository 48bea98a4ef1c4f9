//! A SQLite file for one test.

use std::path::PathBuf;

use distcache_sources::{Keys, Rows, Sqlite, SqliteBuilder, Table};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::support::suite::Bed;

pub(crate) struct Db {
    folder: TempDir,
}

impl Db {
    /// An empty database in WAL mode, as services have it.
    pub(crate) fn new() -> Self {
        let db = Self { folder: TempDir::new().expect("a folder") };
        db.connection().pragma_update(None, "journal_mode", "WAL").expect("WAL");
        db
    }

    pub(crate) fn with(sql: &str) -> Self {
        let db = Self::new();
        db.run(sql);
        db
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("test.db")
    }

    /// A connection of another program.
    pub(crate) fn connection(&self) -> Connection {
        Connection::open(self.file()).expect("a connection")
    }

    pub(crate) fn run(&self, sql: &str) {
        self.connection().execute_batch(sql).expect("valid SQL");
    }

    /// The one value that a query gives, as text.
    pub(crate) fn ask(&self, sql: &str) -> String {
        let connection = self.connection();
        let row = connection.query_row(sql, [], |row| row.get::<_, rusqlite::types::Value>(0));
        match row.expect("a row") {
            rusqlite::types::Value::Text(text) => text,
            other => format!("{other:?}"),
        }
    }

    pub(crate) fn builder(&self, rows: impl Into<Rows>) -> SqliteBuilder {
        Sqlite::builder(self.file(), rows)
    }

    /// A source over the table `kv (k, v)`.
    pub(crate) fn kv(&self) -> Sqlite {
        self.builder(kv()).build().expect("valid settings")
    }
}

pub(crate) fn kv() -> Table {
    Table::new("kv", "k", "v")
}

impl Bed for Db {
    type Source = Sqlite;

    const BYTES: &'static str = "BLOB";
    const INTEGER: &'static str = "integer";
    const PARAMETER: char = '?';

    fn with(sql: &str) -> Option<Self> {
        Some(Self::with(sql))
    }

    fn source(&self, rows: impl Into<Rows>) -> Sqlite {
        let rows = rows.into();
        let is_query = matches!(rows, Rows::Query(_));
        let builder = self.builder(rows);
        let builder = if is_query { builder.keys(Keys::Integer) } else { builder };
        builder.build().expect("valid settings")
    }
}
