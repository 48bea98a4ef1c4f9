//! What becomes of calls when the other, or the way there, is gone.

use std::time::Duration;

use bytes::Bytes;
use distcache_cluster::links::{CallFailed, Ended, Lost, NotSent};
use distcache_cluster::wire::{ConnectFailed, Network, Weather};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep};

use crate::support::{Member, get, patient, place, until, value};

/// A call in the background.
fn call(from: &Member, to: &Member, key: &[u8]) -> JoinHandle<Result<Bytes, CallFailed>> {
    let (links, to, request) = (from.links.clone(), to.address.clone(), get(key));
    tokio::spawn(async move { links.call(&to, request, patient()).await.map(value) })
}

/// Two members that have spoken.
async fn linked(network: &std::sync::Arc<Network>) -> (Member, Member) {
    let (one, other) = (Member::in_memory(network, 1).await, Member::in_memory(network, 2).await);
    assert_eq!(one.get(&other, b"a").await.expect("all is well"), "a");
    (one, other)
}

#[tokio::test(start_paused = true)]
async fn the_outcome_of_a_call_is_unknown_when_its_connection_is_lost() {
    let network = Network::new(1);
    let (one, other) = linked(&network).await;
    let waits = call(&one, &other, b"later");
    until("it is being served", || other.echo.served() == 2).await;
    network.reset(&one.address, &other.address);
    let failed = waits.await.unwrap().unwrap_err();
    assert!(matches!(failed, CallFailed::Unknown(Lost::Link(_))), "{failed}");
    assert_eq!(one.get(&other, b"b").await.unwrap(), "b", "the next call connects anew");
}

/// Frames that were in the outbox when the link ended have never left; whatever was
/// handed to the connection may arrive yet.
#[tokio::test(start_paused = true)]
async fn a_call_that_was_not_written_says_so_and_never_arrives() {
    const CALLS: usize = 40;
    let network = Network::new(1);
    let (one, other) = linked(&network).await;
    network.set(&one.address, &other.address, Weather::cut());
    let key = vec![b'k'; 60_000];
    let calls: Vec<_> = (0..CALLS).map(|_| call(&one, &other, &key)).collect();
    let (mut not_sent, mut unknown) = (0, 0);
    for waits in calls {
        match waits.await.unwrap().unwrap_err() {
            CallFailed::NotSent(NotSent::Lost(_)) => not_sent += 1,
            CallFailed::Unknown(Lost::Link(_)) => unknown += 1,
            failed => panic!("{failed}"),
        }
    }
    assert!(0 < not_sent && 0 < unknown, "{not_sent} {unknown}");
    let before = other.echo.served();
    network.set(&one.address, &other.address, Weather::default());
    assert_eq!(one.get(&other, b"b").await.unwrap(), "b");
    let arrived = other.echo.served() - before - 1;
    assert!(arrived <= unknown, "{arrived} arrived, {unknown} may have");
}

#[tokio::test(start_paused = true)]
async fn a_member_that_falls_silent_is_noticed_in_time() {
    let network = Network::new(1);
    let (one, other) = linked(&network).await;
    network.set_between(&one.address, &other.address, Weather::cut());
    let start = Instant::now();
    let failed = call(&one, &other, b"a").await.unwrap().unwrap_err();
    let CallFailed::Unknown(Lost::Link(Ended::Silent { during })) = failed else {
        panic!("{failed}")
    };
    assert_eq!(during, Duration::from_secs(2));
    assert!(start.elapsed() <= during + Duration::from_millis(500), "{:?}", start.elapsed());
    until("the other notices too", || other.links.counts().silent == 1).await;
}

/// Some wires tell that nobody is there when something is sent to it, and not before.
#[tokio::test(start_paused = true)]
async fn while_a_call_waits_something_is_sent_far_more_often() {
    let network = Network::new(1);
    let (one, other) = linked(&network).await;
    let sent_in_ten_seconds = async || {
        let before = one.links.counts().frames_sent;
        sleep(Duration::from_secs(10)).await;
        one.links.counts().frames_sent - before
    };
    let idle = sent_in_ten_seconds().await;
    assert!((9..=21).contains(&idle), "{idle}");
    let waits = call(&one, &other, b"later");
    until("it is being served", || other.echo.served() == 2).await;
    let waiting = sent_in_ten_seconds().await;
    assert!((70..=101).contains(&waiting), "{waiting}");
    other.echo.may.add_permits(1);
    assert_eq!(waits.await.unwrap().unwrap(), "later");
    let idle = sent_in_ten_seconds().await;
    assert!((9..=21).contains(&idle), "{idle}");
}

