//! The settings from outside: what is read, refused, printed and reloaded.

mod any_text;
mod cluster;
mod layers;
mod mistakes;
mod otel;
mod print;
mod reload;
mod secrets;
mod support;
// Of the server that speaks TLS.
#[cfg(feature = "hyper")]
mod tls;
