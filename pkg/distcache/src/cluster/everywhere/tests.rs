//! What is made of the answers of others.

use super::*;
use crate::{Engine, KeyspaceConfig};

/// What a round is made again for.
fn again<T>(round: Round<T>) -> Error {
    match round {
        Round::Again(error) => error,
        Round::Done(_) => panic!("it is not done"),
        Round::Failed(error) => panic!("it may be tried again: {error}"),
    }
}

/// As if the task that served it had panicked.
#[test]
fn what_a_member_does_not_know_the_outcome_of_is_tried_again_and_told_as_that() {
    let engine = Engine::builder().keyspace(KeyspaceConfig::new("k")).start().unwrap();
    let keyspace = engine.keyspace("k").unwrap();
    let to = "member:1".parse().unwrap();
    let outcome = Some(Outcome::UnknownOutcome(UnknownOutcome { why: "it broke".to_owned() }));
    let reply = Reply { epoch: 7, outcome: outcome.clone(), ..Reply::default() };
    let of_an_order = again(keyspace.heard(7, &to, Ok(reply)));
    let of_a_step = again(keyspace.unanswered::<Page>(&to, outcome));
    for error in [of_an_order, of_a_step] {
        assert_eq!(error.code(), codes::OUTCOME_UNKNOWN);
        assert!(error.to_string().contains("member:1") && error.to_string().contains("it broke"));
    }
}
