//! Calls about many keys, some of them another member's: one request for each owner.

use bytes::{Bytes, BytesMut};
use distcache_bus::Deadline;
use distcache_cluster::Whose;
use distcache_cluster::links::CallFailed;
use distcache_cluster::proto::reply::Outcome;
use distcache_cluster::proto::request::Operation;
use distcache_cluster::proto::{
    DeleteMany, GetMany, PutMany, Reply, many_forgotten, many_read, many_written,
};
use distcache_cluster::wire::Address;
use distcache_manager::{NearAsk, Version};
use futures_util::future::{BoxFuture, join_all};

use super::afar::tags_too_many;
use super::start::Part;
use super::tasks::wait_for;
use super::words::{Heard, Moment, heard, item_to, told, understood};
use crate::keyspace::ask::{Ask, Asks, FromTold, Told};
use crate::{Error, Keyspace};

/// Keys of one request. More make several, on their way at once.
pub(super) const KEYS_A_REQUEST: usize = 1_000;

/// Bytes of one request's keys and values, if it has more than one: well below a frame.
const BYTES_A_REQUEST: usize = 4 << 20;

/// Keys that go to one owner in one request, by their places in the batch.
struct Parcel {
    to: Address,
    places: Vec<usize>,
    /// Those of which a near copy is asked for, by their places in the parcel.
    near: Vec<(usize, NearAsk)>,
}

/// What became of one key of a parcel.
enum Sorted {
    Told(Result<Told, Error>),
    /// It is to be asked about by itself; the version of a put that its owner may have got.
    Alone(Option<Version>),
}

impl Keyspace {
    /// Asks others about those keys of a batch that are theirs.
    pub(crate) fn afar_many<T: FromTold>(&self, answers: &mut [Result<T, Error>], asks: Asks<'_>) {
        if self.inner.away.is_open() && answers.iter().any(is_for_owner) {
            wait_for(self.ask_others(answers, asks));
        }
    }

    /// As [`afar_many`](Self::afar_many), for a task.
    pub(crate) async fn afar_many_async<T: FromTold>(
        &self,
        answers: &mut [Result<T, Error>],
        asks: Asks<'_>,
    ) {
        if self.inner.away.is_open() && answers.iter().any(is_for_owner) {
            self.ask_others(answers, asks).await;
        }
    }

    async fn ask_others<T: FromTold>(&self, answers: &mut [Result<T, Error>], asks: Asks<'_>) {
        let Some(part) = self.inner.away.part() else { return };
        let stored = |at: &usize| answers[*at].as_ref().err().and_then(Error::stored);
        let places = (0..answers.len()).filter(|&at| is_for_owner(&answers[at]));
        let (made, others): (Vec<_>, Vec<_>) = places.partition(|at| stored(at).is_some());
        let (mut parcels, left_over) = self.pack(&part, others.into_iter(), asks);
        let alone = left_over.into_iter().chain(made).map(|at| (at, stored(&at)));
        let mut alone: Vec<(usize, Option<Version>)> = alone.collect();
        let ends_at = Deadline::within(self.patience(asks.are_reads())).instant();
        for parcel in &mut parcels {
            parcel.near = self.near_of(parcel, asks);
        }
        let calls = parcels.iter().map(|parcel| (&parcel.to, self.request(parcel, asks)));
        let replies = part.call_all(&self.inner.watch, calls.collect(), ends_at).await;
        let mut note = |at: usize, sorted| match sorted {
            Sorted::Told(told) => answers[at] = told.and_then(T::from_told),
            Sorted::Alone(stored) => alone.push((at, stored)),
        };
        for (parcel, reply) in parcels.iter().zip(replies) {
            self.sort(parcel, asks, reply, &mut note);
        }
        // Their owner has changed, or is not there: each finds its own way.
        let mut trips: Vec<BoxFuture<'_, _>> = Vec::with_capacity(alone.len());
        for &(at, stored) in &alone {
            trips.push(Box::pin(self.afar_async(asks.one(at), stored)));
        }
        let told = join_all(trips).await;
        for (&(at, _), told) in alone.iter().zip(told) {
            answers[at] = told.and_then(T::from_told);
        }
    }

