//! Requests that took long, in the log: without keys.

use std::sync::Mutex;
use std::time::Duration;

use distcache::Stopwatch;

/// Lines in any one second at most: a source that hangs makes every request slow.
const LINES_A_SECOND: u32 = 10;

/// Which requests are slow, and how many of them were told just now.
#[derive(Debug)]
pub(crate) struct SlowLog {
    after: Duration,
    begun: Stopwatch,
    /// Asked only about slow requests.
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    second: u64,
    lines: u32,
    kept_back: u64,
}

impl SlowLog {
    pub(crate) fn new(after: Duration) -> Self {
        Self { after, begun: Stopwatch::start(), told: Mutex::default() }
    }

    pub(crate) fn is_slow(&self, took: Duration) -> bool {
        self.after <= took
    }

    /// Writes a line, unless there were enough of them in this second.
    pub(crate) fn tell(&self, line: impl FnOnce() -> String) {
        if let Some(kept_back) = self.admit(self.begun.elapsed().as_secs()) {
            let others = if kept_back == 0 { String::new() } else { and_others(kept_back) };
            log::warn!("slow: {}{others}", line());
        }
    }

    /// How many lines were kept back since the last one that was not; `None` to
    /// keep this one back too.
    fn admit(&self, second: u64) -> Option<u64> {
        // Nobody panics under it: it is never poisoned for long.
        let mut told = self.told.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if told.second != second {
            (told.second, told.lines) = (second, 0);
        }
        if LINES_A_SECOND <= told.lines {
            told.kept_back += 1;
            return None;
        }
        told.lines += 1;
        Some(std::mem::take(&mut told.kept_back))
    }
}

fn and_others(kept_back: u64) -> String {
    format!(" ({kept_back} more slow requests before it were not written here)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_as_long_is_slow() {
        let log = SlowLog::new(Duration::from_secs(1));
        assert!(log.is_slow(Duration::from_secs(1)));
        assert!(!log.is_slow(Duration::from_millis(999)));
    }

    #[test]
    fn no_second_has_more_lines_than_it_may_and_the_next_one_says_how_many_there_were() {
        let log = SlowLog::new(Duration::ZERO);
        let admitted = (0..25).filter(|_| log.admit(7) == Some(0)).count();
        assert_eq!(admitted, 10);
        assert_eq!(log.admit(8), Some(15));
        assert_eq!(log.admit(8), Some(0));
    }
}
