//! Sources that are futures.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use super::{Answer, Answers, Context, SourceError};

/// A future on the heap.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The asynchronous twin of [`DataSource`](crate::DataSource), for services
/// that hold a pool or a client of an async runtime.
///
/// Its futures run on the runtime that the keyspace was given ([`Spawn`]), not
/// on a caller's task: a caller that is cancelled harms nobody. They are
/// dropped when their time is up.
pub trait AsyncDataSource: Send + Sync + 'static {
    /// The value of a key; see [`DataSource::fetch`](crate::DataSource::fetch).
    fn fetch(
        &self,
        key: &[u8],
        context: &Context,
    ) -> impl Future<Output = Result<Answer, SourceError>> + Send;

    /// The values of several keys, in their order; one answer for each, or an
    /// error for all. By default they are fetched one after the other.
    fn fetch_many(
        &self,
        keys: &[&[u8]],
        context: &Context,
    ) -> impl Future<Output = Result<Answers, SourceError>> + Send {
        async move {
            let mut answers = Vec::with_capacity(keys.len());
            for (place, key) in keys.iter().enumerate() {
                answers.push(self.fetch(key, &context.of_key(place)).await);
            }
            Ok(answers)
        }
    }
}

/// What is behind a pointer fetches what it points to does.
macro_rules! source_behind {
    ($pointer:ident) => {
        impl<S: AsyncDataSource> AsyncDataSource for $pointer<S> {
            fn fetch(
                &self,
                key: &[u8],
                context: &Context,
            ) -> impl Future<Output = Result<Answer, SourceError>> + Send {
                (**self).fetch(key, context)
            }

            fn fetch_many(
                &self,
                keys: &[&[u8]],
                context: &Context,
            ) -> impl Future<Output = Result<Answers, SourceError>> + Send {
                (**self).fetch_many(keys, context)
            }
        }
    };
}

source_behind!(Arc);
source_behind!(Box);

/// A function from a key to a future, as a source.
pub(crate) struct AsyncFn<F>(pub(crate) F);

impl<F, T, A, E> AsyncDataSource for AsyncFn<F>
where
    F: Fn(Vec<u8>) -> T + Send + Sync + 'static,
    T: Future<Output = Result<A, E>> + Send,
    A: Into<Answer>,
    E: Into<SourceError>,
{
    async fn fetch(&self, key: &[u8], _: &Context) -> Result<Answer, SourceError> {
        (self.0)(key.to_vec()).await.map(Into::into).map_err(Into::into)
    }
}

/// An [`AsyncDataSource`] whose type was forgotten.
pub(crate) trait DynAsyncSource: Send + Sync {
    fn fetch<'a>(
        &'a self,
        key: &'a [u8],
        context: &'a Context,
    ) -> BoxFuture<'a, Result<Answer, SourceError>>;

    fn fetch_many<'a>(
        &'a self,
        keys: &'a [&'a [u8]],
        context: &'a Context,
    ) -> BoxFuture<'a, Result<Answers, SourceError>>;
}

impl<S: AsyncDataSource> DynAsyncSource for S {
    fn fetch<'a>(
        &'a self,
        key: &'a [u8],
        context: &'a Context,
    ) -> BoxFuture<'a, Result<Answer, SourceError>> {
        Box::pin(AsyncDataSource::fetch(self, key, context))
    }

    fn fetch_many<'a>(
        &'a self,
        keys: &'a [&'a [u8]],
        context: &'a Context,
    ) -> BoxFuture<'a, Result<Answers, SourceError>> {
        Box::pin(AsyncDataSource::fetch_many(self, keys, context))
    }
}

/// Runs futures to their end: an async runtime, as far as the engine needs one.
///
/// A closure is one. With tokio:
/// `let runtime = tokio::runtime::Handle::current();` and
/// `move |future| { runtime.spawn(future); }`.
pub trait Spawn: Send + Sync + 'static {
    /// Runs a future in the background. It may be dropped unfinished when the
    /// runtime ends: whoever waits for it is told so.
    fn spawn(&self, future: BoxFuture<'static, ()>);
}

impl<F: Fn(BoxFuture<'static, ()>) + Send + Sync + 'static> Spawn for F {
    fn spawn(&self, future: BoxFuture<'static, ()>) {
        self(future);
    }
}

/// A [`Spawn`] whose type was forgotten.
#[derive(Clone)]
pub(crate) struct Spawner(Arc<dyn Spawn>);

impl Spawner {
    pub(crate) fn new(spawn: impl Spawn) -> Self {
        Self(Arc::new(spawn))
    }

    pub(crate) fn spawn(&self, future: BoxFuture<'static, ()>) {
        self.0.spawn(future);
    }
}

impl fmt::Debug for Spawner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spawner").finish_non_exhaustive()
    }
}
