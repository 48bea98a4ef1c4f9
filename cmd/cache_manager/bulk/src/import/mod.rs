//! Lines of a file, into a cache.

mod batch;
mod position;
mod send;

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use distcache::{Code, Stopwatch, codes};

use position::Position;

use crate::feed::Numbered;
use crate::pace::Pace;
use crate::progress::{Progress, rate};
use crate::{Door, Fault, Feed, LineError, Tally, line_bytes_max, state};
use batch::Batch;

/// Items of a batch at most: the server takes no more.
pub const BATCH_ITEMS_MAX: usize = 1_000;

/// The keyspace of a line that names none.
const KEYSPACE: &str = "default";

/// Bytes read from the file at once.
const BUFFER_BYTES: usize = 256 << 10;

/// What to import, and how.
#[derive(Debug, Clone)]
pub struct Import {
    /// The file; none for standard input.
    pub file: Option<PathBuf>,
    /// Where everything goes, whatever a line says; none: as each line says.
    pub keyspace: Option<String>,
    /// Items of a batch, 1 to [`BATCH_ITEMS_MAX`].
    pub batch_items: usize,
    /// The first line, from 1, unless the state knows better.
    pub from_line: u64,
    /// Where to write down how far it is.
    pub state: Option<PathBuf>,
    /// Whether to go on behind an item that fails.
    pub continues_on_error: bool,
    /// Items a second at most.
    pub rate: Option<f64>,
    /// Whether to tell how far it is.
    pub shows_progress: bool,
    /// The largest value that a line may hold, in bytes.
    pub value_bytes_max: usize,
}

/// What has become of an import.
#[derive(Debug)]
pub struct Imported {
    /// How many items went well, and which did not.
    pub tally: Tally,
    /// The line to go on with.
    pub next_line: u64,
    /// How long it took.
    pub took: Duration,
    /// Why it is not whole.
    pub fault: Option<Fault>,
}

impl Import {
    /// Imports.
    ///
    /// # Errors
    /// When it could not begin. What happens later is in what is returned.
    pub fn run(&self, door: &Door) -> Result<Imported, Fault> {
        let instance = door.instance().map_err(Fault::before_anything)?;
        let file = self.file_name();
        let from_line = match self.begun()? {
            Some(begun) if begun.import != file => {
                let what = format!("the state is of {}, and this is {file}", begun.import);
                return Err(Fault::to_begin(codes::STATE_UNUSABLE, what));
            }
            // Another process has nothing of what the state tells of.
            Some(begun) if begun.instance == instance => begun.next_line.max(self.from_line),
            _ => self.from_line,
        };
        let (size, input) = self.open()?;
        let position = Position { import: file, instance, next_line: from_line };
        let mut run = Run {
            import: self,
            door,
            size,
            batch: Batch::new(self.batch_items),
            position,
            tally: Tally::default(),
            begun: Stopwatch::start(),
            pace: Pace::new(self.rate),
            progress: Progress::new(self.shows_progress),
        };
        let mut feed = Feed::new(input, line_bytes_max(self.value_bytes_max));
        let ended = run.all(&mut feed).and_then(|()| run.see_it_whole());
        let Run { tally, position, begun, .. } = run;
        let (next_line, took) = (position.next_line, begun.elapsed());
        Ok(Imported { tally, next_line, took, fault: ended.err() })
    }

    fn begun(&self) -> Result<Option<Position>, Fault> {
        let Some(path) = &self.state else { return Ok(None) };
        state::read(path).map_err(|error| Fault::to_begin(codes::STATE_UNUSABLE, error))
    }

    /// The file as the state names it.
    fn file_name(&self) -> String {
        let Some(path) = &self.file else { return "-".to_owned() };
        let path = std::path::absolute(path).unwrap_or_else(|_as_it_is| path.clone());
        path.to_string_lossy().into_owned()
    }

    /// The file and, if it has one, its size.
    fn open(&self) -> Result<(Option<u64>, Box<dyn BufRead>), Fault> {
        let Some(path) = &self.file else {
            return Ok((None, Box::new(BufReader::with_capacity(BUFFER_BYTES, io::stdin()))));
        };
        let failed = |error| {
            let what = format!("{}: {error}", path.display());
            Fault::to_begin(codes::BULK_FILE_FAILED, what)
        };
        let file = File::open(path).map_err(failed)?;
        let size = file.metadata().ok().filter(std::fs::Metadata::is_file).map(|data| data.len());
        Ok((size, Box::new(BufReader::with_capacity(BUFFER_BYTES, file))))
    }
}

