//! Calls that go through a keyspace, node after node.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use distcache_bus::{CallError, Deadline, Epoch};
use distcache_node::commands::{Clear, InvalidateSome, Revoke, Scan};
use distcache_node::{Departed, KeyspaceId, Selection};

use crate::error::{Verdict, judge};
use crate::handle::NodeHandle;
use crate::routing::Routing;
use crate::{CacheManager, Error, Keyspace};

/// An entry that has gone, and from which keyspace.
type Gone = (KeyspaceId, Departed);

/// Entries that a walk looks at under one lock: some 100 us.
const ENTRIES_A_LOCK: usize = 1024;

/// Where a scan goes on. Its text can be handed to a client and back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The ring by which it was given.
    epoch: u64,
    /// Which node, in the ring's order.
    node: u32,
    /// Where in that node.
    at: u64,
}

/// Some keys of a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The keys, in no order.
    pub keys: Vec<Box<[u8]>>,
    /// Where to go on; `None` at the end.
    pub next: Option<Cursor>,
}

impl CacheManager {
    /// Forgets every key of the default keyspace; see
    /// [`clear_in`](Self::clear_in).
    ///
    /// # Errors
    /// As of `clear_in`.
    pub fn clear(&self) -> Result<usize, Error> {
        self.clear_in(&self.shared.default)
    }

    /// Forgets every key of a keyspace, node after node, and what loads that are
    /// on their way will bring. Returns how many entries there were. A key that
    /// is put meanwhile may stay.
    ///
    /// # Errors
    /// Those of [`get`](Self::get); some nodes may have been cleared then.
    pub fn clear_in(&self, keyspace: &Keyspace) -> Result<usize, Error> {
        let mut entries = 0;
        self.on_every_node(|routing, node, deadline| {
            let command = Clear { keyspace: keyspace.id() };
            let told = node.mailbox.call(routing.epoch, deadline, command)?;
            entries += told.reply;
            Ok(told.departed)
        })?;
        Ok(entries)
    }

    /// Forgets every value of a keyspace that bears one of the tags with these
    /// hashes. When it returns, no read gets one that was stored or loaded
    /// before. Costs the same however many values there are.
    ///
    /// # Errors
    /// Those of [`get`](Self::get); some of the values may have gone then.
    pub fn revoke_in(&self, keyspace: &Keyspace, tags: &[u64]) -> Result<(), Error> {
        self.on_every_node(|routing, node, deadline| {
            let epoch = routing.epoch;
            let command = Revoke { epoch, keyspace: keyspace.id(), tags: tags.to_vec() };
            node.mailbox.call(epoch, deadline, command)?;
            Ok(Vec::new())
        })
    }

    /// Forgets every key of a keyspace that is selected, and what loads of them
    /// that are on their way will bring. Goes through all of them, a thousand
    /// under one lock. Returns how many entries there were.
    ///
    /// # Errors
    /// Those of [`get`](Self::get); some of the keys may have gone then.
    pub fn invalidate_in(&self, keyspace: &Keyspace, selection: &Selection) -> Result<u64, Error> {
        let mut removed = 0;
        self.on_every_node(|routing, node, _| {
            let (mut next, mut departed) = (Some(0), Vec::new());
            while let Some(at) = next {
                let command = InvalidateSome {
                    keyspace: keyspace.id(),
                    at,
                    entries: ENTRIES_A_LOCK,
                    selection: selection.clone(),
                };
                // Each step has its own patience: the walk has no end in time.
                let deadline = Deadline::within(self.shared.call_timeout);
                let told = node.mailbox.call(routing.epoch, &deadline, command)?;
                departed.extend(told.departed);
                removed += told.reply.0;
                next = told.reply.1;
            }
            Ok(departed)
        })?;
        Ok(removed)
    }

    /// Runs `work` on every node, while no entry is on its way between two. What
    /// has gone is told when the lock is free again: a listener may want it.
    fn on_every_node(
        &self,
        work: impl FnMut(&Routing, &Arc<NodeHandle>, &Deadline) -> Result<Vec<Gone>, CallError>,
    ) -> Result<(), Error> {
        let mut departed = Vec::new();
        let outcome = self.on_every_node_locked(work, &mut departed);
        self.shared.directory.tell(&departed);
        outcome
    }

