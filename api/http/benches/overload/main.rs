//! What becomes of a server that is asked for more than it can do.
//!
//! Its source takes 10 ms for a key and 32 keys at once: 3,200 loads a second at
//! most. Missing keys are asked for at a fixed rate, whatever the answers do
//! (open loop), and each latency counts from when its request was due, so that a
//! server which delays its clients cannot hide it. Prints, for once, twice and ten
//! times the capacity: values a second beside the peak, the 99th percentile of
//! those answered with a value, and how many were refused.
//!
//! ```text
//! cargo bench -p distcache-http --bench overload
//! ```
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::expect_used, reason = "a benchmark may fall over")]

mod open_loop;
mod server;

use std::time::Duration;

use open_loop::{Outcome, offer};
use server::CAPACITY_PER_SECOND;

/// How long each rate is kept up.
const TIME: Duration = Duration::from_secs(5);

fn main() {
    let (door, engine) = server::start();
    let at = |times: f64| offer(door.local_addr(), CAPACITY_PER_SECOND * times, TIME);
    // The first warms up threads and connections.
    at(0.5);
    let peak = at(1.0);
    tell("1x", &peak, &peak);
    for (name, times) in [("2x", 2.0), ("10x", 10.0)] {
        let outcome = at(times);
        tell(name, &outcome, &peak);
        let goodput = outcome.values_per_second() / peak.values_per_second();
        assert!(0.8 <= goodput, "the goodput falls to {goodput:.2} of the peak");
        assert_eq!(outcome.refused, outcome.refused_with_retry_after, "503 says when to retry");
        assert_eq!(outcome.others, 0, "each answer is a value or 503");
    }
    door.shutdown(Duration::from_secs(5)).expect("nothing is in flight");
    engine.shutdown(Duration::from_secs(5)).expect("nothing is under way");
}

fn tell(name: &str, outcome: &Outcome, peak: &Outcome) {
    let goodput = outcome.values_per_second() / peak.values_per_second();
    println!("FACT overload-offered-{name}-per-second {:.0}", outcome.offered_per_second());
    println!("FACT overload-refused-{name}-per-second {:.0}", outcome.refused_per_second());
    println!("FACT overload-p99-{name}-ms {:.1}", outcome.percentile_ms(0.99));
    println!("RATIO overload-goodput-{name} peak {goodput:.2}");
}
