//! What a process prints, as it comes.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use super::PATIENCE;

/// One stream of a process, read to its end by a thread of its own.
pub(crate) struct Transcript {
    shared: Arc<(Mutex<Lines>, Condvar)>,
}

#[derive(Default)]
struct Lines {
    text: String,
    ended: bool,
}

impl Lines {
    fn find(&self, what: &str) -> Option<String> {
        self.text.lines().find(|line| line.contains(what)).map(str::to_owned)
    }
}

const UNPOISONED: &str = "no thread panics while it holds the lines";

impl Transcript {
    pub(super) fn of(stream: impl Read + Send + 'static) -> Self {
        let shared = Arc::<(Mutex<Lines>, Condvar)>::default();
        let ours = Arc::clone(&shared);
        let read = move || {
            let (lines, changed) = &*shared;
            let mut stream = BufReader::new(stream);
            loop {
                let mut line = Vec::new();
                let count = stream.read_until(b'\n', &mut line).unwrap_or(0);
                let mut lines = lines.lock().expect(UNPOISONED);
                lines.text.push_str(&String::from_utf8_lossy(&line));
                lines.ended = count == 0;
                changed.notify_all();
                if lines.ended {
                    return;
                }
            }
        };
        thread::Builder::new().name("transcript".to_owned()).spawn(read).expect("a thread");
        Self { shared: ours }
    }

    /// The first line that contains `what`, when it has come.
    pub(crate) fn wait_for(&self, what: &str) -> String {
        let (lines, changed) = &*self.shared;
        let waiting = |lines: &mut Lines| !lines.ended && !lines.text.contains(what);
        let guard = lines.lock().expect(UNPOISONED);
        let (lines, _) = changed.wait_timeout_while(guard, PATIENCE, waiting).expect(UNPOISONED);
        lines
            .find(what)
            .unwrap_or_else(|| panic!("no {what:?} in what was printed:\n{}", lines.text))
    }

    /// The first line that contains `what`, if it has come by now.
    #[cfg(all(feature = "cluster", feature = "certs"))]
    pub(crate) fn find(&self, what: &str) -> Option<String> {
        self.shared.0.lock().expect(UNPOISONED).find(what)
    }

    /// Everything, when the stream has ended.
    pub(crate) fn whole(&self) -> String {
        let (lines, changed) = &*self.shared;
        let guard = lines.lock().expect(UNPOISONED);
        let (lines, _) =
            changed.wait_timeout_while(guard, PATIENCE, |lines| !lines.ended).expect(UNPOISONED);
        assert!(lines.ended, "the process still prints after {PATIENCE:?}");
        lines.text.clone()
    }
}