    /// Sorts keys by their owners; those without one, or with too many tags, are left over.
    fn pack(
        &self,
        part: &Part,
        places: impl Iterator<Item = usize>,
        asks: Asks<'_>,
    ) -> (Vec<Parcel>, Vec<usize>) {
        let (mut parcels, mut left_over) = (Vec::new(), Vec::new());
        let holding = part.holding();
        // Of each owner the one that goes on, and its bytes; there are few owners.
        let mut open: Vec<(Parcel, usize)> = Vec::new();
        for at in places {
            let owner = |key| holding.as_ref().map(|one| one.owner(&self.inner.cache, key));
            let goes_along = tags_too_many(asks.one(at)).is_none();
            let Some(Whose::Theirs(owner)) = owner(asks.key(at)).filter(|_| goes_along) else {
                left_over.push(at);
                continue;
            };
            let more = asks.bytes(at);
            let Some((parcel, bytes)) = open.iter_mut().find(|(parcel, _)| parcel.to == owner)
            else {
                open.push((Parcel { to: owner, places: vec![at], near: Vec::new() }, more));
                continue;
            };
            if parcel.places.len() == KEYS_A_REQUEST || BYTES_A_REQUEST < *bytes + more {
                let places = std::mem::take(&mut parcel.places);
                parcels.push(Parcel { to: owner, places, near: Vec::new() });
                *bytes = 0;
            }
            parcel.places.push(at);
            *bytes += more;
        }
        parcels.extend(open.into_iter().map(|(last, _)| last));
        (parcels, left_over)
    }

    /// How to ask for near copies with those reads of a parcel that are made so often.
    fn near_of(&self, parcel: &Parcel, asks: Asks<'_>) -> Vec<(usize, NearAsk)> {
        let places = parcel.places.iter().enumerate();
        let mut near: Vec<_> =
            places.filter_map(|(n, &at)| Some((n, self.ask_near(asks.one(at))?))).collect();
        // In one tenure: the last one, if another has begun meanwhile.
        let tenure = near.last().map(|(_, ask)| ask.tenure());
        near.retain(|(_, ask)| Some(ask.tenure()) == tenure);
        near
    }

    fn request(&self, parcel: &Parcel, asks: Asks<'_>) -> Operation {
        let keyspace = self.name().to_owned();
        let keys = |all: &[&[u8]]| in_one_piece(parcel.places.iter().map(|&at| all[at]));
        match asks {
            Asks::Get(all) => {
                let near_tenure = parcel.near.first().map(|(_, ask)| ask.tenure());
                let place = |(n, _): &(usize, NearAsk)| u32::try_from(*n).unwrap_or(u32::MAX);
                let near = parcel.near.iter().map(place).collect();
                Operation::GetMany(GetMany { keyspace, keys: keys(all), near_tenure, near })
            }
            Asks::Delete(all) => Operation::DeleteMany(DeleteMany { keyspace, keys: keys(all) }),
            Asks::Put(all) => {
                let items = parcel.places.iter().map(|&at| item_to(&all[at])).collect();
                Operation::PutMany(PutMany { keyspace, items })
            }
        }
    }

    /// Notes what one owner says of its keys.
    fn sort(
        &self,
        parcel: &Parcel,
        asks: Asks<'_>,
        reply: Result<Reply, CallFailed>,
        note: &mut impl FnMut(usize, Sorted),
    ) {
        let said = match self.said(&parcel.to, asks, reply) {
            Ok(said) if said.len() == parcel.places.len() => said,
            Ok(_) => return parcel.all(|| failed(Error::not_understood(&parcel.to)), note),
            Err(None) => return parcel.all(|| Sorted::Alone(None), note),
            Err(Some(error)) => return parcel.all(|| failed(error.clone()), note),
        };
        let moment = Moment::of(&self.inner);
        for (n, (one, &at)) in said.zip(&parcel.places).enumerate() {
            note(
                at,
                match one {
                    None => failed(Error::not_understood(&parcel.to)),
                    Some(One::Moved) => Sorted::Alone(None),
                    Some(One::Failed(failure)) => {
                        let error = understood(self.name(), failure);
                        match error.stored() {
                            None => failed(error),
                            stored => Sorted::Alone(stored),
                        }
                    }
                    Some(One::Done(outcome)) => {
                        self.done(&moment, parcel, n, asks.one(at), outcome)
                    }
                },
            );
        }
    }

