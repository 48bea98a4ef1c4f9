//! Walks through the keys of a store, some at a time.

use std::sync::Arc;

use super::Store;
use super::life::Age;
use crate::departed::Cause;
use crate::{Eviction, Pattern, Tick, Value};

/// Which keys a walk is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// Those that begin with these bytes.
    Prefix(Box<[u8]>),
    /// Those that match a pattern.
    Pattern(Arc<Pattern>),
}

impl Selection {
    /// Those that match this; see [`Pattern`].
    pub fn pattern(text: &[u8]) -> Self {
        Self::Pattern(Arc::new(Pattern::new(text)))
    }

    /// What all of them begin with.
    pub fn beginning(&self) -> &[u8] {
        match self {
            Self::Prefix(prefix) => prefix,
            Self::Pattern(pattern) => pattern.beginning(),
        }
    }

    /// Whether a key is one of them.
    pub fn has(&self, key: &[u8]) -> bool {
        match self {
            Self::Prefix(prefix) => key.starts_with(prefix),
            Self::Pattern(pattern) => pattern.matches(key),
        }
    }
}

impl<P: Eviction> Store<P> {
    /// Entries that have a value and whose keys begin so, among the next `entries`
    /// or some more, from table `at` on. Returns where to go on; `None` at the end.
    ///
    /// A key that has its value all the time is found: entries move to tables
    /// with higher numbers only. One that moves may be found twice.
    pub(crate) fn scan(
        &self,
        at: usize,
        entries: usize,
        beginning: &[u8],
        now: Tick,
        found: &mut Vec<Value>,
    ) -> Option<usize> {
        let (mut at, mut seen) = (at, 0);
        while at < self.index.tables() && seen < entries {
            for (slot, entry) in self.index.table(at) {
                seen += 1;
                let is_there = matches!(self.age(slot, entry, now), Age::Fresh | Age::Early);
                if is_there && !entry.is_absent() && entry.key().starts_with(beginning) {
                    found.push(Value::from(entry.clone()));
                }
            }
            at += 1;
        }
        (at < self.index.tables()).then_some(at)
    }

    /// Removes what is selected among the next `entries` or some more, from
    /// table `at` on; adds to `removed` how many that were. Returns where to go
    /// on; `None` at the end.
    pub(crate) fn invalidate_some(
        &mut self,
        at: usize,
        entries: usize,
        selection: &Selection,
        removed: &mut u64,
        now: Tick,
    ) -> Option<usize> {
        let (mut at, mut seen) = (at, 0);
        while at < self.index.tables() && seen < entries {
            let mut selected = Vec::new();
            for (slot, entry) in self.index.table(at) {
                seen += 1;
                if selection.has(entry.key()) {
                    selected.push(slot);
                }
            }
            *removed += selected.len() as u64;
            for slot in selected {
                self.go(slot, Cause::Invalidated, now);
            }
            at += 1;
        }
        (at < self.index.tables()).then_some(at)
    }
}
