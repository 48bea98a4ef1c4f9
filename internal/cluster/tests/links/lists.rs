//! Frames that are small and would be huge in memory: two bytes make an element of a list,
//! which takes up to two hundred once it is decoded.

use bytes::Bytes;
use distcache_cluster::links::frames::{self, FIELDS_MAX, NotUnderstood};
use distcache_cluster::links::{CallFailed, NotSent};
use distcache_cluster::proto::frame::Kind;
use distcache_cluster::proto::reply::Outcome;
use distcache_cluster::proto::request::Operation;
use distcache_cluster::proto::{
    DeleteMany, Followed, Frame, GetMany, InvalidateTag, Item, ManyForgotten, ManyRead,
    ManyWritten, Numbers, Page, PageTaken, Put, PutMany, Reply, Request, TakePage, followed,
    many_forgotten, many_read, many_written, numbers, page_taken,
};
use distcache_cluster::wire::{FRAME_BYTES_MAX, Network};
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};

use crate::hostile::Stranger;
use crate::support::{Member, get, patient, until};

/// A list of a frame: what makes a frame that has so many elements in it, all of them
/// empty, and the bytes that one takes in memory.
struct List {
    name: &'static str,
    frame: fn(usize) -> Kind,
    bytes: usize,
}

fn request(operation: Operation) -> Kind {
    Kind::Request(Request { number: 1, operation: Some(operation), ..Request::default() })
}

fn reply(outcome: Outcome) -> Kind {
    Kind::Reply(Reply { number: 1, outcome: Some(outcome), ..Reply::default() })
}

fn empty<T: Clone + Default>(count: usize) -> Vec<T> {
    vec![T::default(); count]
}

fn tagged(count: usize) -> Item {
    Item { tags: empty(count), ..Item::default() }
}

macro_rules! list {
    ($name:literal, $element:ty, $make:expr) => {
        List { name: $name, frame: $make, bytes: size_of::<$element>() }
    };
}

/// Every `repeated` of the protocol.
fn lists() -> Vec<List> {
    vec![
        list!("GetMany.keys", Bytes, |n| {
            request(Operation::GetMany(GetMany { keys: empty(n), ..GetMany::default() }))
        }),
        list!("TakePage.keys", Bytes, |n| {
            request(Operation::TakePage(TakePage { keys: empty(n), ..TakePage::default() }))
        }),
        list!("DeleteMany.keys", Bytes, |n| {
            request(Operation::DeleteMany(DeleteMany { keys: empty(n), ..DeleteMany::default() }))
        }),
        list!("PutMany.items", Item, |n| {
            request(Operation::PutMany(PutMany { items: empty(n), ..PutMany::default() }))
        }),
        list!("Item.tags of one", String, |n| {
            let item = Some(tagged(n));
            request(Operation::Put(Put { item, ..Put::default() }))
        }),
        list!("Item.tags of two", String, |n| {
            let items = vec![tagged(n / 2), tagged(n - n / 2)];
            request(Operation::PutMany(PutMany { items, ..PutMany::default() }))
        }),
        list!("InvalidateTag.tags", String, |n| {
            let tags = empty(n);
            request(Operation::InvalidateTag(InvalidateTag { tags, ..InvalidateTag::default() }))
        }),
        list!("ManyRead.results", many_read::Result, |n| {
            reply(Outcome::GetMany(ManyRead { results: empty(n) }))
        }),
        list!("ManyWritten.results", many_written::Result, |n| {
            reply(Outcome::PutMany(ManyWritten { results: empty(n) }))
        }),
        list!("ManyForgotten.results", many_forgotten::Result, |n| {
            reply(Outcome::DeleteMany(ManyForgotten { results: empty(n) }))
        }),
        list!("Page.keys", Bytes, |n| {
            reply(Outcome::Scan(Page { keys: empty(n), ..Page::default() }))
        }),
        list!("PageTaken.entries", page_taken::Entry, |n| {
            reply(Outcome::TakePage(PageTaken { entries: empty(n), next: None }))
        }),
        list!("Followed.keyspaces", String, |n| {
            reply(Outcome::Follow(Box::new(Followed {
                keyspaces: empty(n),
                ..Followed::default()
            })))
        }),
        list!("Followed.changes", followed::Change, |n| {
            reply(Outcome::Follow(Box::new(Followed { changes: empty(n), ..Followed::default() })))
        }),
        list!("Numbers.numbers", numbers::Number, |n| {
            reply(Outcome::Stats(Numbers { numbers: empty(n) }))
        }),
    ]
}

/// More than is ever counted, fewer than any list may have.
const FEW: usize = FIELDS_MAX - 10;

#[test]
fn no_list_of_a_frame_becomes_more_than_sixteen_mebibytes() {
    for List { name, frame, bytes } in lists() {
        let too_many = frames::encode(&frame(FIELDS_MAX));
        assert!(Frame::decode(too_many.clone()).is_ok(), "{name}: it is a frame");
        let refused = frames::decode(too_many.clone());
        assert!(matches!(refused, Err(NotUnderstood::TooManyFields)), "{name}");
        assert!(frames::decode(frames::encode(&frame(FEW))).is_ok(), "{name}");
        // A longest frame, if there were no bound: what a list holds when it has grown.
        let times = bytes * FIELDS_MAX / too_many.len();
        assert!((7..=100).contains(&times), "{name}: {times} times its bytes");
        assert!(bytes * FIELDS_MAX <= 16 << 20, "{name}: {bytes} bytes each");
    }
}

