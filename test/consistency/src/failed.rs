//! What stops a run.

use std::io;
use std::time::Duration;

/// What stops a run.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The machine does not let it go on.
    #[error("{what}: {error}")]
    Machine {
        /// What was to be done.
        what: String,
        /// Why it could not be.
        error: io::Error,
    },
    /// A command of the system has failed.
    #[error("`{command}` has failed: {said}")]
    Command {
        /// The command.
        command: String,
        /// What it said.
        said: String,
    },
    /// There is no server of NATS to be started.
    #[error("nats-server is not installed: apt-get install nats-server")]
    NoNats,
    /// Something did not come about.
    #[error("{what} not within {within:?}")]
    Late {
        /// What was waited for.
        what: String,
        /// For how long.
        within: Duration,
    },
    /// A member of this process was not started.
    #[error("a member was not started: {0}")]
    Member(String),
    /// A member has ended that should not.
    #[error("member {member} has ended by itself ({status}); its log is {log}")]
    Ended {
        /// Which one.
        member: usize,
        /// As it says.
        status: String,
        /// Where it has written.
        log: String,
    },
}

impl Failed {
    pub(crate) fn machine(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |error| Self::Machine { what, error }
    }
}
