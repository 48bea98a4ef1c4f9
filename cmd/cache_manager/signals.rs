//! SIGTERM and SIGINT: the first ends in order, the second at once. SIGHUP: settings
//! are read again.

use std::io;
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// The exit status of a program that its operator has ended, as shells have it.
const EXIT_INTERRUPTED: i32 = 130;

/// The signals that tell the server something.
pub(crate) struct ServerSignals(Signals);

impl ServerSignals {
    /// Catches them from now on. SIGHUP only if there is something to read again:
    /// else it ends the program, as when its terminal is closed.
    pub(crate) fn catch(has_files: bool) -> io::Result<Self> {
        let signals = Signals::new([SIGTERM, SIGINT])?;
        if has_files {
            signals.handle().add_signal(SIGHUP)?;
        }
        Ok(Self(signals))
    }

    /// Waits for the first that asks the server to end, and reads settings again
    /// whenever one asks for that.
    pub(crate) fn wait(&mut self, mut read_again: impl FnMut()) {
        for signal in self.0.forever() {
            if signal != SIGHUP {
                return;
            }
            read_again();
        }
    }

    /// From now on a signal to end means: at once.
    pub(crate) fn quit_at_next(mut self) -> io::Result<()> {
        let wait = move || {
            self.wait(|| log::info!("settings are not read again while the server ends"));
            quit();
        };
        thread::Builder::new().name("second-signal".to_owned()).spawn(wait).map(drop)
    }
}

#[expect(clippy::exit, reason = "the operator has asked for it twice")]
fn quit() -> ! {
    std::process::exit(EXIT_INTERRUPTED)
}
