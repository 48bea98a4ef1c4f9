//! The table of near copies by itself.

use distcache_node::{Draft, Tick, Version};

use super::*;

const THINGS: KeyspaceId = KeyspaceId { index: 0, generation: 0 };
const OTHERS: KeyspaceId = KeyspaceId { index: 0, generation: 1 };
const TENURE: u64 = 7;
const LASTS: Duration = Duration::from_secs(2);

fn near() -> Near {
    near_of(1 << 20)
}

fn near_of(bytes: u64) -> Near {
    let near = Near::new(bytes);
    near.begin(TENURE);
    near
}

fn at(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A key whose hash is spread as those of keys are: by the mixing of `SplitMix64` (G. Steele
/// and others, "Fast splittable pseudorandom number generators", 2014).
fn key(n: u64) -> (u64, [u8; 8]) {
    let mixed = (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ mixed >> 31, n.to_le_bytes())
}

fn value(n: u64, version: u64, bytes: usize) -> Value {
    let ((_, key), bytes) = (key(n), vec![1; bytes]);
    let draft = Draft::new(&key, &bytes, Tick::NEVER).expect("a short key");
    Value::from(draft.entry_of(Version::from(version)))
}

fn get(near: &Near, now: Duration, n: u64) -> Option<u64> {
    let (hash, key) = key(n);
    near.get(TENURE, now, THINGS, (hash, &key)).map(|value| value.version().get())
}

fn ask(near: &Near, now: Duration, n: u64) -> Option<NearAsk> {
    let (hash, key) = key(n);
    near.ask(TENURE, now, THINGS, (hash, &key))
}

/// Reads a key so often that a near copy is asked for.
fn asked(near: &Near, now: Duration, n: u64) -> NearAsk {
    (0..READS_MIN).find_map(|_| ask(near, now, n)).expect("it was read often")
}

fn change(near: &Near, n: u64) {
    let (hash, key) = key(n);
    near.change(THINGS, (hash, &key));
}

/// One with version 4 of key 1, asked for at second 0.
fn with_one() -> Near {
    let near = near();
    near.keep(THINGS, asked(&near, at(0), 1), value(1, 4, 8), LASTS);
    near
}

#[test]
fn a_key_is_asked_for_when_it_is_read_often_within_a_second_and_not_before() {
    let near = near();
    for read in 1..READS_MIN {
        assert!(ask(&near, at(100), 1).is_none(), "read {read}");
    }
    assert!(ask(&near, at(1000), 1).is_none(), "another second");
    for _ in 2..READS_MIN {
        assert!(ask(&near, at(1500), 1).is_none());
    }
    assert!(ask(&near, at(1999), 1).is_some());
    assert!(ask(&near, at(1999), 2).is_none(), "another key");
}

/// Keys are counted by places of their hashes, many to a place.
#[test]
fn of_very_many_keys_that_are_read_once_hardly_one_is_asked_for() {
    for keys in [10_000, 100_000, 400_000] {
        let near = near();
        let asked = (0..keys).filter(|n| ask(&near, at(0), *n).is_some()).count();
        assert!(asked < 200, "{asked} of {keys}");
        let hot = keys + 1;
        let reads = (0..1_000).position(|_| ask(&near, at(0), hot).is_some());
        assert!(reads.is_some(), "one that is read a thousand times among {keys}");
    }
}

#[test]
fn it_is_read_until_its_time_is_over_and_in_its_keyspace_alone() {
    let near = with_one();
    assert_eq!((get(&near, at(0), 1), get(&near, at(1000), 1)), (Some(4), Some(4)));
    let (hash, bytes) = key(1);
    assert!(near.get(TENURE, at(0), OTHERS, (hash, &bytes)).is_none());
    assert!(near.get(TENURE, at(0), THINGS, (hash, b"another")).is_none());
    assert_eq!(get(&near, at(2000), 1), None);
    assert!(ask(&near, at(2000), 1).is_some(), "it had one: one read is enough");
}

#[test]
fn one_reader_alone_asks_for_it_anew_before_its_time_is_over() {
    let near = with_one();
    assert_eq!(get(&near, at(1499), 1), Some(4));
    assert_eq!(get(&near, at(1500), 1), None, "who finds this asks the owner");
    let again = ask(&near, at(1500), 1).expect("it is renewed");
    assert_eq!(get(&near, at(1600), 1), Some(4), "the others go on with it");
    near.keep(THINGS, again, value(1, 4, 8), LASTS);
    assert_eq!(get(&near, at(2500), 1), Some(4));
}

#[test]
fn what_was_changed_is_dropped_and_what_was_asked_for_before_is_not_kept() {
    let near = with_one();
    let before = ask(&near, at(10), 1).expect("it has one");
    change(&near, 1);
    assert_eq!(get(&near, at(10), 1), None);
    near.keep(THINGS, before, value(1, 4, 8), LASTS);
    assert_eq!(get(&near, at(10), 1), None, "it may be older than the change");
    // A key that is changed again and again is not worth one until it is read often again.
    assert!(ask(&near, at(10), 1).is_none());
    near.keep(THINGS, asked(&near, at(10), 1), value(1, 5, 8), LASTS);
    assert_eq!(get(&near, at(10), 1), Some(5));
}

#[test]
fn what_was_asked_for_in_another_tenure_or_before_all_were_dropped_is_not_kept() {
    let near = with_one();
    let before = ask(&near, at(10), 1).expect("it has one");
    near.clear();
    assert_eq!(get(&near, at(10), 1), None);
    near.keep(THINGS, before, value(1, 4, 8), LASTS);
    assert_eq!(get(&near, at(10), 1), None);
    let before = asked(&near, at(10), 1);
    near.keep(THINGS, before, value(1, 4, 8), LASTS);
    near.begin(TENURE + 1);
    let (hash, key) = key(1);
    assert!(near.get(TENURE + 1, at(10), THINGS, (hash, &key)).is_none());
    near.keep(THINGS, before, value(1, 4, 8), LASTS);
    assert!(near.get(TENURE + 1, at(10), THINGS, (hash, &key)).is_none());
    // Who has not heard of the next tenure yet reads nothing of it, and asks for nothing.
    assert_eq!((get(&near, at(10), 1), ask(&near, at(10), 1).is_some()), (None, false));
}

#[test]
fn their_bytes_are_counted_and_stay_below_what_they_may_take() {
    let near = near_of(256 << 10);
    let (max, before, _) = near.fill();
    assert!(0 < max && max < 256 << 10, "{max}: the table is in it");
    assert_eq!(before, 0);
    for n in 0..500 {
        near.keep(THINGS, asked(&near, at(n), n), value(n, 1, 1 << 10), LASTS);
        assert!(near.fill().1 <= max, "{} after {n}", near.fill().1);
    }
    let held: Vec<_> = (0..500).filter(|n| get(&near, at(500), *n).is_some()).collect();
    let bytes: u64 = held.iter().map(|n| value(*n, 1, 1 << 10).heap_bytes()).sum();
    assert_eq!(near.fill().1, bytes);
    assert!(100 < held.len(), "{} are held", held.len());
    // One that is larger than a part takes no other's place.
    near.keep(THINGS, asked(&near, at(600), 900), value(900, 1, 64 << 10), LASTS);
    assert_eq!((get(&near, at(600), 900), near.fill().1), (None, bytes));
    near.clear();
    assert_eq!(near.fill().1, 0);
    assert!((bytes..=max).contains(&near.fill().2.peak()));
}

#[test]
fn without_room_there_are_none() {
    let near = near_of(0);
    assert!((0..100).all(|_| ask(&near, at(0), 1).is_none()));
    assert_eq!(near.fill().0, 0);
}
