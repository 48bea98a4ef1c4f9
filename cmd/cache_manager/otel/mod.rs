//! Spans and numbers for a collector of OpenTelemetry, as `[otel]` says; without the
//! feature `otel`, nothing, by the same names.

#[cfg(feature = "otel")]
mod collector;
#[cfg(feature = "otel")]
mod export;
#[cfg(feature = "otel")]
pub(crate) use export::Export;

#[cfg(not(feature = "otel"))]
mod absent;
#[cfg(not(feature = "otel"))]
pub(crate) use absent::Export;
