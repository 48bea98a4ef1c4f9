//! Processes that answer this one. Each is this very program, told what to be by its first
//! argument; it ends when its standard input does, however this process has ended.

use std::io::{BufRead, BufReader, Write, copy, sink, stdin, stdout};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use distcache::Stopwatch;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// So long one may take to end by itself.
const END: Duration = Duration::from_secs(10);

/// Between two looks whether something is so.
pub(crate) const PAUSE: Duration = Duration::from_millis(5);

/// A process that was started here.
pub(crate) struct Helper {
    process: Child,
    orders: Option<ChildStdin>,
    words: BufReader<ChildStdout>,
}

impl Helper {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let program = std::env::current_exe().expect("it runs");
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("it has been started once already");
        let orders = process.stdin.take();
        let words = BufReader::new(process.stdout.take().expect("it is piped"));
        Self { process, orders, words }
    }

    /// Sends it a line.
    pub(crate) fn tell(&mut self, order: &impl Serialize) {
        let orders = self.orders.as_mut().expect("it is piped");
        let line = serde_json::to_string(order).expect("texts are JSON");
        writeln!(orders, "{line}").expect("it listens");
    }

    /// Its next line.
    pub(crate) fn hear<T: DeserializeOwned>(&mut self) -> T {
        read_line(&mut self.words)
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        drop(self.orders.take());
        let since = Stopwatch::start();
        while let Ok(None) = self.process.try_wait() {
            if END < since.elapsed() {
                // It has ended meanwhile, or ends by that.
                let _ended = self.process.kill();
                let _ended = self.process.wait();
                return;
            }
            sleep(PAUSE);
        }
    }
}

/// In a helper: the next line from who has started it.
pub(crate) fn order<T: DeserializeOwned>() -> T {
    read_line(&mut stdin().lock())
}

/// In a helper: says something to who has started it.
pub(crate) fn say(what: &impl Serialize) {
    let line = serde_json::to_string(what).expect("texts are JSON");
    let mut out = stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).expect("somebody listens");
}

/// In a helper: waits until nobody needs it any more.
pub(crate) fn until_dismissed() {
    copy(&mut stdin().lock(), &mut sink()).expect("a pipe can be read");
}

fn read_line<T: DeserializeOwned>(from: &mut impl BufRead) -> T {
    let mut line = String::new();
    from.read_line(&mut line).expect("a pipe can be read");
    serde_json::from_str(&line).expect("it says something before it ends")
}
