//! Whatever waits has a bound, and reaching it is an error by name.

use std::future::poll_fn;
use std::time::Duration;

use distcache_cluster::links::{CallFailed, NotSent};
use distcache_cluster::proto::frame::Kind;
use distcache_cluster::proto::{Reply, reply::Outcome};
use distcache_cluster::wire::{Network, Weather};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::hostile::Stranger;
use crate::support::{LONG, Member, PATIENCE, get, patient, place, until};

#[tokio::test(start_paused = true)]
async fn one_call_more_than_may_wait_is_not_sent() {
    let network = Network::new(1);
    let one = Member::in_memory_with(&network, 1, |settings| settings.calls_max = 10).await;
    let other = Member::in_memory(&network, 2).await;
    let mut waits = JoinSet::new();
    for _ in 0..10 {
        let (links, to) = (one.links.clone(), other.address.clone());
        waits.spawn(async move { links.call(&to, get(b"later"), patient()).await });
    }
    until("ten wait", || other.echo.served() == 10).await;
    let failed = one.get(&other, b"a").await.unwrap_err();
    assert!(matches!(failed, CallFailed::NotSent(NotSent::CallsFull { max: 10 })), "{failed}");
    let told = "the call was not sent: 10 calls wait for this member already";
    assert_eq!(failed.to_string(), told);
    assert_eq!(one.links.counts().calls_refused, 1);
    let bounds = one.links.bounds();
    let calls = bounds.iter().find(|bound| bound.name == "calls_per_link").unwrap();
    let filled = (calls.max, calls.used, calls.peak, calls.reached);
    assert_eq!(filled, (10, Some(10), Some(10), 1));
    other.echo.may.add_permits(10);
    while let Some(reply) = waits.join_next().await {
        reply.unwrap().unwrap();
    }
    assert_eq!(one.get(&other, b"a").await.unwrap(), "a");
}

