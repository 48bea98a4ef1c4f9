//! What systemd is told (`sd_notify(3)`): nothing, where it has not started us.

use std::io;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use sd_notify::NotifyState;

use crate::ready::{self, Place};

/// Clients are answered.
pub(crate) fn ready() {
    tell(NotifyState::Ready);
}

/// Settings are read again. [`ready()`] says when that is done.
pub(crate) fn reloading() {
    tell(NotifyState::Reloading);
}

/// The shutdown has begun.
pub(crate) fn stopping() {
    tell(NotifyState::Stopping);
}

fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        log::warn!("systemd could not be told how this service is: {error}");
    }
}

/// Tells systemd that the server answers, again and again, for as long as it
/// does; where systemd asks for it (`WatchdogSec=`). Ends when dropped.
pub(crate) struct Watchdog(Option<(Sender<()>, JoinHandle<()>)>);

impl Watchdog {
    /// Watches the door at this place.
    pub(crate) fn start(place: Place) -> io::Result<Self> {
        let Some(limit) = sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero()) else {
            return Ok(Self(None));
        };
        let (end, ended) = bounded(0);
        // Twice in the time that systemd waits, as it advises.
        let watch = move || {
            while ended.recv_timeout(limit / 2) == Err(RecvTimeoutError::Timeout) {
                look(&place, limit / 2);
            }
        };
        let thread = thread::Builder::new().name("watchdog".to_owned()).spawn(watch)?;
        Ok(Self(Some((end, thread))))
    }
}

/// A server that refuses for being busy is alive: any answer will do.
fn look(place: &Place, patience: Duration) {
    match ready::answers(place, patience) {
        Ok(()) => tell(NotifyState::Watchdog),
        Err(error) => log::warn!("{place}/livez is not answered: {error}"),
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        if let Some((end, thread)) = self.0.take() {
            drop(end);
            // A panic of its own has been told by the panic hook.
            let _ = thread.join();
        }
    }
}
