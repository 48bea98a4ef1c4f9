//! Recorded reads in which bits were flipped, at a real member. Whatever they have become,
//! entries change only as a request asks that is one.

use std::collections::BTreeSet;

use bytes::Bytes;
use distcache::Keyspace;
use distcache_cluster::links::frames;
use distcache_cluster::proto::frame::Kind;
use distcache_cluster::proto::request::Operation;
use distcache_cluster::proto::{GetMany, Hello, Nothing, Peek, Request, Scan, Stats, Trace};

use super::stranger::{Stranger, found, framed, get, hello, request};
use super::{Entries, KEYSPACE, address, entries, filled};

/// Frames that are sent before the replies are read.
const BATCH: usize = 256;

/// Of those that end a connection one in so many is sent: each costs a new one.
const ONE_CUT_IN: u64 = 1_000;

/// Reads, as they were recorded.
fn recorded() -> Vec<Bytes> {
    let keyspace = || KEYSPACE.to_owned();
    let key = || Bytes::from_static(b"key-3");
    let keys = vec![key(), Bytes::from_static(b"key-4"), Bytes::from_static(b"none")];
    let asked = [
        get(b"key-0"),
        get(b"nothing"),
        Operation::Peek(Peek { keyspace: keyspace(), key: key() }),
        Operation::Trace(Trace { keyspace: keyspace(), key: key() }),
        Operation::GetMany(GetMany {
            keyspace: keyspace(),
            keys,
            near_tenure: Some(1),
            near: vec![0],
        }),
        Operation::Scan(Scan { keyspace: keyspace(), entries: 100, ..Scan::default() }),
        Operation::Stats(Stats { keyspace: Some(keyspace()) }),
    ];
    let requests = asked.into_iter().map(|operation| Kind::Request(request(operation)));
    requests.chain([Kind::KeepAlive(Nothing {})]).map(|kind| frames::encode(&kind)).collect()
}

/// Random numbers that are the same each time (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed >> 33) % bound as u64).expect("it is below a usize")
    }
}

/// What a request asks to be changed.
enum Change {
    Nothing,
    Keys(BTreeSet<Vec<u8>>),
    All,
}

fn change(request: &Request) -> Change {
    let keys = |keyspace: &str, keys: &[&Bytes]| match keyspace {
        KEYSPACE => Change::Keys(keys.iter().map(|key| key.to_vec()).collect()),
        _ => Change::Nothing,
    };
    match &request.operation {
        Some(Operation::Put(put)) => {
            let key = put.item.as_ref().map(|item| item.key.clone()).unwrap_or_default();
            keys(&put.keyspace, &[&key])
        }
        Some(Operation::Delete(delete)) => keys(&delete.keyspace, &[&delete.key]),
        Some(Operation::Touch(touch)) => keys(&touch.keyspace, &[&touch.key]),
        Some(Operation::Increment(add)) => keys(&add.keyspace, &[&add.key]),
        Some(Operation::PutMany(many)) => {
            keys(&many.keyspace, &many.items.iter().map(|item| &item.key).collect::<Vec<_>>())
        }
        Some(Operation::DeleteMany(many)) => {
            keys(&many.keyspace, &many.keys.iter().collect::<Vec<_>>())
        }
        Some(
            Operation::Clear(_) | Operation::InvalidateTag(_) | Operation::InvalidatePrefix(_),
        ) => Change::All,
        _ => Change::Nothing,
    }
}

/// A member, its entries, and who attacks it.
struct Siege<'a> {
    space: &'a Keyspace,
    to: String,
    expected: Entries,
    stranger: Stranger,
    batch: Vec<u8>,
    /// Requests in the batch, each of which will be answered.
    asked: usize,
    /// Frames that end a connection; and requests that change something.
    cuts: u64,
    changes: u64,
}