/// As `api/cluster/distcache.proto` has them: a new one is to be counted, too.
#[test]
fn every_list_of_the_protocol_is_counted() {
    let proto = include_str!("../../../../api/cluster/distcache.proto");
    let repeated = proto.lines().filter(|line| line.trim_start().starts_with("repeated "));
    // Hashes and places of a fixed size take as many bytes in a frame as in memory.
    let counted = repeated.filter(|line| !line.contains("repeated fixed")).count();
    // An item's tags are in two cases, and the three lists of results are one line each.
    assert_eq!(counted, lists().len() - 1);
}

#[test]
fn parts_of_one_message_are_counted_together() {
    // A message that comes twice is one with the lists of both.
    let half = frames::encode(&(lists()[0].frame)(FIELDS_MAX / 2 + 10));
    let twice = Bytes::from([half.clone(), half].concat());
    let Some(Kind::Request(one)) = Frame::decode(twice.clone()).unwrap().kind else { panic!() };
    let Some(Operation::GetMany(GetMany { keys, .. })) = one.operation else { panic!() };
    assert!(FIELDS_MAX < keys.len());
    assert!(matches!(frames::decode(twice), Err(NotUnderstood::TooManyFields)));
}

/// What looks like a list, within a value, is none; and a value costs no count.
#[test]
fn a_value_is_not_looked_into_however_long_it_is() {
    let value = longest().slice(..8 << 20);
    let item = Item { value, ..Item::default() };
    let put = request(Operation::Put(Put { item: Some(item), ..Put::default() }));
    let again = frames::decode(frames::encode(&put));
    assert_eq!(again.ok(), Some(put));
}

#[test]
fn the_most_that_members_send_is_read() {
    // As many items as a request has, with as many tags as a value has.
    let item = || Item {
        key: Bytes::from_static(b"key"),
        value: Bytes::from_static(b"value"),
        content_type: Some("text/plain".to_owned()),
        tags: vec!["tag".to_owned(); 31],
        ..Item::default()
    };
    let items = (0..1_000).map(|_| item()).collect();
    let keyspace = "default".to_owned();
    let put = request(Operation::PutMany(PutMany { keyspace, items }));
    assert!(frames::decode(frames::encode(&put)).is_ok());
    // A page that is handed over: each entry takes 32 bytes of a mebibyte at least.
    let entry = page_taken::Entry { key: Bytes::from_static(b"k"), ..Default::default() };
    let entries = vec![entry; (1 << 20) / 32];
    let page = reply(Outcome::TakePage(PageTaken { entries, next: None }));
    assert!(frames::decode(frames::encode(&page)).is_ok());
}

/// A field with something in it.
fn field(number: u32, content: &[u8]) -> Vec<u8> {
    let mut field = Vec::with_capacity(content.len() + 16);
    encode_key(number, WireType::LengthDelimited, &mut field);
    encode_varint(content.len() as u64, &mut field);
    field.extend_from_slice(content);
    field
}

/// As many empty items to be put as a frame can have. Decoded they take a gibibyte and more.
fn longest() -> Bytes {
    const PUT_MANY: u32 = 19;
    const REQUEST: u32 = 3;
    let items = field(2, b"").repeat(FRAME_BYTES_MAX / 2 - 16);
    let frame = field(REQUEST, &field(PUT_MANY, &items));
    assert!(FRAME_BYTES_MAX - 32 < frame.len() && frame.len() <= FRAME_BYTES_MAX);
    frame.into()
}

#[tokio::test(start_paused = true)]
async fn who_sends_a_frame_that_is_all_list_is_cut_off_and_others_notice_nothing() {
    let network = Network::new(1);
    let (one, honest) =
        (Member::in_memory(&network, 1).await, Member::in_memory(&network, 2).await);
    assert_eq!(honest.get(&one, b"a").await.unwrap(), "a");
    let cells =
        lists().into_iter().map(|list| (list.name, frames::encode(&(list.frame)(FIELDS_MAX))));
    for (number, (name, frame)) in (1..).zip(cells.chain([("the longest", longest())])) {
        let mut stranger = Stranger::linked(&network, 7, &one).await;
        // It may be cut off before it has sent everything.
        stranger.send(frame).await;
        assert!(stranger.hears_more().await.is_none(), "{name}: it is cut off");
        assert_eq!(one.links.counts().not_understood, number, "{name}");
        until("it is gone", || one.links.linked().len() == 1).await;
    }
    assert_eq!(one.echo.served(), 1, "none of it was served");
    assert_eq!(honest.get(&one, b"b").await.unwrap(), "b");
    assert_eq!((honest.links.counts().ended, honest.links.counts().dialled), (0, 1));
}

/// So that no honest member is cut off for what its callers asked.
#[tokio::test(start_paused = true)]
async fn a_request_that_the_other_would_not_read_is_not_sent() {
    let network = Network::new(1);
    let (one, other) = (Member::in_memory(&network, 1).await, Member::in_memory(&network, 2).await);
    let Kind::Request(request) = (lists()[5].frame)(FIELDS_MAX) else { panic!("it is one") };
    let failed = one.links.call(&other.address, request, patient()).await.unwrap_err();
    assert!(matches!(failed, CallFailed::NotSent(NotSent::TooManyFields)), "{failed}");
    assert_eq!(failed.to_string(), "the call was not sent: a request has at most 65536 fields");
    let reply = one.links.call(&other.address, get(b"a"), patient()).await;
    assert!(reply.is_ok() && one.links.counts().ended == 0);
}
