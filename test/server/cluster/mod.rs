//! Three servers that are one cache: real processes, sockets and signals.

#[cfg(feature = "nats")]
mod announced;

mod balancer;
mod ends;
mod fleet;
mod page;
mod reads;
mod refusals;
#[cfg(feature = "certs")]
mod tls;

use fleet::Fleet;
