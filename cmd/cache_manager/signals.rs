//! SIGTERM and SIGINT: the first ends in order, the second at once.

use std::io;
use std::thread;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// The exit status of a program that its operator has ended, as shells have it.
const EXIT_INTERRUPTED: i32 = 130;

/// The signals that ask the server to end.
pub(crate) struct EndSignals(Signals);

impl EndSignals {
    /// Catches them from now on.
    pub(crate) fn catch() -> io::Result<Self> {
        Signals::new([SIGTERM, SIGINT]).map(Self)
    }

    /// Waits for the first.
    pub(crate) fn wait(&mut self) {
        self.0.forever().next();
    }

    /// From now on a signal means: at once.
    pub(crate) fn quit_at_next(mut self) -> io::Result<()> {
        let wait = move || {
            self.wait();
            quit();
        };
        thread::Builder::new().name("second-signal".to_owned()).spawn(wait).map(drop)
    }
}

#[expect(clippy::exit, reason = "the operator has asked for it twice")]
fn quit() -> ! {
    std::process::exit(EXIT_INTERRUPTED)
}
