//! Stores that are futures.

use std::sync::Arc;

use super::{BoxFuture, Context, SourceError};

/// The asynchronous twin of [`DataStore`](crate::DataStore), for services that
/// hold a pool or a client of an async runtime: where writes go beside the cache.
///
/// ```
/// use distcache::{AsyncDataStore, Context, SourceError};
///
/// /// A client of a service that keeps values.
/// struct Client;
///
/// impl AsyncDataStore for Client {
///     async fn store(&self, key: &[u8], value: &[u8], _: &Context) -> Result<(), SourceError> {
///         // Here the service is asked, and awaited.
///         # let _ = (key, value);
///         Ok(())
///     }
///
///     async fn remove(&self, key: &[u8], _: &Context) -> Result<(), SourceError> {
///         # let _ = key;
///         Ok(())
///     }
/// }
/// ```
///
/// Its futures run on the runtime that the keyspace was given
/// ([`Spawn`](crate::Spawn)), not on a caller's task: a caller that is cancelled
/// harms no write. The engine never makes two writes of one key at once, and makes
/// them in the order in which it was asked: the next one begins when the future of
/// the one before has ended or was dropped. After an error it does not know
/// whether the write was made, and forgets the key.
///
/// A future is dropped when the keyspace's write timeout is over. A database that
/// goes on with what its client has given up SHOULD have a shorter timeout of its
/// own; else the write that was given up may come after the next one.
pub trait AsyncDataStore: Send + Sync + 'static {
    /// Stores a value; see [`DataStore::store`](crate::DataStore::store).
    fn store(
        &self,
        key: &[u8],
        value: &[u8],
        context: &Context,
    ) -> impl Future<Output = Result<(), SourceError>> + Send;

    /// Removes a value; there may be none.
    fn remove(
        &self,
        key: &[u8],
        context: &Context,
    ) -> impl Future<Output = Result<(), SourceError>> + Send;

    /// Makes several writes, each of another key: values to store, or `None` to
    /// remove. One result for each, in their order. By default they are made one
    /// after the other.
    fn write_many(
        &self,
        writes: &[(&[u8], Option<&[u8]>)],
        context: &Context,
    ) -> impl Future<Output = Vec<Result<(), SourceError>>> + Send {
        async move {
            let mut results = Vec::with_capacity(writes.len());
            for &(key, value) in writes {
                results.push(match value {
                    Some(value) => self.store(key, value, context).await,
                    None => self.remove(key, context).await,
                });
            }
            results
        }
    }
}

/// What is behind a pointer stores what it points to does.
macro_rules! store_behind {
    ($pointer:ident) => {
        impl<S: AsyncDataStore> AsyncDataStore for $pointer<S> {
            fn store(
                &self,
                key: &[u8],
                value: &[u8],
                context: &Context,
            ) -> impl Future<Output = Result<(), SourceError>> + Send {
                (**self).store(key, value, context)
            }

            fn remove(
                &self,
                key: &[u8],
                context: &Context,
            ) -> impl Future<Output = Result<(), SourceError>> + Send {
                (**self).remove(key, context)
            }

            fn write_many(
                &self,
                writes: &[(&[u8], Option<&[u8]>)],
                context: &Context,
            ) -> impl Future<Output = Vec<Result<(), SourceError>>> + Send {
                (**self).write_many(writes, context)
            }
        }
    };
}

store_behind!(Arc);
store_behind!(Box);

/// An [`AsyncDataStore`] whose type was forgotten.
pub(crate) trait DynAsyncStore: Send + Sync {
    fn store<'a>(
        &'a self,
        key: &'a [u8],
        value: &'a [u8],
        context: &'a Context,
    ) -> BoxFuture<'a, Result<(), SourceError>>;

    fn remove<'a>(
        &'a self,
        key: &'a [u8],
        context: &'a Context,
    ) -> BoxFuture<'a, Result<(), SourceError>>;

    fn write_many<'a>(
        &'a self,
        writes: &'a [(&'a [u8], Option<&'a [u8]>)],
        context: &'a Context,
    ) -> BoxFuture<'a, Vec<Result<(), SourceError>>>;
}

impl<S: AsyncDataStore> DynAsyncStore for S {
    fn store<'a>(
        &'a self,
        key: &'a [u8],
        value: &'a [u8],
        context: &'a Context,
    ) -> BoxFuture<'a, Result<(), SourceError>> {
        Box::pin(AsyncDataStore::store(self, key, value, context))
    }

    fn remove<'a>(
        &'a self,
        key: &'a [u8],
        context: &'a Context,
    ) -> BoxFuture<'a, Result<(), SourceError>> {
        Box::pin(AsyncDataStore::remove(self, key, context))
    }

    fn write_many<'a>(
        &'a self,
        writes: &'a [(&'a [u8], Option<&'a [u8]>)],
        context: &'a Context,
    ) -> BoxFuture<'a, Vec<Result<(), SourceError>>> {
        Box::pin(AsyncDataStore::write_many(self, writes, context))
    }
}
