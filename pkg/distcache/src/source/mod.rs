//! Where values come from when the cache does not hold them.

mod answer;
pub use answer::{Answer, Answers, Loaded};

mod context;
pub use context::{Cancelled, Context};

mod store;
pub use store::DataStore;

mod asynchronous;
pub use asynchronous::{AsyncDataSource, BoxFuture, Spawn};
pub(crate) use asynchronous::{AsyncFn, DynAsyncSource, Spawner};

mod async_store;
pub use async_store::AsyncDataStore;
pub(crate) use async_store::DynAsyncStore;

use std::error::Error;
use std::sync::Arc;

/// Why a source has no answer: any error of any library. `?` makes one of it.
pub type SourceError = Box<dyn Error + Send + Sync>;

/// A database, a service, a file: what a cache is read through to.
///
/// The engine calls a source on the threads that it keeps for it, and once for
/// all who miss a key at that time. Twice at once for one key only if the key was
/// changed or forgotten while it was loaded, or its load took too long: what the
/// first brings is not kept then. A source may block; it
/// SHOULD give up when [`Context::remaining`] is used up, because a thread that
/// waits for a dead server serves nobody. It may panic: the callers are told,
/// and nothing else is harmed.
///
/// A closure is a source:
///
/// ```
/// use distcache::{Answer, Context, DataSource, SourceError};
///
/// fn use_it(source: impl DataSource) -> Result<Answer, SourceError> {
///     source.fetch(b"7", &Context::unbounded())
/// }
///
/// let answer = use_it(|key: &[u8], _: &Context| {
///     let number: u32 = std::str::from_utf8(key)?.parse()?;
///     Ok(Answer::from((number * 6).to_string()))
/// })?;
/// assert_eq!(answer, Answer::from("42"));
/// # Ok::<(), SourceError>(())
/// ```
pub trait DataSource: Send + Sync + 'static {
    /// The value of a key.
    ///
    /// # Errors
    /// When it cannot be known whether there is a value, and which. That there
    /// is none is [`Answer::NotFound`], not an error.
    fn fetch(&self, key: &[u8], context: &Context) -> Result<Answer, SourceError>;

    /// The values of several keys, in their order; one answer for each.
    ///
    /// Sources that can answer many keys by one request should. By default
    /// they are fetched one after the other.
    ///
    /// # Errors
    /// When the request has failed, and with it every key. What is wrong with one
    /// key alone is the error of its answer.
    fn fetch_many(&self, keys: &[&[u8]], context: &Context) -> Result<Answers, SourceError> {
        let each = keys.iter().enumerate();
        Ok(each.map(|(place, key)| self.fetch(key, &context.of_key(place))).collect())
    }
}

impl<F> DataSource for F
where
    F: Fn(&[u8], &Context) -> Result<Answer, SourceError> + Send + Sync + 'static,
{
    fn fetch(&self, key: &[u8], context: &Context) -> Result<Answer, SourceError> {
        self(key, context)
    }
}

impl<S: DataSource + ?Sized> DataSource for Arc<S> {
    fn fetch(&self, key: &[u8], context: &Context) -> Result<Answer, SourceError> {
        (**self).fetch(key, context)
    }

    fn fetch_many(&self, keys: &[&[u8]], context: &Context) -> Result<Answers, SourceError> {
        (**self).fetch_many(keys, context)
    }
}

/// A source whose type is known only when the program runs. (The box of a closure
/// is a source as the closure is.)
impl DataSource for Box<dyn DataSource> {
    fn fetch(&self, key: &[u8], context: &Context) -> Result<Answer, SourceError> {
        (**self).fetch(key, context)
    }

    fn fetch_many(&self, keys: &[&[u8]], context: &Context) -> Result<Answers, SourceError> {
        (**self).fetch_many(keys, context)
    }
}
