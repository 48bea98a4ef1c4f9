//! The bytes that all clients together may make the server hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// So many bytes, shared by all connections.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    held: Arc<AtomicUsize>,
    max: usize,
}

impl Budget {
    pub(super) fn new(max: usize) -> Self {
        Self { held: Arc::default(), max }
    }

    /// A reservation of nothing, to be grown.
    pub(super) fn open(&self) -> Reservation {
        Reservation { held: Arc::clone(&self.held), max: self.max, bytes: 0 }
    }
}

/// Bytes reserved, given back on drop.
#[derive(Debug)]
pub(super) struct Reservation {
    held: Arc<AtomicUsize>,
    max: usize,
    bytes: usize,
}

/// Others hold what is left.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BudgetSpent;

impl Reservation {
    /// Reserves `bytes` more. Whoever is alone always may: an answer longer than
    /// the whole budget would otherwise never be given.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), BudgetSpent> {
        // Relaxed: a count that guards no other memory.
        let before = self.held.fetch_add(bytes, Ordering::Relaxed);
        self.bytes += bytes;
        let alone = before + bytes == self.bytes;
        if alone || before + bytes <= self.max { Ok(()) } else { Err(BudgetSpent) }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reservations_share_the_budget_and_give_it_back() {
        let budget = Budget::new(100);
        let (mut first, mut second) = (budget.open(), budget.open());
        assert_eq!(first.grow(60), Ok(()));
        assert_eq!(second.grow(40), Ok(()));
        assert_eq!(second.grow(1), Err(BudgetSpent));
        drop(second);
        assert_eq!(first.grow(40), Ok(()));
        drop(first);
        assert_eq!(budget.held.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn whoever_is_alone_may_hold_more_than_there_is() {
        let budget = Budget::new(100);
        let mut large = budget.open();
        assert_eq!(large.grow(1_000), Ok(()));
        assert_eq!(budget.open().grow(1), Err(BudgetSpent));
    }
}
