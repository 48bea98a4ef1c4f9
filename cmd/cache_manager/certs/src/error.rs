//! Why certificates were not made.

use std::io;
use std::path::PathBuf;

use crate::DAYS_MAX;

/// An order that was not filled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertsError {
    /// The time is none that a certificate can have. Nothing was made.
    #[error("certificates last from 1 to {DAYS_MAX} days, not {days}")]
    Days {
        /// What was asked for.
        days: u32,
    },
    /// Certificates would outlive the authority. Nothing was made.
    #[error("the certificate of {path} ends in {left} days: ask for at most as many, not {days}", path = path.display())]
    Outlives {
        /// The certificate of the authority.
        path: PathBuf,
        /// What was asked for.
        days: u32,
        /// How long it still lasts, in whole days.
        left: u32,
    },
    /// There is nobody to make a certificate for, or there are too many. Nothing was made.
    #[error("an order names from 1 to {max} members, not {count}")]
    Count {
        /// How many it names.
        count: usize,
        /// How many it may name.
        max: usize,
    },
    /// Two things would be written into one file. Nothing was made.
    #[error("{path} would be written twice: each member has a name of its own, and none is `ca`", path = path.display())]
    Twice {
        /// The file.
        path: PathBuf,
    },
    /// Files are there already. Nothing was made.
    #[error("{} there already: name another directory, or replace by --force", are(paths))]
    Exists {
        /// Which.
        paths: Vec<PathBuf>,
    },
    /// A file of the authority cannot be used. Nothing was made.
    #[error("{path} {why}", path = path.display())]
    Authority {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what would be right.
        why: String,
    },
    /// A certificate was refused by who makes them. Nothing was made.
    #[error("no certificate for {name} can be made: {source}")]
    Refused {
        /// For whom.
        name: String,
        /// Why.
        source: rcgen::Error,
    },
    /// A file cannot be written. Those before it were.
    #[error("{path} cannot be written: {source}", path = path.display())]
    Unwritten {
        /// The file, or the directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

fn are(paths: &[PathBuf]) -> String {
    let names: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    let verb = if names.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", names.join(", "))
}
