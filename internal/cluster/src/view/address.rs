//! Where a member is reached.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The address of a process's links, `host:port`, as discovery lists it or as the
/// process itself tells it to others. Only the links look into it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Address(String);

impl Address {
    /// An address; nothing is resolved.
    pub fn new(address: impl Into<String>) -> Self {
        Self(address.into())
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<T: Into<String>> From<T> for Address {
    fn from(address: T) -> Self {
        Self::new(address)
    }
}
