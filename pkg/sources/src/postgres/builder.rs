//! The settings of a PostgreSQL source.

use std::fmt;
use std::time::Duration;

use tokio_postgres::Config;

use super::Postgres;
use super::place::{self, Place};
use super::wire::Wire;
use crate::ConfigError;
use crate::database::{Database, Dialect, Sql};
use crate::rows::Rows;

/// Loads at once, by default: a server allows 100 connections by default, and
/// there are other services, each with several processes.
const CONNECTIONS: usize = 4;

/// How long to wait for a connection, by default: longer than a busy server
/// needs, and shorter than people wait.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection that says nothing for so long asks whether the other side is
/// still there: sooner than firewalls forget a connection.
const KEEPALIVE_IDLE: Duration = Duration::from_mins(1);

/// What the server's administrator reads in `pg_stat_activity`.
const APPLICATION_NAME: &str = "distcache";

const DIALECT: Dialect = Dialect { parameter: '$', is_one_of: "= ANY ($1)" };

/// How a [`Postgres`] source works.
#[derive(Clone)]
pub struct PostgresBuilder {
    /// May hold a password.
    connection: String,
    password: Option<String>,
    rows: Rows,
    connections: usize,
    connect_timeout: Duration,
    #[cfg(feature = "postgres-tls")]
    tls_roots: Option<Vec<u8>>,
}

/// What each connection needs to know.
pub(crate) struct Settings {
    /// Holds a password.
    pub(super) config: Config,
    pub(super) wire: Wire,
    pub(super) place: Place,
    pub(super) sql: Sql,
    pub(super) connect_timeout: Duration,
}

impl PostgresBuilder {
    pub(super) fn new(connection: String, rows: Rows) -> Self {
        Self {
            connection,
            password: None,
            rows,
            connections: CONNECTIONS,
            connect_timeout: CONNECT_TIMEOUT,
            #[cfg(feature = "postgres-tls")]
            tls_roots: None,
        }
    }

    /// The password, for one that comes from elsewhere than the connection
    /// string. Default: the one in there, or none.
    #[must_use]
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// Connections at most, and with that loads at once. Default 4: a server
    /// allows 100 by default, for all processes of all services. They are
    /// opened when needed.
    #[must_use]
    pub fn connections(mut self, max: usize) -> Self {
        self.connections = max;
        self
    }

    /// How long a load waits for a new connection, if it has that much time.
    /// Default 5 s: longer than a busy server needs. (`connect_timeout` in the
    /// connection string is for each of several addresses.)
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Speaks TLS, and only TLS, to a server whose certificate is signed by one
    /// of these and bears the host's name: certificates in PEM, one behind the
    /// other. (For a server with a certificate of its own making, that one.)
    /// Default: clear text, which is enough for a socket or a machine's own
    /// network.
    #[cfg(feature = "postgres-tls")]
    #[must_use]
    pub fn tls_roots(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.tls_roots = Some(pem.into());
        self
    }

    /// Makes the source. Connects to nothing yet: see [`Postgres::check`].
    ///
    /// # Errors
    /// When a setting makes no sense.
    pub fn build(self) -> Result<Postgres, ConfigError> {
        if self.connections == 0 {
            return Err(ConfigError::Connections);
        }
        let sql = Sql::new(&self.rows, &DIALECT)?;
        let (mut config, place) = place::read(&self.connection)?;
        if let Some(password) = self.password {
            config.password(password);
        }
        if config.get_application_name().is_none() {
            config.application_name(APPLICATION_NAME);
        }
        if KEEPALIVE_IDLE < config.get_keepalives_idle() {
            config.keepalives_idle(KEEPALIVE_IDLE);
        }
        #[cfg(feature = "postgres-tls")]
        let wire = match self.tls_roots {
            Some(pem) => Wire::tls(&mut config, &pem)?,
            None => Wire::clear(&config)?,
        };
        #[cfg(not(feature = "postgres-tls"))]
        let wire = Wire::clear(&config)?;
        let settings = Settings { config, wire, place, sql, connect_timeout: self.connect_timeout };
        Ok(Postgres { database: Database::new(settings, self.connections) })
    }
}

impl fmt::Debug for PostgresBuilder {
    /// Without the connection string and the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresBuilder")
            .field("rows", &self.rows)
            .field("connections", &self.connections)
            .field("connect_timeout", &self.connect_timeout)
            .finish_non_exhaustive()
    }
}
