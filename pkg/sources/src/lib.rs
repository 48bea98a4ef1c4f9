//! Ready-made data sources for [distcache]: put a cache in front of
//! a table, a server or a directory, and it is read through to.
//!
//! | source | what it reads | feature |
//! |---|---|---|
//! | `Sqlite` | a SQLite file; SQLite itself is compiled in | `sqlite`, on by default |
//! | `Postgres` | PostgreSQL | `postgres`; with TLS, `postgres-tls` |
//! | `Http` | an HTTP server: a URL with a place for the key | `http` |
//! | `Files` | the files of a directory | `file` |
//!
//! Each database is a [`DataSource`](distcache::DataSource), which loads one key or many
//! keys by one query, and a [`DataStore`](distcache::DataStore), which writes
//! one or many in one transaction. The values are in a [`Table`] by key, or come
//! from a [`Query`] of one's own.
//!
//! ```
//! # #[cfg(not(feature = "sqlite"))]
//! # fn main() {}
//! # #[cfg(feature = "sqlite")]
//! # fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! use distcache::{Answer, Context, DataSource, DataStore};
//! use distcache_sources::{Sqlite, Table};
//!
//! # let folder = tempfile::tempdir()?;
//! # let file = folder.path().join("todos.db");
//! let todos = rusqlite::Connection::open(&file)?;
//! todos.execute_batch("CREATE TABLE todos (id INTEGER PRIMARY KEY, title TEXT)")?;
//!
//! let source = Sqlite::builder(&file, Table::new("todos", "id", "title")).build()?;
//! let context = Context::within(std::time::Duration::from_secs(1));
//! source.store(b"1", b"write it down", &context)?;
//! assert_eq!(source.fetch(b"1", &context)?, Answer::from("write it down"));
//! assert_eq!(source.fetch(b"2", &context)?, Answer::NotFound);
//! # Ok(())
//! # }
//! ```
//!
//! # What holds for each database
//!
//! * **A load ends with its [`Context`](distcache::Context)**: every wait, for a
//!   free connection, for a lock, for the database, ends when its time is up or
//!   it is cancelled.
//! * **There are so many connections and no more**; one that broke is replaced,
//!   within the load that finds it broken if nothing can have been written.
//! * **A row has one key.** What a database takes for equal (`007` and 7, `Ab`
//!   and `ab` where case is ignored) is not found under the other key: a write to
//!   one of two keys would leave the other as it was.
//! * **Errors say what happened and what to do** ([`Error`]), and show neither
//!   keys nor values nor passwords; nor does `Debug`, nor the log.
#![forbid(unsafe_code)]

#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod database;

#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod error;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub use error::{ConfigError, Error, Wait};

#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod rows;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub use rows::{Query, Rows, Table};

#[cfg(feature = "file")]
mod files;
#[cfg(feature = "file")]
pub use files::{FileError, Files};

#[cfg(feature = "http")]
mod http;
#[cfg(feature = "http")]
pub use http::{Http, HttpBuilder, HttpConfigError, HttpError, HttpWait};

#[cfg(feature = "sqlite")]
mod sqlite;
/// The library that [`SqliteBuilder::on_open`] speaks of.
#[cfg(feature = "sqlite")]
pub use rusqlite;
#[cfg(feature = "sqlite")]
pub use sqlite::{Keys, Sqlite, SqliteBuilder};

#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "postgres")]
pub use postgres::{Postgres, PostgresBuilder};
