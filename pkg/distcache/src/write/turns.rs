//! Who is in the middle of a write.

#[cfg(any(feature = "cluster", test))]
use distcache_bus::Deadline;
use parking_lot::{Condvar, Mutex};

/// Counts the writes that are being made, so that somebody can wait for the end of those
/// that have begun already.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Who comes now is counted there.
    turn: usize,
    inside: [usize; 2],
}

/// A write that is being made, until this is dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    turns: &'a Turns,
    turn: usize,
}

impl Turns {
    pub(crate) fn enter(&self) -> Turn<'_> {
        let mut state = self.state.lock();
        let turn = state.turn;
        state.inside[turn] += 1;
        Turn { turns: self, turn }
    }

    /// Waits for the end of all that have entered before, whoever enters meanwhile.
    /// Returns whether that was before the deadline.
    #[cfg(any(feature = "cluster", test))]
    pub(crate) fn drain(&self, deadline: &Deadline) -> bool {
        let mut state = self.state.lock();
        // Of the other turn are those for whom somebody has waited in vain.
        for turn in [1 - state.turn, state.turn] {
            state.turn = 1 - turn;
            while state.inside[turn] != 0 {
                if self.ended.wait_until(&mut state, deadline.instant()).timed_out() {
                    return false;
                }
            }
        }
        true
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.turns.state.lock().inside[self.turn] -= 1;
        self.turns.ended.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn those_who_came_before_are_waited_for_and_nobody_else() {
        let turns = Turns::default();
        let soon = || Deadline::within(Duration::from_millis(1));
        let first = turns.enter();
        assert!(!turns.drain(&soon()), "the first is inside");
        let second = turns.enter();
        drop(first);
        let drained = std::thread::scope(|scope| {
            let drain = scope.spawn(|| turns.drain(&Deadline::within(Duration::from_mins(1))));
            drop(second);
            drain.join()
        });
        assert!(drained.unwrap());
        let _third = turns.enter();
        assert!(!turns.drain(&soon()));
    }
}
