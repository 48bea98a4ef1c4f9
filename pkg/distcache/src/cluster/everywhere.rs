//! Calls about keys that every member may have some of.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use distcache_bus::Deadline;
use distcache_cluster::links::CallFailed;
use distcache_cluster::proto::reply::Outcome;
use distcache_cluster::proto::request::Operation;
use distcache_cluster::proto::{self, Nothing, Reply, UnknownOutcome};
use distcache_cluster::wire::Address;
use distcache_cluster::{Holding, Whose};
use distcache_manager::codes;
use distcache_manager::{Cursor, Page};

use super::start::Part;
use super::tasks::wait_for;
use super::words::understood;
use crate::{Error, Keyspace};

/// Between two rounds through the members: one that died is missed for seconds.
const PAUSE: Duration = Duration::from_millis(20);

/// Entries that a member looks at for another in one step of a scan, whatever it is asked
/// for: their keys are one reply.
const ENTRIES_A_STEP: usize = 10_000;

/// Tags of one request.
const TAGS_A_REQUEST: usize = 1_000;

/// What every member is to do with a keyspace.
#[derive(Debug, Clone)]
pub(crate) enum Order {
    /// To forget everything.
    Clear,
    /// To forget what bears one of these tags.
    Tags(Vec<String>),
    /// To forget keys that begin with this.
    Prefix(Bytes),
}

impl Order {
    /// To forget what bears one of these.
    fn tags(tags: &[&str]) -> Self {
        Self::Tags(tags.iter().map(|&tag| tag.to_owned()).collect())
    }

    /// To forget keys that begin with this.
    pub(crate) fn prefix(prefix: &[u8]) -> Self {
        Self::Prefix(Bytes::copy_from_slice(prefix))
    }

    /// An order of another member, and the keyspace that it is about.
    pub(super) fn of(operation: Operation) -> Option<(String, Self)> {
        Some(match operation {
            Operation::Clear(clear) => (clear.keyspace, Self::Clear),
            Operation::InvalidateTag(invalidate) => {
                (invalidate.keyspace, Self::Tags(invalidate.tags))
            }
            Operation::InvalidatePrefix(invalidate) => {
                (invalidate.keyspace, Self::Prefix(invalidate.prefix))
            }
            _ => return None,
        })
    }

    fn operation(&self, keyspace: &str) -> Operation {
        let keyspace = keyspace.to_owned();
        match self.clone() {
            Self::Clear => Operation::Clear(proto::Clear { keyspace }),
            Self::Tags(tags) => Operation::InvalidateTag(proto::InvalidateTag { keyspace, tags }),
            Self::Prefix(prefix) => {
                Operation::InvalidatePrefix(proto::InvalidatePrefix { keyspace, prefix })
            }
        }
    }

    /// Does it in this process. Returns how many entries there were, as far as that is
    /// known.
    async fn here(&self, keyspace: &Keyspace) -> Result<u64, Error> {
        match self {
            Self::Clear => Ok(keyspace.clear_here_async().await? as u64),
            Self::Tags(tags) => {
                let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
                keyspace.invalidate_tags_here_async(&tags).await.map(|()| 0)
            }
            Self::Prefix(prefix) => keyspace.invalidate_prefix_here_async(prefix).await,
        }
    }

    /// The same for another member.
    pub(super) async fn answered(&self, keyspace: &Keyspace) -> Result<Outcome, Error> {
        let count = self.here(keyspace).await?;
        Ok(match self {
            Self::Clear => Outcome::Clear(proto::Count { count }),
            Self::Tags(_) => Outcome::InvalidateTag(Nothing {}),
            Self::Prefix(_) => Outcome::InvalidatePrefix(proto::Count { count }),
        })
    }
}

/// What one round through the members comes to.
enum Round<T> {
    Done(T),
    /// To be made again; and the error, if there is no time left for that.
    Again(Error),
    Failed(Error),
}

/// Rounds through the members, until one is done or the call's time is over.
struct Rounds {
    part: Arc<Part>,
    ends_at: Instant,
}

impl Rounds {
    fn begin(keyspace: &Keyspace, are_reads: bool) -> Result<Self, Error> {
        let part = keyspace.inner.away.open_part()?;
        let ends_at = Deadline::within(keyspace.patience(are_reads)).instant();
        Ok(Self { part, ends_at })
    }

    /// What a round has done. If it is to be made again there is nothing, when it is time
    /// for the next; or an error, if there is no time left.
    async fn done<T>(&self, round: Round<T>) -> Result<Option<T>, Error> {
        let error = match round {
            Round::Done(done) => return Ok(Some(done)),
            Round::Failed(error) => return Err(error),
            Round::Again(error) => error,
        };
        let left = Deadline::at(self.ends_at).remaining();
        if left.is_zero() {
            return Err(error);
        }
        self.part.pause(PAUSE.min(left)).await;
        Ok(None)
    }
}

