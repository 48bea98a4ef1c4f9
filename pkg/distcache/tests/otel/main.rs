//! What OpenTelemetry hears of an engine.

mod calls;
mod changes;
mod loads;
mod numbers;
mod stores;
mod support;
