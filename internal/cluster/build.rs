//! Turns the published description of what members say into Rust.

use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../api/cluster");
    let file = folder.join("distcache.proto");
    println!("cargo::rerun-if-changed={}", file.display());
    let described = protox::compile([file], [folder])?;
    // Keys and values are parts of the frame that they came in, not copies.
    prost_build::Config::new().bytes(["."]).compile_fds(described)?;
    Ok(())
}
