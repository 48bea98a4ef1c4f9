//! One who does not keep to the rules: is refused or cut off, and counted; what others
//! have is untouched.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use distcache_cluster::links::frames;
use distcache_cluster::proto::frame::Kind;
use distcache_cluster::proto::refusal::Reason;
use distcache_cluster::proto::{Hello, Nothing, Refusal, Reply, Request, reply::Outcome};
use distcache_cluster::wire::{Network, Pipe, Wire};

use crate::support::{Member, PATIENCE, get, place, until, wire};

/// One who speaks frame by frame.
pub(crate) struct Stranger {
    pub(crate) pipe: Pipe,
}

impl Stranger {
    /// One that has connected and said nothing.
    pub(crate) async fn connect(network: &Arc<Network>, number: u64, to: &Member) -> Self {
        let pipe = wire(network, number).connect(&to.address, PATIENCE).await;
        Self { pipe: pipe.expect("it listens") }
    }

    /// One that is linked as any other member, by its next connection.
    pub(crate) async fn linked(network: &Arc<Network>, number: u64, to: &Member) -> Self {
        static DIALS: AtomicU64 = AtomicU64::new(1);
        let dial = DIALS.fetch_add(1, Ordering::Relaxed);
        let mut stranger = Self::connect(network, number, to).await;
        assert!(stranger.say(&Kind::Hello(Hello { dial, ..hello(number) })).await);
        let heard = stranger.hears().await;
        assert!(matches!(heard, Kind::Hello(_)), "{heard:?}");
        stranger
    }

    /// Whether it could be sent.
    pub(crate) async fn say(&mut self, what: &Kind) -> bool {
        self.send(frames::encode(what)).await
    }

    pub(crate) async fn send(&mut self, frame: Bytes) -> bool {
        let outgoing = &mut self.pipe.outgoing;
        outgoing.push(frame).expect("it fits");
        poll_fn(|context| outgoing.poll_flush(context)).await.is_ok()
    }

    /// What comes next, but for the word that the other is there.
    pub(crate) async fn hears(&mut self) -> Kind {
        self.hears_more().await.expect("it is not cut off")
    }

    /// The same; `None` if it was cut off.
    pub(crate) async fn hears_more(&mut self) -> Option<Kind> {
        let incoming = &mut self.pipe.incoming;
        loop {
            let frame = poll_fn(|context| incoming.poll_frame(context)).await?.ok()?;
            match frames::decode(frame).expect("a member sends frames only") {
                Kind::KeepAlive(_) => {}
                heard => return Some(heard),
            }
        }
    }
}

/// What an honest member says on its first connection.
pub(crate) fn hello(number: u64) -> Hello {
    Hello {
        cluster: "test".to_owned(),
        member: number,
        version_lowest: 1,
        version_highest: 1,
        address: place(number).to_string(),
        dial: 1,
        ..Hello::default()
    }
}

/// A member that is linked with an honest one, in a network where others may come.
async fn scene() -> (Arc<Network>, Member, Member) {
    let network = Network::new(1);
    let (one, honest) =
        (Member::in_memory(&network, 1).await, Member::in_memory(&network, 2).await);
    assert_eq!(honest.get(&one, b"a").await.expect("all is well"), "a");
    (network, one, honest)
}

/// Nothing has changed for the honest one.
async fn is_untouched(one: &Member, honest: &Member) {
    assert_eq!(honest.get(one, b"b").await.expect("all is well"), "b");
    assert_eq!(one.get(honest, b"c").await.expect("all is well"), "c");
    assert_eq!((honest.links.counts().ended, honest.links.counts().dialled), (0, 1));
    let linked = one.links.linked();
    assert_eq!(linked.iter().filter(|l| l.address == honest.address).count(), 1, "{linked:?}");
}

#[tokio::test(start_paused = true)]
async fn a_first_word_that_is_not_welcome_is_refused_by_name() {
    let (network, one, honest) = scene().await;
    let good = || hello(7);
    let cases = [
        (Reason::OtherCluster, Hello { cluster: "other".to_owned(), ..good() }),
        (Reason::NoCommonVersion, Hello { version_lowest: 2, version_highest: 9, ..good() }),
        (Reason::NoCommonVersion, Hello { version_lowest: 0, version_highest: 0, ..good() }),
        (Reason::MemberTaken, Hello { member: 1, ..good() }),
        (Reason::MemberTaken, Hello { member: 2, ..good() }),
        (Reason::MemberTaken, Hello { address: place(1).to_string(), ..good() }),
        (Reason::AddressTaken, Hello { address: place(2).to_string(), ..good() }),
        (Reason::Connected, Hello { dial: 0, ..hello(2) }),
        (Reason::NoHello, Hello { member: 0, ..good() }),
        (Reason::NoHello, Hello { address: "nowhere".to_owned(), ..good() }),
        (Reason::NoHello, Hello { address: "x".repeat(3000), ..good() }),
    ];
    for (reason, hello) in cases {
        let mut stranger = Stranger::connect(&network, 7, &one).await;
        assert!(stranger.say(&Kind::Hello(hello.clone())).await);
        let heard = stranger.hears_more().await;
        let Some(Kind::Refusal(refusal)) = heard else { panic!("{hello:?}: {heard:?}") };
        assert_eq!(refusal.reason(), reason, "{hello:?}: {}", refusal.text);
        assert!(!refusal.text.is_empty());
        assert!(stranger.hears_more().await.is_none(), "and the connection ends");
    }
    assert_eq!(one.links.counts().refused, 11);
    is_untouched(&one, &honest).await;
}

