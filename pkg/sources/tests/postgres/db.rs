//! A PostgreSQL database for one test.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use distcache_sources::{Postgres, PostgresBuilder, Rows, Table};

use crate::server::PostgresServer;
use crate::support::suite::Bed;

/// The server that all tests share but those that stop one.
static SERVER: OnceLock<Option<PostgresServer>> = OnceLock::new();

pub(crate) struct Db {
    server: &'static PostgresServer,
    name: String,
}

impl Db {
    /// A connection string that a source can use.
    pub(crate) fn connection(&self) -> String {
        self.server.connection(&self.name)
    }

    /// The same by another port.
    pub(crate) fn connection_by(&self, port: u16) -> String {
        PostgresServer::connection_by(port, &self.name)
    }

    pub(crate) fn port(&self) -> u16 {
        self.server.port()
    }

    /// Runs SQL as another program, and gives the rows, a line each.
    pub(crate) fn sql(&self, sql: &str) -> String {
        self.server.sql(&self.name, sql)
    }

    pub(crate) fn builder(&self, rows: impl Into<Rows>) -> PostgresBuilder {
        Postgres::builder(self.connection(), rows)
    }

    /// Waits until one session of ours runs a statement, and gives its process.
    pub(crate) fn busy_session(&self) -> Option<u32> {
        let sql = format!(
            "SELECT pid FROM pg_stat_activity WHERE datname = '{}' AND state = 'active' \
             AND application_name = 'distcache'",
            self.name
        );
        self.sql(&sql).parse().ok()
    }
}

pub(crate) fn kv() -> Table {
    Table::new("kv", "k", "v")
}

impl Bed for Db {
    type Source = Postgres;

    const BYTES: &'static str = "BYTEA";
    const INTEGER: &'static str = "int4";
    const PARAMETER: char = '$';

    fn with(sql: &str) -> Option<Self> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let server = SERVER.get_or_init(PostgresServer::start).as_ref()?;
        let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        server.sql("postgres", &format!("CREATE DATABASE {name}"));
        let db = Self { server, name };
        db.sql(sql);
        Some(db)
    }

    fn source(&self, rows: impl Into<Rows>) -> Postgres {
        self.builder(rows).build().expect("valid settings")
    }
}
