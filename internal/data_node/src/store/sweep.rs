//! Frees what has gone without being asked for.

use super::Store;
use super::life::Age;
use crate::{Eviction, Tick};

/// How far the present round is.
#[derive(Debug)]
pub(super) struct Progress {
    /// No entry ends before this; so an idle store is not swept.
    earliest_end: Tick,
    /// The table where it goes on, and the earliest end it has met on its way.
    at: usize,
    met: Tick,
}

impl Default for Progress {
    fn default() -> Self {
        Self { earliest_end: Tick::NEVER, at: 0, met: Tick::NEVER }
    }
}

impl<P: Eviction> Store<P> {
    /// Frees what has gone among the next `entries`, or some more. Costs nothing
    /// while nothing can have gone.
    pub(crate) fn sweep(&mut self, now: Tick, entries: usize) {
        if now < self.sweep.earliest_end {
            return;
        }
        let mut seen = 0;
        while self.sweep.at < self.index.tables() && seen < entries {
            seen += self.sweep_table(now);
            self.sweep.at += 1;
        }
        if self.sweep.at == self.index.tables() {
            self.sweep = Progress { earliest_end: self.sweep.met, ..Progress::default() };
        }
    }

    /// Sweeps one table. Returns the number of entries that it held.
    fn sweep_table(&mut self, now: Tick) -> usize {
        let (mut seen, mut gone, mut met) = (0, Vec::new(), self.sweep.met);
        for (slot, entry) in self.index.table(self.sweep.at) {
            seen += 1;
            if let Age::Dead(cause) = self.age(slot, entry, now) {
                gone.push((slot, cause));
                continue;
            }
            met = met.min(entry.expires());
            if let Some(idle) = &self.idle {
                met = met.min(idle.ends(slot));
            }
        }
        self.sweep.met = met;
        for (slot, cause) in gone {
            self.go(slot, cause, now);
        }
        seen
    }

    /// Whether a sweep at `now` has something to do.
    pub(crate) fn wants_sweep(&self, now: Tick) -> bool {
        self.sweep.earliest_end <= now
    }

    /// An entry was given another end.
    pub(crate) fn note_end(&mut self, ends: Tick) {
        self.note_expiry(ends);
    }

    /// An entry ends at this tick. It may lie behind the sweep, so that its
    /// round must know too.
    pub(super) fn note_expiry(&mut self, ends: Tick) {
        self.sweep.earliest_end = self.sweep.earliest_end.min(ends);
        self.sweep.met = self.sweep.met.min(ends);
    }

    pub(super) fn earliest_end(&self) -> Tick {
        self.sweep.earliest_end
    }
}
