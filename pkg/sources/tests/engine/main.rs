//! An engine over real databases: what its callers see of them, on good days and
//! on bad ones.

mod postgres;
mod sqlite;

#[path = "../support/postgres_server.rs"]
mod server;
