//! The whole program, from outside: the real binary, its flags, its sockets,
//! its signals and what it prints; and the rules that the repository keeps.

mod bulk;
#[cfg(feature = "cluster")]
mod cluster;
mod coming_from;
mod config;
mod defects;
mod deploy;
mod entries;
mod flags;
mod health;
mod kubernetes;
mod life;
mod memory;
mod observability;
mod otel;
mod readme;
mod reload;
mod support;
mod systemd;
mod tidy;
#[cfg(all(feature = "certs", feature = "hyper"))]
mod tls;
mod tokens;
#[cfg(feature = "sqlite")]
mod walk;
#[cfg(feature = "http")]
mod warm;