    fn on_every_node_locked(
        &self,
        mut work: impl FnMut(&Routing, &Arc<NodeHandle>, &Deadline) -> Result<Vec<Gone>, CallError>,
        departed: &mut Vec<Gone>,
    ) -> Result<(), Error> {
        let _settled = self.shared.membership.lock();
        let routing = self.shared.routing.load();
        let deadline = Deadline::within(self.shared.call_timeout);
        for node in &routing.nodes {
            match work(&routing, node, &deadline) {
                Ok(gone) => departed.extend(gone),
                // What was on a node that was given up is gone.
                Err(CallError::Retired) => {}
                Err(error) => match judge(error) {
                    Verdict::Final(error) => return Err(error),
                    Verdict::LookAgain => return Err(Error::TimedOut),
                },
            }
        }
        Ok(())
    }

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
        let routing = self.shared.settled_routing()?;
        let from = from.filter(|cursor| cursor.epoch == routing.epoch.get());
        let start = Cursor { epoch: routing.epoch.get(), node: 0, at: 0 };
        let mut cursor = from.unwrap_or(start);
        let mut keys = Vec::new();
        let mut seen = 0;
        while seen < entries.max(1) {
            let Some(node) = routing.nodes.get(cursor.node as usize) else {
                return Ok(Page { keys, next: None });
            };
            let step = ENTRIES_A_LOCK.min(entries.max(1));
            let command = Scan {
                keyspace: keyspace.id(),
                at: usize::try_from(cursor.at).unwrap_or(usize::MAX),
                entries: step,
                selection: selection.clone(),
            };
            let deadline = Deadline::within(self.shared.call_timeout);
            match node.mailbox.read(routing.epoch, &deadline, command) {
                Ok((found, next)) => {
                    keys.extend(found);
                    cursor = cursor.after(next);
                }
                // It is given up, and what it held is gone.
                Err(CallError::Retired) => cursor = cursor.after(None),
                // The ring has changed: from the beginning, by the next one.
                Err(CallError::Stale) => return Ok(Page { keys, next: Some(start) }),
                Err(error) => match judge(error) {
                    Verdict::Final(error) => return Err(error),
                    Verdict::LookAgain => return Err(Error::TimedOut),
                },
            }
            seen += step;
        }
        let is_over = routing.nodes.len() <= cursor.node as usize;
        Ok(Page { keys, next: (!is_over).then_some(cursor) })
    }
}

impl crate::manager::Shared {
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

impl Cursor {
    fn after(self, next: Option<usize>) -> Self {
        match next {
            Some(at) => Self { at: at as u64, ..self },
            None => Self { node: self.node + 1, at: 0, ..self },
        }
    }

    /// The ring by which it was given.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.epoch, self.node, self.at)
    }
}

/// A text is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no cursor that a scan has given")]
pub struct NoCursor;

impl FromStr for Cursor {
    type Err = NoCursor;

    fn from_str(text: &str) -> Result<Self, NoCursor> {
        let mut numbers = text.split('-').map(|part| part.parse::<u64>().ok());
        let mut next = || numbers.next().flatten().ok_or(NoCursor);
        let (epoch, node, at) = (next()?, next()?, next()?);
        let node = u32::try_from(node).map_err(|_too_large| NoCursor)?;
        if epoch < Epoch::FIRST.get() || numbers.next().is_some() {
            return Err(NoCursor);
        }
        Ok(Self { epoch, node, at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_what_its_text_says() {
        let cursor = Cursor { epoch: 3, node: 2, at: 77 };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for wrong in ["", "1", "1-2", "1-2-3-4", "a-2-3", "0-0-0", "1-99999999999-0", "-1-2-3"] {
            assert_eq!(wrong.parse::<Cursor>(), Err(NoCursor), "{wrong}");
        }
    }
}
