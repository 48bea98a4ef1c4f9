//! Which keys were used while their entries may be on their way here.

/// A filter of the keys that a node has changed, forgotten or loaded since entries of
/// another process began to travel to it.
///
/// It may take a key for another one that was used, never a used one for one that was
/// not: the entry of such a key is a miss then, and nothing older than what was said.
pub(crate) struct Arrivals {
    used: Box<[u64]>,
}

/// As many as a thousand keys that are used in the seconds of a hand-over cost one in
/// a hundred of those that arrive.
const BITS: usize = 1 << 17;
const WORD_BITS: usize = u64::BITS as usize;

impl Arrivals {
    pub(crate) fn new() -> Self {
        Self { used: vec![0; BITS / WORD_BITS].into() }
    }

    pub(crate) fn heap_bytes(&self) -> u64 {
        size_of_val(&*self.used) as u64
    }

    /// Notes that a key was used.
    pub(crate) fn note(&mut self, hash: u64) {
        let (word, bit) = place(hash);
        self.used[word] |= bit;
    }

    /// Notes that any key may have been used.
    pub(crate) fn note_all(&mut self) {
        self.used.fill(u64::MAX);
    }

    /// Whether a key may have been used.
    pub(crate) fn has_seen(&self, hash: u64) -> bool {
        let (word, bit) = place(hash);
        self.used[word] & bit != 0
    }
}

fn place(hash: u64) -> (usize, u64) {
    #[expect(clippy::cast_possible_truncation, reason = "the lower bits are what is wanted")]
    let bit = hash as usize % BITS;
    (bit / WORD_BITS, 1 << (bit % WORD_BITS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_was_used_is_never_taken_for_one_that_was_not() {
        let mut arrivals = Arrivals::new();
        let hash = |n: u64| n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (0..1_000).for_each(|n| arrivals.note(hash(n)));
        assert!((0..1_000).all(|n| arrivals.has_seen(hash(n))));
        let others = (1_000..101_000).filter(|&n| arrivals.has_seen(hash(n))).count();
        assert!(others < 2_000, "{others} of 100,000: one in a hundred, or so");
        arrivals.note_all();
        assert!((0..101_000).all(|n| arrivals.has_seen(hash(n))));
    }
}
