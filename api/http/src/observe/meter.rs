//! Counts and times of requests, by kind and outcome.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use distcache::{Durations, Histogram};

use super::Operation;

/// What came of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was done, or there was nothing new to tell.
    Ok,
    /// What it asked for is not there.
    NotFound,
    /// Its condition was not met.
    Unmet,
    /// It was refused: the client's doing.
    Refused,
    /// It may be tried again later.
    Unavailable,
    /// It failed: the server's doing, or its source's.
    Failed,
}

impl Outcome {
    pub(crate) const ALL: [Self; 6] =
        [Self::Ok, Self::NotFound, Self::Unmet, Self::Refused, Self::Unavailable, Self::Failed];

    pub(crate) fn of_status(status: u16) -> Self {
        match status {
            ..400 => Self::Ok,
            404 => Self::NotFound,
            412 => Self::Unmet,
            400..500 => Self::Refused,
            503 => Self::Unavailable,
            500.. => Self::Failed,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NotFound => "not_found",
            Self::Unmet => "unmet",
            Self::Refused => "refused",
            Self::Unavailable => "unavailable",
            Self::Failed => "failed",
        }
    }
}

/// Parts, so that threads which count at once seldom meet at one: more than the
/// cores of most machines that serve two threads each.
const PARTS: usize = 8;

/// The counts and times of every request.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    parts: [Part; PARTS],
}

/// One part, on cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Part {
    counts: [[AtomicU64; Outcome::ALL.len()]; Operation::ALL.len()],
    times: [Histogram; Operation::ALL.len()],
}

/// What has been noted of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Metered {
    pub(crate) operation: Operation,
    /// In the order of [`Outcome::ALL`].
    pub(crate) counts: [u64; Outcome::ALL.len()],
    pub(crate) times: Durations,
}

impl Meter {
    /// One more request has been answered.
    pub(crate) fn note(&self, operation: Operation, outcome: Outcome, took: Duration) {
        let part = &self.parts[own_part()];
        part.counts[operation as usize][outcome as usize].fetch_add(1, Ordering::Relaxed);
        part.times[operation as usize].note(took);
    }

    /// What has been noted by now, by kind.
    pub(crate) fn read(&self) -> impl Iterator<Item = Metered> {
        Operation::ALL.into_iter().map(|operation| {
            let mut counts = [0; Outcome::ALL.len()];
            let mut times = Durations::default();
            for part in &self.parts {
                let held = part.counts[operation as usize].iter();
                counts.iter_mut().zip(held).for_each(|(sum, count)| {
                    *sum += count.load(Ordering::Relaxed);
                });
                times = times.plus(&part.times[operation as usize].durations());
            }
            Metered { operation, counts, times }
        })
    }
}

/// The part of this thread, the same for its life.
fn own_part() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static PART: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    PART.with(|part| {
        if part.get() == usize::MAX {
            part.set(THREADS.fetch_add(1, Ordering::Relaxed) % PARTS);
        }
        part.get()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_many_threads_note_is_counted_once_each() {
        let meter = Meter::default();
        std::thread::scope(|scope| {
            for _ in 0..2 * PARTS {
                scope.spawn(|| {
                    let took = Duration::from_micros(1);
                    meter.note(Operation::Put, Outcome::Unmet, took);
                    meter.note(Operation::Put, Outcome::Ok, took);
                });
            }
        });
        let threads = 2 * PARTS as u64;
        for metered in meter.read() {
            let is_put = metered.operation == Operation::Put;
            let expected = if is_put { [threads, 0, threads, 0, 0, 0] } else { [0; 6] };
            assert_eq!(metered.counts, expected, "{:?}", metered.operation);
            let all: u64 = expected.iter().sum();
            assert_eq!((metered.times.count(), metered.times.sum_us), (all, all));
        }
    }

    #[test]
    fn every_kind_and_outcome_is_in_its_place() {
        for (at, operation) in Operation::ALL.into_iter().enumerate() {
            assert_eq!(operation as usize, at);
        }
        for (at, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, at);
        }
    }

    #[test]
    fn a_status_says_what_came_of_a_request() {
        let cases = [
            (200, Outcome::Ok),
            (304, Outcome::Ok),
            (404, Outcome::NotFound),
            (412, Outcome::Unmet),
            (413, Outcome::Refused),
            (503, Outcome::Unavailable),
            (504, Outcome::Failed),
        ];
        for (status, outcome) in cases {
            assert_eq!(Outcome::of_status(status), outcome, "{status}");
        }
    }
}
