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
    waits_for_warm_keys: bool,
}

impl Readiness {
    /// Begins to drain, for good.
    pub fn drain(&self) {
        // Relaxed: the flag alone is read, and nothing is published with it.
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Not ready before every keyspace has loaded the keys that are to be warm.
    /// Default: ready at once.
    #[must_use]
    pub fn wait_for_warm_keys(self) -> Self {
        Self { waits_for_warm_keys: true, ..self }
    }

    /// Whether the server is not ready before its keyspaces are warm.
    pub fn waits_for_warm_keys(&self) -> bool {
        self.waits_for_warm_keys
    }

    /// Whether the server drains.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}
