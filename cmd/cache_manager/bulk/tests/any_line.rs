//! Whatever a file is, it ends with items or with mistakes that are numbered.

use distcache_bulk::{Feed, Item, KEY_BYTES_MAX, Life, TTL_MS_MAX, line_bytes_max};
use proptest::prelude::*;

/// Enough for every branch to be met many times; some seconds.
const CASES: u32 = 100_000;

/// Reads a file of which each line has at most `bytes_max` bytes. What is an item
/// is written, and read again as the same.
fn survives(file: &[u8], bytes_max: usize) {
    let mut feed = Feed::new(file, bytes_max);
    let mut before = 0;
    while let Some(line) = feed.read().expect("a slice can be read") {
        assert!(before < line.number, "lines are numbered from 1 on");
        before = line.number;
        match line.item {
            Err(error) => assert!(!error.to_string().is_empty()),
            Ok(item) => assert_eq!(again(&item), item),
        }
    }
    let lines = file.split(|&byte| byte == b'\n').count() as u64;
    assert!(before <= lines);
    assert_eq!(feed.bytes(), file.len() as u64);
}

/// Writes an item, and reads it.
fn again(item: &Item) -> Item {
    let mut line = Vec::new();
    item.write(&mut line);
    assert_eq!(line.split(|&byte| byte == b'\n').count(), 2, "a line has one end");
    Item::parse(&line).expect("what is written is an item")
}

/// Pieces of lines, right and wrong.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "\n",
    "\r\n",
    " ",
    "null",
    "true",
    "1",
    "-1",
    "1e9",
    "0.5",
    "18446744073709551616",
    "\"key\":",
    "\"key_base64\":",
    "\"value\":",
    "\"value_base64\":",
    "\"ttl_ms\":",
    "\"content_type\":",
    "\"keyspace\":",
    "\"tags\":",
    "\"a\"",
    "\"/w==\"",
    "\"_w==\"",
    "\"\"",
    "\u{f6}",
    "[\"t\"]",
    "{\"key\":\"a\",\"value\":\"b\"}\n",
    "{\"key\":\"a\",\"value\":\"b\",\"ttl_ms\":",
];

fn of_pieces() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(PIECES), 0..12)
        .prop_map(|pieces| pieces.concat().into_bytes())
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(any::<char>(), 0..4).prop_map(String::from_iter)
}

fn items() -> impl Strategy<Value = Item> {
    let key = prop::collection::vec(any::<u8>(), 1..20);
    let value = prop::collection::vec(any::<u8>(), 0..40);
    let life = prop_oneof![
        Just(Life::OfKeyspace),
        Just(Life::UntilEvicted),
        (1..=TTL_MS_MAX).prop_map(Life::Millis),
    ];
    let texts = (prop::option::of(text()), prop::option::of(text()));
    let tags = prop::collection::vec(text(), 0..3);
    (key, value, life, texts, tags).prop_map(|(key, value, life, texts, tags)| {
        let (keyspace, content_type) = texts;
        Item { keyspace, key, value, life, content_type, tags }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn any_bytes_are_items_or_mistakes(file: Vec<u8>, bytes_max in 1..100_usize) {
        survives(&file, bytes_max);
    }

    #[test]
    fn any_pieces_of_lines_are_items_or_mistakes(file in of_pieces(), bytes_max in 1..200_usize) {
        survives(&file, bytes_max);
    }

    #[test]
    fn any_item_survives_its_line(item in items()) {
        prop_assert_eq!(again(&item), item);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// A value of any bytes takes at most four thirds of its length.
    #[test]
    fn a_line_is_no_longer_than_the_longest(
        value in prop::collection::vec(prop_oneof![Just(0_u8), Just(b'"'), any::<u8>()], 0..5_000),
        key_byte: u8,
    ) {
        let key = vec![key_byte; KEY_BYTES_MAX];
        let item = Item {
            keyspace: None, key, value, life: Life::UntilEvicted, content_type: None, tags: vec![],
        };
        let mut line = Vec::new();
        item.write(&mut line);
        prop_assert!(line.len() <= line_bytes_max(item.value.len()));
    }
}