impl Keyspace {
    /// Has every member forget what bears one of these tags: a request's worth at a time.
    pub(crate) fn invalidate_tags_everywhere(&self, tags: &[&str]) -> Result<(), Error> {
        wait_for(self.invalidate_tags_everywhere_async(tags))
    }

    /// As [`invalidate_tags_everywhere`](Self::invalidate_tags_everywhere), for a task.
    pub(crate) async fn invalidate_tags_everywhere_async(
        &self,
        tags: &[&str],
    ) -> Result<(), Error> {
        let (first, others) = tags.split_at(tags.len().min(TAGS_A_REQUEST));
        self.everywhere_async(&Order::tags(first)).await?;
        for some in others.chunks(TAGS_A_REQUEST) {
            self.everywhere_async(&Order::tags(some)).await?;
        }
        Ok(())
    }

    /// Has every member do it. Returns how many entries there were.
    pub(crate) fn everywhere(&self, order: &Order) -> Result<u64, Error> {
        wait_for(self.everywhere_async(order))
    }

    /// As [`everywhere`](Self::everywhere), for a task.
    pub(crate) async fn everywhere_async(&self, order: &Order) -> Result<u64, Error> {
        let rounds = Rounds::begin(self, false)?;
        let mut removed = 0;
        loop {
            let round = match rounds.part.holding() {
                Some(holding) => self.one_round(&rounds, &holding, order, &mut removed).await,
                None => Round::Again(Error::NoLease),
            };
            if let Some(()) = rounds.done(round).await? {
                return Ok(removed);
            }
        }
    }

    /// Has every member of a view do it.
    async fn one_round(
        &self,
        rounds: &Rounds,
        holding: &Holding,
        order: &Order,
        removed: &mut u64,
    ) -> Round<()> {
        let others: Vec<Address> = holding
            .holders()
            .into_iter()
            .filter_map(|(_, whose)| match whose {
                Whose::Theirs(address) => Some(address),
                Whose::Ours | Whose::Nobody => None,
            })
            .collect();
        match order.here(self).await {
            Ok(count) => *removed += count,
            Err(error) => return Round::Failed(error),
        }
        let calls = others.iter().map(|to| (to, order.operation(self.name())));
        let replies =
            rounds.part.call_all(&self.inner.watch, calls.collect(), rounds.ends_at).await;
        let epoch = holding.view().epoch();
        let heard = others.iter().zip(replies).map(|(to, reply)| self.heard(epoch, to, reply));
        for heard in heard {
            match heard {
                Round::Done(count) => *removed += count,
                Round::Again(error) => return Round::Again(error),
                Round::Failed(error) => return Round::Failed(error),
            }
        }
        if is_still(&rounds.part, holding) { Round::Done(()) } else { Round::Again(Error::NoLease) }
    }

    /// What another member says that is no answer to what it was asked.
    fn unanswered<T>(&self, to: &Address, outcome: Option<Outcome>) -> Round<T> {
        match outcome {
            Some(Outcome::Failure(failure)) => Round::Failed(understood(self.name(), failure)),
            Some(Outcome::Moved(_) | Outcome::Busy(_)) | None => Round::Again(Error::NoLease),
            // To do it once more does no harm.
            Some(Outcome::UnknownOutcome(UnknownOutcome { why })) => {
                Round::Again(Error::outcome_unknown(to, &why))
            }
            Some(_) => Round::Failed(Error::not_understood(to)),
        }
    }

    /// What another member says of an order that was given by the view of an epoch.
    fn heard(&self, epoch: u64, to: &Address, reply: Result<Reply, CallFailed>) -> Round<u64> {
        let reply = match reply {
            Ok(reply) => reply,
            // It may have been done: to do it once more does no harm.
            Err(error) => return Round::Again(Error::unreachable(to, &error)),
        };
        // 1. View 8 gives keys of B to D. This process knows only B, by view 7.
        // 2. B has handed them on; it forgets the rest, and says so.
        // 3. D answers with what was to be forgotten.
        if reply.epoch != epoch {
            return Round::Again(Error::NoLease);
        }
        match reply.outcome {
            Some(Outcome::Clear(count) | Outcome::InvalidatePrefix(count)) => {
                Round::Done(count.count)
            }
            Some(Outcome::InvalidateTag(_)) => Round::Done(0),
            // Who has no such keyspace has nothing of it.
            Some(Outcome::Failure(failure))
                if failure.code == u32::from(codes::KEYSPACE_UNKNOWN.number()) =>
            {
                Round::Done(0)
            }
            other => self.unanswered(to, other),
        }
    }
}

