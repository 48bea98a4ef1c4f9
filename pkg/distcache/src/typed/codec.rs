//! How values become bytes, and bytes values.

use crate::source::SourceError;

/// Turns values into bytes and back. The bytes are what the cache, its sources
/// and its stores see.
pub trait Codec<T>: Send + Sync {
    /// The bytes of a value.
    ///
    /// # Errors
    /// When the value has none.
    fn encode(&self, value: &T) -> Result<Vec<u8>, SourceError>;

    /// The value that bytes stand for.
    ///
    /// # Errors
    /// When they stand for none: written by another version of a service, say.
    fn decode(&self, bytes: &[u8]) -> Result<T, SourceError>;
}

/// JSON, by serde.
#[cfg(feature = "json")]
#[derive(Debug, Clone, Copy, Default)]
pub struct Json;

#[cfg(feature = "json")]
impl<T: serde::Serialize + serde::de::DeserializeOwned> Codec<T> for Json {
    fn encode(&self, value: &T) -> Result<Vec<u8>, SourceError> {
        Ok(serde_json::to_vec(value)?)
    }

    fn decode(&self, bytes: &[u8]) -> Result<T, SourceError> {
        Ok(serde_json::from_slice(bytes)?)
    }
}
