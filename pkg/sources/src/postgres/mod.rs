//! Values in a PostgreSQL database.

mod builder;
pub use builder::PostgresBuilder;

mod column;
mod fault;
mod link;
mod param;
mod place;
mod session;
mod statement;
mod wire;

use std::fmt;

use distcache::{Answer, Answers, Context, DataSource, DataStore, SourceError};

use crate::database::Database;
use crate::rows::Rows;
use link::PostgresLink;

/// A PostgreSQL database as a source of values.
///
/// Each load has a connection of its own, at most as many at once as
/// [`PostgresBuilder::connections`]. It ends with its [`Context`], also when the
/// server has fallen silent: the server is told to give up a little before that
/// (`statement_timeout`), and to stop when the load is cancelled. A statement
/// runs in a transaction of its own, and leaves no setting behind. Connections
/// that broke are opened again: a database that was restarted answers with the
/// first load that reaches it.
///
/// Keys have the type of the column, or of the query's parameter: text (also
/// enums and `citext`), integers, `uuid` and `bytea`. A key that is no value of
/// that type is not found: text that is not UTF-8 or has a NUL in it, a number
/// or UUID that is not written as PostgreSQL writes it (`007`, `7.0`, upper
/// case). It is no error, because everybody who may ask the cache for any key
/// could else make the source look ill.
///
/// What is found, as bytes:
///
/// | in the row | in the cache |
/// |---|---|
/// | text of all kinds, enums, `bytea`, `json`, `jsonb`, `xml` | its bytes |
/// | integers | their decimal digits: `-42` |
/// | `real`, `double precision` | the shortest decimal that reads back as the same number: `0.1`, `1.0`, `1e21` |
/// | `boolean` | `true`, `false` |
/// | `uuid` | `67e55044-10b1-426f-9247-bb680e5fe0c8` |
/// | `timestamptz` | UTC, by RFC 3339: `2026-01-02T03:04:05.678Z` |
/// | `timestamp`, `date` | `2026-01-02T03:04:05.678`, `2026-01-02` |
/// | NULL | not found |
///
/// Other types (`numeric`, arrays, …) are an error that says so: cast them to
/// text in a [`Query`](crate::Query). Values are stored into columns of the same
/// types, but for times.
///
/// TLS is spoken where [`PostgresBuilder`]'s `tls_roots` says whom to trust (with
/// the feature `postgres-tls`). Else `sslmode=require` is refused, and `prefer`,
/// the library's default, is `disable`: what is asked for in words is never
/// given up silently.
///
/// # Panics
///
/// Its methods panic on a thread that runs tasks of an async runtime, because
/// they would block it. The engine calls a source on threads of its own.
pub struct Postgres {
    database: Database<PostgresLink>,
}

impl Postgres {
    /// A source over a database: `"host=127.0.0.1 user=app dbname=app"`, or
    /// `"postgres://app@127.0.0.1/app"`.
    pub fn builder(connection: impl Into<String>, rows: impl Into<Rows>) -> PostgresBuilder {
        PostgresBuilder::new(connection.into(), rows.into())
    }

    /// Connects and prepares the statements that read, for a service that wants
    /// to know at its start whether they work. A source needs no check: each load opens
    /// what it needs.
    ///
    /// # Errors
    /// What the first load would say: an [`Error`](crate::Error).
    pub fn check(&self, context: &Context) -> Result<(), SourceError> {
        self.database.check(context)
    }
}

impl DataSource for Postgres {
    fn fetch(&self, key: &[u8], context: &Context) -> Result<Answer, SourceError> {
        self.database.fetch(key, context)
    }

    fn fetch_many(&self, keys: &[&[u8]], context: &Context) -> Result<Answers, SourceError> {
        self.database.fetch_many(keys, context)
    }
}

impl DataStore for Postgres {
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

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres")
            .field("address", &self.database.settings().place.address)
            .field("user", &self.database.settings().place.user)
            .finish_non_exhaustive()
    }
}
