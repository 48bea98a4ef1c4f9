//! Two members have one connection, whoever begins it.

use std::time::Duration;

use std::sync::Arc;

use distcache_cluster::proto::Hello;
use distcache_cluster::proto::frame::Kind;
use distcache_cluster::proto::refusal::Reason;
use distcache_cluster::wire::{Listener, Network, Weather, Wire};
use tokio::time::sleep;

use crate::hostile::{Stranger, hello};
use crate::support::{Member, get, patient, place, until, wire};

/// Both call at about the same moment, by ways of different length: who hears of whom
/// first is different each time, and in some of them both connections are on their way.
#[tokio::test(start_paused = true)]
async fn of_two_connections_at_the_same_moment_one_survives_and_no_call_is_lost() {
    let mut crossed = 0;
    for there_ms in [0, 1, 5, 9] {
        for back_ms in [0, 1, 5, 9] {
            for head_start_ms in [0, 1, 3, 6, 10, 15] {
                crossed += both_call(there_ms, back_ms, head_start_ms).await;
            }
        }
    }
    assert!(20 < crossed, "the connections have crossed {crossed} times");
}

/// How many connections came to nothing.
async fn both_call(there_ms: u64, back_ms: u64, head_start_ms: u64) -> u64 {
    let network = Network::new(1);
    let (one, other) = (Member::in_memory(&network, 1).await, Member::in_memory(&network, 2).await);
    let after = |ms| Weather { delay: Duration::from_millis(ms), ..Weather::default() };
    network.set(&one.address, &other.address, after(there_ms));
    network.set(&other.address, &one.address, after(back_ms));
    let late = async {
        sleep(Duration::from_millis(head_start_ms)).await;
        one.get(&other, b"b").await
    };
    let (first, second) = tokio::join!(other.get(&one, b"a"), late);
    let case = format!("{there_ms} {back_ms} {head_start_ms}");
    assert_eq!(first.expect(&case), "a");
    assert_eq!(second.expect(&case), "b");
    until("one is left", || network.connections() == 1).await;
    let (one, other) = (one.links.counts(), other.links.counts());
    assert_eq!((one.ended, other.ended), (0, 0), "none was given up for another: {case}");
    one.refused + other.refused
}

