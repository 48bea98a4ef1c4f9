//! What a cache holds, into a file.

mod cursor;
mod held;
mod output;

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use distcache::{Stopwatch, codes};
use serde::Deserialize;

use crate::door::Target;
use crate::pace::Pace;
use crate::progress::{Progress, rate};
use crate::{Door, Fault, Item, Tally, state};
use cursor::Cursor;
use held::{Held, held};
use output::Output;

/// Entries that one page of the scan looks at, about: who is interrupted reads so
/// many again.
const PAGE_ENTRIES: &str = "100";
/// Bytes of lines that are gathered before they are written.
const LINES_BYTES: usize = 1 << 20;
/// Bytes of a target that can be sent at all: a longer one is no URI to the client.
/// Whether the server takes it is its `--max-request-line`.
const TARGET_BYTES_MAX: usize = 60_000;

/// What to export, and where to.
#[derive(Debug, Clone)]
pub struct Export {
    /// The keyspace.
    pub keyspace: String,
    /// Which keys: `*` stands for any bytes, `?` for one, `[a-c]` for one of a set.
    pub pattern: String,
    /// The file; none for standard output.
    pub output: Option<PathBuf>,
    /// Where to write down how far it is.
    pub state: Option<PathBuf>,
    /// Items a second at most.
    pub rate: Option<f64>,
    /// Whether to tell how far it is.
    pub shows_progress: bool,
}

/// What has become of an export.
#[derive(Debug)]
pub struct Exported {
    /// How many were written, and which could not be.
    pub tally: Tally,
    /// How long it took.
    pub took: Duration,
    /// Why it is not whole.
    pub fault: Option<Fault>,
}

#[derive(Deserialize)]
struct Page {
    keys: Vec<Octets>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Octets {
    Text(String),
    InBase64 { base64: String },
}

impl Octets {
    fn bytes(self) -> Option<Vec<u8>> {
        use base64::Engine as _;
        use base64::engine::general_purpose::STANDARD;
        match self {
            Self::Text(text) => Some(text.into_bytes()),
            Self::InBase64 { base64 } => STANDARD.decode(base64).ok(),
        }
    }
}

impl Export {
    /// Exports.
    ///
    /// # Errors
    /// When it could not begin. What happens later is in what is returned.
    pub fn run(&self, door: &Door) -> Result<Exported, Fault> {
        let instance = door.instance().map_err(Fault::before_anything)?;
        let begun = self.begun(&instance)?;
        let is_done = begun.as_ref().is_some_and(|begun| begun.next.is_none());
        let cursor = begun.unwrap_or_else(|| Cursor::start(self, instance));
        let items_before = cursor.items;
        let output = Output::open(self.output.as_deref(), cursor.bytes)?;
        let tally = Tally::after(cursor.items);
        let mut run = Run {
            export: self,
            door,
            output,
            cursor,
            items_before,
            tally,
            gone: 0,
            lines: Vec::new(),
            begun: Stopwatch::start(),
            pace: Pace::new(self.rate),
            progress: Progress::new(self.shows_progress),
        };
        let ended = if is_done { Ok(()) } else { run.all() };
        let Run { tally, begun, .. } = run;
        Ok(Exported { tally, took: begun.elapsed(), fault: ended.err() })
    }

    /// Where it was interrupted.
    fn begun(&self, instance: &str) -> Result<Option<Cursor>, Fault> {
        let Some(path) = &self.state else { return Ok(None) };
        let begun: Option<Cursor> =
            state::read(path).map_err(|error| Fault::to_begin(codes::STATE_UNUSABLE, error))?;
        let Some(begun) = begun else { return Ok(None) };
        if !begun.is_of(self) {
            let what = format!("{}: this is the state of another export", path.display());
            return Err(Fault::to_begin(codes::STATE_UNUSABLE, what));
        }
        if begun.instance != instance {
            let what = format!("{}: its cursor leads nowhere in this process", path.display());
            return Err(Fault::to_begin(codes::SERVER_RESTARTED, what));
        }
        Ok(Some(begun))
    }
}

/// An export on its way.
struct Run<'a> {
    export: &'a Export,
    door: &'a Door,
    output: Output,
    cursor: Cursor,
    /// Items that were written when this run began.
    items_before: u64,
    tally: Tally,
    /// Keys of the scan that had gone when their values were asked for.
    gone: u64,
    /// Whole lines that are not written yet.
    lines: Vec<u8>,
    begun: Stopwatch,
    pace: Pace,
    progress: Progress,
}

