//! How members reach each other.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;

use crate::view::Address;

/// Carries questions to members and brings their answers.
///
/// Implementers MUST give up after `within`, and MUST NOT hand a question over twice.
/// They may lose, delay and reorder both ways; whoever is asked answers by
/// [`Agreement::answer`](super::Agreement::answer).
pub trait Post: fmt::Debug + Send + Sync {
    /// Asks the process at `to`.
    fn ask(
        &self,
        to: &Address,
        message: Bytes,
        within: Duration,
    ) -> BoxFuture<'_, Result<Bytes, Unreached>>;
}

/// No answer came. Whether the question arrived is unknown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{to} was not reached: {why}")]
pub struct Unreached {
    /// Who was asked.
    pub to: Address,
    /// What went wrong.
    pub why: String,
}
