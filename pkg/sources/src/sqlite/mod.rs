//! Values in a SQLite file.

mod builder;
pub use builder::SqliteBuilder;

mod keys;
pub use keys::Keys;

mod affinity;
mod bind;
mod column;
mod contention;
mod fault;
mod link;

use std::fmt;
use std::path::PathBuf;

use distcache::{Answer, Answers, Context, DataSource, DataStore, SourceError};

use crate::database::Database;
use crate::rows::Rows;
use link::SqliteLink;

/// A SQLite database as a source of values.
///
/// Each load runs on a connection of its own, at most as many at once as
/// [`SqliteBuilder::connections`]. It ends with its [`Context`]: a statement
/// that runs is interrupted, one that waits for a lock gives up.
///
/// What is found, as bytes:
///
/// | in the row | in the cache |
/// |---|---|
/// | text, blob | its bytes |
/// | integer | its decimal digits: `-42` |
/// | real | the shortest decimal that reads back as the same number: `0.1`, `1.0`, `1e21` |
/// | NULL | not found |
///
/// A value is stored as text where it is UTF-8 and the column is not declared
/// `BLOB`, else as a blob. (A column declared as a number makes a number of a
/// text that looks like one, and gives that back: `1.50` becomes `1.5`.)
///
/// A file that is replaced by another of its name goes on being read as it was
/// while connections to it are open: change what is in it instead.
pub struct Sqlite {
    database: Database<SqliteLink>,
}

impl Sqlite {
    /// A source over a file, which must be there when the first load comes. A
    /// name that begins with `file:` is a URI, with options such as `?mode=ro`.
    pub fn builder(file: impl Into<PathBuf>, rows: impl Into<Rows>) -> SqliteBuilder {
        SqliteBuilder::new(file.into(), rows.into())
    }

    /// Opens the file and prepares the statements that read, for a service that
    /// wants to know at its start whether they work. A source needs no check: each load
    /// opens what it needs.
    ///
    /// # Errors
    /// What the first load would say: an [`Error`](crate::Error).
    pub fn check(&self, context: &Context) -> Result<(), SourceError> {
        self.database.check(context)
    }
}

impl DataSource for Sqlite {
    fn fetch(&self, key: &[u8], context: &Context) -> Result<Answer, SourceError> {
        self.database.fetch(key, context)
    }

    fn fetch_many(&self, keys: &[&[u8]], context: &Context) -> Result<Answers, SourceError> {
        self.database.fetch_many(keys, context)
    }
}

impl DataStore for Sqlite {
    fn store(&self, key: &[u8], value: &[u8], context: &Context) -> Result<(), SourceError> {
        self.database.write((key, Some(value)), context)
    }

    fn remove(&self, key: &[u8], context: &Context) -> Result<(), SourceError> {
        self.database.write((key, None), context)
    }

    /// In one transaction. If that fails because of one of the writes, each is
    /// made alone.
    fn write_many(
        &self,
        writes: &[(&[u8], Option<&[u8]>)],
        context: &Context,
    ) -> Vec<Result<(), SourceError>> {
        self.database.write_many(writes, context)
    }
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sqlite")
            .field("file", &self.database.settings().file)
            .finish_non_exhaustive()
    }
}
