//! A cluster in this process, under every kind of fault at least once.

use clap::Parser;
use distcache_consistency::{Arguments, run};

/// A quarter of a million calls.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_goes_wrong_nobody_sees_what_is_older_than_was_acknowledged() {
    let told = ["consistency", "within", "--rounds", "14", "--calls-min", "250000"];
    let told = told.into_iter().chain(["--thinking-ms", "1"]);
    let arguments = Arguments::parse_from(told);
    assert!(run(&arguments).await.expect("it can be made"), "see what it has told");
}
