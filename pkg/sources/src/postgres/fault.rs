//! What PostgreSQL's errors mean.

use std::error::Error as _;
use std::io;

use tokio_postgres::error::{DbError, SqlState};

use super::builder::Settings;
use crate::database::{Failure, Load};
use crate::{Error, Wait};

/// Why an attempt on a connection failed.
#[derive(Debug)]
pub(super) enum Fault {
    /// A statement could not be understood. It had no key and no value yet:
    /// what the server says shows none.
    Prepare(tokio_postgres::Error),
    /// A statement failed when it ran, or the connection broke.
    Run(tokio_postgres::Error),
    /// Found out by ourselves.
    Own(Error),
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Run(error)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Own(error)
    }
}

impl Fault {
    pub(super) fn into_failure(self, settings: &Settings, load: &Load<'_>) -> Failure {
        let (error, shows_no_data) = match self {
            Self::Prepare(error) => (error, true),
            Self::Run(error) => (error, false),
            Self::Own(error) => return Failure::Refused(error),
        };
        let Some(said) = error.as_db_error() else {
            let address = settings.place.address.clone();
            return Failure::Lost(Error::Broken { address, reason: cause(&error) });
        };
        let code = said.code();
        if is_end_of_session(code) {
            Failure::Lost(shut_down(settings))
        } else if is_stale_statement(code) && !shows_no_data {
            Failure::Lost(rejected(said))
        } else if *code == SqlState::QUERY_CANCELED {
            Failure::Refused(load.timed_out(Wait::Answer))
        } else if names_what_is_missing(code) {
            Failure::Refused(Error::Missing { reason: said.message().to_owned() })
        } else if shows_no_data || names_what_is_wrong(code) {
            Failure::Refused(Error::Rejected { reason: said.message().to_owned() })
        } else {
            Failure::Refused(rejected(said))
        }
    }
}

/// Why there is no connection. The server speaks of users, databases and
/// itself only, as long as nothing was asked.
pub(super) fn of_connecting(error: &tokio_postgres::Error, settings: &Settings) -> Error {
    let address = settings.place.address.clone();
    let Some(said) = error.as_db_error() else {
        return Error::Connect { address, reason: cause(error) };
    };
    let (code, reason) = (said.code(), said.message().to_owned());
    if is_end_of_session(code) {
        shut_down(settings)
    } else if code.code().starts_with("28") {
        Error::Denied { address, user: settings.place.user.clone(), reason }
    } else if *code == SqlState::INVALID_CATALOG_NAME {
        Error::Missing { reason }
    } else {
        Error::Connect { address, reason }
    }
}

fn shut_down(settings: &Settings) -> Error {
    Error::ShutDown { address: settings.place.address.clone() }
}

/// Whether the server ends, has just crashed, or does not serve yet.
fn is_end_of_session(code: &SqlState) -> bool {
    [&SqlState::ADMIN_SHUTDOWN, &SqlState::CRASH_SHUTDOWN, &SqlState::CANNOT_CONNECT_NOW]
        .contains(&code)
}

/// Whether a prepared statement is not what it was: its table was altered, or a
/// pooler between us and the server has another server now. A new connection
/// prepares it anew.
fn is_stale_statement(code: &SqlState) -> bool {
    [&SqlState::FEATURE_NOT_SUPPORTED, &SqlState::INVALID_SQL_STATEMENT_NAME].contains(&code)
}

fn names_what_is_missing(code: &SqlState) -> bool {
    [&SqlState::UNDEFINED_TABLE, &SqlState::UNDEFINED_COLUMN, &SqlState::INVALID_SCHEMA_NAME]
        .contains(&code)
}

/// Whether the message is about tables and columns: a right that the user has
/// not, or a unique index that a column needs to be stored by.
fn names_what_is_wrong(code: &SqlState) -> bool {
    [&SqlState::INSUFFICIENT_PRIVILEGE, &SqlState::INVALID_COLUMN_REFERENCE].contains(&code)
}

/// A message about data may quote it, and one of a trigger or function was
/// written by anybody: only the kind of error is passed on.
fn rejected(said: &DbError) -> Error {
    let code = said.code().code();
    let constraint = match said.constraint() {
        Some(name) => format!(", constraint {name:?}"),
        None => String::new(),
    };
    let reason = format!(
        "SQLSTATE {code}{constraint} (its message is not shown: it may hold data; the server's \
         log has it)"
    );
    Error::Rejected { reason }
}

/// What the network, the operating system or the library said.
fn cause(error: &tokio_postgres::Error) -> String {
    match error.source() {
        Some(source) => match source.downcast_ref::<io::Error>() {
            Some(source) => source.to_string(),
            None => format!("{error}: {source}"),
        },
        None if error.is_closed() => "the server closed it".to_owned(),
        None => error.to_string(),
    }
}
