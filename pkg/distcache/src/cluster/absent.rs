//! The same surface for a program that was built without the feature `cluster`: every key
//! is here.
#![expect(clippy::unused_self, clippy::unused_async, reason = "the surface is what counts")]

use std::time::Duration;

use distcache_manager::{Bound, Cursor, Error as CacheError, Page, Version};

use crate::keyspace::ask::{Ask, Asks, Told};
use crate::{Error, Keyspace};

#[derive(Debug, Clone, Default)]
pub(crate) struct Away(());

impl Away {
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        let Self(()) = self;
        false
    }

    pub(crate) fn wait_for_lease(&self, _within: Duration) {
        let Self(()) = self;
    }

    pub(crate) fn bounds(&self) -> Vec<Bound> {
        let Self(()) = self;
        Vec::new()
    }

    pub(crate) fn end(&self, _within: Duration) -> bool {
        let Self(()) = self;
        true
    }
}

pub(crate) enum Order {
    Clear,
}

impl Order {
    pub(crate) fn prefix(_: &[u8]) -> Self {
        Self::Clear
    }
}

/// No task of a cluster is held up.
#[inline]
pub fn in_place<T>(work: impl FnOnce() -> T) -> T {
    work()
}

fn elsewhere<T>() -> Result<T, Error> {
    Err(CacheError::Elsewhere.into())
}

impl Keyspace {
    pub(crate) fn afar(&self, _: Ask<'_>, _: Option<Version>) -> Result<Told, Error> {
        elsewhere()
    }

    pub(crate) async fn afar_async(&self, _: Ask<'_>, _: Option<Version>) -> Result<Told, Error> {
        elsewhere()
    }

    pub(crate) fn afar_many<T>(&self, _: &mut [Result<T, Error>], _: Asks<'_>) {}

    pub(crate) async fn afar_many_async<T>(&self, _: &mut [Result<T, Error>], _: Asks<'_>) {}

    pub(crate) fn invalidate_tags_everywhere(&self, _: &[&str]) -> Result<(), Error> {
        elsewhere()
    }

    pub(crate) async fn invalidate_tags_everywhere_async(&self, _: &[&str]) -> Result<(), Error> {
        elsewhere()
    }

    pub(crate) fn everywhere(&self, _: &Order) -> Result<u64, Error> {
        elsewhere()
    }

    pub(crate) async fn everywhere_async(&self, _: &Order) -> Result<u64, Error> {
        elsewhere()
    }

    pub(crate) fn scan_all(&self, _: &[u8], _: Option<Cursor>, _: usize) -> Result<Page, Error> {
        elsewhere()
    }

    pub(crate) async fn scan_all_async(
        &self,
        _: &[u8],
        _: Option<Cursor>,
        _: usize,
    ) -> Result<Page, Error> {
        elsewhere()
    }
}
