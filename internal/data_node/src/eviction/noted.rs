//! Hits that were noted, to be applied later.

use crate::Slot;

/// Hits that are noted before a policy applies them.
const HITS: usize = 64;

/// Slots that were hit, in that order.
///
/// What a hit moves in a list waits for the neighbours there, which are seldom
/// in the processor's cache. So hits are noted, and applied many at a time,
/// when the processor fetches the neighbours of several at once. A policy MUST
/// apply what is noted before a slot comes or goes, and before it answers.
#[derive(Debug)]
pub(super) struct Noted {
    hits: [Slot; HITS],
    len: usize,
}

impl Noted {
    pub(super) fn new() -> Self {
        Self { hits: [Slot::new(0); HITS], len: 0 }
    }

    /// Notes a hit. Returns whether the next needs room that
    /// [`take`](Self::take) has to make.
    #[inline]
    pub(super) fn push_and_is_full(&mut self, slot: Slot) -> bool {
        self.hits[self.len] = slot;
        self.len += 1;
        self.len == HITS
    }

    /// The hits; it has none then.
    #[inline]
    pub(super) fn take(&mut self) -> &[Slot] {
        &self.hits[..std::mem::take(&mut self.len)]
    }
}