#[tokio::test(start_paused = true)]
async fn as_many_wait_for_a_connection_as_may() {
    let network = Network::new(1);
    let one = Member::in_memory_with(&network, 1, |settings| settings.calls_max = 3).await;
    network.set(&one.address, &place(2), Weather::cut());
    let mut waits = JoinSet::new();
    for _ in 0..4 {
        let links = one.links.clone();
        waits.spawn(async move { links.call(&place(2), get(b"a"), patient()).await.unwrap_err() });
    }
    let failed = waits.join_next().await.unwrap().unwrap();
    assert!(matches!(failed, CallFailed::NotSent(NotSent::CallsFull { max: 3 })), "{failed}");
    while let Some(failed) = waits.join_next().await {
        let failed = failed.unwrap();
        assert!(matches!(failed, CallFailed::NotSent(NotSent::NoConnection(_))), "{failed}");
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_that_wait_to_be_written_have_a_bound() {
    let network = Network::new(1);
    let change = |settings: &mut distcache_cluster::links::Settings| {
        settings.call_bytes_max = 1 << 20;
    };
    let one = Member::in_memory_with(&network, 1, change).await;
    let other = Member::in_memory(&network, 2).await;
    assert_eq!(one.get(&other, b"a").await.unwrap(), "a");
    network.set(&one.address, &other.address, Weather::cut());
    let mut waits = JoinSet::new();
    for _ in 0..100 {
        let (links, to, key) = (one.links.clone(), other.address.clone(), vec![0; 50_000]);
        waits.spawn(async move { links.call(&to, get(&key), patient()).await.unwrap_err() });
    }
    let mut full = 0;
    while let Some(failed) = waits.join_next().await {
        let failed = failed.unwrap();
        full += usize::from(matches!(failed, CallFailed::NotSent(NotSent::BytesFull { .. })));
    }
    // A mebibyte in the queue, and half of one in the pen and on its way.
    assert!((60..80).contains(&full), "{full}");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_does_not_fit_into_a_frame_is_not_sent() {
    let network = Network::new(1);
    let (one, other) = (Member::in_memory(&network, 1).await, Member::in_memory(&network, 2).await);
    let failed = one.get(&other, &vec![0; 17 << 20]).await.unwrap_err();
    assert!(matches!(failed, CallFailed::NotSent(NotSent::TooLong(_))), "{failed}");
    assert_eq!(one.get(&other, b"a").await.unwrap(), "a");
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_does_not_fit_into_a_frame_is_an_unknown_outcome() {
    let network = Network::new(1);
    let one = Member::in_memory(&network, 1).await;
    let wire = std::sync::Arc::new(network.member(&place(2)).frame_bytes_max(LONG / 2));
    let other = Member::start(wire, 2, &place(2), |_| {}).await;
    let reply = one.links.call(&other.address, get(b"long"), patient()).await.unwrap();
    assert!(matches!(reply.outcome, Some(Outcome::UnknownOutcome(_))), "{reply:?}");
}

#[tokio::test(start_paused = true)]
async fn one_task_more_than_may_serve_is_answered_busy_and_not_served() {
    let network = Network::new(1);
    let one = Member::in_memory(&network, 1).await;
    let other = Member::in_memory_with(&network, 2, |settings| settings.laters_max = 5).await;
    let mut waits = JoinSet::new();
    for _ in 0..5 {
        let (links, to) = (one.links.clone(), other.address.clone());
        waits.spawn(async move { links.call(&to, get(b"later"), patient()).await });
    }
    until("five are served", || other.echo.served() == 5).await;
    let reply = one.links.call(&other.address, get(b"later"), patient()).await.unwrap();
    assert!(matches!(reply.outcome, Some(Outcome::Busy(_))), "{reply:?}");
    assert_eq!((other.echo.served(), other.links.counts().busy), (5, 1));
}

#[tokio::test(start_paused = true)]
async fn as_many_addresses_are_known_as_may_be_and_those_that_are_idle_make_room() {
    let network = Network::new(1);
    let one = Member::in_memory_with(&network, 1, |settings| settings.peers_max = 2).await;
    let (two, three) = (Member::in_memory(&network, 2).await, Member::in_memory(&network, 3).await);
    let four = Member::in_memory(&network, 4).await;
    assert_eq!(one.get(&two, b"a").await.unwrap(), "a");
    assert_eq!(one.get(&three, b"a").await.unwrap(), "a");
    let failed = one.get(&four, b"a").await.unwrap_err();
    assert!(matches!(failed, CallFailed::NotSent(NotSent::PeersFull { max: 2 })), "{failed}");
    assert!(four.get(&one, b"a").await.is_err(), "nor may it come by itself");
    two.links.close().await;
    until("it is gone", || one.links.linked().len() == 1).await;
    assert_eq!(one.get(&four, b"a").await.unwrap(), "a");
}

/// Each request costs the stranger 30 bytes and would cost us a mebibyte.
#[tokio::test(start_paused = true)]
async fn who_asks_and_asks_and_never_reads_is_cut_off_within_bounded_memory() {
    let network = Network::new(1);
    let bound = 8 * LONG;
    let one = Member::in_memory_with(&network, 1, |s| s.reply_bytes_max = bound).await;
    let mut stranger = Stranger::linked(&network, 7, &one).await;
    let flood = async {
        for number in 1_u64.. {
            let request =
                Kind::Request(distcache_cluster::proto::Request { number, ..get(b"long") });
            if !stranger.say(&request).await {
                return number;
            }
        }
        0
    };
    let sent = timeout(PATIENCE * 10, flood).await.unwrap();
    until("it is cut off", || one.links.linked().is_empty()).await;
    // What fits below the bound, and what was on its way.
    assert!(one.echo.served() <= 8 + 3, "{} of {sent} were served", one.echo.served());
    assert!(10_000 < one.links.counts().busy, "the rest was told that we are busy");
}

#[tokio::test(start_paused = true)]
async fn too_many_replies_make_busy_and_when_they_are_read_all_is_well() {
    let network = Network::new(1);
    let one = Member::in_memory_with(&network, 1, |s| s.reply_bytes_max = 4 * LONG).await;
    let mut stranger = Stranger::linked(&network, 7, &one).await;
    for number in 1..=20 {
        let request = distcache_cluster::proto::Request { number, ..get(b"long") };
        assert!(stranger.say(&Kind::Request(request)).await);
    }
    let (mut served, mut busy) = (0, 0);
    for _ in 0..20 {
        match stranger.hears().await {
            Kind::Reply(Reply { outcome: Some(Outcome::Get(_)), .. }) => served += 1,
            Kind::Reply(Reply { outcome: Some(Outcome::Busy(_)), .. }) => busy += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(4 <= served && 0 < busy, "{served} {busy}");
    let request = distcache_cluster::proto::Request { number: 21, ..get(b"a") };
    assert!(stranger.say(&Kind::Request(request)).await);
    assert!(matches!(stranger.hears().await, Kind::Reply(Reply { number: 21, .. })));
}

#[tokio::test(start_paused = true)]
async fn who_connects_and_says_nothing_is_cut_off_and_keeps_nobody_out_for_long() {
    let network = Network::new(1);
    let one = Member::in_memory_with(&network, 1, |settings| settings.openings_max = 3).await;
    let mut silent = Vec::new();
    for number in 10..16 {
        silent.push(Stranger::connect(&network, number, &one).await);
    }
    let other = Member::in_memory_with(&network, 2, |settings| {
        settings.handshake_timeout = Duration::from_secs(5);
    })
    .await;
    assert_eq!(other.get(&one, b"a").await.unwrap(), "a");
    assert_eq!(one.links.counts().refused, 6);
    for stranger in &mut silent {
        let incoming = &mut stranger.pipe.incoming;
        assert!(poll_fn(|context| incoming.poll_frame(context)).await.is_none());
    }
}
