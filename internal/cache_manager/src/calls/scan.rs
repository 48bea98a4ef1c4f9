//! Goes through the keys of a keyspace, page by page.

use std::sync::Arc;

use distcache_bus::{CallError, Deadline};
use distcache_node::{Selection, Value, commands};

use super::cursor::{Cursor, Page};
use super::tour::settled_routing;
use super::walks::ENTRIES_A_LOCK;
use super::yield_once;
use crate::error::{Verdict, judge};
use crate::handle::NodeHandle;
use crate::manager::Shared;
use crate::routing::Routing;
use crate::{CacheManager, Error, Keyspace};

impl CacheManager {
    /// Some selected keys of a keyspace that have a value, and where to go on:
    /// about `entries` entries are looked at, of which none may be selected.
    ///
    /// A key that has its value from the first call to the last is found; it may
    /// be found twice. When nodes come or go meanwhile, the scan begins again.
    ///
    /// # Errors
    /// Those of [`get`](Self::get).
    pub fn scan_in(
        &self,
        keyspace: &Keyspace,
        selection: &Selection,
        from: Option<Cursor>,
        entries: usize,
    ) -> Result<Page, Error> {
        let mut scan = Scan::new(self.shared.settled_routing()?, from, entries);
        while let Some(node) = scan.node() {
            let deadline = Deadline::within(self.shared.call_timeout);
            let command = scan.command(keyspace, selection);
            let found = node.mailbox.read(scan.routing.epoch, &deadline, command);
            scan.heard(&self.shared, found)?;
            while scan.select_some(selection) {}
        }
        Ok(scan.page())
    }

    /// Like [`scan_in`](Self::scan_in), without ever parking the thread; other
    /// tasks have it after every thousand entries, or a megabyte of long keys.
    ///
    /// # Errors
    /// As of `scan_in`.
    pub async fn scan_in_async(
        &self,
        keyspace: &Keyspace,
        selection: &Selection,
        from: Option<Cursor>,
        entries: usize,
    ) -> Result<Page, Error> {
        let mut scan = Scan::new(settled_routing(&self.shared, None).await?, from, entries);
        while let Some(node) = scan.node() {
            let deadline = Deadline::within(self.shared.call_timeout);
            let (epoch, timer) = (scan.routing.epoch, &self.shared.timer);
            let command = scan.command(keyspace, selection);
            let found = node.mailbox.begin_read(epoch, &deadline, timer, command).await;
            scan.heard(&self.shared, found)?;
            while scan.select_some(selection) {
                yield_once().await;
            }
            yield_once().await;
        }
        Ok(scan.page())
    }
}

/// What a node has found, and where to go on.
type Found = (Vec<Value>, Option<usize>);

/// Bytes of keys that are compared before others have the thread.
const BYTES_A_TURN: usize = 1 << 20;

/// One page on its way.
struct Scan {
    routing: Arc<Routing>,
    cursor: Cursor,
    /// What begins as the keys do that are looked for.
    found: Vec<Value>,
    keys: Vec<Box<[u8]>>,
    /// Entries that are looked at by one step.
    step: usize,
    /// Entries that are still to be looked at.
    left: usize,
}

impl Scan {
    fn new(routing: Arc<Routing>, from: Option<Cursor>, entries: usize) -> Self {
        let epoch = routing.epoch.get();
        let from = from.filter(|cursor| cursor.epoch == epoch);
        let cursor = from.unwrap_or(Cursor { epoch, node: 0, at: 0, member: 0 });
        let left = entries.max(1);
        Self {
            routing,
            cursor,
            found: Vec::new(),
            keys: Vec::new(),
            step: left.min(ENTRIES_A_LOCK),
            left,
        }
    }

    /// The node to be asked now; `None` when the page is full, or the last.
    fn node(&self) -> Option<Arc<NodeHandle>> {
        let node = self.routing.nodes.get(self.cursor.node as usize)?;
        (0 < self.left).then(|| node.clone())
    }

    fn command(&self, keyspace: &Keyspace, selection: &Selection) -> commands::Scan {
        commands::Scan {
            keyspace: keyspace.id(),
            at: usize::try_from(self.cursor.at).unwrap_or(usize::MAX),
            entries: self.step,
            beginning: selection.beginning().into(),
        }
    }

    fn heard(&mut self, shared: &Shared, found: Result<Found, CallError>) -> Result<(), Error> {
        self.left = self.left.saturating_sub(self.step);
        match found {
            Ok((found, next)) => {
                self.found = found;
                self.cursor = self.cursor.after(next);
            }
            // It was given up, and what it held is gone.
            Err(CallError::Retired) if shared.is_current(&self.routing) => {
                self.cursor = self.cursor.after(None);
            }
            // The ring has changed: from the beginning, by the next one.
            Err(CallError::Stale | CallError::Retired) => {
                (self.cursor.node, self.cursor.at) = (0, 0);
                self.left = 0;
            }
            Err(error) => match judge(error) {
                Verdict::Final(error) => return Err(error),
                Verdict::LookAgain => return Err(Error::TimedOut),
            },
        }
        Ok(())
    }

    /// Takes the keys out of what was found, with no lock held: a megabyte of them,
    /// or some more. Returns whether there are others.
    fn select_some(&mut self, selection: &Selection) -> bool {
        let mut bytes = 0;
        while bytes < BYTES_A_TURN
            && let Some(found) = self.found.pop()
        {
            let key = found.entry().key();
            bytes += key.len();
            if selection.has(key) {
                self.keys.push(key.into());
            }
        }
        !self.found.is_empty()
    }

    fn page(self) -> Page {
        let is_over = self.routing.nodes.len() <= self.cursor.node as usize;
        Page { keys: self.keys, next: (!is_over).then_some(self.cursor) }
    }
}

impl Shared {
    /// The routing, when no entry is on its way between two nodes.
    fn settled_routing(&self) -> Result<Arc<Routing>, Error> {
        let deadline = Deadline::within(self.call_timeout);
        loop {
            let routing = self.routing.load_full();
            if routing.before.is_none() {
                return Ok(routing);
            }
            // A move ends by publishing the same epoch again: its lock is free
            // then.
            drop(self.membership.try_lock_until(deadline.instant()));
            if deadline.is_over() {
                return Err(Error::TimedOut);
            }
        }
    }
}