#[tokio::test(start_paused = true)]
async fn a_cut_one_way_ends_the_link_on_both_sides_and_it_heals() {
    let network = Network::new(1);
    let (one, other) = linked(&network).await;
    network.set(&one.address, &other.address, Weather::cut());
    // The other hears nothing, and says so by leaving: that way is open.
    let failed = call(&one, &other, b"a").await.unwrap().unwrap_err();
    assert!(matches!(failed, CallFailed::Unknown(Lost::Link(Ended::Left))), "{failed}");
    assert_eq!((other.links.counts().silent, one.links.counts().silent), (1, 0));
    network.set(&one.address, &other.address, Weather::default());
    assert_eq!(other.get(&one, b"b").await.unwrap(), "b");
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_at_its_deadline_and_its_late_reply_is_nobodys() {
    let network = Network::new(1);
    let (one, other) = linked(&network).await;
    let start = Instant::now();
    let deadline = start + Duration::from_millis(1500);
    let failed = one.links.call(&other.address, get(b"later"), deadline).await.unwrap_err();
    assert!(matches!(failed, CallFailed::Unknown(Lost::TimedOut)), "{failed}");
    assert!(start.elapsed() <= Duration::from_millis(1501), "{:?}", start.elapsed());
    other.echo.may.add_permits(1);
    until("the reply has come", || one.links.counts().stray_replies == 1).await;
    assert_eq!(one.get(&other, b"b").await.unwrap(), "b");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_nobody_waits_for_is_forgotten() {
    let network = Network::new(1);
    let (one, other) = linked(&network).await;
    let waits = call(&one, &other, b"later");
    until("it is being served", || other.echo.served() == 2).await;
    assert_eq!(one.links.linked()[0].waiting, 1);
    waits.abort();
    assert!(waits.await.unwrap_err().is_cancelled());
    assert_eq!(one.links.linked()[0].waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_across_a_cut_ends_at_its_deadline_and_was_not_sent() {
    let network = Network::new(1);
    let (one, other) = (Member::in_memory(&network, 1).await, Member::in_memory(&network, 2).await);
    network.set_between(&one.address, &other.address, Weather::cut());
    let (start, within) = (Instant::now(), Duration::from_millis(300));
    let failed = one.links.call(&other.address, get(b"a"), start + within).await.unwrap_err();
    assert!(matches!(failed, CallFailed::NotSent(NotSent::TimedOut)), "{failed}");
    assert!(start.elapsed() <= within + Duration::from_millis(1));
}

#[tokio::test(start_paused = true)]
async fn a_member_that_is_away_is_told_at_once_and_not_tried_at_each_call() {
    let network = Network::new(1);
    let one = Member::in_memory(&network, 1).await;
    let nobody = place(9);
    let first = one.links.call(&nobody, get(b"a"), patient()).await.unwrap_err();
    let is_refused =
        matches!(&first, CallFailed::NotSent(NotSent::NoConnection(ConnectFailed::Refused { .. })));
    assert!(is_refused, "{first}");
    let start = Instant::now();
    while start.elapsed() < Duration::from_mins(1) {
        let failed = one.links.call(&nobody, get(b"a"), patient()).await.unwrap_err();
        assert!(matches!(failed, CallFailed::NotSent(_)), "{failed}");
        sleep(Duration::from_millis(1)).await;
    }
    // Doubling from 20 ms takes seven tries to two seconds; each wait is at least half.
    let dialled = one.links.counts().dialled;
    assert!((30..=70).contains(&dialled), "{dialled}");
    let late = Member::in_memory(&network, 9).await;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(one.get(&late, b"b").await.unwrap(), "b", "it is tried again when it is due");
}

/// Duplicates and reordering never happen on a connection; still no call may get what
/// is another's.
#[tokio::test(start_paused = true)]
async fn in_bad_weather_each_call_gets_its_own_reply_or_none() {
    let network = Network::new(3);
    let (one, other) = linked(&network).await;
    let weather = Weather {
        delay: Duration::from_millis(5),
        lost_permille: 50,
        doubled_permille: 50,
        late_permille: 100,
        is_cut: false,
    };
    network.set_between(&one.address, &other.address, weather);
    let mut calls = JoinSet::new();
    for number in 0..2000 {
        let (links, to, key) = (one.links.clone(), other.address.clone(), format!("{number}"));
        let deadline = Instant::now() + Duration::from_secs(1);
        calls.spawn(async move {
            (links.call(&to, get(key.as_bytes()), deadline).await.map(value), key)
        });
    }
    let (mut answered, mut unknown) = (0, 0);
    while let Some(done) = calls.join_next().await {
        match done.unwrap() {
            (Ok(value), key) => {
                assert_eq!(value, key);
                answered += 1;
            }
            (Err(CallFailed::Unknown(Lost::TimedOut)), _) => unknown += 1,
            (Err(failed), _) => panic!("{failed}"),
        }
    }
    assert!(1600 < answered && 100 < unknown, "{answered} {unknown}");
    assert!(0 < one.links.counts().stray_replies, "those that came twice");
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_what_serves_ends_that_link_and_no_other() {
    let network = Network::new(1);
    let (one, other) = linked(&network).await;
    let third = Member::in_memory(&network, 3).await;
    assert_eq!(third.get(&other, b"a").await.unwrap(), "a");
    let failed = call(&one, &other, b"panic").await.unwrap().unwrap_err();
    assert!(matches!(failed, CallFailed::Unknown(Lost::Link(_))), "{failed}");
    assert_eq!(third.get(&other, b"b").await.unwrap(), "b");
    assert_eq!((third.links.counts().ended, other.links.counts().ended), (0, 1));
    assert_eq!(one.get(&other, b"c").await.unwrap(), "c");
}

#[tokio::test(start_paused = true)]
async fn to_close_ends_every_call_and_every_task() {
    let network = Network::new(1);
    let (one, other) = linked(&network).await;
    let (asks, asked) = (call(&one, &other, b"later"), call(&other, &one, b"later"));
    until("both are served", || other.echo.served() == 2 && one.echo.served() == 1).await;
    one.links.close().await;
    let failed = asks.await.unwrap().unwrap_err();
    assert!(matches!(failed, CallFailed::Unknown(Lost::Link(Ended::Closed))), "{failed}");
    let failed = asked.await.unwrap().unwrap_err();
    assert!(matches!(failed, CallFailed::Unknown(Lost::Link(_))), "{failed}");
    let failed = one.links.call(&other.address, get(b"a"), patient()).await.unwrap_err();
    assert!(matches!(failed, CallFailed::NotSent(NotSent::Closed)), "{failed}");
    assert_eq!(network.connections(), 0);
    one.links.close().await; // once more, without harm
    let failed = other.links.call(&one.address, get(b"a"), patient()).await.unwrap_err();
    assert!(matches!(failed, CallFailed::NotSent(_)), "nobody listens there any more: {failed}");
}

#[test]
fn a_member_that_is_killed_in_the_middle_leaves_no_call_without_an_answer() {
    let runtime = || tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (here, there) = (runtime(), runtime());
    let other = there.block_on(Member::over_tcp(2));
    here.block_on(async {
        let one = Member::over_tcp(1).await;
        let calls: Vec<_> = (0..200).map(|_| call(&one, &other, b"later")).collect();
        until("all are being served", || other.echo.served() == 200).await;
        // Its tasks are dropped where they stand, as those of a process that dies.
        there.shutdown_background();
        for waits in calls {
            let failed = waits.await.unwrap().unwrap_err();
            assert!(matches!(failed, CallFailed::Unknown(Lost::Link(_))), "{failed}");
        }
        let gone = one.links.call(&other.address, get(b"a"), patient()).await.unwrap_err();
        assert!(matches!(gone, CallFailed::NotSent(_)), "{gone}");
    });
}
