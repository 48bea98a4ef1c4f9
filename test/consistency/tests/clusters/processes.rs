//! A cluster of real processes: the server that was built with these tests.

use std::path::Path;

use clap::Parser;
use distcache_consistency::{Arguments, run};

/// Makes a run of the server that was built with these tests, and says whether all was as it
/// should be; true also if there is none, and need not be.
async fn makes(told: &[&str]) -> bool {
    let program = Path::new(env!("CARGO_BIN_EXE_consistency")).with_file_name("cache_manager");
    if !program.exists() {
        let must = std::env::var_os("DISTCACHE_REQUIRE_SERVICES").is_some_and(|must| must == "1");
        assert!(!must, "the server is not built: cargo build --bin cache_manager");
        #[expect(clippy::print_stderr, reason = "nobody is to take this for a run")]
        {
            eprintln!("NOT RUN: the server is not built: cargo build --bin cache_manager");
        }
        return true;
    }
    let program = program.display().to_string();
    let told = [&["consistency"], told, &["--program", &program]].concat();
    run(&Arguments::parse_from(told)).await.expect("it can be made")
}

/// Thirty faults: each time one of five is killed while another stands still.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_killed_and_who_stands_still_costs_misses_and_nothing_older_is_read() {
    let told = ["kill-and-pause", "--members", "5", "--rounds", "15", "--calls-min", "50000"];
    assert!(makes(&told).await, "see what it has told");
}

/// Links that are cut both ways, one way, and all of one member, late, and broken off.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_that_fail_cost_misses_and_nothing_older_is_read() {
    assert!(makes(&["cut", "--proxy", "--rounds", "1"]).await, "see what it has told");
}
