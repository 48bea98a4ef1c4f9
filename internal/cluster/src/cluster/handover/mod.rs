//! Entries pass from the members that owned their keys to those that own them now.
//!
//! ```text
//!   a view by which keys change their owners: a tenure begins, everywhere
//!
//!   heir                                       giver
//!    │  which keys are used, is noted            │  answers for them no more
//!    │                                           │
//!    ├── TakePage {tenure, from} ───────────────►│  takes entries off its nodes
//!    │◄────────────── PageTaken {entries, next} ─┤
//!    │  takes over those whose keys were         │
//!    │  not used; again, until there is no next  │
//!    │                                           │
//!    ├── TakePage {keys} ───────────────────────►│  between two pages: entries for
//!    │◄─────────────────── PageTaken {entries} ──┤  which somebody waits
//!    │                                           │
//!    ├── TakePage {has_all} ────────────────────►│  when all heirs have everything:
//!    │  notes no more                            │  drops what nobody has asked for
//! ```
//!
//! The heir asks, so that nothing comes that it does not wait for: an entry that comes
//! twice, or in another tenure, would undo what was done to its key meanwhile. What is
//! lost on the way is a miss, and so is everything that was not handed over in time.

mod awaited;
mod counts;
mod giver;
mod heir;
pub(super) mod page;
mod rate;
mod settings;
mod taking;
mod tenure;

pub use counts::Counts;
pub use settings::Settings;

pub(super) use awaited::Awaited;
pub(super) use giver::Giver;
pub(super) use tenure::{Neighbour, Tenure};

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::seat::CacheSeat;
use crate::links::Links;
use counts::Counters;
use heir::Heir;
use rate::Rate;

/// What one member gives and takes.
#[derive(Debug)]
pub(super) struct Handover {
    seat: Arc<CacheSeat>,
    settings: Settings,
    counters: Arc<Counters>,
    giver: Arc<Giver>,
}

impl Handover {
    pub(super) fn new(seat: Arc<CacheSeat>, settings: Settings) -> Self {
        let counters = Arc::<Counters>::default();
        let rate = Rate::new(settings.bytes_per_second);
        let giver = Arc::new(Giver::new(seat.clone(), counters.clone(), rate));
        Self { seat, settings, counters, giver }
    }

    /// Who answers those that own its keys now.
    pub(super) fn giver(&self) -> &Arc<Giver> {
        &self.giver
    }

    pub(super) fn counts(&self) -> Counts {
        self.counters.told()
    }

    /// Gives and takes, tenure after tenure. A new one ends what was going on in that
    /// before.
    pub(super) async fn run(self: Arc<Self>, links: Weak<Links>) {
        let rate = Rate::new(self.settings.bytes_per_second);
        let (seat, counters) = (self.seat.clone(), self.counters.clone());
        let heir = Heir { seat, links, counters, rate };
        let mut tenures = self.seat.tenures();
        loop {
            let tenure = tenures.borrow_and_update().clone();
            let next = tokio::select! {
                next = tenures.changed() => next,
                () = self.see_to(&heir, tenure.as_deref()) => tenures.changed().await,
            };
            if next.is_err() {
                return;
            }
        }
    }

    async fn see_to(&self, heir: &Heir, tenure: Option<&Tenure>) {
        let Some(tenure) = tenure else { return };
        let within = self.settings.within;
        tokio::join!(heir.see_to(tenure, within), self.giver.see_to(tenure, within));
    }

    /// Waits until those who own its keys now have all that it had, if it is no member
    /// any more; until `deadline`, and no longer than any hand-over lasts.
    pub(super) async fn given(&self, deadline: Instant) {
        let tenure = self.seat.tenures().borrow().clone();
        // If it never learned of its last view, nobody can be given anything.
        let Some(tenure) = tenure.filter(|tenure| !tenure.is_member()) else { return };
        let deadline = deadline.min(Instant::now() + self.settings.within);
        // How far it came was told by the task that sees to it.
        let _ = timeout_at(deadline, self.giver.served(&tenure)).await;
    }
}

/// Which time is left until then.
pub(super) fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}
