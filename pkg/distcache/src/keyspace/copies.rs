//! Reads that are answered with this member's copies of what others own.

use distcache_manager::{Error as CacheError, Hit};

use super::ask::{Ask, Asks, FromTold, Told};
use super::stats::raise;
use super::{Found, Keyspace};
use crate::Error;

impl Keyspace {
    /// What a read comes to by the copy that is here; `None` if the owner is to be asked.
    pub(super) fn by_copy(&self, ask: Ask<'_>) -> Option<Told> {
        let key = self.key_of_copy(ask)?;
        self.told_by_copy(self.inner.manager.get_copy(&self.inner.cache, key))
    }

    /// As [`by_copy`](Self::by_copy), for a task.
    pub(crate) async fn by_copy_async(&self, ask: Ask<'_>) -> Option<Told> {
        let key = self.key_of_copy(ask)?;
        self.told_by_copy(self.inner.manager.get_copy_async(&self.inner.cache, key).await)
    }

    /// The same of those of many reads that are for other members.
    pub(super) fn by_copies<T: FromTold>(&self, answers: &mut [Result<T, Error>], asks: Asks<'_>) {
        for at in self.places_of_copies(answers, asks) {
            if let Some(told) = self.by_copy(asks.one(at)) {
                answers[at] = T::from_told(told);
            }
        }
    }

    /// As [`by_copies`](Self::by_copies), for a task.
    pub(super) async fn by_copies_async<T: FromTold>(
        &self,
        answers: &mut [Result<T, Error>],
        asks: Asks<'_>,
    ) {
        for at in self.places_of_copies(answers, asks) {
            if let Some(told) = self.by_copy_async(asks.one(at)).await {
                answers[at] = T::from_told(told);
            }
        }
    }

    fn places_of_copies<T>(&self, answers: &[Result<T, Error>], asks: Asks<'_>) -> Vec<usize> {
        if !(self.inner.cache.reads_copies() && asks.are_reads()) {
            return Vec::new();
        }
        let is_for_owner =
            |answer: &Result<T, Error>| answer.as_ref().is_err_and(Error::is_for_owner);
        (0..answers.len()).filter(|at| is_for_owner(&answers[*at])).collect()
    }

    fn key_of_copy<'a>(&self, ask: Ask<'a>) -> Option<&'a [u8]> {
        match ask {
            Ask::Get { key } if self.inner.cache.reads_copies() => Some(key),
            _ => None,
        }
    }

    /// Whatever stands against reading a copy, its owner can be asked.
    fn told_by_copy(&self, got: Result<Option<Hit>, CacheError>) -> Option<Told> {
        let Hit { value, .. } = got.ok().flatten()?;
        raise(&self.inner.stats.copy_hits);
        Some(Told::Read((!value.is_absent()).then(|| Found::hit(value))))
    }
}
