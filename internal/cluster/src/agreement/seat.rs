//! Who is told of views: the engine, seen from below.

use std::fmt;
use std::sync::Arc;

use crate::view::View;

/// What works by the views.
///
/// It is told by one task, in the order of epochs, of one cluster after the other; a
/// view that was followed by another at once may be left out ([`View::follows`] says so):
/// whoever was told of view 7, and then of 9, may have lost a key by 8. Only when a call has
/// returned is the epoch reported as applied. Calls run on the runtime's thread:
/// whatever takes long (moving entries) MUST be done elsewhere.
pub trait Seat: fmt::Debug + Send + Sync {
    /// The next view of the same cluster. When it returns, the implementer MUST serve
    /// no key any more that it has lost by this view.
    fn take(&self, view: &Arc<View>);

    /// The first view of a cluster that this process has entered. When it returns, the
    /// implementer MUST have dropped everything that was cached before.
    fn begin_anew(&self, view: &Arc<View>);
}
