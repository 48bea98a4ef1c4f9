//! Frames in which bytes were flipped, cut off, doubled and put in: into the decoder,
//! and into a link.

use bytes::Bytes;
use distcache_cluster::links::frames;
use distcache_cluster::proto::condition::OnlyIf;
use distcache_cluster::proto::frame::Kind;
use distcache_cluster::proto::request::Operation;
use distcache_cluster::proto::{
    Condition, GetMany, Item, Nothing, Put, PutMany, Reply, Request, Scan, Until, until::End,
};
use distcache_cluster::wire::Network;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use tokio::runtime::Builder;

use crate::hostile::{Stranger, hello};
use crate::support::{Member, found, get};

const FRAMES: u32 = 100_000;

/// One of each kind, with something in every field.
fn honest() -> Vec<Bytes> {
    let item = || Item {
        key: Bytes::from_static(b"key"),
        value: Bytes::from_static(&[9; 40]),
        until: Some(Until { end: Some(End::TtlLeftMs(60_000)) }),
        content_type: Some("text/plain".to_owned()),
        tags: vec!["red".to_owned(), "blue".to_owned()],
        condition: Some(Condition { only_if: Some(OnlyIf::Version(77)) }),
    };
    let keyspace = || "default".to_owned();
    let keys = vec![Bytes::from_static(b"a"), Bytes::from_static(b"bcd")];
    let asked = [
        get(b"some-key").operation.expect("a get"),
        Operation::Put(Put { keyspace: keyspace(), item: Some(item()) }),
        Operation::PutMany(PutMany { keyspace: keyspace(), items: vec![item(), item()] }),
        Operation::GetMany(GetMany {
            keyspace: keyspace(),
            keys,
            near_tenure: Some(u64::MAX),
            near: vec![0, u32::MAX],
        }),
        Operation::Scan(Scan { keyspace: keyspace(), entries: 9, ..Scan::default() }),
        Operation::Agreement(Bytes::from_static(b"opaque")),
    ];
    let requests = asked.into_iter().zip(1..).map(|(operation, number)| {
        let operation = Some(operation);
        let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into();
        Kind::Request(Request { number, epoch: 5, time_left_ms: 900, traceparent, operation })
    });
    let reply = Reply { number: 1, epoch: 5, ..found(Bytes::from_static(&[3; 64])) };
    let words = [Kind::KeepAlive, Kind::Leaving, Kind::Farewell].map(|kind| kind(Nothing {}));
    let others = [Kind::Reply(reply), Kind::Hello(hello(9))].into_iter().chain(words);
    requests.chain(others).map(|kind| frames::encode(&kind)).collect()
}

#[derive(Debug, Clone)]
enum Change {
    Flip { at: prop::sample::Index, bit: u8 },
    Cut(prop::sample::Index),
    Insert(prop::sample::Index, u8),
    Double(prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        6 => (at(), 0..8_u8).prop_map(|(at, bit)| Change::Flip { at, bit }),
        1 => at().prop_map(Change::Cut),
        2 => (at(), any::<u8>()).prop_map(|(at, byte)| Change::Insert(at, byte)),
        1 => at().prop_map(Change::Double),
    ]
}

fn changed(mut frame: Vec<u8>, changes: &[Change]) -> Bytes {
    for change in changes {
        let places = frame.len() + 1;
        match change {
            Change::Flip { at, bit } if !frame.is_empty() => {
                let place = at.index(frame.len());
                frame[place] ^= 1 << bit;
            }
            Change::Flip { .. } => {}
            Change::Cut(at) => frame.truncate(at.index(places)),
            Change::Insert(at, byte) => frame.insert(at.index(places), *byte),
            Change::Double(at) => frame.extend_from_within(at.index(places)..),
        }
    }
    frame.into()
}

fn mutated() -> impl Strategy<Value = Bytes> {
    let frame = prop::sample::select(honest());
    (frame, vec(change(), 1..5)).prop_map(|(frame, changes)| changed(frame.to_vec(), &changes))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: FRAMES, ..ProptestConfig::default() })]

    /// And what is taken for a frame is one: written again, it is read as the same.
    #[test]
    fn the_decoder_takes_any_bytes(frame in mutated()) {
        if let Ok(kind) = frames::decode(frame) {
            let again = frames::decode(frames::encode(&kind));
            prop_assert_eq!(again.ok(), Some(kind));
        }
    }
}

/// The seed is fixed: a failure comes again.
#[test]
fn a_link_takes_any_frames_and_whoever_else_is_linked_notices_nothing() {
    let config = Config { rng_seed: RngSeed::Fixed(1), ..Config::default() };
    let mut runner = TestRunner::new(config);
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let network = Network::new(1);
        let one = Member::in_memory(&network, 1).await;
        let honest = Member::in_memory(&network, 2).await;
        assert_eq!(honest.get(&one, b"a").await.unwrap(), "a");
        let (frames, mut cuts) = (mutated(), 0_u32);
        let mut stranger = Stranger::linked(&network, 7, &one).await;
        for number in 0..FRAMES {
            let frame = frames.new_tree(&mut runner).unwrap().current();
            let is_taken = stranger.send(frame).await;
            tokio::task::yield_now().await;
            if !is_taken || one.links.linked().len() < 2 {
                cuts += 1;
                stranger = Stranger::linked(&network, 7, &one).await;
            }
            if number % 1000 == 0 {
                assert_eq!(honest.get(&one, b"b").await.unwrap(), "b");
            }
        }
        let counts = one.links.counts();
        assert!(1000 < cuts && 1000 < counts.not_understood, "{cuts} {counts:?}");
        assert!(1000 < one.echo.served(), "some are requests after all");
        assert_eq!((honest.links.counts().ended, honest.links.counts().dialled), (0, 1));
    });
}
