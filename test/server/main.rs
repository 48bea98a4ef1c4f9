//! The whole program, from outside: the real binary, its flags, its sockets,
//! its signals and what it prints; and the rules that the repository keeps.

mod bulk;
mod config;
mod defects;
mod deploy;
mod entries;
mod flags;
mod health;
mod life;
mod memory;
mod observability;
mod otel;
mod readme;
mod reload;
mod support;
mod systemd;
mod tidy;
mod tokens;
#[cfg(feature = "sqlite")]
mod walk;
#[cfg(feature = "http")]
mod warm;
