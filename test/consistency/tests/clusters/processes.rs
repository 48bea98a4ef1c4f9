//! A cluster of real processes: the server that was built with these tests.

use std::path::Path;

use clap::Parser;
use distcache_consistency::{Arguments, run};

/// Thirty faults: each time one of five is killed while another stands still.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_killed_and_who_stands_still_costs_misses_and_nothing_older_is_read() {
    let program = Path::new(env!("CARGO_BIN_EXE_consistency")).with_file_name("cache_manager");
    if !program.exists() {
        let must = std::env::var_os("DISTCACHE_REQUIRE_SERVICES").is_some_and(|must| must == "1");
        assert!(!must, "the server is not built: cargo build --bin cache_manager");
        #[expect(clippy::print_stderr, reason = "nobody is to take this for a run")]
        {
            eprintln!("NOT RUN: the server is not built: cargo build --bin cache_manager");
        }
        return;
    }
    let program = program.display().to_string();
    let told = ["consistency", "kill-and-pause", "--members", "5", "--rounds", "15"];
    let told = told.into_iter().chain(["--calls-min", "50000", "--program", &program]);
    let arguments = Arguments::parse_from(told);
    assert!(run(&arguments).await.expect("it can be made"), "see what it has told");
}
