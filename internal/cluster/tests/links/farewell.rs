//! One who leaves: no call between it and the others is lost.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use distcache_cluster::links::{CallFailed, NotSent};
use distcache_cluster::wire::Network;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::support::{Member, PATIENCE, get, patient, until, value};

/// A call that is answered when it may.
fn later(from: &Member, to: &Member) -> JoinHandle<Result<Bytes, CallFailed>> {
    let (links, to) = (from.links.clone(), to.address.clone());
    tokio::spawn(async move { links.call(&to, get(b"later"), patient()).await.map(value) })
}

/// Asks again and again, until nothing may be asked any more.
async fn until_it_asks_in_vain(from: &Member, to: &Member) {
    let asking = async {
        loop {
            match from.get(to, b"now").await {
                Ok(reply) => assert_eq!(reply, "now"),
                Err(CallFailed::NotSent(NotSent::Lost(_))) => return,
                Err(error) => panic!("{error}"),
            }
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(PATIENCE, asking).await.expect("it is told in time");
}

/// Both wait for a reply of the other when one leaves.
async fn both_are_answered(leaves: Member, stays: Member) {
    let calls = [later(&leaves, &stays), later(&stays, &leaves)];
    until("both have been heard", || leaves.echo.served() + stays.echo.served() == 2).await;
    let links = leaves.links.clone();
    let parted = tokio::spawn(async move { links.part(patient()).await });
    until_it_asks_in_vain(&stays, &leaves).await;
    assert_eq!(leaves.get(&stays, b"now").await.expect("who leaves may ask"), "now");
    assert!(!parted.is_finished(), "two calls are on their way");
    leaves.echo.may.add_permits(1);
    let [of_leaver, of_other] = calls;
    assert_eq!(of_other.await.expect("no panic").expect("a reply"), "later");
    // The other has said farewell.
    until_it_asks_in_vain(&leaves, &stays).await;
    assert!(!parted.is_finished(), "one call is on its way");
    stays.echo.may.add_permits(1);
    assert_eq!(of_leaver.await.expect("no panic").expect("a reply"), "later");
    parted.await.expect("it parts");
    let more = leaves.get(&stays, b"now").await;
    let Err(CallFailed::NotSent(NotSent::Lost(_))) = more else { panic!("{more:?}") };
    leaves.links.close().await;
    until("the other has seen the end", || stays.links.linked().is_empty()).await;
    let gone = leaves.get(&stays, b"now").await;
    let Err(CallFailed::NotSent(NotSent::Closed)) = gone else { panic!("{gone:?}") };
    let refused = stays.get(&leaves, b"now").await;
    assert!(matches!(refused, Err(CallFailed::NotSent(_))), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn who_leaves_answers_and_is_answered_what_was_asked_before_in_memory() {
    let network = Network::new(1);
    both_are_answered(Member::in_memory(&network, 1).await, Member::in_memory(&network, 2).await)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_leaves_answers_and_is_answered_what_was_asked_before_over_tcp() {
    both_are_answered(Member::over_tcp(1).await, Member::over_tcp(2).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_calls_without_end_none_is_lost_when_the_other_leaves() {
    for _round in 0..20 {
        let (leaves, stays) = (Member::over_tcp(1).await, Member::over_tcp(2).await);
        leaves.echo.may.add_permits(usize::MAX >> 4);
        let stays = Arc::new(stays);
        let callers: Vec<_> = (0..8)
            .map(|number| {
                let (stays, to) = (stays.clone(), leaves.address.clone());
                let key = if number % 2 == 0 { "now" } else { "later" };
                tokio::spawn(async move {
                    loop {
                        let call = stays.links.call(&to, get(key.as_bytes()), patient()).await;
                        match call {
                            Ok(reply) => assert_eq!(value(reply), key),
                            Err(CallFailed::NotSent(_)) => return,
                            Err(CallFailed::Unknown(why)) => panic!("it is lost: {why}"),
                        }
                    }
                })
            })
            .collect();
        until("they call", || 200 <= leaves.echo.served()).await;
        leaves.links.part(patient()).await;
        leaves.links.close().await;
        for caller in callers {
            caller.await.expect("every call was answered, or not sent");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn two_who_leave_at_once_answer_each_other() {
    let network = Network::new(1);
    let (one, other) = (Member::in_memory(&network, 1).await, Member::in_memory(&network, 2).await);
    assert_eq!(one.get(&other, b"now").await.unwrap(), "now");
    let calls = [later(&one, &other), later(&other, &one)];
    until("both have been heard", || one.echo.served() + other.echo.served() == 3).await;
    let both = async { tokio::join!(one.links.part(patient()), other.links.part(patient())) };
    let answering = async {
        one.echo.may.add_permits(1);
        other.echo.may.add_permits(1);
    };
    tokio::join!(both, answering);
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap(), "later");
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_never_answers_is_not_waited_for_after_the_deadline() {
    let network = Network::new(1);
    let (one, other) = (Member::in_memory(&network, 1).await, Member::in_memory(&network, 2).await);
    let call = later(&one, &other);
    until("it has begun", || other.echo.served() == 1).await;
    let deadline = tokio::time::Instant::now() + Duration::from_millis(300);
    one.links.part(deadline).await;
    assert_eq!(one.links.linked().len(), 1, "it is still there");
    one.links.close().await;
    assert!(matches!(call.await.unwrap(), Err(CallFailed::Unknown(_))));
}
