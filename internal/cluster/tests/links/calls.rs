//! Calls when all is well.

use std::sync::Arc;
use std::time::Duration;

use distcache_bus::Deadline;
use distcache_cluster::wire::Network;
use tokio::task::JoinSet;

use crate::support::{Member, PATIENCE, get, patient, until, value};

#[tokio::test(start_paused = true)]
async fn a_call_is_answered_by_the_member_at_the_address() {
    let network = Network::new(1);
    let (one, other) = (Member::in_memory(&network, 1).await, Member::in_memory(&network, 2).await);
    assert_eq!(one.get(&other, b"a").await.unwrap(), "a");
    assert_eq!(other.get(&one, b"b").await.unwrap(), "b");
    assert_eq!((one.links.counts().dialled, other.links.counts().dialled), (1, 0));
    assert_eq!(network.connections(), 1, "one for both directions");
}

async fn ten_thousand(one: &Member, other: &Member) {
    let mut calls = JoinSet::new();
    for number in 0..10_000_u32 {
        let (links, to) = (one.links.clone(), other.address.clone());
        // One in ten is answered by a task; keys are of all lengths.
        let kind = if number % 10 == 0 { "later" } else { "now" };
        let key = format!("{kind}-{number}-{}", "x".repeat(number as usize % 300));
        calls.spawn(async move {
            let reply = links.call(&to, get(key.as_bytes()), patient()).await;
            (key, reply.map(value))
        });
    }
    until("all have reached the other", || {
        other.echo.served() + usize::try_from(other.links.counts().busy).expect("few") == 10_000
    })
    .await;
    other.echo.may.add_permits(1000);
    while let Some(done) = calls.join_next().await {
        let (key, value) = done.expect("no panic");
        assert_eq!(value.expect("a reply"), key, "each gets its own");
    }
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_calls_in_flight_each_get_their_own_reply_in_memory() {
    let network = Network::new(1);
    let (one, other) = (Member::in_memory(&network, 1).await, Member::in_memory(&network, 2).await);
    ten_thousand(&one, &other).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_calls_in_flight_each_get_their_own_reply_over_tcp() {
    let (one, other) = (Member::over_tcp(1).await, Member::over_tcp(2).await);
    ten_thousand(&one, &other).await;
    let counts = one.links.counts();
    assert!(counts.writes < counts.frames_sent / 2, "many go out in one write: {counts:?}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_request_delays_no_other() {
    let network = Network::new(1);
    let (one, other) = (Member::in_memory(&network, 1).await, Member::in_memory(&network, 2).await);
    let slow = tokio::spawn({
        let (links, to) = (one.links.clone(), other.address.clone());
        async move { links.call(&to, get(b"later"), patient()).await.map(value) }
    });
    until("it has begun", || other.echo.served() == 1).await;
    for _ in 0..100 {
        assert_eq!(one.get(&other, b"now").await.unwrap(), "now");
    }
    assert!(!slow.is_finished());
    other.echo.may.add_permits(1);
    assert_eq!(slow.await.unwrap().unwrap(), "later");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thread_that_is_none_of_the_runtime_can_call_too() {
    let (one, other) = (Member::over_tcp(1).await, Member::over_tcp(2).await);
    let (links, to) = (one.links.clone(), other.address.clone());
    let caller = std::thread::Builder::new().spawn(move || {
        let deadline = Deadline::within(PATIENCE);
        (0..100).map(|n| format!("key-{n}")).all(|key| {
            let reply = links.call_blocking(&to, get(key.as_bytes()), &deadline);
            value(reply.unwrap()) == key
        })
    });
    let caller = caller.unwrap();
    let all_right = tokio::task::spawn_blocking(|| caller.join().unwrap()).await.unwrap();
    assert!(all_right);
}

#[tokio::test(start_paused = true)]
async fn values_of_a_mebibyte_go_both_ways_at_once() {
    let network = Network::new(1);
    let (one, other) = (Member::in_memory(&network, 1).await, Member::in_memory(&network, 2).await);
    let (one, other) = (Arc::new(one), Arc::new(other));
    let mut calls = JoinSet::new();
    for _ in 0..40 {
        for (from, to) in [(one.clone(), other.clone()), (other.clone(), one.clone())] {
            calls.spawn(async move { from.get(&to, b"long").await.map(|value| value.len()) });
        }
    }
    while let Some(done) = calls.join_next().await {
        assert_eq!(done.unwrap().unwrap(), crate::support::LONG);
    }
}

#[tokio::test(start_paused = true)]
async fn a_link_that_nobody_uses_stays() {
    let network = Network::new(1);
    let (one, other) = (Member::in_memory(&network, 1).await, Member::in_memory(&network, 2).await);
    assert_eq!(one.get(&other, b"a").await.unwrap(), "a");
    tokio::time::sleep(Duration::from_hours(1)).await;
    assert_eq!(one.get(&other, b"a").await.unwrap(), "a");
    assert_eq!((one.links.counts().ended, one.links.counts().dialled), (0, 1));
}
