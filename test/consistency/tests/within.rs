//! A cluster in this process, under every kind of fault at least once.

use clap::Parser;
use distcache_consistency::{Arguments, run};

/// A quarter of a million calls, each looked at by the checker. A run that does not count,
/// since a fault has not hit, or entries got lost that nothing explains, fails.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_goes_wrong_nobody_sees_what_is_older_than_was_acknowledged() {
    let told = ["consistency", "within", "--rounds", "14", "--calls-min", "250000"];
    let arguments = Arguments::parse_from(told);
    assert!(run(&arguments).await.expect("it can be made"), "see what it has told");
}
