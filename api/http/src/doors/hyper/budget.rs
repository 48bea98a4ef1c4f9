//! The bytes that all clients together may make the server hold.

use std::sync::Arc;

use crate::DoorWatch;

/// So many bytes, shared by all connections.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    watch: Arc<DoorWatch>,
    max: usize,
}

impl Budget {
    pub(super) fn new(max: usize, watch: Arc<DoorWatch>) -> Self {
        Self { watch, max }
    }

    /// A reservation of nothing, to be grown.
    pub(super) fn open(&self) -> Reservation {
        Reservation { watch: Arc::clone(&self.watch), max: self.max, bytes: 0 }
    }
}

/// Bytes reserved, given back on drop.
#[derive(Debug)]
pub(super) struct Reservation {
    watch: Arc<DoorWatch>,
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
        let buffered = &self.watch.buffered;
        let held = buffered.add(bytes as u64);
        self.bytes += bytes;
        let alone = held == self.bytes as u64;
        if alone || held <= self.max as u64 {
            buffered.mark.note(held);
            return Ok(());
        }
        buffered.mark.reach();
        Err(BudgetSpent)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.watch.buffered.sub(self.bytes as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reservations_share_the_budget_and_give_it_back() {
        let budget = Budget::new(100, Arc::default());
        let (mut first, mut second) = (budget.open(), budget.open());
        assert_eq!(first.grow(60), Ok(()));
        assert_eq!(second.grow(40), Ok(()));
        assert_eq!(second.grow(1), Err(BudgetSpent));
        drop(second);
        assert_eq!(first.grow(40), Ok(()));
        drop(first);
        let buffered = &budget.watch.buffered;
        assert_eq!((buffered.now(), buffered.mark.reached()), (0, 1));
    }

    #[test]
    fn whoever_is_alone_may_hold_more_than_there_is() {
        let budget = Budget::new(100, Arc::default());
        let mut large = budget.open();
        assert_eq!(large.grow(1_000), Ok(()));
        assert_eq!(budget.open().grow(1), Err(BudgetSpent));
    }
}
