//! One load's time.

use std::time::Duration;

use distcache::Context;

use super::HttpWait;

/// A load on its way, and what time it has left.
pub(super) struct Time<'a> {
    context: &'a Context,
    /// Ends with the source's own timeout too.
    bounded: Context,
    /// What the load had when it came here.
    pub(super) limit: Duration,
}

/// Why a load does not go on.
pub(super) enum Ended {
    Over(HttpWait),
    Cancelled,
}

impl<'a> Time<'a> {
    pub(super) fn new(context: &'a Context, timeout: Duration) -> Self {
        let limit = timeout.min(context.remaining());
        Self { context, bounded: Context::within(limit), limit }
    }

    pub(super) fn remaining(&self) -> Duration {
        self.bounded.remaining()
    }

    pub(super) fn taken(&self) -> Duration {
        self.limit.saturating_sub(self.remaining())
    }

    /// Whether it is worth going on.
    pub(super) fn check(&self, waited_for: HttpWait) -> Result<(), Ended> {
        if self.context.is_cancelled() {
            return Err(Ended::Cancelled);
        }
        if self.remaining().is_zero() { Err(Ended::Over(waited_for)) } else { Ok(()) }
    }
}
