//! What is wrong with the settings of a discovery or of a wire.

/// A setting that cannot be. Nothing was started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is no {what}: {right}")]
pub struct ConfigError {
    given: String,
    what: &'static str,
    right: &'static str,
}

impl ConfigError {
    /// `given` was to be a `what`; what would be right.
    pub fn of(given: &str, what: &'static str, right: &'static str) -> Self {
        Self { given: crate::excerpt::excerpt(given), what, right }
    }
}
