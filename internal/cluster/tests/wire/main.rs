//! What holds for every wire, run on each: in memory, over TCP, over TCP with TLS. And
//! what only one of them has.

#[path = "../support/authority.rs"]
mod authority;
mod every;
mod support;
mod tls;
mod weather;
