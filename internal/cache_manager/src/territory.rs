//! Which keys this process answers for, where it shares them with others.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::routing::Routing;
use crate::{Error, Keyspace};

/// Says for which keys this process answers, and until when.
///
/// A cache that is alone has none, and answers for every key. One that shares its
/// keys with other processes is given one with each view of who they are
/// ([`CacheManager::settle`](crate::CacheManager::settle)), and asks it with every
/// call, before any node: so an implementation MUST be quick and MUST NOT block.
///
/// The ring of epoch `n` and its territory are one picture: a node refuses a call
/// whose claim was made by an older one, and the call claims again.
pub trait Territory: fmt::Debug + Send + Sync + 'static {
    /// Which other process owns a key by this view, whoever answers for it at the
    /// moment; `None` if it is ours.
    fn heir(&self, keyspace: &Keyspace, key: &[u8]) -> Option<u64>;

    /// Until when this process answers for a key; `None` if it does not: another
    /// does, or it cannot know.
    fn claim(&self, keyspace: &Keyspace, key: &[u8]) -> Option<Claim>;

    /// The same of many keys. Default: of one after the other.
    fn claims(
        &self,
        keyspace: &Keyspace,
        keys: &mut dyn Iterator<Item = &[u8]>,
    ) -> Vec<Option<Claim>> {
        keys.map(|key| self.claim(keyspace, key)).collect()
    }

    /// Whether the entry of a key that is ours is waited for, which another process may
    /// have: then the key is as one that is not ours, for a moment. That is asked of keys
    /// that have none here, while entries may arrive. Default: none is waited for.
    fn awaits(&self, _keyspace: &Keyspace, _key: &[u8]) -> bool {
        false
    }

    /// Whether the time of a claim is over, now.
    fn is_over(&self, claim: Claim) -> bool;

    /// The lease under which near copies are read, and the time by a clock that goes on while
    /// the machine sleeps; `None` if there is no lease. Default: none is read.
    fn lease(&self) -> Option<(Claim, Duration)> {
        None
    }

    /// The number of the tenure: it changes when keys get other owners.
    fn tenure(&self) -> u64;

    /// Whether a key has been ours in each tenure since that one, as far as that is known.
    fn is_ours_since(&self, keyspace: &Keyspace, key: &[u8], tenure: u64) -> bool;
}

/// Until when a process answers for a key, by the clock of its [`Territory`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claim(pub u64);

/// That of a process to which no key belongs: whatever it holds is a stray.
#[derive(Debug)]
pub struct Nowhere;

impl Territory for Nowhere {
    fn heir(&self, _: &Keyspace, _: &[u8]) -> Option<u64> {
        // Nobody who could ask has this number.
        Some(0)
    }

    fn claim(&self, _: &Keyspace, _: &[u8]) -> Option<Claim> {
        None
    }

    fn is_over(&self, _: Claim) -> bool {
        true
    }

    fn tenure(&self) -> u64 {
        0
    }

    fn is_ours_since(&self, _: &Keyspace, _: &[u8], _: u64) -> bool {
        false
    }
}

/// By which right a change was made.
#[must_use = "a change counts only if its claim was not over when it was made"]
pub(crate) struct Right(Option<(Arc<dyn Territory>, Claim)>);

impl Right {
    /// That of a claim which was made by a routing.
    pub(crate) fn new(routing: &Routing, claim: Option<Claim>) -> Self {
        Self(routing.territory.clone().zip(claim))
    }

    /// See [`confirm`].
    pub(crate) fn confirm<T>(self, outcome: Result<T, Error>) -> Result<T, Error> {
        match self.0 {
            Some((territory, claim)) => confirm(&*territory, claim, outcome),
            None => outcome,
        }
    }
}

/// What a change came to, if the claim to its key was not over when it was made.
///
/// The interleaving that this stops:
///
/// 1. A writer claims its key here, and this process is stopped.
/// 2. Its lease ends. Another process owns the key by the next view; a write there is
///    acknowledged.
/// 3. This process goes on: it has not heard of the view. The node stores the
///    writer's value, and the writer is told that all is well.
/// 4. A reader asks the new owner, and gets the value of step 2.
///
/// The claim is compared, not made again: the process may have a new lease by the next
/// view by now.
pub(crate) fn confirm<T>(
    territory: &dyn Territory,
    claim: Claim,
    outcome: Result<T, Error>,
) -> Result<T, Error> {
    if territory.is_over(claim) { Err(Error::ClaimEnded) } else { outcome }
}
