//! The calls of the cache, and how each of them finds its node.

mod copies;
mod count;
mod cursor;
mod loads;
mod near;
mod reads;
mod scan;
mod tour;
mod walks;
mod writes;

pub use cursor::{Cursor, NoCursor, Page};
pub use near::NEAR_LASTS;
pub use reads::{Hit, Peeked};
pub use writes::{Stored, Write};

use std::future::poll_fn;
use std::sync::atomic::Ordering;
use std::task::Poll;

use distcache_bus::{Call, CallError, Deadline};
use distcache_node::commands::{Fetch, Fetched};

use crate::error::{Verdict, judge};
use crate::handle::NodeHandle;
use crate::manager::Shared;
use crate::routing::Routing;
use crate::territory::Right;
use crate::{Claim, Error, Keyspace, NodeId};

/// What a call is about.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) keyspace: &'a Keyspace,
    pub(crate) hash: u64,
    pub(crate) key: &'a [u8],
    /// Whether what is done depends on nothing that the key has.
    pub(crate) is_blind: bool,
}

impl Asked<'_> {
    /// The same, of something that depends on nothing that the key has.
    pub(crate) fn blindly(self) -> Self {
        Self { is_blind: true, ..self }
    }
}

impl Shared {
    #[inline]
    pub(crate) fn about<'a>(&self, keyspace: &'a Keyspace, key: &'a [u8]) -> Asked<'a> {
        Asked { keyspace, hash: self.hash(keyspace, key), key, is_blind: false }
    }

    /// Asks the owner of a key what it has, and again if the ring has changed
    /// meanwhile.
    #[inline]
    pub(crate) fn ask<R>(
        &self,
        asked: Asked<'_>,
        attempt: impl Fn(&Routing, &NodeHandle, &Deadline) -> Result<R, CallError>,
    ) -> Result<(NodeId, R), Error> {
        self.ask_until(&self.deadline(), asked, attempt)
    }

    /// When a call that begins now ends at the latest.
    #[inline]
    pub(crate) fn deadline(&self) -> Deadline {
        Deadline::within(self.call_timeout)
    }

    /// As [`ask`](Self::ask), to a deadline that is shared with others.
    #[inline]
    pub(crate) fn ask_until<R>(
        &self,
        deadline: &Deadline,
        asked: Asked<'_>,
        attempt: impl Fn(&Routing, &NodeHandle, &Deadline) -> Result<R, CallError>,
    ) -> Result<(NodeId, R), Error> {
        let routing = self.routing.load();
        routing.claim_for(asked)?;
        if routing.before.is_none() {
            let node = routing.owner(asked.hash);
            match attempt(&routing, node, deadline) {
                Ok(reply) => return Ok((node.id, reply)),
                Err(error) => self.unless_final(error)?,
            }
        }
        drop(routing);
        let (node, reply, _of_a_read) = self.tell_patiently(asked, deadline, attempt)?;
        Ok((node, reply))
    }

    /// Tells the owner of a key to change it, and again if the ring has changed
    /// meanwhile. The change counts only if the right to it is confirmed.
    #[inline]
    pub(crate) fn tell<R>(
        &self,
        deadline: &Deadline,
        asked: Asked<'_>,
        attempt: impl Fn(&Routing, &NodeHandle, &Deadline) -> Result<R, CallError>,
    ) -> Result<(NodeId, R, Right), Error> {
        self.admits_change(asked.keyspace)?;
        let routing = self.routing.load();
        let claim = routing.claim_for(asked)?;
        if routing.before.is_none() {
            let node = routing.owner(asked.hash);
            match attempt(&routing, node, deadline) {
                Ok(reply) => return Ok((node.id, reply, Right::new(&routing, claim))),
                Err(error) => self.unless_final(error)?,
            }
        }
        drop(routing);
        self.tell_patiently(asked, deadline, attempt)
    }

    /// Refuses a change if as many wait already for those who keep copies as may.
    #[inline]
    pub(crate) fn admits_change(&self, keyspace: &Keyspace) -> Result<(), Error> {
        let is_full = 1 < keyspace.replicas() && self.journal.is_full();
        if is_full { Err(Error::Busy) } else { Ok(()) }
    }

