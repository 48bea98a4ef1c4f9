//! Reads of keys that others own and this member reads often: its near copies.
#![cfg_attr(
    not(feature = "cluster"),
    expect(dead_code, reason = "without other members nobody grants any")
)]

use std::time::Duration;

use distcache_manager::{NEAR_LASTS, NearAsk};

use super::ask::{Ask, Asks, FromTold, Told};
use super::stats::raise;
use super::{Found, How, Keyspace, Ttl};
use crate::Error;

impl Keyspace {
    /// What a read comes to by the near copy that is here; `None` if the owner is to be
    /// asked.
    pub(super) fn by_near(&self, ask: Ask<'_>) -> Option<Told> {
        let Ask::Get { key } = ask else { return None };
        let value = self.inner.manager.get_near(&self.inner.cache, key)?;
        raise(&self.inner.stats.near_hits);
        Some(Told::Read(Some(Found::hit(value))))
    }

    /// The same of those of many reads that are for other members.
    pub(super) fn by_nears<T: FromTold>(&self, answers: &mut [Result<T, Error>], asks: Asks<'_>) {
        if !asks.are_reads() {
            return;
        }
        for (at, answer) in answers.iter_mut().enumerate() {
            if answer.as_ref().is_err_and(Error::is_for_owner)
                && let Some(told) = self.by_near(asks.one(at))
            {
                *answer = T::from_told(told);
            }
        }
    }

    /// How to ask a key's owner for a near copy with a read, if this member reads it so
    /// often that it should have one.
    pub(crate) fn ask_near(&self, ask: Ask<'_>) -> Option<NearAsk> {
        let Ask::Get { key } = ask else { return None };
        self.inner.manager.ask_near(&self.inner.cache, key)
    }

    /// Keeps what was read for as long as its owner allows.
    pub(crate) fn keep_near(&self, ask: NearAsk, near_ms: u32, told: &Told) {
        if let Told::Read(Some(found)) = told {
            let (value, lasts) = (found.value().clone(), Duration::from_millis(near_ms.into()));
            self.inner.manager.keep_near(&self.inner.cache, ask, value, lasts);
        }
    }

    /// Lets another member have a near copy of a key of this one's. To be called before
    /// the value is read.
    pub(crate) fn grant_near(&self, tenure: u64, key: &[u8]) -> bool {
        self.inner.manager.grant_near(tenure, &self.inner.cache, key)
    }

    /// For how long somebody else may answer with what was found here; `None` if not at
    /// all: it is not what the cache holds, or is not to be used without being asked for.
    pub(crate) fn near_ms(&self, found: &Found) -> Option<u32> {
        if found.how() != How::Hit || found.is_no_cache() {
            return None;
        }
        let lasts = match self.ttl_of(found)? {
            Ttl::For(left) => left.min(NEAR_LASTS),
            Ttl::UntilEvicted => NEAR_LASTS,
        };
        u32::try_from(lasts.as_millis()).ok()
    }
}
