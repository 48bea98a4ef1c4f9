//! A store of futures, as the lanes and write-behind see it: a store that blocks.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use distcache_bus::{Deadline, reply_slot};
use distcache_manager::CacheManager;

use super::Panicked;
use crate::load::{LoadError, Timed};
use crate::otel::Here;
use crate::source::{BoxFuture, DynAsyncStore, SourceError, Spawner};
use crate::{Context, DataStore};

/// Runs a store's futures on its runtime, and waits for them on the thread of a
/// lane.
pub(crate) struct OnRuntime {
    store: Arc<dyn DynAsyncStore>,
    spawner: Spawner,
    /// Whose timer ends futures that take too long.
    manager: Arc<CacheManager>,
}

/// Why a store's future has no outcome. Whether it has written is unknown.
#[derive(Debug, Clone, thiserror::Error)]
enum Unheard {
    #[error(transparent)]
    Panicked(#[from] Panicked),
    /// Its time was over, and it was dropped.
    #[error("the store did not write within {timeout:?}; the outcome is unknown")]
    GivenUp { timeout: Duration },
    #[error("the store's runtime has ended; the outcome is unknown")]
    RuntimeEnded,
}

/// A write that its future owns.
type OwnWrite = (Box<[u8]>, Option<Box<[u8]>>);

impl OnRuntime {
    pub(crate) fn new(
        store: Arc<dyn DynAsyncStore>,
        spawner: Spawner,
        manager: Arc<CacheManager>,
    ) -> Self {
        Self { store, spawner, manager }
    }

    /// Runs what `begin` makes of the store on the runtime, and waits until that
    /// has ended, whatever the time: it ends itself when its own is over. If the
    /// thread left at its deadline instead:
    ///
    /// 1. The runtime polls the write of value 1, which takes long.
    /// 2. The lane gives it up, and begins the write of value 2 of the same key.
    /// 3. Value 2 is written, and then value 1.
    fn run<T, F>(
        &self,
        context: &Context,
        begin: impl FnOnce(Arc<dyn DynAsyncStore>, Context) -> F,
    ) -> Result<T, Unheard>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let (replier, waiter) = reply_slot();
        let work: BoxFuture<'static, T> = Box::pin(begin(self.store.clone(), context.clone()));
        let (manager, timeout) = (self.manager.clone(), context.remaining());
        self.spawner.spawn(Box::pin(Here::current().run_async(async move {
            let outcome = Timed::new(work, timeout, manager.timer(), None).await;
            drop(manager);
            replier.answer(outcome);
        })));
        match waiter.wait(&Deadline::within(Duration::MAX)) {
            Some(Ok(Ok(outcome))) => Ok(outcome),
            Some(Ok(Err(LoadError::Panicked))) => Err(Panicked.into()),
            Some(Ok(Err(_late))) => Err(Unheard::GivenUp { timeout }),
            Some(Err(_)) | None => Err(Unheard::RuntimeEnded),
        }
    }
}

impl DataStore for OnRuntime {
    fn store(&self, key: &[u8], value: &[u8], context: &Context) -> Result<(), SourceError> {
        let (key, value): (Box<[u8]>, Box<[u8]>) = (key.into(), value.into());
        self.run(
            context,
            |store, context| async move { store.store(&key, &value, &context).await },
        )?
    }

    fn remove(&self, key: &[u8], context: &Context) -> Result<(), SourceError> {
        let key: Box<[u8]> = key.into();
        self.run(context, |store, context| async move { store.remove(&key, &context).await })?
    }

    fn write_many(
        &self,
        writes: &[(&[u8], Option<&[u8]>)],
        context: &Context,
    ) -> Vec<Result<(), SourceError>> {
        let own = |&(key, value): &(&[u8], Option<&[u8]>)| (key.into(), value.map(Into::into));
        let own: Vec<OwnWrite> = writes.iter().map(own).collect();
        let written = self.run(context, |store, context| async move {
            let writes: Vec<_> =
                own.iter().map(|(key, value)| (&**key, value.as_deref())).collect();
            store.write_many(&writes, &context).await
        });
        let for_each = |unheard: Unheard| {
            writes.iter().map(|_| Err(SourceError::from(unheard.clone()))).collect()
        };
        written.unwrap_or_else(for_each)
    }
}
