//! What members say: `api/cluster/distcache.proto`, turned into Rust.
#![expect(clippy::pedantic, reason = "the code is generated")]

include!(concat!(env!("OUT_DIR"), "/distcache.cluster.v1.rs"));