/// An import on its way.
struct Run<'a> {
    import: &'a Import,
    door: &'a Door,
    size: Option<u64>,
    batch: Batch,
    position: Position,
    tally: Tally,
    begun: Stopwatch,
    pace: Pace,
    progress: Progress,
}

impl Run<'_> {
    fn all<R: BufRead>(&mut self, feed: &mut Feed<R>) -> Result<(), Fault> {
        let unreadable = |error: io::Error| {
            Fault::midway(codes::BULK_FILE_FAILED, format!("the file cannot be read: {error}"))
        };
        feed.skip_to(self.position.next_line).map_err(unreadable)?;
        while let Some(Numbered { number, item }) = feed.read().map_err(unreadable)? {
            match item {
                Ok(mut item) => {
                    let of_line = item.keyspace.take();
                    let keyspace = self.import.keyspace.clone().or(of_line);
                    let keyspace = keyspace.unwrap_or_else(|| KEYSPACE.to_owned());
                    if !self.batch.takes(&keyspace, &item) {
                        self.flush(feed.bytes())?;
                    }
                    self.batch.push(number, keyspace, item);
                    if self.batch.is_full() {
                        self.flush(feed.bytes())?;
                    }
                }
                Err(error) => {
                    // What stands before it is told first.
                    self.flush(feed.bytes())?;
                    self.fail(number, code_of(error), error)?;
                    self.reach(number + 1)?;
                }
            }
        }
        self.flush(feed.bytes())
    }

    /// Sends what is gathered, and notes what has become of it.
    fn flush(&mut self, bytes: u64) -> Result<(), Fault> {
        let Some(last) = self.batch.last_line() else { return Ok(()) };
        let outcomes = send::batch(self.door, self.batch.keyspace(), &self.batch.items())?;
        let items = outcomes.len();
        let lines: Vec<u64> = self.batch.lines().collect();
        self.batch.clear();
        self.tally.done += outcomes.iter().filter(|outcome| outcome.is_none()).count() as u64;
        let failed = lines.iter().zip(outcomes).filter_map(|(line, code)| Some((*line, code?)));
        for (line, code) in failed {
            self.fail(line, code, code.meaning())?;
        }
        self.reach(last + 1)?;
        let now = self.begun.elapsed();
        self.tell(now, bytes);
        thread::sleep(self.pace.after(items, now));
        Ok(())
    }

    fn fail(&mut self, line: u64, code: Code, what: impl std::fmt::Display) -> Result<(), Fault> {
        let place = format!("line {line}");
        if self.import.continues_on_error {
            self.tally.fail(place, code, what);
            return Ok(());
        }
        self.reach(line)?;
        self.tally.failed += 1;
        Err(Fault::midway(code, format!("{place}: {what}")))
    }

    /// Everything before `line` has become what it will.
    fn reach(&mut self, line: u64) -> Result<(), Fault> {
        self.position.next_line = line;
        let Some(path) = &self.import.state else { return Ok(()) };
        let written = state::write(path, &self.position);
        written.map_err(|error| Fault::midway(codes::STATE_UNUSABLE, error))
    }

    fn tell(&mut self, now: Duration, bytes: u64) {
        let (done, failed, line) =
            (self.tally.done, self.tally.failed, self.position.next_line - 1);
        let share = self.size.filter(|&size| size != 0).map(|size| bytes * 100 / size);
        let share = share.map(|percent| format!(", {percent} %")).unwrap_or_default();
        let rate = rate(done, now);
        self.progress.tell(
            now,
            format_args!("imported: {done}, failed: {failed}, line {line}{share}, {rate}/s"),
        );
    }

    /// At the end: whether nothing has failed, and the server still is the one that
    /// has acknowledged it all.
    fn see_it_whole(&self) -> Result<(), Fault> {
        if self.door.instance()? != self.position.instance {
            let what = "what it acknowledged before is gone, unless a store has it";
            return Err(Fault::midway(codes::SERVER_RESTARTED, what));
        }
        if self.tally.failed != 0 {
            let (failed, done) = (self.tally.failed, self.tally.done);
            let what = format!("{failed} items failed, {done} were imported");
            return Err(Fault::midway(codes::BULK_INCOMPLETE, what));
        }
        Ok(())
    }
}

fn code_of(error: LineError) -> Code {
    match error {
        LineError::TooLong { .. } => codes::LINE_TOO_LONG,
        LineError::Json { .. } | LineError::Wrong(_) => codes::LINE_INVALID,
    }
}
