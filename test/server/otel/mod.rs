//! Spans and numbers, as a collector gets them from the real program.

#[cfg(not(feature = "otel"))]
mod absent;
#[cfg(feature = "otel")]
mod away;
#[cfg(feature = "otel")]
mod collector;
#[cfg(feature = "otel")]
mod told;
