//! Whose word it counts that a change is made.

use distcache_manager::{KeyspaceSpec, Write};
use futures_util::FutureExt;

use super::super::super::seat::tests::{ME, OTHER, seat, views};
use super::*;
use crate::agreement::Seat;

fn address(id: MemberId) -> wire::Address {
    format!("{id}:1").parse().expect("an address")
}

/// One with a change that the other has not made.
fn owner() -> Arc<Owner> {
    let (views, spec) = (views(), KeyspaceSpec { replicas: 2, ..KeyspaceSpec::default() });
    let seat = Arc::new(seat(&views));
    let things = seat.cache().add_keyspace("things", &spec).expect("it is new");
    let owner = Arc::new(Owner::new(seat.clone()));
    seat.tell_of_tenures(owner.clone());
    for view in &views[1..3] {
        seat.take(view).expect("it follows");
    }
    let is_ours = |key: &Vec<u8>| seat.cache().answers_for(&things, key).is_ok();
    let key = (0..u32::MAX).map(|n| n.to_le_bytes().to_vec()).find(is_ours);
    let key = key.expect("it owns some");
    seat.cache().put_in(&things, &Write::new(&key, b"1")).expect("it is its own");
    owner
}

/// What the other says that has made all changes up to `after`.
fn made(after: u64) -> Follow {
    Follow { follower: OTHER.number(), tenure: 3, after: Some(after), ..Follow::default() }
}

async fn says(owner: &Arc<Owner>, from: &wire::Address, ask: Follow) -> Outcome {
    owner.answer(from, ask).await.outcome.expect("it answers")
}

#[tokio::test]
async fn that_a_change_is_made_counts_as_the_word_of_who_follows_and_of_nobody_in_its_name() {
    let owner = owner();
    let journal = owner.cache().journal();
    assert_eq!((journal.head(), journal.committed()), (1, 0));
    let elsewhere = "elsewhere:1".parse().unwrap();
    for from in [&address(ME), &elsewhere] {
        let outcome = says(&owner, from, made(1)).await;
        assert!(matches!(outcome, Outcome::Moved(_)), "{from}: {outcome:?}");
    }
    let others = [
        Follow { follower: ME.number(), ..made(1) },
        Follow { follower: 9, ..made(1) },
        Follow { tenure: 2, ..made(1) },
        Follow { tenure: 4, ..made(1) },
        // Nobody has made a change that there is not.
        made(2),
    ];
    for ask in others {
        let outcome = says(&owner, &address(OTHER), ask.clone()).await;
        assert!(matches!(outcome, Outcome::Moved(_)), "{ask:?}: {outcome:?}");
    }
    assert_eq!(journal.committed(), 0);
    let Outcome::Follow(told) = says(&owner, &address(OTHER), made(0)).await else {
        panic!("it follows");
    };
    assert_eq!((told.up_to, told.changes.len()), (1, 1));
    assert_eq!(journal.committed(), 0, "it was told, and has said nothing");
    // There is nothing after that to tell: it is left waiting.
    assert!(says(&owner, &address(OTHER), made(1)).now_or_never().is_none());
    assert_eq!(journal.committed(), 1);
}
