//! What is wrong with the settings of a discovery.

/// A setting that it cannot have. Nothing was started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is no {what}: {right}")]
pub struct ConfigError {
    given: String,
    what: &'static str,
    right: &'static str,
}

impl ConfigError {
    /// `given` was to be a `what`; what would be right.
    pub(crate) fn of(given: &str, what: &'static str, right: &'static str) -> Self {
        Self { given: crate::excerpt::excerpt(given), what, right }
    }
}
