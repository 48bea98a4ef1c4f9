//! Any request at all, answered within the process: what holds for one of them
//! (`hold`), and as many of them as find something in seconds.

mod body;
mod headers;
mod hold;
mod path;
mod query;

use hold::Server;
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};

/// Enough for every branch to be met many times.
const CASES: u32 = 100_000;

/// Asks one server about every case.
fn for_all<S: Strategy>(cases: S, holds: impl Fn(&Server, S::Value)) {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(CASES) };
    let server = Server::start();
    let outcome = TestRunner::new(config).run(&cases, |case| {
        holds(&server, case);
        Ok::<(), TestCaseError>(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

/// Pieces, and between them any text, some of them in a row.
fn text_of(pieces: &'static [&'static str], most: usize) -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        9 => prop::sample::select(pieces).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..most).prop_map(|pieces| pieces.concat())
}
