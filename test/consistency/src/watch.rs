//! The clock of a run.

use tokio::time::Instant;

use crate::operation::Nanos;

/// Counts from the beginning of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Watch(Instant);

impl Watch {
    /// One that begins now.
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Nanoseconds since it began.
    pub(crate) fn now(self) -> Nanos {
        // A run of 584 years would be longer.
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}
