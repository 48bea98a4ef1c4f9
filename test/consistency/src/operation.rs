//! What one client has done, and what it was told.

use std::collections::HashMap;
use std::fmt;

/// Nanoseconds since the run began.
pub type Nanos = u64;

/// One call of one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// Which key.
    pub key: u32,
    /// Which member was asked.
    pub member: u8,
    /// When the client began to ask.
    pub began: Nanos,
    /// When it was told. None if it never was, or was told that the outcome is unknown.
    pub ended: Option<Nanos>,
    /// What it was.
    pub what: What,
}

/// What a call was, and what came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A value was stored; no two writes store the same. The version is known if the
    /// write was acknowledged.
    Write {
        /// The value.
        value: u64,
        /// Its version.
        version: Option<u64>,
    },
    /// A value was found, or none.
    Read(Option<Found>),
    /// What there is was forgotten.
    Delete,
}

/// What a read has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// The value.
    pub value: u64,
    /// Its version, as told with it.
    pub version: u64,
}

impl Operation {
    /// The version that it shows to have been there, if it was completed.
    #[must_use]
    pub fn shows(&self) -> Option<u64> {
        match self.what {
            What::Write { version, .. } => version,
            What::Read(found) => found.map(|found| found.version),
            What::Delete => None,
        }
    }
}

/// The operations of each key, in their order.
pub(crate) fn by_key(operations: &[Operation]) -> Vec<Vec<&Operation>> {
    let mut by_key: HashMap<u32, Vec<&Operation>> = HashMap::new();
    for operation in operations {
        by_key.entry(operation.key).or_default().push(operation);
    }
    by_key.into_values().collect()
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let us = |nanos: Nanos| nanos / 1000;
        write!(f, "key {} at member {}, {} us to ", self.key, self.member, us(self.began))?;
        match self.ended {
            Some(ended) => write!(f, "{} us: ", us(ended))?,
            None => f.write_str("an unknown time: ")?,
        }
        match self.what {
            What::Write { value, version: Some(version) } => {
                write!(f, "wrote {value} as version {version:x}")
            }
            What::Write { value, version: None } => write!(f, "wrote {value}"),
            What::Read(Some(Found { value, version })) => {
                write!(f, "read {value}, version {version:x}")
            }
            What::Read(None) => f.write_str("read nothing"),
            What::Delete => f.write_str("deleted"),
        }
    }
}
