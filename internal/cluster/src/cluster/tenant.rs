//! Who works with the cache.

use std::sync::Arc;

use crate::links::Serve;
use crate::view::View;

/// What stands on a cache whose keys are shared, and answers the other members.
pub trait Tenant: Serve {
    /// The cache has settled in a view: no key that it lost by it is answered for any
    /// more. When this returns, the view is reported as taken, and whoever has those keys
    /// now may answer for them.
    ///
    /// 1. A owns a key; a write of it is on its way to the store.
    /// 2. A has taken the view that gives the key to B, and says so.
    /// 3. B loads what the store has: the write is not there yet, and is acknowledged.
    ///
    /// So what was begun for such keys is to be over, as far as that can be: meanwhile the
    /// lease is not renewed. It is called where it may block.
    fn settled(&self, view: &Arc<View>);
}
