//! Walks through the keys of a store, some at a time.

use std::sync::Arc;

use super::Store;
use super::life::Age;
use crate::departed::Cause;
use crate::{Entry, Eviction, Pattern, Seeding, Tick, Value};

/// Entries that are looked at under one lock while some are read off: some 100 us.
const ENTRIES_READ_OFF: usize = 256;

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

    /// What it was read from: the prefix, or the pattern.
    pub fn text(&self) -> &[u8] {
        match self {
            Self::Prefix(prefix) => prefix,
            Self::Pattern(pattern) => pattern.text(),
        }
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

    /// Entries that may be served some day and that `wants` picks, in the order of tables
    /// and slots from `from` on: as many as have room in so many bytes, or one that is
    /// larger. They stay. Returns where to go on; `None` at the end.
    pub(crate) fn read_off(
        &self,
        from: Seeding,
        bytes_max: u64,
        wants: impl Fn(&[u8]) -> bool,
        now: Tick,
        read: &mut Vec<Entry>,
    ) -> Option<Seeding> {
        let (mut bytes, mut seen) = (0, 0);
        let Seeding { mut table, slot: mut first } = from;
        while table < self.index.tables() && seen < ENTRIES_READ_OFF {
            let rest = self.index.table(table).filter(|(slot, _)| first <= slot.get());
            let mut rest: Vec<_> = rest.collect();
            rest.sort_unstable_by_key(|(slot, _)| *slot);
            for (slot, entry) in rest {
                seen += 1;
                if matches!(self.age(slot, entry, now), Age::Dead(_)) || !wants(entry.key()) {
                    continue;
                }
                bytes += entry.heap_bytes();
                if bytes_max < bytes && !read.is_empty() {
                    return Some(Seeding { table, slot: slot.get() });
                }
                read.push(entry.clone());
            }
            (table, first) = (table + 1, 0);
        }
        (table < self.index.tables()).then_some(Seeding { table, slot: 0 })
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
