//! One load's time.

use std::time::Duration;

use distcache::Context;

use super::Failure;
use crate::{Error, Wait};

/// A cancellation has no waker: whoever waits looks for it this often.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A load or write on its way, and what time it has left.
#[derive(Debug)]
pub(crate) struct Load<'a> {
    context: &'a Context,
    /// What the load had when it came here; for error messages.
    limit: Duration,
}

impl<'a> Load<'a> {
    pub(crate) fn new(context: &'a Context) -> Self {
        Self { context, limit: context.remaining() }
    }

    #[cfg(feature = "sqlite")]
    pub(crate) fn context(&self) -> &'a Context {
        self.context
    }

    pub(crate) fn remaining(&self) -> Duration {
        self.context.remaining()
    }

    /// Whether it is worth going on.
    pub(crate) fn check(&self, waited_for: Wait) -> Result<(), Failure> {
        if self.context.is_cancelled() {
            return Err(Failure::Cancelled);
        }
        if self.context.is_over() {
            return Err(Failure::Stuck(self.timed_out(waited_for)));
        }
        Ok(())
    }

    pub(crate) fn timed_out(&self, waited_for: Wait) -> Error {
        Error::TimedOut { waited_for, limit: self.limit }
    }

    /// How long to wait before the next [`check`](Self::check).
    pub(crate) fn pause(&self) -> Duration {
        self.remaining().min(LOOK_EVERY)
    }
}
