//! Any bytes as the lines of an import are items, or mistakes that are numbered;
//! what is written of an item is read as the same item.
#![no_main]

use distcache_bulk::{Feed, Item};
use libfuzzer_sys::fuzz_target;

/// Short, so that lines that are too long are met.
const LINE_BYTES_MAX: usize = 1_000;

fuzz_target!(|file: &[u8]| {
    let mut feed = Feed::new(file, LINE_BYTES_MAX);
    while let Some(line) = feed.read().expect("a slice can be read") {
        match line.item {
            Err(error) => assert!(!error.to_string().is_empty()),
            Ok(item) => {
                let mut written = Vec::new();
                item.write(&mut written);
                assert_eq!(Item::parse(&written), Ok(item));
            }
        }
    }
    assert_eq!(feed.bytes(), file.len() as u64);
});