/// Whether nobody can answer by a later view yet: this process works by the one that it
/// began with, and has a lease by it.
///
/// Whoever gained keys by a later one waits until it is settled: until this process has
/// taken it too, or has no lease.
fn is_still(part: &Part, holding: &Holding) -> bool {
    part.cluster.epoch() == holding.view().epoch() && holding.has_lease()
}

/// A step of a scan that another member makes.
pub(super) struct Scan {
    pub(super) keyspace: String,
    cursor: Option<String>,
    entries: usize,
    pattern: Bytes,
}

impl From<proto::Scan> for Scan {
    fn from(scan: proto::Scan) -> Self {
        let proto::Scan { keyspace, cursor, entries, pattern } = scan;
        let pattern = pattern.unwrap_or(Bytes::from_static(b"*"));
        Self { keyspace, cursor, entries: ENTRIES_A_STEP.min(entries as usize), pattern }
    }
}

impl Scan {
    /// Makes it in this process.
    pub(super) async fn answered(&self, keyspace: &Keyspace) -> Result<Outcome, Error> {
        // What is no cursor begins at the beginning: it was one of another version.
        let from = self.cursor.as_deref().and_then(|cursor| cursor.parse().ok());
        let page = keyspace.scan_here_async(&self.pattern, from, self.entries).await?;
        let keys = page.keys.into_iter().map(|key| Bytes::from(Vec::from(key))).collect();
        Ok(Outcome::Scan(proto::Page { keys, next: page.next.map(|next| next.to_string()) }))
    }
}

impl Keyspace {
    /// A step of a scan through all members, one after the other.
    pub(crate) fn scan_all(
        &self,
        pattern: &[u8],
        from: Option<Cursor>,
        entries: usize,
    ) -> Result<Page, Error> {
        wait_for(self.scan_all_async(pattern, from, entries))
    }

    /// As [`scan_all`](Self::scan_all), for a task.
    pub(crate) async fn scan_all_async(
        &self,
        pattern: &[u8],
        from: Option<Cursor>,
        entries: usize,
    ) -> Result<Page, Error> {
        let rounds = Rounds::begin(self, true)?;
        loop {
            let round = match rounds.part.holding() {
                Some(holding) => {
                    let step = (pattern, from, entries);
                    self.scan_one(&rounds, &holding, step).await
                }
                None => Round::Again(Error::NoLease),
            };
            if let Some(page) = rounds.done(round).await? {
                return Ok(page);
            }
        }
    }

    /// A step at the member that a cursor names.
    async fn scan_one(
        &self,
        rounds: &Rounds,
        holding: &Holding,
        (pattern, from, entries): (&[u8], Option<Cursor>, usize),
    ) -> Round<Page> {
        let (epoch, holders) = (holding.view().epoch(), holding.holders());
        // By another view keys may have gone from a member that is yet to be asked to one
        // that was: from the beginning again.
        let from = from.filter(|from| from.view() == epoch);
        let place =
            from.and_then(|from| holders.iter().position(|(id, _)| id.number() == from.member()));
        let (at, from) = place.map_or((0, None), |at| (at, from));
        let Some((id, whose)) = holders.get(at) else { return Round::Again(Error::NoLease) };
        let page = match whose {
            Whose::Ours => match self.scan_here_async(pattern, from, entries).await {
                Ok(page) => Round::Done(page),
                Err(error) => Round::Failed(error),
            },
            Whose::Theirs(to) => self.scan_there(rounds, to, (pattern, from, entries)).await,
            Whose::Nobody => Round::Again(Error::NoLease),
        };
        let Round::Done(Page { keys, next }) = page else { return page };
        let next = match next {
            Some(next) => Some(next.of_member(id.number())),
            None => holders.get(at + 1).map(|(next, _)| Cursor::first_of(epoch, next.number())),
        };
        Round::Done(Page { keys, next })
    }

    async fn scan_there(
        &self,
        rounds: &Rounds,
        to: &Address,
        (pattern, from, entries): (&[u8], Option<Cursor>, usize),
    ) -> Round<Page> {
        let scan = proto::Scan {
            keyspace: self.name().to_owned(),
            cursor: from.map(|from| from.to_string()),
            entries: u32::try_from(entries).unwrap_or(u32::MAX),
            pattern: Some(Bytes::copy_from_slice(pattern)),
        };
        let (watch, scan) = (&self.inner.watch, Operation::Scan(scan));
        let reply = match rounds.part.call(watch, to, scan, rounds.ends_at).await {
            Ok(reply) => reply,
            Err(error) => return Round::Again(Error::unreachable(to, &error)),
        };
        match reply.outcome {
            Some(Outcome::Scan(proto::Page { keys, next })) => Round::Done(Page {
                keys: keys.into_iter().map(|key| Box::from(&*key)).collect(),
                next: next.and_then(|next| next.parse().ok()),
            }),
            other => self.unanswered(to, other),
        }
    }
}

#[cfg(test)]
mod tests;
