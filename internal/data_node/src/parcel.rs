//! Entries that travel together.

use crate::Entry;

/// Entries that are taken off a node, to be sent to another process together: as many as
/// have room in so many bytes, or one that is longer.
#[derive(Debug)]
pub struct Parcel {
    entries: Vec<Entry>,
    bytes: u64,
    bytes_max: u64,
    is_full: bool,
}

impl Parcel {
    /// An empty one.
    pub fn new(bytes_max: u64) -> Self {
        Self { entries: Vec::new(), bytes: 0, bytes_max, is_full: false }
    }

    /// What is in it.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The same, to be had.
    pub fn into_entries(self) -> Vec<Entry> {
        self.entries
    }

    /// What its entries took from memory, in bytes: hardly less than they take in a
    /// message.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether an entry was left where it was because there was no room for it.
    pub fn is_full(&self) -> bool {
        self.is_full
    }

    /// Whether there is room for an entry: always for the first.
    pub(crate) fn fits(&mut self, entry: &Entry) -> bool {
        let fits = self.entries.is_empty() || self.bytes + entry.heap_bytes() <= self.bytes_max;
        self.is_full |= !fits;
        fits
    }

    pub(crate) fn push(&mut self, entry: Entry) {
        self.bytes += entry.heap_bytes();
        self.entries.push(entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tick;

    #[test]
    fn the_first_entry_always_fits_and_the_others_while_there_is_room() {
        let entry = |bytes| Entry::new(b"key", &vec![7; bytes], Tick::NEVER).unwrap();
        let mut parcel = Parcel::new(1_000);
        assert!(parcel.fits(&entry(5_000)));
        parcel.push(entry(5_000));
        assert!(!parcel.is_full());
        assert!(!parcel.fits(&entry(1)));
        assert!(parcel.is_full());
        let mut parcel = Parcel::new(1_000);
        while parcel.fits(&entry(100)) {
            parcel.push(entry(100));
        }
        assert!(!parcel.entries().is_empty() && parcel.bytes() <= 1_000);
    }
}
