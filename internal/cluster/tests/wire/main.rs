//! What holds for every wire, run on each: in memory, over TCP, over TCP with TLS, over a
//! server of NATS. And what only one of them has.

#[path = "../support/authority.rs"]
mod authority;
mod every;
#[cfg(feature = "nats")]
mod nats;
#[cfg(feature = "nats")]
#[path = "../../../../pkg/discovery/tests/support/nats_certificates.rs"]
mod nats_certificates;
#[cfg(feature = "nats")]
#[path = "../../../../pkg/discovery/tests/support/nats_server.rs"]
mod nats_server;
mod support;
mod tls;
mod weather;
