//! Work on a state under its lock alone.

use std::time::Duration;

use super::{CallError, Mailbox};
use crate::Deadline;

impl<S: Send + Sync + 'static> Mailbox<S> {
    /// Runs `work` on the state if its lock can be had within `wait`, whatever
    /// the dispatch and the epoch. For moving entries between two nodes.
    ///
    /// # Errors
    /// `TimedOut` without the lock, `Retired` if the node was given up.
    pub fn locked<R>(
        &self,
        wait: Duration,
        work: impl FnOnce(&mut S) -> R,
    ) -> Result<R, CallError> {
        let deadline = Deadline::within(wait);
        let mut state = self.lock(&deadline, |until| self.state.try_write_until(until))?;
        let outcome = self.acknowledged(|| work(&mut state));
        drop(state);
        self.settle(outcome)
    }

    /// As [`locked`](Self::locked), for a look at the state, beside those who read.
    ///
    /// # Errors
    /// As of `locked`.
    pub fn looked_at<R>(&self, wait: Duration, look: impl FnOnce(&S) -> R) -> Result<R, CallError> {
        let deadline = Deadline::within(wait);
        let state = self.lock(&deadline, |until| self.state.try_read_until(until))?;
        let outcome = self.acknowledged(|| look(&state));
        drop(state);
        self.settle(outcome)
    }
}
