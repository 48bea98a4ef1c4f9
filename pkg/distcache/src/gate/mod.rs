//! What stands between a miss and its source.

mod breaker;
pub(crate) use breaker::{Breaker, Permit};
pub use breaker::{BreakerState, CircuitBreaker};

mod limiter;
pub(crate) use limiter::Limiter;
pub use limiter::RateLimit;
