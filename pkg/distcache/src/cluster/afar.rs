//! A call about a key of another member.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use distcache_bus::Deadline;
use distcache_bus::mutants::{Mutant, is_planted};
use distcache_cluster::Whose;
use distcache_cluster::links::{CallFailed, NotSent};
use distcache_cluster::proto::request::Operation;
use distcache_cluster::proto::{Get, Reply};
use distcache_cluster::wire::Address;
use distcache_manager::{Error as CacheError, NearAsk, Stopwatch, TAGS_MAX, Version};

use super::many::near_ms_of;
use super::start::Part;
use super::tasks::wait_for;
use super::words::{Heard, Moment, heard, ms, operation, told};
use crate::keyspace::ask::{Ask, Told};
use crate::otel::Watch;
use crate::write::Writer;
use crate::{Error, Keyspace};

/// Between two looks for who answers: the first, and the longest. A view is taken within
/// milliseconds; a member that died is missed for seconds.
const PAUSE_MIN: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_millis(25);

/// So long a read waits for this process's own lease, or for its view to be settled,
/// before it passes through to the source.
const PASS_AFTER: Duration = Duration::from_millis(200);

/// So long another holder of the key is waited for before its owner is asked: longer than
/// one that is well takes, and shorter than it takes to be missed.
const COPY_WAIT: Duration = Duration::from_millis(100);

impl Keyspace {
    /// Asks whoever owns the key, and looks for them again until the call's time is over.
    /// `stored` is the version under which a put was made here that they may have got.
    pub(crate) fn afar(&self, ask: Ask<'_>, stored: Option<Version>) -> Result<Told, Error> {
        wait_for(self.afar_async(ask, stored))
    }

    /// As [`afar`](Self::afar), for a task.
    pub(crate) async fn afar_async(
        &self,
        ask: Ask<'_>,
        stored: Option<Version>,
    ) -> Result<Told, Error> {
        if let Some(tags) = tags_too_many(ask) {
            return Err(CacheError::TooManyTags { tags }.into());
        }
        let part = self.inner.away.open_part()?;
        let ends_at = Deadline::within(self.patience(ask.is_read())).instant();
        let (began, pause) = (Stopwatch::start(), PAUSE_MIN);
        let trip = Trip { keyspace: self, part, ask, stored, ends_at, began, pause };
        match trip.by_another_s_copy().await {
            Some(told) => Ok(told),
            None => trip.run().await,
        }
    }

    /// How long a call may take that leaves this process.
    pub(super) fn patience(&self, reads: bool) -> Duration {
        let setup = self.inner.setup.load();
        if reads { self.timeout(&setup) } else { setup.config.write_timeout }
    }

    /// Whether a missing value can be read past the cache: there is a source, and it has
    /// what was acknowledged.
    pub(super) fn may_pass(&self) -> bool {
        let setup = self.inner.setup.load();
        setup.has_source() && !setup.writer.as_ref().is_some_and(Writer::is_behind)
    }
}

/// The tags of an item that has more than a value may have: its owner would refuse it, and
/// a frame that is full of them.
pub(super) fn tags_too_many(ask: Ask<'_>) -> Option<usize> {
    let Ask::Put(item) = ask else { return None };
    Some(item.tags().len()).filter(|tags| TAGS_MAX < *tags)
}

/// One call on its way to the owner of its key.
struct Trip<'a> {
    keyspace: &'a Keyspace,
    part: Arc<Part>,
    ask: Ask<'a>,
    /// Under which version an owner has put the value that was its owner no more before all
    /// copies were made.
    stored: Option<Version>,
    ends_at: Instant,
    began: Stopwatch,
    pause: Duration,
}

/// What one try comes to.
enum Step {
    Over(Result<Told, Error>),
    /// To try again; and the error, if there is no time left for that.
    Again(Error),
}

