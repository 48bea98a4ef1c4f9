//! Why a database gave no answer.

use std::fmt;
use std::time::Duration;

/// What went wrong with one load or write, and what to do about it.
///
/// Neither `Display` nor `Debug` shows a key, a value or a password. What a
/// database says is passed on where it can only speak of names (tables,
/// columns, users, files), and withheld where it may quote data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no connection to be had. Nothing was asked. The next load
    /// tries again.
    #[error(
        "cannot connect to {address}: {reason}; is the database there, and reachable from here?"
    )]
    Connect {
        /// Where the database should be: host and port, or a file.
        address: String,
        /// What stood in the way.
        reason: String,
    },
    /// The database does not let this user in. Nothing was asked.
    #[error("{address} does not let the user {user:?} in: {reason}; check user and password")]
    Denied {
        /// Where the database is.
        address: String,
        /// Who asked.
        user: String,
        /// What the database said.
        reason: String,
    },
    /// A database, table or column is not there. Nothing has changed.
    #[error("{reason}; check the names that the source was given")]
    Missing {
        /// What is missing.
        reason: String,
    },
    /// The load's time ran out. A read has no answer; whether a write was made
    /// is unknown if it waited for the answer.
    #[error("no answer within {limit:?}: {waited_for}")]
    TimedOut {
        /// What took so long, and what helps.
        waited_for: Wait,
        /// The time that the load had when it came to the source.
        limit: Duration,
    },
    /// Another connection kept the database locked. Nothing has changed.
    #[error(
        "the database was locked by another connection for {waited:?}: shorten the transactions \
         that write to it, or raise the lock timeout"
    )]
    Locked {
        /// How long this one waited.
        waited: Duration,
    },
    /// The database is shutting down, or starting. Nothing has changed.
    #[error("the database at {address} is shutting down or starting; the next load tries again")]
    ShutDown {
        /// Where it is.
        address: String,
    },
    /// The connection broke, also a second time if it was an old one. A read
    /// has no answer; whether a write was made is unknown.
    #[error("the connection to {address} broke: {reason}; the next load opens another")]
    Broken {
        /// Where the database is.
        address: String,
        /// What happened to the connection.
        reason: String,
    },
    /// The database understood the statement and rejected it. Nothing has
    /// changed.
    #[error("the database rejected the statement: {reason}")]
    Rejected {
        /// What it said, as far as that shows no data.
        reason: String,
    },
    /// The source's own query gave several rows for one key.
    #[error("there are several rows for one key: a source needs a query that gives one at most")]
    Ambiguous,
    /// The row of a key cannot be used.
    #[error("the row of a key cannot be used: {reason}")]
    Row {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A column has a type that this source does not read or write.
    #[error(
        "a column or parameter has the type {of}, which is not supported: cast it to text (a TTL to \
         double precision)"
    )]
    Type {
        /// The type's name.
        of: String,
    },
    /// A key cannot be in a column of this type. Only writes say so; a read
    /// finds nothing, as there can be nothing. Nothing has changed.
    #[error("a key of type {of} is needed, and this one is none")]
    Key {
        /// The type's name.
        of: String,
    },
    /// A value cannot be put into a column of this type. Nothing has changed.
    #[error("a value of type {of} is needed, and this one is none")]
    Value {
        /// The type's name.
        of: String,
    },
    /// The source was given a query to read by and none for this.
    #[error("the source has no statement to {what} with: give its query one")]
    NoStatement {
        /// `"store"` or `"remove"`.
        what: &'static str,
    },
}

/// What a load waited for when its time ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wait {
    /// For nothing: it had no time when it came.
    Start,
    /// For one of the source's connections: all were in use.
    Connection {
        /// How many the source may have.
        of: usize,
    },
    /// For the database to accept a new connection.
    Opening,
    /// For the answer to a statement.
    Answer,
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => f.write_str("none was left when the source was asked"),
            Self::Connection { of } => {
                write!(f, "all connections ({of}) were in use; allow more of them, or more time")
            }
            Self::Opening => f.write_str("the database did not accept a connection"),
            Self::Answer => {
                f.write_str("the statement took too long; make it faster, or allow more time")
            }
        }
    }
}

/// Why a source was not built. Nothing was connected to yet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// No connection is allowed.
    #[error("a source needs at least one connection")]
    Connections,
    /// A table's, column's or schema's name that no database has.
    #[error("a name of a schema, table or column is empty or has a NUL byte in it")]
    Name,
    /// Nothing says of which type the keys of a query are.
    #[error(
        "a query does not tell of which type its keys are: say so with `keys(Keys::Text)`, \
         `keys(Keys::Integer)` or `keys(Keys::Blob)`"
    )]
    Keys,
    /// The text is no connection string. It is not shown, as it may hold a
    /// password.
    #[error(
        "this is no connection string (not shown: it may hold a password); it has the form \
         \"host=… port=… user=… password=… dbname=…\" or \"postgres://user:password@host:port/dbname\", \
         with \"%40\" for an \"@\" in the password"
    )]
    ConnectionString,
    /// The connection string names no host to connect to, or several whose
    /// numbers do not match.
    #[error(
        "the connection string names no host, or hosts, addresses and ports in different numbers"
    )]
    Host,
    /// TLS is asked for, and no certificates to trust are given.
    #[error(
        "sslmode asks for TLS, and no certificates to trust are given; clear text is not fallen \
         back to: give some (`tls_roots`, with the feature `postgres-tls`), or say sslmode=disable"
    )]
    Tls,
    /// The connection string has a mode of TLS that the library does not know.
    #[error(
        "sslmode=verify-ca and verify-full are not known here: with `tls_roots`, \
         sslmode=require verifies the certificate and the name in it"
    )]
    TlsVerify,
    /// TLS is asked for, and forbidden.
    #[error("certificates to trust are given, and sslmode=disable forbids to use them")]
    TlsDisabled,
    /// What should be certificates is something else.
    #[error("the certificates to trust are none in PEM (-----BEGIN CERTIFICATE-----)")]
    Certificates,
}
