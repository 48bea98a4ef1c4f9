//! Why the program ends otherwise than well: one line, and an exit status.

use std::error::Error;
use std::fmt;
use std::io::Write;
use std::process::ExitCode;

use distcache::codes::{self, Code};
use distcache_bulk::Fault;
use distcache_config::Faults;

/// Requests were cut off, or threads left behind.
const EXIT_INCOMPLETE: u8 = 1;
/// The server has not started: bad flags, a port in use.
const EXIT_USAGE: u8 = 2;

/// What went wrong, for the operator: a line, or several if all is told at once.
#[derive(Debug)]
pub(crate) struct Failure {
    text: String,
    status: u8,
}

impl Failure {
    /// The server has not started.
    pub(crate) fn to_start(code: Code, what: impl fmt::Display) -> Self {
        Self { text: line(code, what), status: EXIT_USAGE }
    }

    /// The server has not ended in order.
    pub(crate) fn to_end(code: Code, what: impl fmt::Display) -> Self {
        Self { text: line(code, what), status: EXIT_INCOMPLETE }
    }

    /// The same of a server that was asked how it is: 1 is all that is told.
    pub(crate) fn of_health(self) -> Self {
        Self { status: EXIT_INCOMPLETE, ..self }
    }

    /// Tells the operator. Not the log, which may be off.
    pub(crate) fn report(&self) -> ExitCode {
        // Where the text goes is closed: there is nobody to tell.
        let _ = writeln!(std::io::stderr(), "{self}");
        ExitCode::from(self.status)
    }
}

fn line(code: Code, what: impl fmt::Display) -> String {
    format!("{code} {what} ({})", code.remedy())
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<Faults> for Failure {
    fn from(faults: Faults) -> Self {
        Self { text: faults.to_string().trim_end().to_owned(), status: EXIT_USAGE }
    }
}

/// Of an import or export: it has begun, and is not whole; or it has not begun.
impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        let of = if fault.has_begun { Self::to_end } else { Self::to_start };
        of(fault.code, fault.what)
    }
}

/// clap explains itself over many lines. Of these, what is wrong and what would
/// do are kept; the usage is what the remedy points to.
impl From<&clap::Error> for Failure {
    fn from(error: &clap::Error) -> Self {
        let text = error.to_string();
        let lines: Vec<_> = text
            .lines()
            .map(str::trim)
            .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"))
            .filter(|line| !line.is_empty())
            .map(|line| line.trim_start_matches("error: "))
            .collect();
        Self::to_start(codes::FLAG_INVALID, lines.join("; "))
    }
}

/// An error with what caused it, on one line.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_its_code_what_happened_and_what_to_do() {
        let failure = Failure::to_start(codes::ADDRESS_UNAVAILABLE, "port 1 is taken");
        let text = failure.to_string();
        assert!(text.starts_with("DC-302 port 1 is taken (Choose another"), "{text}");
    }

    #[test]
    fn an_error_is_followed_by_its_causes() {
        let cause = std::io::Error::other("no more of it");
        let error = distcache_http::doors::OpenError::Listener(cause);
        assert_eq!(with_causes(&error), "the listening socket cannot be used: no more of it");
    }
}
