//! Reads of copies of what other processes own.

use crate::{CacheManager, Error, Hit, Keyspace};

/// The reading of a copy.
#[derive(Clone, Copy)]
struct Reading {
    tenure: u64,
    hash: u64,
}

impl CacheManager {
    /// The value of a key as this process has it as a copy, if it may say so: it has a
    /// lease, and knows that what it has is committed. `None` says nothing of the key.
    ///
    /// # Errors
    /// Those of [`get`](Self::get); `Elsewhere` if no copy of it is kept here.
    pub fn get_copy(&self, keyspace: &Keyspace, key: &[u8]) -> Result<Option<Hit>, Error> {
        let Some((copies, reading)) = self.begin_copy(keyspace, key) else { return Ok(None) };
        let hit = self.get_in(copies, key)?;
        Ok(hit.filter(|_| self.is_certain(reading)))
    }

    /// Like [`get_copy`](Self::get_copy), without ever parking the thread.
    ///
    /// # Errors
    /// As of `get_copy`.
    pub async fn get_copy_async(
        &self,
        keyspace: &Keyspace,
        key: &[u8],
    ) -> Result<Option<Hit>, Error> {
        let Some((copies, reading)) = self.begin_copy(keyspace, key) else { return Ok(None) };
        let hit = self.get_in_async(copies, key).await?;
        Ok(hit.filter(|_| self.is_certain(reading)))
    }

    /// Where the copy of a key lies, if it may be read; to be confirmed when it was.
    fn begin_copy<'a>(
        &self,
        keyspace: &'a Keyspace,
        key: &[u8],
    ) -> Option<(&'a Keyspace, Reading)> {
        let copies = keyspace.copies()?;
        let reading = Reading { tenure: self.tenure(), hash: self.shared.hash(copies, key) };
        (!self.shared.tentative.has(reading.hash)).then_some((copies, reading))
    }

    /// Whether a copy that was read is certain, as it was when its reading began.
    ///
    /// 1. A copy is not tentative.
    /// 2. The next version takes its place. It is.
    /// 3. That one is read.
    fn is_certain(&self, Reading { tenure, hash }: Reading) -> bool {
        !self.shared.tentative.has(hash) && self.tenure() == tenure
    }
}
