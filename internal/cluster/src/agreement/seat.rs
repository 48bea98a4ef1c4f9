//! Who is told of views: the engine, seen from below.

use std::fmt;
use std::sync::Arc;

use crate::view::{MemberId, View};

/// What works by the views.
///
/// It is told by one task, in the order of epochs, of one cluster after the other; a
/// view that was followed by another at once may be left out ([`View::follows`] says so):
/// whoever was told of view 7, and then of 9, may have lost a key by 8. Only when a call has
/// returned is the epoch reported as applied. Calls run on the runtime's thread:
/// whatever takes long (moving entries) MUST be done elsewhere.
pub trait Seat: fmt::Debug + Send + Sync {
    /// The next view of the same cluster. When it returns, the implementer MUST serve
    /// no key any more that it has lost by this view. The last view of a member that
    /// departs is without it: by that one it owns nothing.
    ///
    /// # Errors
    /// When the view cannot be taken: it is not reported, and the lease is not renewed.
    fn take(&self, view: &Arc<View>) -> Result<(), NotTaken>;

    /// The first view of a cluster that this process has entered, as the member `me`.
    /// When it returns, the implementer MUST have dropped everything that was cached
    /// before. Its epoch is greater than that of every view that was taken before.
    ///
    /// # Errors
    /// As of [`take`](Self::take).
    fn begin_anew(&self, view: &Arc<View>, me: MemberId) -> Result<(), NotTaken>;
}

/// A view was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("view {epoch} was not taken: {why}")]
pub struct NotTaken {
    /// The view's epoch.
    pub epoch: u64,
    /// What stood against it.
    pub why: String,
}
