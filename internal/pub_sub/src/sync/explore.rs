//! A race in every order, and all that may come out of it.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::Deadline;

/// Nearly every fault between a few threads needs two; one more for safety.
/// `LOOM_MAX_PREEMPTIONS` says another number.
const PREEMPTIONS: usize = 3;

/// Runs `race` in every order: with at most [`PREEMPTIONS`] switches that no wait
/// forces, and every stale value that the memory orders allow.
///
/// # Panics
/// When anything comes out that is not in `possible`, when something listed
/// never does, or when a thread is left waiting.
pub fn explore<O: Debug + PartialEq + Send + Sync + 'static, const N: usize>(
    possible: [O; N],
    race: impl Fn() -> O + Send + Sync + 'static,
) {
    let possible = Arc::new(possible);
    let counts: Arc<[AtomicUsize; N]> = Arc::new([const { AtomicUsize::new(0) }; N]);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(PREEMPTIONS);
    builder.check({
        let (possible, counts) = (possible.clone(), counts.clone());
        move || {
            let outcome = race();
            let which = possible.iter().position(|one| *one == outcome);
            let which = which.unwrap_or_else(|| panic!("{outcome:?} must not come out"));
            counts[which].fetch_add(1, Ordering::Relaxed);
        }
    });
    let counts = counts.each_ref().map(|count| count.load(Ordering::Relaxed));
    tell(counts.iter().sum());
    for (outcome, count) in possible.iter().zip(counts) {
        assert_ne!(count, 0, "{outcome:?} never came out: the model shows less than it says");
    }
}

#[expect(clippy::print_stderr, reason = "the test harness shows it to who asks")]
fn tell(interleavings: usize) {
    let thread = std::thread::current();
    eprintln!("{}: {interleavings} interleavings", thread.name().unwrap_or("a model"));
}

/// No time passes in a model.
pub fn patient() -> Deadline {
    Deadline::within(Duration::MAX)
}
