//! What SQLite's errors mean.

use rusqlite::{ErrorCode, ffi};

use super::builder::Settings;
use crate::database::{Failure, Load};
use crate::{Error, Wait};

/// Why an attempt on a connection failed.
#[derive(Debug)]
pub(super) enum Fault {
    /// A statement could not be understood. It had no key and no value yet:
    /// what SQLite says shows none.
    Prepare(rusqlite::Error),
    /// A statement failed when it ran.
    Run(rusqlite::Error),
    /// Found out by ourselves.
    Own(Error),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Run(error)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Own(error)
    }
}

impl Fault {
    /// Whether another connection holds a lock that is needed.
    pub(super) fn is_a_lock(&self) -> bool {
        let (Self::Prepare(error) | Self::Run(error)) = self else { return false };
        // The last one is how WAL mode says that it tried too often.
        is(error, ErrorCode::DatabaseBusy)
            || is(error, ErrorCode::DatabaseLocked)
            || is(error, ErrorCode::FileLockingProtocolFailed)
    }

    pub(super) fn into_failure(self, settings: &Settings, load: &Load<'_>) -> Failure {
        let error = match self {
            Self::Prepare(error) | Self::Run(error) if ends_the_link(&error) => {
                return Failure::Lost(of_file(&error, settings));
            }
            Self::Run(error) if is(&error, ErrorCode::OperationInterrupted) => {
                // Only the end of a load interrupts a statement.
                if load.context().is_cancelled() {
                    return Failure::Cancelled;
                }
                load.timed_out(Wait::Answer)
            }
            Self::Run(error) if may_show_data(&error) => of_message(WITHHELD.to_owned()),
            Self::Prepare(error) | Self::Run(error) => of_message(message(&error)),
            Self::Own(error) => error,
        };
        Failure::Refused(error)
    }
}

const WITHHELD: &str = "a function or trigger in it failed (what that said is not shown: it may \
                        hold data)";

fn is(error: &rusqlite::Error, code: ErrorCode) -> bool {
    error.sqlite_error_code() == Some(code)
}

/// Whether the file is not what it was when it was opened, or cannot be read.
fn ends_the_link(error: &rusqlite::Error) -> bool {
    error.sqlite_extended_error_code() == Some(ffi::SQLITE_READONLY_DBMOVED)
        || is(error, ErrorCode::CannotOpen)
        || is(error, ErrorCode::NotADatabase)
        || is(error, ErrorCode::DatabaseCorrupt)
        || is(error, ErrorCode::SystemIoFailure)
}

fn of_file(error: &rusqlite::Error, settings: &Settings) -> Error {
    let (address, reason) = (settings.address(), message(error));
    if is(error, ErrorCode::CannotOpen) || is(error, ErrorCode::NotADatabase) {
        Error::Connect { address, reason }
    } else {
        Error::Broken { address, reason }
    }
}

/// Whether the message was written by a function or a trigger, and so by
/// anybody. The others are SQLite's own: they name tables, columns and
/// constraints. (A table that went away is noticed when a statement runs.)
fn may_show_data(error: &rusqlite::Error) -> bool {
    is(error, ErrorCode::Unknown) && !names_what_is_missing(&message(error))
        || error.sqlite_extended_error_code() == Some(ffi::SQLITE_CONSTRAINT_TRIGGER)
}

fn of_message(reason: String) -> Error {
    if names_what_is_missing(&reason) {
        Error::Missing { reason }
    } else {
        Error::Rejected { reason }
    }
}

fn names_what_is_missing(message: &str) -> bool {
    message.starts_with("no such table: ") || message.starts_with("no such column: ")
}

fn message(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(_, Some(message))
        | rusqlite::Error::SqlInputError { msg: message, .. } => message.clone(),
        rusqlite::Error::SqliteFailure(cause, None) => cause.to_string(),
        rusqlite::Error::InvalidParameterCount(given, needed) => {
            format!("it has {needed} parameters, and {given} are given to it")
        }
        rusqlite::Error::MultipleStatement => "it is more than one statement".to_owned(),
        rusqlite::Error::ExecuteReturnedResults => "it gives rows, and none are wanted".to_owned(),
        _ => "SQLite's library refuses it".to_owned(),
    }
}
