//! A database of the tests: what is stored there is what is fetched from it.

use std::collections::HashMap;
use std::sync::Arc;

use distcache::{Answer, Context, DataSource, DataStore, SourceError};
use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::support::LONG;

/// A table of keys and values that can be held, and made to fail.
#[derive(Default)]
pub(crate) struct Database {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    rows: HashMap<Vec<u8>, Vec<u8>>,
    /// Every write that was made, in order.
    log: Vec<Written>,
    /// Writes of this value wait before they are made.
    held: Option<Vec<u8>>,
    waiting: usize,
    writes: Writes,
    fetches: u64,
}

/// A key and what it was given; `None` if it was removed.
pub(crate) type Written = (Vec<u8>, Option<Vec<u8>>);

/// What the database does with writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Writes {
    #[default]
    Makes,
    /// It makes none, and says so.
    Refuses,
    /// It makes them, and says that it has failed.
    MakesAndFails,
    /// It makes them, and panics.
    MakesAndPanics,
}

impl Database {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn does(&self, writes: Writes) {
        self.state.lock().writes = writes;
    }

    /// Changes a row behind everybody's back.
    pub(crate) fn set(&self, key: &[u8], value: &[u8]) {
        self.state.lock().rows.insert(key.into(), value.into());
    }

    pub(crate) fn row(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.state.lock().rows.get(key).cloned()
    }

    pub(crate) fn log(&self) -> Vec<Written> {
        self.state.lock().log.clone()
    }

    /// The values that a key was given, in order.
    pub(crate) fn history(&self, key: &[u8]) -> Vec<Option<Vec<u8>>> {
        let log = self.log();
        log.into_iter().filter(|(written, _)| written == key).map(|(_, value)| value).collect()
    }

    pub(crate) fn fetches(&self) -> u64 {
        self.state.lock().fetches
    }

    /// Holds writes of this value until they are let go.
    pub(crate) fn hold(&self, value: &[u8]) {
        self.state.lock().held = Some(value.into());
    }

    pub(crate) fn let_go(&self) {
        self.state.lock().held = None;
        self.changed.notify_all();
    }

    /// Returns when so many writes wait.
    pub(crate) fn wait_for_held(&self, writes: usize) {
        let mut state = self.state.lock();
        while state.waiting < writes {
            self.wait(&mut state);
        }
    }

    /// Returns when the log is as asked for.
    pub(crate) fn wait_for_log(&self, is_so: impl Fn(&[Written]) -> bool) {
        let mut state = self.state.lock();
        while !is_so(&state.log) {
            self.wait(&mut state);
        }
    }

    fn wait(&self, state: &mut MutexGuard<'_, State>) {
        let is_late = self.changed.wait_for(state, LONG).timed_out();
        assert!(!is_late, "what was waited for does not come");
    }

    fn write(&self, key: &[u8], value: Option<&[u8]>) -> Result<(), SourceError> {
        let mut state = self.state.lock();
        state.waiting += 1;
        self.changed.notify_all();
        while state.held.is_some() && state.held.as_deref() == value {
            self.wait(&mut state);
        }
        state.waiting -= 1;
        if state.writes == Writes::Refuses {
            return Err("the database was told to refuse".into());
        }
        match value {
            Some(value) => _ = state.rows.insert(key.into(), value.into()),
            None => _ = state.rows.remove(key),
        }
        state.log.push((key.into(), value.map(Into::into)));
        self.changed.notify_all();
        let writes = state.writes;
        drop(state);
        assert!(writes != Writes::MakesAndPanics, "the database was told to panic");
        if writes == Writes::MakesAndFails {
            return Err("the database was told to fail".into());
        }
        Ok(())
    }
}

impl DataStore for Database {
    fn store(&self, key: &[u8], value: &[u8], _: &Context) -> Result<(), SourceError> {
        self.write(key, Some(value))
    }

    fn remove(&self, key: &[u8], _: &Context) -> Result<(), SourceError> {
        self.write(key, None)
    }
}

impl DataSource for Database {
    fn fetch(&self, key: &[u8], _: &Context) -> Result<Answer, SourceError> {
        let mut state = self.state.lock();
        state.fetches += 1;
        Ok(Answer::from(state.rows.get(key).cloned()))
    }
}