#[tokio::test(start_paused = true)]
async fn a_member_that_has_lost_a_connection_of_which_the_other_knows_nothing_gets_a_new_one() {
    for one_begins in [true, false] {
        let network = Network::new(1);
        let one = Member::in_memory(&network, 1).await;
        // The other never misses anybody: what it believes in stays.
        let patient = |settings: &mut distcache_cluster::links::Settings| {
            settings.silent_rounds_max = u32::MAX;
        };
        let other = Member::in_memory_with(&network, 2, patient).await;
        if one_begins {
            assert_eq!(one.get(&other, b"a").await.unwrap(), "a");
        } else {
            assert_eq!(other.get(&one, b"a").await.unwrap(), "a");
        }
        network.set_between(&one.address, &other.address, Weather::cut());
        until("one has given it up", || one.links.counts().silent == 1).await;
        network.set_between(&one.address, &other.address, Weather::default());
        assert_eq!(one.get(&other, b"b").await.unwrap(), "b");
        assert_eq!(other.get(&one, b"c").await.unwrap(), "c");
        until("one is left", || network.connections() == 1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_that_was_restarted_is_another_at_the_same_address() {
    let network = Network::new(1);
    let one = Member::in_memory(&network, 1).await;
    let before = Member::in_memory(&network, 2).await;
    assert_eq!(one.get(&before, b"a").await.unwrap(), "a");
    before.links.close().await;
    let wire = Arc::new(network.member(&before.address));
    let after = Member::start(wire, 22, &before.address, |_| {}).await;
    until("the old one is gone", || one.links.linked().is_empty()).await;
    assert_eq!(one.get(&after, b"b").await.unwrap(), "b");
    assert_eq!(one.links.linked()[0].member, crate::support::member(22));
}

/// Real threads find the interleaving at `Try::taken` within a few of the fifty.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_survives_over_tcp_too_whoever_is_faster() {
    for _ in 0..50 {
        let (one, other) = (Member::over_tcp(1).await, Member::over_tcp(2).await);
        let (first, second) = tokio::join!(one.get(&other, b"a"), other.get(&one, b"b"));
        assert_eq!((first.unwrap(), second.unwrap()), ("a".into(), "b".into()));
        until("one each", || one.links.linked().len() == 1 && other.links.linked().len() == 1)
            .await;
        assert_eq!((one.links.counts().ended, other.links.counts().ended), (0, 0));
    }
}

/// What a stranger that says this is answered, when it connects with a member.
async fn answer(network: &Arc<Network>, to: &Member, hello: Hello) -> (Stranger, Kind) {
    let mut stranger = Stranger::connect(network, hello.member, to).await;
    assert!(stranger.say(&Kind::Hello(hello)).await);
    let heard = stranger.hears().await;
    (stranger, heard)
}

/// Lets a member connect with a stranger, and returns the hello that it says.
async fn is_called_by(listener: &mut dyn Listener, member: &Member) -> (Stranger, Hello) {
    let (links, to) = (member.links.clone(), listener.address().clone());
    tokio::spawn(async move { links.call(&to, get(b"a"), patient()).await });
    let pipe = listener.accept().await.expect("it comes").await.expect("it is there");
    let mut stranger = Stranger { pipe };
    let Kind::Hello(theirs) = stranger.hears().await else { panic!("no hello") };
    assert!(stranger.say(&Kind::Hello(Hello { dial: 0, ..hello(9) })).await);
    assert!(matches!(stranger.hears().await, Kind::Request(_)), "they speak");
    (stranger, theirs)
}

/// The second interleaving at `Peer::admit`, step by step.
#[tokio::test(start_paused = true)]
async fn a_connection_that_was_slow_on_its_way_takes_no_others_place() {
    let network = Network::new(1);
    let one = Member::in_memory(&network, 1).await;
    let mut listener = wire(&network, 9).listen(&place(9)).await.unwrap();
    let (_speaks, theirs) = is_called_by(listener.as_mut(), &one).await;
    assert_eq!(theirs.dial, 1);
    // It began before it took the other, of which it says nothing.
    let (_, heard) = answer(&network, &one, hello(9)).await;
    let Kind::Refusal(refusal) = heard else { panic!("{heard:?}") };
    assert_eq!(refusal.reason(), Reason::Connected);
    assert_eq!(one.links.counts().ended, 0);
    // It has lost the other, and says so.
    let lost = Hello { dial: 2, taken_from: 1, taken_dial: 1, ..hello(9) };
    let (_speaks_now, heard) = answer(&network, &one, lost).await;
    assert!(matches!(heard, Kind::Hello(_)), "{heard:?}");
    assert_eq!((one.links.counts().ended, one.links.linked().len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn the_later_of_two_connections_of_one_member_counts_but_not_one_by_another_name() {
    let network = Network::new(1);
    let one = Member::in_memory(&network, 1).await;
    let (_first, heard) = answer(&network, &one, hello(9)).await;
    assert!(matches!(heard, Kind::Hello(_)), "{heard:?}");
    let by_alias = Hello { dial: 2, to: "service:7000".to_owned(), ..hello(9) };
    let (_, heard) = answer(&network, &one, by_alias).await;
    let Kind::Refusal(refusal) = heard else { panic!("{heard:?}") };
    assert_eq!((refusal.reason(), &*refusal.address), (Reason::Connected, one.address.as_str()));
    let (_second, heard) = answer(&network, &one, Hello { dial: 3, ..hello(9) }).await;
    assert!(matches!(heard, Kind::Hello(_)), "{heard:?}");
    assert_eq!((one.links.counts().ended, one.links.linked().len()), (1, 1));
}

/// The third at `Peer::admit`: what was recorded of one that is gone is played again.
#[tokio::test(start_paused = true)]
async fn no_connection_is_taken_twice_nor_after_a_later_one() {
    let network = Network::new(1);
    let one = Member::in_memory(&network, 1).await;
    for dial in [5, 7] {
        let (stranger, heard) = answer(&network, &one, Hello { dial, ..hello(9) }).await;
        assert!(matches!(heard, Kind::Hello(_)), "{heard:?}");
        drop(stranger);
        until("it is gone", || one.links.linked().is_empty()).await;
        for again in 0..=dial {
            let again = Hello { dial: again, ..hello(9) };
            let (_, heard) = answer(&network, &one, again).await;
            let Kind::Refusal(refusal) = heard else { panic!("{heard:?}") };
            assert_eq!(refusal.reason(), Reason::Connected);
        }
    }
    // Another process, at the same address, begins anew.
    let address = place(9).to_string();
    let (_, heard) = answer(&network, &one, Hello { address, ..hello(10) }).await;
    assert!(matches!(heard, Kind::Hello(_)), "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn who_connects_says_which_connection_of_the_other_it_has_taken() {
    let network = Network::new(1);
    let one = Member::in_memory(&network, 1).await;
    let (first, _) = answer(&network, &one, Hello { dial: 5, ..hello(9) }).await;
    drop(first);
    until("it is gone", || one.links.linked().is_empty()).await;
    sleep(Duration::from_secs(1)).await;
    let mut listener = wire(&network, 9).listen(&place(9)).await.unwrap();
    let (_speaks, theirs) = is_called_by(listener.as_mut(), &one).await;
    assert_eq!((theirs.taken_from, theirs.taken_dial), (9, 5));
    assert_eq!(theirs.to, place(9).to_string());
}