impl Run<'_> {
    fn all(&mut self) -> Result<(), Fault> {
        let mut next = self.cursor.next.take();
        loop {
            let page = self.page(next.as_deref())?;
            for key in page.keys {
                let key = key.bytes().ok_or_else(|| no_page("a key that is no base64"))?;
                self.one(&key)?;
            }
            self.see_it_is_the_same()?;
            self.write_lines()?;
            next = page.cursor;
            self.note(next.clone())?;
            if next.is_none() {
                return self.see_it_whole();
            }
        }
    }

    fn page(&self, cursor: Option<&str>) -> Result<Page, Fault> {
        let Export { keyspace, pattern, .. } = self.export;
        let target = Target::keyspace(keyspace, "scan").with("pattern", pattern);
        let target = target.with("limit", PAGE_ENTRIES);
        let target = match cursor {
            Some(cursor) => target.with("cursor", cursor),
            None => target,
        };
        let answer = self.door.get(target.as_str())?;
        match answer.status {
            200 => serde_json::from_slice(&answer.body).map_err(|_any| no_page("no page of keys")),
            _ => Err(self.door.strange(target.as_str(), &answer)),
        }
    }

    /// A key's value, as a line.
    fn one(&mut self, key: &[u8]) -> Result<(), Fault> {
        let target = Target::key(&self.export.keyspace, key);
        if TARGET_BYTES_MAX < target.as_str().len() {
            self.leave_out(key, codes::REQUEST_LINE_TOO_LONG);
            return Ok(());
        }
        let answer = self.door.get(target.as_str())?;
        match held(answer) {
            Held::Value { value, content_type, life } => {
                let keyspace = Some(self.export.keyspace.clone());
                let (key, tags) = (key.to_vec(), Vec::new());
                Item { keyspace, key, value, life, content_type, tags }.write(&mut self.lines);
                self.tally.done += 1;
            }
            Held::Nothing => self.gone += 1,
            Held::Refused(code) => self.leave_out(key, code),
            Held::Strange(answer) => return Err(self.door.strange("/v1/keyspaces", &answer)),
        }
        if LINES_BYTES <= self.lines.len() {
            self.write_lines()?;
        }
        let now = self.begun.elapsed();
        self.tell(now);
        thread::sleep(self.pace.after(1, now));
        Ok(())
    }

    fn leave_out(&mut self, key: &[u8], code: distcache::Code) {
        let place = format!("a key of {} bytes", key.len());
        self.tally.fail(place, code, code.meaning());
    }

    fn write_lines(&mut self) -> Result<(), Fault> {
        let written = self.output.write(&self.lines);
        self.lines.clear();
        written.map_err(|error| {
            Fault::midway(codes::BULK_FILE_FAILED, format!("the lines cannot be written: {error}"))
        })
    }

    /// Notes that a page is written, and where the next one begins.
    fn note(&mut self, next: Option<String>) -> Result<(), Fault> {
        self.cursor.next = next;
        self.cursor.bytes = self.output.bytes();
        self.cursor.items = self.tally.done;
        let Some(path) = &self.export.state else { return Ok(()) };
        let written = state::write(path, &self.cursor);
        written.map_err(|error| Fault::midway(codes::STATE_UNUSABLE, error))
    }

    /// In another process the cursor leads nowhere, and what is missing there is
    /// not missing because it has gone.
    fn see_it_is_the_same(&self) -> Result<(), Fault> {
        if self.door.instance()? == self.cursor.instance {
            return Ok(());
        }
        let what = "what it held before is gone; what is written is what was read until then";
        Err(Fault::midway(codes::SERVER_RESTARTED, what))
    }

    fn see_it_whole(&self) -> Result<(), Fault> {
        let Tally { done, failed, .. } = self.tally;
        if failed == 0 {
            return Ok(());
        }
        let what = format!("{failed} keys were left out, {done} were exported");
        Err(Fault::midway(codes::BULK_INCOMPLETE, what))
    }

    fn tell(&mut self, now: Duration) {
        let (done, gone, failed) = (self.tally.done, self.gone, self.tally.failed);
        let rate = rate(done - self.items_before, now);
        self.progress.tell(
            now,
            format_args!("exported: {done}, gone meanwhile: {gone}, left out: {failed}, {rate}/s"),
        );
    }
}

fn no_page(what: &str) -> Fault {
    Fault::midway(codes::ANSWER_STRANGE, format!("the scan answered with {what}"))
}
