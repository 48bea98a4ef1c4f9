//! A read-through cache to embed in a service.
#![forbid(unsafe_code)]

mod source;
pub use source::{
    Answer, AsyncDataSource, BoxFuture, Cancelled, Context, DataSource, DataStore, Loaded,
    SourceError, Spawn,
};

pub use distcache_manager::Value;
