//! Where a value comes from.

use std::fmt;
use std::sync::Arc;

/// Where a value was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nowhere: it is the default.
    Default,
    /// In the configuration file.
    File {
        /// The file, as it was named.
        file: Arc<str>,
        /// From 1.
        line: usize,
        /// In characters, from 1.
        column: usize,
    },
    /// The file as a whole.
    WholeFile(Arc<str>),
    /// By an environment variable.
    Variable(String),
    /// By a flag, named without its dashes.
    Flag(&'static str),
}

impl Origin {
    /// Without the column: enough for who looks for it.
    pub(crate) fn brief(&self) -> String {
        match self {
            Self::File { file, line, .. } => format!("{file}:{line}"),
            _ => self.to_string(),
        }
    }

    pub(crate) fn is_of_a_file(&self) -> bool {
        matches!(self, Self::File { .. } | Self::WholeFile(_))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { file, line, column } => write!(f, "{file}:{line}:{column}"),
            Self::WholeFile(file) => f.write_str(file),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(name) => write!(f, "--{name}"),
        }
    }
}
