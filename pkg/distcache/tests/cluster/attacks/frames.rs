//! Lengths of frames that nobody honest sends.

use distcache_cluster::links::frames::FIELDS_MAX;
use distcache_cluster::proto::frame::Kind;
use distcache_cluster::proto::refusal::Reason;
use distcache_cluster::proto::request::Operation;
use distcache_cluster::proto::{InvalidateTag, Item, PutMany};
use distcache_cluster::wire::FRAME_BYTES_MAX;

use super::stranger::{Stranger, found, get, request};
use super::{KEYSPACE, address, entries, filled};

/// Announces a frame, and sends it until it is cut off. Whether that is before twice as
/// much has gone out as a frame may have.
fn is_cut_off_early(stranger: &mut Stranger, length: u32) -> bool {
    let follows = vec![0; 1 << 16];
    let pieces = 2 * FRAME_BYTES_MAX / follows.len();
    stranger.send(&length.to_be_bytes());
    (0..pieces).any(|_| !stranger.send(&follows)) && stranger.is_cut_off()
}

#[test]
fn who_announces_a_frame_of_no_length_or_of_too_much_is_cut_off() {
    let (fleet, space) = filled();
    let to = address(&fleet.engines[0]);
    let before = entries(&space);
    let longest = u32::try_from(FRAME_BYTES_MAX).expect("it is one");
    let lengths = [longest + 1, 1 << 31, u32::MAX];
    // The first word may have 4,096 bytes.
    for length in [4097].into_iter().chain(lengths) {
        let mut stranger = Stranger::connect(&to);
        assert!(is_cut_off_early(&mut stranger, length), "{length} as the first word");
    }
    let mut stranger = Stranger::connect(&to);
    assert!(stranger.send(&[0; 4]));
    let Some(Kind::Refusal(refusal)) = stranger.hears() else { panic!("no hello, and welcome") };
    assert_eq!(refusal.reason(), Reason::NoHello);
    assert!(stranger.is_cut_off());
    for length in [0].into_iter().chain(lengths) {
        let mut stranger = Stranger::linked(&to);
        assert!(is_cut_off_early(&mut stranger, length), "{length}");
        assert_eq!(entries(&space), before, "{length}");
    }
    let reply = Stranger::linked(&to).asks(request(get(b"key-0")));
    assert_eq!(found(&reply).unwrap(), "secret 0", "others are served");
}

#[test]
fn who_sends_a_frame_that_is_all_list_is_cut_off() {
    let (fleet, space) = filled();
    let to = address(&fleet.engines[0]);
    let before = entries(&space);
    let (keyspace, items) = (KEYSPACE.to_owned(), vec![Item::default(); FIELDS_MAX]);
    let tags = vec![String::new(); FIELDS_MAX];
    let cells = [
        Operation::PutMany(PutMany { keyspace: keyspace.clone(), items }),
        Operation::InvalidateTag(InvalidateTag { keyspace, tags }),
    ];
    for operation in cells {
        let mut stranger = Stranger::linked(&to);
        stranger.say(&Kind::Request(request(operation)));
        assert!(stranger.is_cut_off());
        assert_eq!(entries(&space), before);
    }
}
