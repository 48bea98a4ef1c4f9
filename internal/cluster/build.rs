//! Turns the published description of what members say into Rust.

use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../api/cluster");
    let file = folder.join("distcache.proto");
    println!("cargo::rerun-if-changed={}", file.display());
    let described = protox::compile([file], [folder])?;
    let mut config = prost_build::Config::new();
    // Keys and values are parts of the frame that they came in, not copies.
    config.bytes(["."]);
    // The largest replies, and the rarest: every other would be as large.
    config.boxed(".distcache.cluster.v1.Reply.outcome.trace");
    config.boxed(".distcache.cluster.v1.Reply.outcome.follow");
    config.compile_fds(described)?;
    Ok(())
}