    /// What an owner says of each of many keys; or why of none: nothing if they are to be
    /// asked about alone.
    fn said(
        &self,
        owner: &Address,
        asks: Asks<'_>,
        reply: Result<Reply, CallFailed>,
    ) -> Result<Said, Option<Error>> {
        let reply = match reply {
            Ok(reply) => reply,
            Err(CallFailed::Unknown(why)) if !asks.are_reads() => {
                return Err(Some(Error::outcome_unknown(owner, &why)));
            }
            Err(_not_done) => return Err(None),
        };
        match heard(self.name(), owner, reply) {
            Heard::Moved => Err(None),
            Heard::Failed(error) => Err(Some(error)),
            Heard::Answer(outcome) => {
                said(outcome).ok_or_else(|| Some(Error::not_understood(owner)))
            }
        }
    }

    /// What was done for the key in a place of a parcel.
    fn done(
        &self,
        moment: &Moment<'_>,
        parcel: &Parcel,
        n: usize,
        ask: Ask<'_>,
        outcome: Outcome,
    ) -> Sorted {
        let granted = near_ms_of(&outcome);
        let told =
            told(moment, ask, outcome).unwrap_or_else(|| Err(Error::not_understood(&parcel.to)));
        let near = parcel.near.iter().find(|(of, _)| *of == n);
        if let (Some((_, near)), Some(near_ms), Ok(told)) = (near, granted, &told) {
            self.keep_near(*near, near_ms, told);
        }
        Sorted::Told(told)
    }
}

fn failed(error: Error) -> Sorted {
    Sorted::Told(Err(error))
}

impl Parcel {
    /// Notes the same of all of its keys.
    fn all(&self, sorted: impl Fn() -> Sorted, note: &mut impl FnMut(usize, Sorted)) {
        self.places.iter().for_each(|&at| note(at, sorted()));
    }
}

/// For how long what was read may be kept.
pub(super) fn near_ms_of(outcome: &Outcome) -> Option<u32> {
    match outcome {
        Outcome::Get(read) => read.near_ms,
        _ => None,
    }
}

/// Copies of all of these, in one allocation.
pub(super) fn in_one_piece<'a>(all: impl Iterator<Item = &'a [u8]> + Clone) -> Vec<Bytes> {
    let mut bytes = BytesMut::with_capacity(all.clone().map(<[u8]>::len).sum());
    all.clone().for_each(|one| bytes.extend_from_slice(one));
    let mut rest = bytes.freeze();
    all.map(|one| rest.split_to(one.len())).collect()
}

fn is_for_owner<T>(answer: &Result<T, Error>) -> bool {
    answer.as_ref().is_err_and(Error::is_for_owner)
}

/// What is said of many keys, each as it would be said of one; nothing of one of which it is
/// not understood.
type Said = Box<dyn ExactSizeIterator<Item = Option<One>>>;

enum One {
    Moved,
    Failed(distcache_cluster::proto::Failure),
    Done(Outcome),
}

/// `None` if it is not understood.
fn said(outcome: Outcome) -> Option<Said> {
    macro_rules! each {
        ($results:expr, $kind:path, $done:path => $as_one:path) => {{
            use $kind as Kind;
            let one = |result: Kind| match result {
                Kind::Moved(_) => One::Moved,
                Kind::Failure(failure) => One::Failed(failure),
                $done(done) => One::Done($as_one(done)),
            };
            Some(Box::new($results.into_iter().map(move |result| result.result.map(one))))
        }};
    }
    match outcome {
        Outcome::GetMany(many) => {
            each!(many.results, many_read::result::Result, Kind::Read => Outcome::Get)
        }
        Outcome::PutMany(many) => {
            each!(many.results, many_written::result::Result, Kind::Written => Outcome::Put)
        }
        Outcome::DeleteMany(many) => each!(
            many.results,
            many_forgotten::result::Result,
            Kind::Forgotten => Outcome::Delete
        ),
        _ => None,
    }
}
