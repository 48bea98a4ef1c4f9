//! A source that takes writes too.

use std::sync::Arc;

use super::{Context, SourceError};

/// Where writes go beside the cache: before it (write-through), or after it
/// (write-behind).
///
/// The engine never makes two writes of one key at once, and makes them in the
/// order in which it was asked. After an error it does not know whether the
/// write was made, and forgets the key.
pub trait DataStore: Send + Sync + 'static {
    /// Stores a value.
    ///
    /// # Errors
    /// When it was not stored, or that cannot be known.
    fn store(&self, key: &[u8], value: &[u8], context: &Context) -> Result<(), SourceError>;

    /// Removes a value; there may be none.
    ///
    /// # Errors
    /// When it was not removed, or that cannot be known.
    fn remove(&self, key: &[u8], context: &Context) -> Result<(), SourceError>;

    /// Makes several writes, each of another key: values to store, or `None`
    /// to remove. One result for each, in their order.
    ///
    /// Stores that can take many writes by one request should. By default they
    /// are made one after the other.
    fn write_many(
        &self,
        writes: &[(&[u8], Option<&[u8]>)],
        context: &Context,
    ) -> Vec<Result<(), SourceError>> {
        let write = |&(key, value): &(&[u8], Option<&[u8]>)| match value {
            Some(value) => self.store(key, value, context),
            None => self.remove(key, context),
        };
        writes.iter().map(write).collect()
    }
}

/// What is behind a pointer stores what it points to does.
macro_rules! store_behind {
    ($pointer:ident) => {
        impl<S: DataStore + ?Sized> DataStore for $pointer<S> {
            fn store(
                &self,
                key: &[u8],
                value: &[u8],
                context: &Context,
            ) -> Result<(), SourceError> {
                (**self).store(key, value, context)
            }

            fn remove(&self, key: &[u8], context: &Context) -> Result<(), SourceError> {
                (**self).remove(key, context)
            }

            fn write_many(
                &self,
                writes: &[(&[u8], Option<&[u8]>)],
                context: &Context,
            ) -> Vec<Result<(), SourceError>> {
                (**self).write_many(writes, context)
            }
        }
    };
}

store_behind!(Arc);
store_behind!(Box);
