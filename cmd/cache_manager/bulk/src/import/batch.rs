//! Items that go to the server together.

use std::collections::HashSet;

use super::send::goes_alone;
use crate::Item;

/// Bytes of keys and values that one batch has, about: a server whose values are
/// smaller than that refuses such a body, and is sent halves.
const BATCH_BYTES_MAX: usize = 512 << 10;

/// Items of one keyspace, each key once: which of two of a key is the later one
/// does not depend on what is tried again.
#[derive(Debug)]
pub(super) struct Batch {
    items_max: usize,
    keyspace: String,
    items: Vec<(u64, Item)>,
    keys: HashSet<Vec<u8>>,
    bytes: usize,
    is_closed: bool,
}

impl Batch {
    pub(super) fn new(items_max: usize) -> Self {
        let (items, keys) = (Vec::new(), HashSet::new());
        Self { items_max, keyspace: String::new(), items, keys, bytes: 0, is_closed: false }
    }

    /// Whether an item may be with those that are there.
    pub(super) fn takes(&self, keyspace: &str, item: &Item) -> bool {
        self.items.is_empty()
            || (!goes_alone(item)
                && self.keyspace == keyspace
                && !self.keys.contains(&item.key)
                && self.bytes + bytes_of(item) <= BATCH_BYTES_MAX)
    }

    pub(super) fn push(&mut self, line: u64, keyspace: String, item: Item) {
        self.keyspace = keyspace;
        self.bytes += bytes_of(&item);
        self.keys.insert(item.key.clone());
        self.is_closed = goes_alone(&item);
        self.items.push((line, item));
    }

    pub(super) fn is_full(&self) -> bool {
        self.is_closed || self.items_max <= self.items.len() || BATCH_BYTES_MAX <= self.bytes
    }

    pub(super) fn clear(&mut self) {
        *self = Self::new(self.items_max);
    }

    pub(super) fn keyspace(&self) -> &str {
        &self.keyspace
    }

    pub(super) fn items(&self) -> Vec<&Item> {
        self.items.iter().map(|(_, item)| item).collect()
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = u64> {
        self.items.iter().map(|(line, _)| *line)
    }

    pub(super) fn last_line(&self) -> Option<u64> {
        self.items.last().map(|(line, _)| *line)
    }
}

fn bytes_of(item: &Item) -> usize {
    let tags: usize = item.tags.iter().map(String::len).sum();
    item.key.len() + item.value.len() + tags
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(key: &str, value_bytes: usize) -> Item {
        let line = format!(r#"{{"key":"{key}","value":"{}"}}"#, "v".repeat(value_bytes));
        Item::parse(line.as_bytes()).expect("a line")
    }

    fn of(items: &[(&str, usize)]) -> Batch {
        let mut batch = Batch::new(3);
        for (key, value_bytes) in items {
            batch.push(7, "k".to_owned(), item(key, *value_bytes));
        }
        batch
    }

    #[test]
    fn a_batch_has_one_keyspace_and_each_key_once() {
        let batch = of(&[("a", 1)]);
        assert!(batch.takes("k", &item("b", 1)));
        assert!(!batch.takes("k", &item("a", 1)));
        assert!(!batch.takes("l", &item("b", 1)));
    }

    #[test]
    fn a_batch_has_so_many_items_and_bytes() {
        assert!(!of(&[("a", 1), ("b", 1)]).is_full());
        assert!(of(&[("a", 1), ("b", 1), ("c", 1)]).is_full());
        let most = BATCH_BYTES_MAX / 10;
        let mut batch = of(&[]);
        batch.items_max = 100;
        for key in 0..9 {
            batch.push(key, "k".to_owned(), item(&key.to_string(), most));
        }
        assert!(!batch.is_full() && !batch.takes("k", &item("last", most)));
    }

    #[test]
    fn a_large_value_goes_alone() {
        let large = item("b", BATCH_BYTES_MAX);
        assert!(!of(&[("a", 1)]).takes("k", &large));
        let batch = of(&[("b", BATCH_BYTES_MAX)]);
        assert!(batch.is_full());
        let mut batch = of(&[("a", 1)]);
        batch.clear();
        assert!(batch.takes("k", &large));
    }
}
