//! Who is who: sessions that are played again, and members that are none.

use std::ops::RangeInclusive;

use distcache_cluster::links::frames;
use distcache_cluster::proto::Hello;
use distcache_cluster::proto::frame::Kind;
use distcache_cluster::proto::refusal::Reason;
use distcache_cluster::proto::reply::Outcome;

use super::stranger::{ADDRESS, MEMBER, Stranger, found, framed, get, hello, put, request};
use super::{address, entries, filled};
use crate::fleet::members;

/// Why one who begins with these bytes is refused.
fn refused(to: &str, bytes: &[u8]) -> Reason {
    let mut stranger = Stranger::connect(to);
    assert!(stranger.send(bytes));
    let heard = stranger.hears();
    let Some(Kind::Refusal(refusal)) = heard else { panic!("not refused: {heard:?}") };
    assert!(stranger.is_cut_off(), "and that is the end");
    refusal.reason()
}

#[test]
fn a_session_that_was_recorded_and_is_played_again_changes_nothing() {
    let (fleet, space) = filled();
    let to = address(&fleet.engines[0]);
    let said = [
        Kind::Hello(hello()),
        Kind::Request(request(put(b"key-0", b"of the session"))),
        Kind::Request(request(get(b"key-0"))),
    ];
    let said: Vec<u8> = said.iter().flat_map(|kind| framed(&frames::encode(kind))).collect();
    let mut first = Stranger::connect(&to);
    assert!(first.send(&said));
    assert!(matches!(first.hears(), Some(Kind::Hello(_))));
    for _ in 0..2 {
        let heard = first.hears();
        assert!(matches!(heard, Some(Kind::Reply(_))), "{heard:?}");
    }
    assert_eq!(&*space.get(b"key-0").unwrap().unwrap(), b"of the session");
    space.put(b"key-0", b"of later").unwrap();
    let before = entries(&space);
    assert_eq!(refused(&to, &said), Reason::Connected, "while the first is there");
    assert_eq!(found(&first.asks(request(get(b"key-0")))).unwrap(), "of later", "it still is");
    drop(first);
    // Its end is seen somewhere in between: there is no moment at which it counts again.
    for _ in 0..200 {
        assert_eq!(refused(&to, &said), Reason::Connected);
    }
    assert_eq!(entries(&space), before);
    // The one that it was can come again.
    let mut again = Stranger::linked(&to);
    assert_eq!(found(&again.asks(request(get(b"key-0")))).unwrap(), "of later");
    assert_eq!(refused(&to, &said), Reason::Connected, "nor after that");
}

#[test]
fn who_says_it_is_somebody_else_or_speaks_otherwise_is_refused_by_name() {
    let (fleet, space) = filled();
    let to = address(&fleet.engines[0]);
    let before = entries(&space);
    let mut linked = Stranger::connect(&to);
    assert!(linked.say(&Kind::Hello(hello())));
    let Some(Kind::Hello(theirs)) = linked.hears() else { panic!("it is welcome") };
    let versions = |versions: RangeInclusive<u32>| Hello {
        version_lowest: *versions.start(),
        version_highest: *versions.end(),
        ..hello()
    };
    let cells = [
        (
            "the member's own number",
            Hello { member: theirs.member, ..hello() },
            Reason::MemberTaken,
        ),
        ("the member's own address", Hello { address: to.clone(), ..hello() }, Reason::MemberTaken),
        (
            "another's number, elsewhere",
            Hello { address: "127.0.0.1:8".to_owned(), ..hello() },
            Reason::MemberTaken,
        ),
        ("another's address", Hello { member: MEMBER + 1, ..hello() }, Reason::AddressTaken),
        ("another's connection", Hello { dial: 0, ..hello() }, Reason::Connected),
        ("another cluster", Hello { cluster: "other".to_owned(), ..hello() }, Reason::OtherCluster),
        ("no number", Hello { member: 0, ..hello() }, Reason::NoHello),
        ("too old", versions(0..=0), Reason::NoCommonVersion),
        ("too new", versions(2..=9), Reason::NoCommonVersion),
        ("far too new", versions(u32::MAX..=u32::MAX), Reason::NoCommonVersion),
        ("backwards", versions(RangeInclusive::new(2, 1)), Reason::NoCommonVersion),
    ];
    for (cell, hello, reason) in cells {
        let bytes = framed(&frames::encode(&Kind::Hello(hello)));
        assert_eq!(refused(&to, &bytes), reason, "{cell}");
        assert_eq!(found(&linked.asks(request(get(b"key-1")))).unwrap(), "secret 1", "{cell}");
    }
    assert_eq!(entries(&space), before);
    assert_eq!(members(&fleet.engines[0]).members.len(), 1, "and is no member of any view");
}

#[test]
fn a_peer_whose_versions_overlap_with_ours_is_served() {
    let (fleet, space) = filled();
    let to = address(&fleet.engines[0]);
    for (lowest, highest) in [(0, 1), (1, 9), (0, u32::MAX)] {
        let mut stranger = Stranger::connect(&to);
        let hello = Hello { version_lowest: lowest, version_highest: highest, ..hello() };
        assert!(stranger.say(&Kind::Hello(hello)));
        let Some(Kind::Hello(theirs)) = stranger.hears() else { panic!("{lowest} {highest}") };
        assert_eq!((theirs.version_lowest, theirs.version_highest), (1, 1));
        let reply = stranger.asks(request(get(b"key-2")));
        assert_eq!(found(&reply).unwrap(), "secret 2");
    }
    assert_eq!(entries(&space).len(), 8);
    assert_ne!(address(&fleet.engines[0]), ADDRESS);
    let reply = Stranger::linked(&to).asks(request(get(b"nothing")));
    assert!(matches!(reply.outcome, Some(Outcome::Get(read)) if read.found.is_none()));
}
