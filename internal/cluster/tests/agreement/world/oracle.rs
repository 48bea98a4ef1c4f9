//! Who sees everything at once.

use std::time::Duration;

use super::{Host, Served};

/// Looks, after each step, whether two processes would serve one key: both hold leases,
/// both own it in the views that they work by, and for both it is settled since they
/// own it. Paused ones count: they may go on at any moment.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    /// The first thing that it saw and should not have seen.
    wrong: Option<String>,
    /// In how many steps somebody served something.
    pub(crate) served: u64,
}

impl Oracle {
    pub(crate) fn look(&mut self, now: Duration, hosts: &[Host]) {
        let holders = || hosts.iter().enumerate().filter(|(_, host)| host.holds(now));
        let mut any = false;
        for probe in 0..Served::probes() {
            let serves = |host: &Host| host.served().serves(probe, host.settled());
            let mut serving = holders().filter(|(_, host)| serves(host));
            let Some((one, _)) = serving.next() else { continue };
            any = true;
            if let Some((other, _)) = serving.next() {
                let of = |index: usize| hosts[index].served().view();
                let epoch = |index| of(index).map(|view| (view.cluster(), view.epoch()));
                let told = || {
                    let (old, new) = (epoch(one), epoch(other));
                    format!("at {now:?} both {one} (at {old:?}) and {other} (at {new:?}) serve")
                };
                self.wrong.get_or_insert_with(told);
            }
        }
        self.served += u64::from(any);
    }

    /// What it saw that must not be.
    pub(crate) fn wrong(&self) -> Option<&str> {
        self.wrong.as_deref()
    }

    pub(crate) fn assert_fine(&self) {
        assert_eq!(self.wrong, None);
    }
}
