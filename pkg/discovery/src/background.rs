//! A provider's thread, and what it has heard.
//!
//! ```text
//! Discovery::addresses ── reads ──> Board <── writes ── thread: session, pause, session, ...
//!                                     └───── stop ─────────────────┘
//! ```
//!
//! A session is one connection to the provider. Each has a runtime of its own, and with
//! that end its sockets and tasks, whatever the provider keeps sending.

use std::fmt;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tokio::runtime::{Builder, Handle};
use tokio::sync::watch;

use distcache_cluster::excerpt::excerpt;

/// Who asks before anything was heard waits so long. Less than a cluster lets an asking
/// take (5 s), so that the log says what is wrong with the provider.
pub(crate) const FIRST_WORD_WITHIN: Duration = Duration::from_secs(4);

/// Between two sessions, if the first heard something, and if several failed one after
/// the other: the pause doubles.
const PAUSE_MIN: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(4);

/// What was heard last.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Latest {
    Nothing,
    Found(Vec<String>),
    Failed(String),
}

/// What a provider's thread tells those who ask.
#[derive(Debug)]
pub(crate) struct Board {
    latest: Mutex<Latest>,
    told: Condvar,
}

impl Board {
    fn new() -> Self {
        Self { latest: Mutex::new(Latest::Nothing), told: Condvar::new() }
    }

    /// The list, or why there is none.
    pub(crate) fn post(&self, heard: Result<Vec<String>, String>) {
        *self.latest.lock() = match heard {
            Ok(addresses) => Latest::Found(addresses),
            Err(why) => Latest::Failed(excerpt(&why)),
        };
        self.told.notify_all();
    }

    /// What was heard last; waits so long for the first word.
    fn answer(&self, within: Duration) -> Result<Vec<String>, String> {
        let mut latest = self.latest.lock();
        let is_nothing = |latest: &mut Latest| *latest == Latest::Nothing;
        self.told.wait_while_for(&mut latest, is_nothing, within);
        match &*latest {
            Latest::Found(addresses) => Ok(addresses.clone()),
            Latest::Failed(why) => Err(why.clone()),
            Latest::Nothing => Err(format!("nothing was heard within {within:?}")),
        }
    }

    fn has_found(&self) -> bool {
        matches!(*self.latest.lock(), Latest::Found(_))
    }
}

/// Tells a session that it is to end.
#[derive(Debug, Clone)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Waits until it is to end.
    pub(crate) async fn asked(&mut self) {
        // Whoever could ask has gone: that is the same.
        drop(self.0.wait_for(|asked| *asked).await);
    }

    fn is_asked(&self) -> bool {
        *self.0.borrow()
    }
}

/// One connection to the provider after the other.
pub(crate) trait Session: Send + 'static {
    /// Connects, and posts on the board what it hears, until that fails: why. Ends with `Ok`
    /// when it is asked to stop, within a second.
    fn run(&mut self, board: &Board, stop: &mut Stop) -> impl Future<Output = Result<(), String>>;
}

/// The thread: it is there from the first asking on.
pub(crate) struct Background {
    name: &'static str,
    first_word_within: Duration,
    board: Arc<Board>,
    stop: watch::Sender<bool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Background {
    pub(crate) fn new(name: &'static str, first_word_within: Duration) -> Self {
        let (stop, _) = watch::channel(false);
        let (board, thread) = (Arc::new(Board::new()), Mutex::new(None));
        Self { name, first_word_within, board, stop, thread }
    }

    /// What was heard last. Starts the thread if there is none, or if it has died.
    pub(crate) fn ask<S: Session>(
        &self,
        session: impl FnOnce() -> S,
    ) -> Result<Vec<String>, String> {
        let mut thread = self.thread.lock();
        if thread.as_ref().is_none_or(JoinHandle::is_finished) {
            let (board, stop) = (self.board.clone(), Stop(self.stop.subscribe()));
            let session = session();
            let started = thread::Builder::new()
                .name(self.name.to_owned())
                .spawn(move || serve(session, &Deathbed(board), &stop));
            *thread = Some(started.map_err(|error| error.to_string())?);
        }
        drop(thread);
        self.board.answer(self.first_word_within)
    }
}

impl fmt::Debug for Background {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Drop for Background {
    /// Ends the thread, and waits for that; but not on a runtime's thread, where others
    /// would wait too.
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.lock().take()
            && Handle::try_current().is_err()
        {
            drop(thread.join());
        }
    }
}

/// The board of a thread that may panic: nobody is to believe then what it said last.
struct Deathbed(Arc<Board>);

impl Drop for Deathbed {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.post(Err("its thread has panicked".to_owned()));
        }
    }
}

fn serve(mut session: impl Session, board: &Deathbed, stop: &Stop) {
    let board = &*board.0;
    let mut pause = Duration::ZERO;
    while !stop.is_asked() {
        // Time is looked at after each step of a task: a connection over which more and
        // more comes would else put off what is to end it.
        let runtime = Builder::new_current_thread().enable_all().event_interval(1).build();
        let ended = match runtime {
            Ok(runtime) => {
                let mut asked = stop.clone();
                let ended = runtime.block_on(async {
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = asked.asked() => return Ok(()),
                    }
                    session.run(board, &mut asked).await
                });
                runtime.shutdown_background();
                ended
            }
            Err(error) => {
                thread::sleep(PAUSE_MAX);
                Err(error.to_string())
            }
        };
        if let Err(why) = ended {
            pause = if board.has_found() { PAUSE_MIN } else { longer(pause) };
            board.post(Err(why));
        }
    }
}

fn longer(pause: Duration) -> Duration {
    (pause * 2).clamp(PAUSE_MIN, PAUSE_MAX)
}

#[cfg(test)]
mod tests;
