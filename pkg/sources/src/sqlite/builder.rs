//! The settings of a SQLite source.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::Sqlite;
use super::keys::Keys;
use crate::ConfigError;
use crate::database::{Database, Dialect, Sql};
use crate::rows::Rows;

/// Loads at once, by default: as many as a disk answers well in parallel.
const CONNECTIONS: usize = 4;

/// How long a load waits for a lock, by default: longer than a sane
/// transaction of another program.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

const DIALECT: Dialect = Dialect { parameter: '?', is_one_of: "IN rarray(?1)" };

/// Readies a connection that was just opened.
pub(super) type OnOpen =
    Arc<dyn Fn(&mut rusqlite::Connection) -> rusqlite::Result<()> + Send + Sync>;

/// How a [`Sqlite`] source works.
#[derive(Clone)]
pub struct SqliteBuilder {
    file: PathBuf,
    rows: Rows,
    keys: Option<Keys>,
    connections: usize,
    lock_timeout: Duration,
    read_only: bool,
    on_open: Option<OnOpen>,
}

/// What each connection needs to know.
pub(crate) struct Settings {
    pub(super) file: PathBuf,
    /// The table, its schema, and the columns of keys and values; `None` for
    /// one's own query.
    pub(super) table: Option<crate::Table>,
    pub(super) sql: Sql,
    pub(super) keys: Option<Keys>,
    pub(super) lock_timeout: Duration,
    pub(super) read_only: bool,
    pub(super) on_open: Option<OnOpen>,
}

impl Settings {
    pub(super) fn address(&self) -> String {
        self.file.display().to_string()
    }
}

impl SqliteBuilder {
    pub(super) fn new(file: PathBuf, rows: Rows) -> Self {
        Self {
            file,
            rows,
            keys: None,
            connections: CONNECTIONS,
            lock_timeout: LOCK_TIMEOUT,
            read_only: false,
            on_open: None,
        }
    }

    /// Of which type the keys are. Default for a table: integers if the column
    /// is declared as such (its type has `INT` in it), blobs if it is `BLOB`,
    /// else text. A query has no default, because SQLite does not tell.
    #[must_use]
    pub fn keys(mut self, keys: Keys) -> Self {
        self.keys = Some(keys);
        self
    }

    /// Connections at most, and with that loads at once. Default 4: more seldom
    /// helps a disk, and each has a page cache of up to 2 MiB. They are opened
    /// when needed.
    #[must_use]
    pub fn connections(mut self, max: usize) -> Self {
        self.connections = max;
        self
    }

    /// How long a load waits for a lock that another connection holds, if it
    /// has that much time. Default 5 s: longer than a sane transaction.
    #[must_use]
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.lock_timeout = timeout;
        self
    }

    /// Opens the file for reading only; writes are rejected. Default: for both,
    /// because a reader of a file in WAL mode may have to write beside it.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// Runs on every new connection before it is used: for `PRAGMA`s, functions
    /// and collations of one's own. Default: nothing.
    #[must_use]
    pub fn on_open<F>(mut self, ready: F) -> Self
    where
        F: Fn(&mut rusqlite::Connection) -> rusqlite::Result<()> + Send + Sync + 'static,
    {
        self.on_open = Some(Arc::new(ready));
        self
    }

    /// Makes the source. Opens nothing yet: see [`Sqlite::check`].
    ///
    /// # Errors
    /// When a setting makes no sense.
    pub fn build(self) -> Result<Sqlite, ConfigError> {
        if self.connections == 0 {
            return Err(ConfigError::Connections);
        }
        let sql = Sql::new(&self.rows, &DIALECT)?;
        let table = match self.rows {
            Rows::Table(table) => Some(table),
            Rows::Query(_) if self.keys.is_none() => return Err(ConfigError::Keys),
            Rows::Query(_) => None,
        };
        let settings = Settings {
            file: self.file,
            table,
            sql,
            keys: self.keys,
            lock_timeout: self.lock_timeout,
            read_only: self.read_only,
            on_open: self.on_open,
        };
        Ok(Sqlite { database: Database::new(settings, self.connections) })
    }
}

impl fmt::Debug for SqliteBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteBuilder")
            .field("file", &self.file)
            .field("rows", &self.rows)
            .field("keys", &self.keys)
            .field("connections", &self.connections)
            .field("lock_timeout", &self.lock_timeout)
            .field("read_only", &self.read_only)
            .finish_non_exhaustive()
    }
}
