//! What OpenTelemetry is told of calls and loads; without the feature `otel`,
//! nothing, by the same names, for nothing.
//!
//! ```text
//! Otel ── of the engine: where spans and numbers go
//!  └─ Watch ── of a keyspace: runs each call, and tells how it went
//!      ├─ Here ── where a call stands, for work that goes on elsewhere
//!      ├─ LoadWatch ── of one request to its source
//!      └─ LinkWatch ── of one request to another member, or of one
//! ```
//!
//! Neither keys nor values are told, nor the words of an error, which may hold
//! them: only its code.

mod operation;
pub(crate) use operation::Operation;

#[cfg(feature = "otel")]
mod builder;
#[cfg(feature = "otel")]
mod call;
#[cfg(feature = "otel")]
mod here;
#[cfg(all(feature = "cluster", feature = "otel"))]
mod link;
#[cfg(feature = "otel")]
mod load;
#[cfg(feature = "otel")]
mod numbers;
#[cfg(feature = "otel")]
mod outcome;
#[cfg(feature = "otel")]
mod watch;

#[cfg(feature = "otel")]
pub(crate) use self::{here::Here, load::LoadWatch, watch::Otel, watch::Watch};

#[cfg(not(feature = "otel"))]
mod absent;
#[cfg(not(feature = "otel"))]
pub(crate) use absent::{Here, LoadWatch, Otel, Watch};