    /// `Ok` to look at the ring again, or the error to end with.
    #[cold]
    fn unless_final(&self, error: CallError) -> Result<(), Error> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::Closed);
        }
        match judge(error) {
            Verdict::Final(error) => Err(error),
            Verdict::LookAgain => Ok(()),
        }
    }

    #[cold]
    fn tell_patiently<R>(
        &self,
        asked: Asked<'_>,
        deadline: &Deadline,
        attempt: impl Fn(&Routing, &NodeHandle, &Deadline) -> Result<R, CallError>,
    ) -> Result<(NodeId, R, Right), Error> {
        loop {
            let routing = self.routing.load_full();
            let claim = routing.claim(asked.keyspace, asked.key)?;
            let node = routing.owner(asked.hash);
            let outcome = match self.fetch(&routing, node, asked, deadline) {
                Ok(Fetched::Done) => attempt(&routing, node, deadline),
                Ok(Fetched::Busy) => {
                    if deadline.is_over() {
                        return Err(Error::TimedOut);
                    }
                    std::thread::yield_now();
                    continue;
                }
                Err(error) => Err(error),
            };
            match outcome {
                Ok(reply) => return Ok((node.id, reply, Right::new(&routing, claim))),
                Err(error) => self.unless_final(error)?,
            }
            if !self.routing.wait_after(routing.epoch, deadline) {
                return Err(self.late());
            }
        }
    }

    /// What to say when the deadline has passed before the next ring came.
    fn late(&self) -> Error {
        if self.closed.load(Ordering::Acquire) { Error::Closed } else { Error::TimedOut }
    }

    /// Brings the entry of a key over to its new owner, if one is on its way.
    fn fetch(
        &self,
        routing: &Routing,
        node: &NodeHandle,
        Asked { keyspace, hash, key, .. }: Asked<'_>,
        deadline: &Deadline,
    ) -> Result<Fetched, CallError> {
        let Some(before) = routing.owner_before(hash) else { return Ok(Fetched::Done) };
        let from = before.mailbox.clone();
        let command = Fetch { keyspace: keyspace.id(), hash, key, from };
        let fetched = node.mailbox.call(routing.epoch, deadline, command)?;
        self.assigned(hash, node.id, routing.epoch);
        Ok(fetched)
    }

    /// As [`ask`](Self::ask), for a task.
    pub(crate) async fn ask_async<R: Unpin>(
        &self,
        asked: Asked<'_>,
        begin: impl Fn(&Self, &Routing, &NodeHandle, &Deadline) -> Call<R>,
    ) -> Result<(NodeId, R), Error> {
        let (node, reply, ()) = self.reach_async(asked, begin, |_, _| ()).await?;
        Ok((node, reply))
    }

    /// As [`tell`](Self::tell), for a task.
    pub(crate) async fn tell_async<R: Unpin>(
        &self,
        asked: Asked<'_>,
        begin: impl Fn(&Self, &Routing, &NodeHandle, &Deadline) -> Call<R>,
    ) -> Result<(NodeId, R, Right), Error> {
        self.admits_change(asked.keyspace)?;
        self.reach_async(asked, begin, Right::new).await
    }

    /// Reaches the owner of a key, and again if the ring has changed meanwhile; and
    /// returns by which right.
    async fn reach_async<R: Unpin, T>(
        &self,
        asked: Asked<'_>,
        begin: impl Fn(&Self, &Routing, &NodeHandle, &Deadline) -> Call<R>,
        right: impl Fn(&Routing, Option<Claim>) -> T,
    ) -> Result<(NodeId, R, T), Error> {
        let deadline = self.deadline();
        let attempt = |routing: &Routing, node: &NodeHandle| begin(self, routing, node, &deadline);
        if let Some((node, call, right)) = self.first(asked, attempt, &right)? {
            match call.await {
                Ok(reply) => return Ok((node, reply, right)),
                Err(error) => self.unless_final(error)?,
            }
        }
        Box::pin(self.reach_patiently_async(deadline, asked, begin, right)).await
    }

    /// Makes the first attempt of a task, unless the ring is changing. The routing is
    /// only looked at: to count one more who has it costs every call a cache line that all
    /// threads meet at.
    #[inline]
    fn first<A, T>(
        &self,
        asked: Asked<'_>,
        attempt: impl FnOnce(&Routing, &NodeHandle) -> A,
        right: impl FnOnce(&Routing, Option<Claim>) -> T,
    ) -> Result<Option<(NodeId, A, T)>, Error> {
        let routing = self.routing.load();
        let claim = routing.claim_for(asked)?;
        if routing.before.is_some() {
            return Ok(None);
        }
        let node = routing.owner(asked.hash);
        let attempted = attempt(&routing, node);
        Ok(Some((node.id, attempted, right(&routing, claim))))
    }

    async fn reach_patiently_async<R: Unpin, T>(
        &self,
        ends_at: Deadline,
        Asked { keyspace, hash, key, .. }: Asked<'_>,
        begin: impl Fn(&Self, &Routing, &NodeHandle, &Deadline) -> Call<R>,
        right: impl Fn(&Routing, Option<Claim>) -> T,
    ) -> Result<(NodeId, R, T), Error> {
        loop {
            let routing = self.routing.load_full();
            let claim = routing.claim(keyspace, key)?;
            let node = routing.owner(hash);
            let deadline = ends_at.clone();
            let fetched = match routing.owner_before(hash) {
                None => Ok(Fetched::Done),
                Some(before) => {
                    let (keyspace, from) = (keyspace.id(), before.mailbox.clone());
                    let command = Fetch { keyspace, hash, key, from };
                    node.mailbox.begin(routing.epoch, &deadline, &self.timer, command).await
                }
            };
            let outcome = match fetched {
                Ok(Fetched::Done) => begin(self, &routing, node, &deadline).await,
                Ok(Fetched::Busy) => Err(CallError::Stale),
                Err(error) => Err(error),
            };
            match outcome {
                Ok(reply) => return Ok((node.id, reply, right(&routing, claim))),
                Err(error) => self.unless_final(error)?,
            }
            if ends_at.is_over() {
                return Err(self.late());
            }
            // The next ring is published within microseconds, as a rule; or the
            // old owner is busy, which passes as fast.
            yield_once().await;
        }
    }
}

/// Lets other tasks run once.
async fn yield_once() {
    let mut yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
