//! The distcache server.
#![forbid(unsafe_code)]
fn main() {}
