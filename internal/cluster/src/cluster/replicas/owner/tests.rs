//! Whose word it counts that a change is made.

use distcache_manager::{Ack, KeyspaceSpec, Write};
use futures_util::FutureExt;

use super::super::super::seat::tests::{ME, OTHER, THIRD, seat, views, views_of_three};
use super::*;
use crate::agreement::Seat;
use crate::view::View;

fn address(id: MemberId) -> wire::Address {
    format!("{id}:1").parse().expect("an address")
}

/// One with a change that the other has not made.
fn owner() -> Arc<Owner> {
    owner_by(&views()[..3], 2)
}

/// One with a change that nobody else has made, by the last of these views.
fn owner_by(views: &[Arc<View>], replicas: u8) -> Arc<Owner> {
    owner_with(views, &KeyspaceSpec { replicas, ..KeyspaceSpec::default() })
}

fn owner_with(views: &[Arc<View>], spec: &KeyspaceSpec) -> Arc<Owner> {
    let seat = Arc::new(seat(views));
    let things = seat.cache().add_keyspace("things", spec).expect("it is new");
    let owner = Arc::new(Owner::new(seat.clone()));
    seat.tell_of_tenures(owner.clone());
    for view in &views[1..] {
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

/// 1. The other has made a change, and asks for more. There is none.
/// 2. A third has made it, too: it is committed.
/// 3. Whoever reads the other's copy asks the owner, until that has something to tell.
#[tokio::test]
async fn who_wants_to_know_is_told_at_once_that_a_change_is_committed_and_nobody_else_is() {
    let owner = owner_by(&views_of_three()[..5], 3);
    let made = |follower: MemberId, wants_committed, committed| Follow {
        follower: follower.number(),
        tenure: 5,
        after: Some(1),
        committed,
        wants_committed,
        ..Follow::default()
    };
    let (other, third) = (address(OTHER), address(THIRD));
    let mut wants = Box::pin(says(&owner, &other, made(OTHER, true, 0)));
    assert!(wants.as_mut().now_or_never().is_none(), "the third has not made it");
    let mut knows = Box::pin(says(&owner, &third, made(THIRD, false, 0)));
    assert!(knows.as_mut().now_or_never().is_none(), "it does not want to know");
    let Outcome::Follow(told) = wants.await else { panic!("it follows") };
    assert_eq!((told.up_to, told.committed, told.changes.len()), (1, 1, 0));
    let mut again = Box::pin(says(&owner, &other, made(OTHER, true, 1)));
    assert!(again.as_mut().now_or_never().is_none(), "it knows that");
    assert!(knows.as_mut().now_or_never().is_none());
}

/// 1. In the tenure before, somebody granted a near copy of a key that is this one's now.
/// 2. The key is changed. The third has not heard of this tenure, and reads its near copy.
#[tokio::test]
async fn until_all_others_are_in_its_tenure_each_change_waits_for_them() {
    let owner = owner_by(&views_of_three()[..5], 1);
    let journal = owner.cache().journal();
    let things = owner.cache().keyspace("things").expect("it was added");
    let is_ours = |key: &Vec<u8>| owner.cache().answers_for(&things, key).is_ok();
    let key = (0..u32::MAX).map(|n| n.to_le_bytes().to_vec()).find(is_ours);
    let key = key.expect("it owns some");
    let put = || {
        owner.cache().put_in(&things, &Write::new(&key, b"2")).expect("it is its own");
        journal.head()
    };
    assert_eq!((journal.head(), put()), (1, 2), "nobody has said that it is here");
    let made = |follower: MemberId, after| Follow {
        follower: follower.number(),
        tenure: 5,
        after: Some(after),
        ..Follow::default()
    };
    let _other = says(&owner, &address(OTHER), made(OTHER, 2)).now_or_never();
    assert_eq!((put(), journal.committed()), (3, 0), "the third has not");
    let _third = says(&owner, &address(THIRD), made(THIRD, 3)).now_or_never();
    assert_eq!((put(), journal.committed()), (3, 2), "nobody has a near copy");
}

/// In the next tenure nobody follows it, and what waits is given up: that is no word for
/// those who still follow it in the one before.
#[tokio::test]
async fn what_was_given_up_is_not_told_as_committed() {
    let views = views_of_three();
    let owner = owner_by(&views[..5], 3);
    let wants = Follow {
        follower: OTHER.number(),
        tenure: 5,
        after: Some(1),
        wants_committed: true,
        ..Follow::default()
    };
    let other = address(OTHER);
    let mut asked = Box::pin(says(&owner, &other, wants));
    assert!(asked.as_mut().now_or_never().is_none());
    views[5..].iter().for_each(|view| owner.seat.take(view).expect("it follows"));
    let journal = owner.cache().journal();
    assert_eq!((journal.head(), journal.committed()), (1, 1));
    assert_eq!(owner.committed(5), None, "also if it looks when it has an answer already");
    let outcome = asked.await;
    assert!(matches!(outcome, Outcome::Moved(_)), "{outcome:?}");
}

/// 1. This one owns the keys of one that is gone, and asks others about its copies of them.
/// 2. A follower, who is as quick, reads off what lies here: the copies are none of it.
/// 3. They are adopted, and the follower never gets them.
#[tokio::test]
async fn what_lies_here_is_read_off_when_the_copies_are_adopted_and_not_before() {
    let spec = KeyspaceSpec { replicas: 3, ack: Ack::Quorum, ..KeyspaceSpec::default() };
    let owner = owner_with(&views()[..3], &spec);
    let ask = Follow { from: owner.first_place(), ..made(1) };
    let outcome = says(&owner, &address(OTHER), ask.clone()).await;
    assert!(matches!(outcome, Outcome::Busy(_)), "{outcome:?}");
    owner.seat.note_adopted(3);
    assert_eq!(read_off(&owner, OTHER, ask).await, 1);
}

/// How many entries a follower reads off; each node has a page of its own.
async fn read_off(owner: &Arc<Owner>, follower: MemberId, ask: Follow) -> usize {
    let (mut read, mut next) = (0, owner.first_place());
    while let Some(from) = next {
        let ask = Follow { from: Some(from), follower: follower.number(), ..ask.clone() };
        let outcome = says(owner, &address(follower), ask).await;
        let Outcome::Follow(told) = outcome else { panic!("it is read off: {outcome:?}") };
        read += told.changes.len();
        next = told.next;
    }
    read
}

/// The other keeps all by the view before; then a third comes; then the other goes.
#[tokio::test]
async fn who_had_copies_in_the_tenure_before_reads_off_those_alone_that_it_did_not_have() {
    let views = views_of_three();
    let owner = owner_by(&views[..5], 2);
    let things = owner.cache().keyspace("things").expect("it was added");
    // What is another's is refused. The first that is its own was put by `owner_by`.
    let put = |n: &u32| owner.cache().put_in(&things, &Write::new(&n.to_le_bytes(), b"1")).is_ok();
    let all = (0..300).filter(put).count();
    let ask = |tenure, had_in| {
        let after = Some(owner.cache().journal().head());
        Follow { tenure, after, had_in, ..Follow::default() }
    };
    let others = read_off(&owner, OTHER, ask(5, None)).await;
    assert!(0 < others && others < all, "{others} of {all}");
    assert_eq!(read_off(&owner, OTHER, ask(5, Some(3))).await, 0);
    for elsewhere in [2, 4, 5] {
        assert_eq!(read_off(&owner, OTHER, ask(5, Some(elsewhere))).await, others);
    }
    assert_eq!(read_off(&owner, THIRD, ask(5, Some(3))).await, all - others, "it had none");
    owner.seat.take(&views[5]).expect("it follows");
    assert_eq!(read_off(&owner, THIRD, ask(6, Some(5))).await, others);
    assert_eq!(read_off(&owner, THIRD, ask(6, None)).await, all);
}
