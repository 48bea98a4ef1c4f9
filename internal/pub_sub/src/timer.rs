//! Ends the waits of futures whose time is over.
//!
//! A parked thread wakes itself at its deadline. A future cannot, and which
//! timers its runtime has is not ours to know; so one thread keeps the
//! deadlines of those futures that had to wait, which are few.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::io;
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use crate::Watermark;
use crate::deadline::now;
use crate::reply::Expire;
use parking_lot::{Condvar, Mutex};

/// How many waits a timer keeps. A future that would be one more is told that
/// the node is busy.
pub const WAITS_MAX: usize = 65_536;

/// Fewer waits than this are not looked through for those that have ended.
const SWEPT_MIN: usize = 1_024;

/// The thread that ends waits, and what it knows.
///
/// Dropping the timer ends every wait that it keeps and joins the thread.
#[derive(Debug)]
pub struct Timer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    mark: Watermark,
}

#[derive(Debug)]
struct State {
    /// The earliest deadline on top.
    waits: BinaryHeap<Wait>,
    /// With so many, those that have ended are swept out.
    sweep_at: usize,
    closed: bool,
}

#[derive(Debug)]
struct Wait {
    at: Instant,
    who: Weak<dyn Expire>,
}

impl Timer {
    /// Starts the thread, named `distcache-timer`.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn start() -> io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                waits: BinaryHeap::new(),
                sweep_at: SWEPT_MIN,
                closed: false,
            }),
            changed: Condvar::new(),
            mark: Watermark::default(),
        });
        let of_thread = shared.clone();
        let thread = thread::Builder::new()
            .name("distcache-timer".to_owned())
            .spawn(move || of_thread.run())?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Ends the wait of `who` at `at`, unless it ends by itself. Returns
    /// whether there was room: 65,536 waits are kept at most.
    pub fn keep(&self, at: Instant, who: &Arc<dyn Expire>) -> bool {
        let mut state = self.shared.state.lock();
        if state.sweep_at <= state.waits.len() {
            state.sweep();
        }
        if state.closed || state.waits.len() == WAITS_MAX {
            self.shared.mark.reach();
            return false;
        }
        let is_earliest = state.waits.peek().is_none_or(|first| at < first.at);
        state.waits.push(Wait { at, who: Arc::downgrade(who) });
        self.shared.mark.note(state.waits.len() as u64);
        drop(state);
        if is_earliest {
            self.shared.changed.notify_one();
        }
        true
    }

    /// Waits that it keeps now; those that ended early may be among them.
    pub fn waits(&self) -> usize {
        self.shared.state.lock().waits.len()
    }

    /// The most that it has kept, and how often there was no room.
    pub fn mark(&self) -> &Watermark {
        &self.shared.mark
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.shared.state.lock().closed = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the timer's loop calls nothing that panics");
        }
    }
}

impl State {
    /// Drops waits that ended early: they would stay until their deadline, and their memory
    /// with them. Again when there are twice as many as are left, so that a wait is looked
    /// at twice or so, however many there are.
    fn sweep(&mut self) {
        self.waits.retain(|wait| wait.who.upgrade().is_some_and(|who| who.is_waiting()));
        self.sweep_at = (2 * self.waits.len()).clamp(SWEPT_MIN, WAITS_MAX);
    }
}

impl Shared {
    fn run(&self) {
        let mut state = self.state.lock();
        loop {
            let next = state.waits.peek().map(|wait| wait.at);
            match next {
                _ if state.closed => break,
                None => self.changed.wait(&mut state),
                Some(at) if now() < at => {
                    self.changed.wait_until(&mut state, at);
                }
                Some(_) => {
                    let wait = state.waits.pop();
                    // A waker is somebody else's code: no lock of ours is held.
                    drop(state);
                    wait.iter().for_each(Wait::end);
                    state = self.state.lock();
                }
            }
        }
        let left = std::mem::take(&mut state.waits);
        drop(state);
        left.iter().for_each(Wait::end);
    }
}

impl Wait {
    fn end(&self) {
        if let Some(who) = self.who.upgrade() {
            who.expire();
        }
    }
}

impl PartialEq for Wait {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Wait {}

impl PartialOrd for Wait {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Wait {
    /// Reversed: the heap has its greatest on top, and we want the earliest.
    fn cmp(&self, other: &Self) -> Ordering {
        other.at.cmp(&self.at)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{Deadline, reply_slot};

    fn patient() -> Deadline {
        Deadline::within(Duration::from_mins(1))
    }

    #[test]
    fn a_wait_ends_at_its_deadline_whatever_the_order_of_keeping() {
        let timer = Timer::start().unwrap();
        let (_late, late) = reply_slot::<u8>();
        let (_early, early) = reply_slot::<u8>();
        assert!(timer.keep(now() + Duration::from_hours(1), &late.expiry()));
        assert!(timer.keep(now() + Duration::from_millis(1), &early.expiry()));
        assert_eq!(early.wait(&patient()), None);
        assert!(late.expiry().is_waiting());
    }

    #[test]
    fn dropping_the_timer_ends_every_wait_it_keeps() {
        let timer = Timer::start().unwrap();
        let (_replier, waiter) = reply_slot::<u8>();
        assert!(timer.keep(now() + Duration::from_hours(1), &waiter.expiry()));
        drop(timer);
        assert_eq!(waiter.wait(&patient()), None);
    }

    #[test]
    fn waits_that_have_ended_do_not_pile_up() {
        let timer = Timer::start().unwrap();
        let at = now() + Duration::from_hours(1);
        let kept: Vec<_> = (0..100).map(|_| reply_slot::<u8>()).collect();
        assert!(kept.iter().all(|(_, waiter)| timer.keep(at, &waiter.expiry())));
        for _ in 0..10_000 {
            let (_replier, waiter) = reply_slot::<u8>();
            assert!(timer.keep(at, &waiter.expiry()));
            assert!(timer.waits() <= SWEPT_MIN);
        }
        assert!(kept.iter().all(|(_, waiter)| waiter.expiry().is_waiting()));
    }

    #[test]
    fn a_full_timer_makes_room_by_dropping_waits_that_have_ended() {
        let timer = Timer::start().unwrap();
        let at = now() + Duration::from_hours(1);
        for _ in 0..WAITS_MAX {
            let (_replier, waiter) = reply_slot::<u8>();
            assert!(timer.keep(at, &waiter.expiry()));
        }
        let kept: Vec<_> = (0..WAITS_MAX).map(|_| reply_slot::<u8>()).collect();
        assert!(kept.iter().all(|(_, waiter)| timer.keep(at, &waiter.expiry())));
        let (_replier, one_more) = reply_slot::<u8>();
        assert!(!timer.keep(at, &one_more.expiry()));
    }
}
