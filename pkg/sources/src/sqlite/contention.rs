//! Waiting for locks.
//!
//! SQLite can wait by itself (`sqlite3_busy_timeout`), but sees neither the end
//! of a load nor its cancellation then, and does not wait for the locks of a
//! shared cache at all.

use std::thread;
use std::time::Duration;

use super::builder::Settings;
use super::fault::Fault;
use crate::Error;
use crate::database::{Failure, Load};

/// The first wait is as long as a short transaction, each next one twice the
/// one before, up to the last.
const PAUSE_FIRST: Duration = Duration::from_millis(1);
const PAUSE_LAST: Duration = Duration::from_millis(20);

/// Makes an attempt again as long as others hold locks that it needs, within
/// the lock timeout and the load's time. An attempt that fails has changed
/// nothing.
pub(super) fn patiently<T>(
    settings: &Settings,
    load: &Load<'_>,
    mut attempt: impl FnMut() -> Result<T, Fault>,
) -> Result<T, Failure> {
    let (mut waited, mut pause) = (Duration::ZERO, PAUSE_FIRST);
    loop {
        match attempt() {
            Err(fault) if fault.is_a_lock() => {}
            result => return result.map_err(|fault| fault.into_failure(settings, load)),
        }
        if load.context().is_cancelled() {
            return Err(Failure::Cancelled);
        }
        let left = load.remaining().min(settings.lock_timeout.saturating_sub(waited));
        if left.is_zero() {
            return Err(Failure::Refused(Error::Locked { waited }));
        }
        let step = pause.min(left);
        thread::sleep(step);
        waited += step;
        pause = (pause * 2).min(PAUSE_LAST);
    }
}
