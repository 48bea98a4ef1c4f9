//! Whether what the clients of a cluster saw is what they may see. The program beside it
//! runs the clusters: `cargo run --release -p distcache-consistency -- --help`.

pub mod checker;
pub mod operation;
