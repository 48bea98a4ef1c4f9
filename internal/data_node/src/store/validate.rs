//! Recounts a store and compares.

use super::Store;
use crate::Eviction;

impl<P: Eviction> Store<P> {
    /// # Panics
    /// When something does not add up. For tests.
    pub(crate) fn validate(&self) {
        let place = |slot| self.slots.place(slot);
        assert_eq!(self.slots.used(), self.index.len(), "slots in use");
        assert_eq!(self.slots.len() - self.slots.used(), self.slots.free(), "free slots");
        self.index.validate(place);
        let mut bytes = 0;
        for number in 0..self.index.tables() {
            for ((slot, hash), (_, entry)) in
                self.index.hashes(number, place).zip(self.index.table(number))
            {
                bytes += entry.heap_bytes();
                let found = self.peek(hash, entry.key()).map(|(slot, _)| slot);
                assert_eq!(found, Some(slot), "each entry is found where it is");
                assert!(self.earliest_end() <= entry.expires(), "no entry expires unseen");
            }
        }
        assert_eq!(bytes, self.entry_bytes, "bytes of the entries");
        self.policy.validate(self.len());
        assert!(self.bytes() <= self.limits.bytes, "accounted bytes within the limit");
        assert!(self.len() as u64 <= self.limits.entries, "entries within the limit");
        self.validate_counters();
    }

    fn validate_counters(&self) {
        let c = &self.counters;
        let came = c.inserts.get() + c.moved_in.get();
        let left = c.deletes.get()
            + c.evictions.get()
            + c.expirations.get()
            + c.invalidations.get()
            + c.moved_out.get();
        assert_eq!(came, left + self.len() as u64, "what came is here or has left");
    }
}
