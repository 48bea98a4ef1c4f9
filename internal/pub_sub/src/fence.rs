//! Who may still act on a node: the epoch it serves, or that its time is over.

use std::fmt;
use std::sync::atomic::Ordering;

use crate::CallError;
use crate::sync::AtomicU64;

/// The number of a ring: each change of membership makes the next one.
///
/// Epochs start at 1 and fit in 32 bits, because versions carry them
/// ([`Epoch::MAX`]). Where processes share their keys, the upper 22 bits are the
/// number of the view that they have agreed on, and the lower 10 those of this
/// process within it: so what one process writes by a later view stands above
/// what any other has written by an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(u64);

impl Epoch {
    /// The first epoch.
    pub const FIRST: Self = Self(1);
    /// The last epoch: four thousand million changes of membership.
    pub const MAX: Self = Self((1 << 32) - 1);
    /// The last view that an epoch can carry.
    pub const VIEW_MAX: u64 = Self::MAX.0 >> Self::LOCAL_BITS;
    /// Bits of an epoch below its view.
    pub const LOCAL_BITS: u32 = 10;

    /// The first epoch of a view; `None` after [`VIEW_MAX`](Self::VIEW_MAX).
    pub fn of_view(view: u64) -> Option<Self> {
        (view <= Self::VIEW_MAX).then_some(Self(view << Self::LOCAL_BITS))
    }

    /// The view that it is of; 0 where nobody has agreed on one.
    pub fn view(self) -> u64 {
        self.0 >> Self::LOCAL_BITS
    }

    /// The epoch after this one, or `None` after the last.
    pub fn next(self) -> Option<Self> {
        (self < Self::MAX).then_some(Self(self.0 + 1))
    }

    /// The bare number.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The lowest epoch whose requests a node still serves, and whether the node
/// is closed or retired, in one word.
///
/// The word only ever grows. It is read under the node's lock, twice a call:
/// [`admits`](Self::admits) before the command runs and
/// [`acknowledges`](Self::acknowledges) before its reply leaves.
#[derive(Debug)]
pub struct Fence(AtomicU64);

/// Above every epoch: the node was shut down in order.
const CLOSED: u64 = u64::MAX - 1;
/// Above everything: the node was given up, and another stands in its place.
const RETIRED: u64 = u64::MAX;

impl Fence {
    /// A fence that serves requests of `epoch` and later.
    pub fn new(epoch: Epoch) -> Self {
        Self(AtomicU64::new(epoch.0))
    }

    /// Refuses requests older than `epoch` from now on.
    pub fn raise(&self, epoch: Epoch) {
        self.lift(epoch.0);
    }

    /// Refuses everything from now on: the node is shutting down.
    pub fn close(&self) {
        self.lift(CLOSED);
    }

    /// Refuses everything from now on, replies in the making included.
    pub fn retire(&self) {
        self.lift(RETIRED);
    }

    /// Whether the node was given up.
    pub fn is_retired(&self) -> bool {
        self.0.load(Ordering::Acquire) == RETIRED
    }

    /// Whether the node serves any epoch at all.
    ///
    /// # Errors
    /// `Closed` or `Retired`.
    pub fn is_open(&self) -> Result<(), CallError> {
        let word = self.0.load(Ordering::Acquire);
        if word < CLOSED { Ok(()) } else { Err(Self::refusal(word)) }
    }

    fn lift(&self, word: u64) {
        self.0.fetch_max(word, Ordering::AcqRel);
    }

    /// Whether a command that was routed in `epoch` may run.
    ///
    /// Must be asked under the node's lock. The interleaving that this stops:
    ///
    /// 1. A writer looks at the ring of epoch 1 and finds node A.
    /// 2. The ring of epoch 2 gives the key to node B; A's fence is raised,
    ///    then the ring is published, then the key's entry moves from A to B.
    /// 3. The writer locks A, stores there, and is told that all is well.
    /// 4. A reader asks B and gets the value before the acknowledged one.
    ///
    /// In step 3 the writer takes A's lock after the mover held it, hence sees
    /// the raised fence, and looks at the ring again. If it takes the lock
    /// before the mover does, its value moves along.
    ///
    /// # Errors
    /// `Stale`, `Closed` or `Retired`, by the fence.
    #[inline]
    pub fn admits(&self, epoch: Epoch) -> Result<(), CallError> {
        let word = self.0.load(Ordering::Acquire);
        if word <= epoch.0 { Ok(()) } else { Err(Self::refusal(word)) }
    }

    /// Whether the reply to a command that has run may leave.
    ///
    /// Must be asked under the node's lock, after the command. The interleaving
    /// that this stops:
    ///
    /// 1. A reader runs on node A and falls asleep there.
    /// 2. A is declared silent and replaced by an empty A'; a writer stores a
    ///    newer value in A' and is acknowledged.
    /// 3. A third party reads the newer value from A'.
    /// 4. The reader wakes with the old value in its hand and returns it.
    ///
    /// # Errors
    /// `Retired`: whatever the command did is gone with the node.
    #[inline]
    pub fn acknowledges(&self) -> Result<(), CallError> {
        if self.is_retired() { Err(CallError::Retired) } else { Ok(()) }
    }

    #[cold]
    fn refusal(word: u64) -> CallError {
        match word {
            RETIRED => CallError::Retired,
            CLOSED => CallError::Closed,
            _ => CallError::Stale,
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn epoch(number: u64) -> Epoch {
        Epoch(number)
    }

    #[test]
    fn a_raised_fence_refuses_older_epochs_only() {
        let fence = Fence::new(epoch(1));
        fence.raise(epoch(3));
        assert_eq!(fence.admits(epoch(2)), Err(CallError::Stale));
        assert_eq!(fence.admits(epoch(3)), Ok(()));
        assert_eq!(fence.admits(epoch(4)), Ok(()));
    }

    #[test]
    fn a_fence_never_falls() {
        let fence = Fence::new(epoch(5));
        fence.raise(epoch(2));
        assert_eq!(fence.admits(epoch(4)), Err(CallError::Stale));
        fence.retire();
        fence.close();
        fence.raise(epoch(9));
        assert_eq!(fence.admits(Epoch::MAX), Err(CallError::Retired));
    }

    #[test]
    fn a_closed_node_acknowledges_what_it_had_begun_and_a_retired_one_does_not() {
        let fence = Fence::new(epoch(1));
        fence.close();
        assert_eq!(fence.admits(epoch(1)), Err(CallError::Closed));
        assert_eq!(fence.acknowledges(), Ok(()));
        fence.retire();
        assert_eq!(fence.acknowledges(), Err(CallError::Retired));
    }

    #[test]
    fn epochs_end_where_versions_could_not_carry_them() {
        assert_eq!(Epoch::MAX.next(), None);
        assert_eq!(Epoch::FIRST.next(), Some(epoch(2)));
    }

    #[test]
    fn every_epoch_of_a_view_stands_above_those_of_the_view_before() {
        let first = Epoch::of_view(7).unwrap();
        assert_eq!((first.view(), first.next().unwrap().view()), (7, 7));
        assert_eq!(epoch(first.get() - 1).view(), 6);
        assert_eq!(Epoch::of_view(Epoch::VIEW_MAX).unwrap().view(), Epoch::VIEW_MAX);
        assert_eq!(Epoch::of_view(Epoch::VIEW_MAX + 1), None);
        assert_eq!(Epoch::FIRST.view(), 0);
    }
}