impl Trip<'_> {
    async fn run(mut self) -> Result<Told, Error> {
        loop {
            let error = match self.step().await {
                Step::Again(error) => error,
                Step::Over(Err(Error::OwnerChanged { version })) => {
                    let version = *self.stored.get_or_insert(version);
                    Error::OwnerChanged { version }
                }
                Step::Over(outcome) => return self.made_or_unknown(outcome),
            };
            let left = Deadline::at(self.ends_at).remaining();
            if left.is_zero() {
                return Err(error);
            }
            self.part.pause(self.pause.min(left)).await;
            self.pause = (self.pause * 2).min(PAUSE_MAX);
        }
    }

    /// What a read comes to by the copy of another member, where any may be read. Whatever
    /// stands against that, the owner can be asked.
    async fn by_another_s_copy(&self) -> Option<Told> {
        let cache = &self.keyspace.inner.cache;
        let Ask::Get { key } = self.ask else { return None };
        if !cache.reads_copies() {
            return None;
        }
        let reader = self.part.holding()?.reader(cache, key);
        let Whose::Theirs(holder) = &reader else { return None };
        if reader == self.whose(false) {
            return None;
        }
        let request = operation(self.ask, self.keyspace.name());
        let ends_at = self.ends_at.min(Deadline::within(COPY_WAIT).instant());
        let reply = self.part.call(self.watch(), holder, request, ends_at).await.ok()?;
        match self.heard(holder, reply) {
            Step::Over(told) => told.ok(),
            Step::Again(_) => None,
        }
    }

    async fn step(&self) -> Step {
        let again = match (self.ask, self.stored) {
            (Ask::Put(item), Some(version)) if !is_planted(Mutant::PutMadeTwice) => {
                Some(item.with_value(item.value()).if_before(version))
            }
            _ => None,
        };
        let ask = again.as_ref().map_or(self.ask, Ask::Put);
        match self.whose(false) {
            Whose::Ours => self.here(ask).await,
            Whose::Theirs(owner) => self.there(&owner, ask).await,
            Whose::Nobody => self.nowhere().await,
        }
    }

    /// Of a put that was made, and of which its next owner has found nothing, nobody knows
    /// whether anybody has seen it.
    fn made_or_unknown(&self, outcome: Result<Told, Error>) -> Result<Told, Error> {
        match (self.stored, outcome) {
            (Some(version), Err(error)) if error.unmet() == Some(None) => {
                Err(Error::OwnerChanged { version })
            }
            (_, outcome) => outcome,
        }
    }

    fn watch(&self) -> &Watch {
        &self.keyspace.inner.watch
    }

    /// Who owns the key; or who would, if the owner were gone.
    fn whose(&self, but_the_owner: bool) -> Whose {
        let (cache, key) = (&self.keyspace.inner.cache, self.ask.key());
        match self.part.holding() {
            Some(holding) if but_the_owner => holding.successor(cache, key),
            Some(holding) => holding.owner(cache, key),
            None => Whose::Nobody,
        }
    }

    async fn here(&self, ask: Ask<'_>) -> Step {
        match self.keyspace.here_async(ask).await {
            Err(error) if error.is_elsewhere() => {
                let waits = self.part.holding().is_some_and(|holding| {
                    holding.without_lease_for().is_none_or(|time| time < PASS_AFTER)
                });
                if waits && self.began.elapsed() < PASS_AFTER {
                    return Step::Again(Error::NoLease);
                }
                self.nowhere().await
            }
            outcome => Step::Over(outcome),
        }
    }

    /// Nobody may answer from a cache.
    async fn nowhere(&self) -> Step {
        match self.ask {
            Ask::Get { key } if self.keyspace.may_pass() => Step::Over(self.pass(key).await),
            _ => Step::Again(Error::NoLease),
        }
    }

    async fn there(&self, owner: &Address, ask: Ask<'_>) -> Step {
        let mut request = operation(ask, self.keyspace.name());
        let near = self.keyspace.ask_near(ask);
        if let Operation::Get(get) = &mut request {
            get.near_tenure = near.map(|near| near.tenure());
        }
        match self.part.call(self.watch(), owner, request, self.ends_at).await {
            Ok(reply) => self.heard_and_kept(owner, reply, near),
            Err(CallFailed::NotSent(error)) => self.not_sent(owner, error).await,
            Err(CallFailed::Unknown(why)) if self.ask.is_read() => self.around(owner, &why).await,
            Err(CallFailed::Unknown(why)) => Step::Over(Err(Error::outcome_unknown(owner, &why))),
        }
    }

    async fn not_sent(&self, owner: &Address, error: NotSent) -> Step {
        match error {
            NotSent::Closed => Step::Over(Err(CacheError::Closed.into())),
            NotSent::CallsFull { .. } | NotSent::BytesFull { .. } | NotSent::WaitsFull => {
                Step::Over(Err(CacheError::Busy.into()))
            }
            NotSent::TooLong(too_long) => {
                let (bytes, max) = (too_long.bytes as u64, too_long.max as u64);
                Step::Over(Err(CacheError::ValueTooLarge { bytes, max }.into()))
            }
            other => self.around(owner, &other).await,
        }
    }

    /// What the owner says; kept, if it grants a near copy that was asked for.
    fn heard_and_kept(&self, owner: &Address, reply: Reply, near: Option<NearAsk>) -> Step {
        let granted = reply.outcome.as_ref().and_then(near_ms_of);
        let step = self.heard(owner, reply);
        if let (Some(near), Some(near_ms), Step::Over(Ok(told))) = (near, granted, &step) {
            self.keyspace.keep_near(near, near_ms, told);
        }
        step
    }

    fn heard(&self, member: &Address, reply: Reply) -> Step {
        match heard(self.keyspace.name(), member, reply) {
            Heard::Moved => Step::Again(Error::NoLease),
            Heard::Failed(error) => Step::Over(Err(error)),
            Heard::Answer(outcome) => {
                let told = told(&Moment::of(&self.keyspace.inner), self.ask, outcome);
                Step::Over(told.unwrap_or_else(|| Err(Error::not_understood(member))))
            }
        }
    }

    /// The owner cannot be reached. What can be loaded is loaded where its next owner
    /// would be, so that all who ask share one load. Nothing of it is kept:
    ///
    /// 1. A cannot reach B, who owns a key; others can.
    /// 2. A loads the key, and keeps it. It is put at B.
    /// 3. A reader at A gets what A has.
    async fn around(&self, owner: &Address, why: &(dyn fmt::Display + Sync)) -> Step {
        let key = match self.ask {
            Ask::Get { key } if self.keyspace.may_pass() => key,
            _ => return Step::Again(Error::unreachable(owner, why)),
        };
        let Whose::Theirs(successor) = self.whose(true) else {
            return Step::Over(self.pass(key).await);
        };
        let request = Operation::Get(Get {
            keyspace: self.keyspace.name().to_owned(),
            key: bytes::Bytes::copy_from_slice(key),
            passes: true,
            began_ago_ms: ms(self.began.elapsed()),
            near_tenure: None,
        });
        match self.part.call(self.watch(), &successor, request, self.ends_at).await {
            Ok(reply) => self.heard(&successor, reply),
            Err(_nobody_else) => Step::Over(self.pass(key).await),
        }
    }

    async fn pass(&self, key: &[u8]) -> Result<Told, Error> {
        let read = self.keyspace.pass(key, self.began.elapsed(), self.ends_at).await;
        read.map(Told::Read)
    }
}
