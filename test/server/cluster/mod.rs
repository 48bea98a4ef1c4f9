//! Three servers that are one cache: real processes, sockets and signals.

#[cfg(feature = "nats")]
mod announced;

mod balancer;
mod ends;
mod fleet;
#[cfg(feature = "nats")]
#[expect(dead_code, reason = "the tests of discovery say more")]
#[path = "../../../pkg/discovery/tests/support/nats_server.rs"]
mod nats_server;
#[cfg(feature = "nats")]
mod over_nats;
mod page;
mod reads;
mod refusals;
#[cfg(feature = "certs")]
mod tls;

use fleet::Fleet;
