//! Whether the server wants new requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What `/readyz` says: 200 until [`drain`](Self::drain), 503 after it.
///
/// Clones share one state. Requests that come while draining are still
/// answered: it is for the load balancer to send them elsewhere.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    draining: Arc<AtomicBool>,
}

impl Readiness {
    /// Begins to drain, for good.
    pub fn drain(&self) {
        // Relaxed: the flag alone is read, and nothing is published with it.
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether the server drains.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}
