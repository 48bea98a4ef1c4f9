//! Leases: who may serve from its cache, and for how long.
//!
//! Each member asks the leader again and again ([`Renewal`](ledger::Renewal)); the leader
//! keeps a [`Ledger`](ledger::Ledger) of what it has granted; the member keeps the end of
//! its lease in a [`Standing`], where the data path looks.
//!
//! # What it rests on
//!
//! No two clocks of the cluster are compared. Only their rates count: while one clock
//! goes on by a second, no other goes on by more than a second and a hundredth
//! ([`RATE_PERCENT`]). Messages may take any time, and any process may stop at any line.
//!
//! Let a grant be given by a leader of whom a majority has confirmed, from a moment `u`
//! of its clock on, that it led. The grant ends at the latest at `u + D` on that clock:
//! received at `r`, it is for `u + D - r`, which the member counts from the moment `s`
//! when it asked, and `s` was before `r`.
//! By any other clock, from `u` until that end passes at most `(D - d) + d`, each part a
//! hundredth longer: so **every grant is over [`over_after`]`(D)` after its `u`, on every
//! clock**. Everything that waits for leases to end waits that long.

mod uptime;
pub use uptime::{BootTime, Uptime};

mod standing;
pub use standing::Standing;

pub mod ledger;

use std::time::Duration;

/// By how many of a hundred parts the rates of two members' clocks may differ. A crystal
/// that is off by a hundredth of that is broken; what remains is for virtual machines.
pub const RATE_PERCENT: u32 = 1;

/// After this time on anybody's clock, a lease of `lease` on anybody else's is over.
pub fn over_after(lease: Duration) -> Duration {
    lease + lease * RATE_PERCENT / 100
}
