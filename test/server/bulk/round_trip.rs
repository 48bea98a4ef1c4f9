//! What went in comes out.

use std::collections::BTreeMap;
use std::path::PathBuf;

use distcache_bulk::{Item, Life};

use serde_json::Value;

use super::{Desk, exported, import, plain, start, text};
use crate::support::{Server, eventually};

const ITEMS: u64 = 10_000;

/// Any bytes, the same each time: the numbers of `SplitMix64`.
fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (z >> 27).to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}

/// Every third is a text, every fourth has a time, every fifth a content type.
fn item(number: u64) -> Item {
    let length = usize::try_from(number % 97).expect("less than 97");
    let mut key = number.to_be_bytes().to_vec();
    key.extend(bytes(number, length));
    let key = if number.is_multiple_of(3) { format!("key {number}\n/\0").into() } else { key };
    let life = match number % 4 {
        0 => Life::Millis(3_600_000 + number * 1_000),
        _ => Life::UntilEvicted,
    };
    let content_type = number.is_multiple_of(5).then(|| format!("text/x-{number}; a=\"b\""));
    Item { life, content_type, ..plain(&key, &bytes(!number, length * 3)) }
}

fn lines(items: impl Iterator<Item = Item>) -> Vec<u8> {
    let mut lines = Vec::new();
    items.for_each(|item| item.write(&mut lines));
    lines
}

/// The items of an export by their keys. A scan may give a key twice.
fn by_key(exported: &str) -> BTreeMap<Vec<u8>, Item> {
    let items = exported.lines().map(|line| Item::parse(line.as_bytes()).expect("a line"));
    let mut by_key = BTreeMap::new();
    for mut item in items {
        assert_eq!(item.keyspace.take().as_deref(), Some("default"));
        by_key.insert(item.key.clone(), item);
    }
    by_key
}

/// Less than ten minutes of its time have passed, however slow the machine is.
fn assert_is(found: &Item, expected: &Item) {
    let (Life::Millis(left), Life::Millis(given)) = (found.life, expected.life) else {
        return assert_eq!(found, expected);
    };
    assert!((given - 600_000..=given).contains(&left), "{left} of {given}");
    assert_eq!(&Item { life: expected.life, ..found.clone() }, expected);
}

/// Exports all of it. No thousand of it takes long, however slow the machine is.
fn export(server: &Server, desk: &Desk, name: &str) -> PathBuf {
    let (out, state) = (desk.path(name), desk.path(&format!("{name}.state")));
    let process = start(server, &["export", "--output", text(&out), "--state", text(&state)]);
    let items = || {
        let state = std::fs::read(&state).ok()?;
        serde_json::from_slice::<Value>(&state).expect("a whole state")["items"].as_u64()
    };
    for thousand in 1..=ITEMS / 1_000 {
        eventually("a thousand more are written", || items().filter(|&n| thousand * 1_000 <= n));
    }
    let ended = process.wait();
    assert_eq!((ended.status, ended.stdout.as_str()), (Some(0), ""), "{}", ended.stderr);
    out
}

#[test]
fn ten_thousand_values_of_any_bytes_come_back_as_they_went_in() {
    let desk = Desk::new();
    let file = desk.file("in.jsonl", lines((0..ITEMS).map(item)));
    let first = Server::start(&[]);
    import(&first, &file);
    let out = export(&first, &desk, "out");
    // And once more: what an export has written is what an import reads.
    let second = Server::start(&[]);
    import(&second, &out);
    let again = export(&second, &desk, "again");
    let found = by_key(&std::fs::read_to_string(again).expect("a file"));
    assert_eq!(found.len() as u64, ITEMS);
    for expected in (0..ITEMS).map(item) {
        assert_is(&found[&expected.key], &expected);
    }
}

/// The hyper door bounds the line of a request, and tells who goes beyond it.
#[cfg(feature = "hyper")]
#[test]
fn the_largest_values_and_long_keys_go_in_and_what_can_be_asked_for_comes_out() {
    let (large, long) = (plain(b"large", &bytes(1, 4 << 20)), plain(&bytes(2, 9_000), b"v"));
    let with_tags = Item { tags: vec!["t".repeat(9_000)], ..plain(b"tagged", &bytes(3, 100_000)) };
    let items = [large.clone(), long, with_tags, plain(b"small", b"")];
    let desk = Desk::new();
    let file = desk.file("in.jsonl", lines(items.into_iter()));
    let server = Server::start(&[]);
    import(&server, &file);
    let ended = super::run(&server, &["export"]);
    assert_eq!(ended.status, Some(1));
    let left_out = "a key of 9000 bytes: DC-214";
    assert!(ended.stderr.contains(left_out) && ended.stderr.contains("DC-338"), "{}", ended.stderr);
    let found = by_key(&ended.stdout);
    let lengths: Vec<_> = found.values().map(|item| (&*item.key, item.value.len())).collect();
    let expected = [(&b"large"[..], 4 << 20), (b"small", 0), (b"tagged", 100_000)];
    assert_eq!(lengths, expected);
    assert_eq!(found[&large.key].value, large.value);
}

#[test]
fn of_two_lines_of_one_key_the_later_one_wins() {
    let desk = Desk::new();
    let values =
        (0..250).map(|n| plain(format!("{}", n % 7).as_bytes(), format!("{n}").as_bytes()));
    let file = desk.file("in.jsonl", lines(values));
    let server = Server::start(&[]);
    import(&server, &file);
    let mut found: Vec<_> = exported(&server)
        .iter()
        .map(|one| one["value"].as_str().and_then(|n| n.parse::<u32>().ok()).expect("a number"))
        .collect();
    found.sort_unstable();
    assert!(found.into_iter().eq(243..250));
}