#[tokio::test(start_paused = true)]
async fn who_does_not_begin_with_a_hello_is_refused() {
    let (network, one, honest) = scene().await;
    let firsts = [
        frames::encode(&Kind::Request(get(b"a"))),
        frames::encode(&Kind::Reply(Reply::default())),
        frames::encode(&Kind::KeepAlive(Nothing {})),
        frames::encode(&Kind::Refusal(Refusal::default())),
        Bytes::new(),
        Bytes::from_static(&[0xFF; 100]),
    ];
    for first in firsts {
        let mut stranger = Stranger::connect(&network, 7, &one).await;
        assert!(stranger.send(first).await);
        let heard = stranger.hears_more().await;
        let Some(Kind::Refusal(refusal)) = heard else { panic!("{heard:?}") };
        assert_eq!(refusal.reason(), Reason::NoHello);
    }
    // No hello is that long: not even the memory for it is taken.
    let mut stranger = Stranger::connect(&network, 7, &one).await;
    stranger.send(vec![0; 5000].into()).await;
    assert!(stranger.hears_more().await.is_none());
    assert_eq!(one.echo.served(), 1, "nothing of a stranger is served");
    is_untouched(&one, &honest).await;
}

#[tokio::test(start_paused = true)]
async fn a_second_hello_ends_the_link_of_who_says_it() {
    let (network, one, honest) = scene().await;
    for second in [Kind::Hello(hello(2)), Kind::Refusal(Refusal::default())] {
        let mut stranger = Stranger::linked(&network, 7, &one).await;
        assert!(stranger.say(&second).await);
        assert!(stranger.hears_more().await.is_none());
        until("it is gone", || one.links.linked().len() == 1).await;
    }
    is_untouched(&one, &honest).await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_understood_is_counted_and_ends_the_link() {
    let (network, one, honest) = scene().await;
    let rubbish =
        [Bytes::new(), Bytes::from_static(&[0xFF; 20]), Bytes::from_static(&[0xF2, 7, 0])];
    for (before, rubbish) in rubbish.into_iter().enumerate() {
        let mut stranger = Stranger::linked(&network, 7, &one).await;
        assert!(stranger.send(rubbish).await);
        assert!(stranger.hears_more().await.is_none());
        assert_eq!(one.links.counts().not_understood, before as u64 + 1);
        until("it is gone", || one.links.linked().len() == 1).await;
    }
    is_untouched(&one, &honest).await;
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_nobody_knows_is_answered_so_and_a_reply_to_nobody_is_counted() {
    let (network, one, honest) = scene().await;
    let mut stranger = Stranger::linked(&network, 7, &one).await;
    // Field 99 of a request, of which this version knows nothing.
    let request = [0x1A, 6, 0x08, 42, 0x9A, 0x06, 1, 0];
    assert!(stranger.send(Bytes::copy_from_slice(&request)).await);
    let Kind::Reply(reply) = stranger.hears().await else { panic!("no reply") };
    assert!(matches!(reply, Reply { number: 42, outcome: Some(Outcome::Unsupported(_)), .. }));
    for number in [1, 2, u64::MAX] {
        assert!(stranger.say(&Kind::Reply(Reply { number, ..Reply::default() })).await);
    }
    assert!(stranger.say(&Kind::Request(Request { number: 43, ..get(b"a") })).await);
    assert!(matches!(stranger.hears().await, Kind::Reply(Reply { number: 43, .. })));
    assert_eq!(one.links.counts().stray_replies, 3);
    is_untouched(&one, &honest).await;
}

/// 1. In the clear, somebody says that it is a member, by the last number that there is.
/// 2. It leaves. Whatever the member begins, a later connection was taken already.
#[tokio::test(start_paused = true)]
async fn whatever_number_a_stranger_gave_its_connection_the_member_that_it_was_said_to_be_gets_in()
{
    for number in [1, 3] {
        let network = Network::new(1);
        let one = Member::in_memory(&network, 2).await;
        let wanted = Member::in_memory(&network, number).await;
        let mut stranger = Stranger::connect(&network, number, &one).await;
        assert!(stranger.say(&Kind::Hello(Hello { dial: u64::MAX, ..hello(number) })).await);
        assert!(matches!(stranger.hears().await, Kind::Hello(_)), "it is believed");
        drop(stranger);
        until("it has left", || one.links.linked().is_empty()).await;
        for _ in 0..3 {
            assert_eq!(wanted.get(&one, b"a").await.expect("it gets in"), "a");
            network.reset(&wanted.address, &one.address);
            until("it is over", || {
                wanted.links.linked().is_empty() && one.links.linked().is_empty()
            })
            .await;
        }
        assert_eq!(one.links.counts().dialled, 1, "once it has asked for the number");
    }
}

/// A stranger's reply has a number that somebody waits for, but on another link.
#[tokio::test(start_paused = true)]
async fn a_reply_counts_only_on_the_link_of_its_request() {
    let (network, one, honest) = scene().await;
    let mut stranger = Stranger::linked(&network, 7, &one).await;
    let (links, to) = (one.links.clone(), honest.address.clone());
    let waits =
        tokio::spawn(
            async move { links.call(&to, get(b"later"), crate::support::patient()).await },
        );
    until("it is being served", || honest.echo.served() == 1).await;
    for number in 0..100 {
        assert!(stranger.say(&Kind::Reply(Reply { number, ..Reply::default() })).await);
    }
    until("they have come", || one.links.counts().stray_replies == 100).await;
    assert!(!waits.is_finished());
    honest.echo.may.add_permits(1);
    assert_eq!(crate::support::value(waits.await.unwrap().unwrap()), "later");
}