impl Siege<'_> {
    fn take(&mut self, frame: &Bytes) {
        match frames::decode(frame.clone()) {
            Ok(Kind::Request(request)) => match change(&request) {
                Change::Nothing => self.add(frame, 1),
                Change::Keys(keys) => self.see_change(frame, Some(&keys)),
                Change::All => self.see_change(frame, None),
            },
            Ok(Kind::Reply(_) | Kind::KeepAlive(_)) => self.add(frame, 0),
            // It parts the two, which takes as long as the stranger likes.
            Ok(Kind::Leaving(_) | Kind::Farewell(_)) => {}
            Ok(Kind::Hello(_) | Kind::Refusal(_)) | Err(_) => {
                self.cuts += 1;
                if self.cuts % ONE_CUT_IN == 1 {
                    self.see_cut(frame);
                }
            }
        }
    }

    fn add(&mut self, frame: &Bytes, replies: usize) {
        self.batch.extend(framed(frame));
        self.asked += replies;
        if BATCH <= self.asked {
            self.send();
        }
    }

    /// Sends what was collected, and waits until all of it is answered.
    fn send(&mut self) {
        assert!(self.stranger.send(&self.batch), "it is not cut off");
        self.batch.clear();
        for _ in 0..std::mem::take(&mut self.asked) {
            let heard = self.stranger.hears();
            assert!(matches!(heard, Some(Kind::Reply(_))), "{heard:?}");
        }
    }

    fn see_cut(&mut self, frame: &Bytes) {
        self.send();
        assert!(self.stranger.send(&framed(frame)));
        assert!(self.stranger.is_cut_off(), "{frame:?}");
        self.stranger = Stranger::linked(&self.to);
    }

    /// Bits that have made a change of a read: it may change what it names, and nothing else.
    fn see_change(&mut self, frame: &Bytes, keys: Option<&BTreeSet<Vec<u8>>>) {
        self.changes += 1;
        self.send();
        self.add(frame, 1);
        self.send();
        let now = entries(self.space);
        let may_change = |key: &Vec<u8>| keys.is_none_or(|keys| keys.contains(key));
        let kept = |of: &Entries| -> Entries {
            of.iter()
                .filter(|(key, _)| !may_change(key))
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect()
        };
        assert_eq!(kept(&now), kept(&self.expected), "{frame:?}");
        // As it was.
        for key in now.keys().filter(|key| !self.expected.contains_key(*key)) {
            self.space.delete(key).expect("it has a lease");
        }
        for (key, (value, version)) in &mut self.expected {
            if now.get(key) != Some(&(value.clone(), *version)) || may_change(key) {
                *version = self.space.put(key, value).expect("it has a lease").get();
            }
        }
    }

    fn assert_unchanged(&mut self) {
        self.send();
        assert_eq!(entries(self.space), self.expected);
    }
}

fn flipped(frame: &[u8], dice: &mut Dice) -> Bytes {
    let mut frame = frame.to_vec();
    for _ in 0..=dice.below(4) {
        let at = dice.below(frame.len());
        frame[at] ^= 1 << dice.below(8);
    }
    frame.into()
}

/// So many frames, of one bit to four that are flipped.
fn flip(count: u32) {
    let (fleet, space) = filled();
    let to = address(&fleet.engines[0]);
    let stranger = Stranger::linked(&to);
    let expected = entries(&space);
    let (recorded, mut dice) = (recorded(), Dice(1));
    let (batch, asked, cuts, changes) = (Vec::new(), 0, 0, 0);
    let mut siege = Siege { space: &space, to, expected, stranger, batch, asked, cuts, changes };
    for number in 1..=count {
        let frame = &recorded[dice.below(recorded.len())];
        siege.take(&flipped(frame, &mut dice));
        if number % 10_000 == 0 {
            siege.assert_unchanged();
        }
    }
    siege.assert_unchanged();
    let count = u64::from(count);
    assert!(count / 100 < siege.cuts && siege.cuts < count, "{} end a connection", siege.cuts);
    assert!(count / 10_000 < siege.changes && siege.changes < count / 10, "{}", siege.changes);
}

#[test]
fn flipped_bits_in_recorded_reads_change_nothing_but_what_a_request_then_asks() {
    flip(250_000);
}

#[test]
#[ignore = "long: a million frames"]
fn a_million_frames_of_flipped_bits_change_nothing_but_what_a_request_then_asks() {
    flip(1_000_000);
}

#[test]
fn flipped_bits_in_a_recorded_hello_are_a_welcome_or_a_refusal() {
    let (fleet, space) = filled();
    let to = address(&fleet.engines[0]);
    let (before, mut dice) = (entries(&space), Dice(2));
    let (mut welcome, mut refused) = (0, 0);
    for dial in 1..=300 {
        let mut stranger = Stranger::connect(&to);
        let recorded = frames::encode(&Kind::Hello(Hello { dial, ..hello() }));
        assert!(stranger.send(&framed(&flipped(&recorded, &mut dice))));
        match stranger.hears() {
            Some(Kind::Hello(_)) => welcome += 1,
            Some(Kind::Refusal(_)) => refused += 1,
            heard => panic!("{heard:?}"),
        }
    }
    assert!(0 < welcome && 100 < refused, "{welcome} {refused}");
    assert_eq!(entries(&space), before);
    // A number that was flipped may be above all that the member will ever have; another is
    // welcome.
    let mut other = Stranger::connect(&to);
    let address = "127.0.0.1:99".to_owned();
    assert!(other.say(&Kind::Hello(Hello { member: 99, address, ..hello() })));
    assert!(matches!(other.hears(), Some(Kind::Hello(_))));
    assert_eq!(found(&other.asks(request(get(b"key-0")))).unwrap(), "secret 0");
}
