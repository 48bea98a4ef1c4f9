//! What a member is told at its start, and the times that follow from it.

use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::lease::ledger::Terms;
use crate::lease::over_after;
use crate::view::{Address, WEIGHT_MAX};

/// The shortest lease. A sixteenth of it has to do for a round trip between members, and
/// for whatever a busy machine does in between.
pub const LEASE_MIN: Duration = Duration::from_millis(200);

/// Settings by which nobody can be a member.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsInvalid {
    /// The lease.
    #[error("a lease of {lease:?} is too short: it has to be {LEASE_MIN:?} or longer")]
    LeaseTooShort {
        /// As it was given.
        lease: Duration,
    },
    /// The weight.
    #[error("a weight of {weight} is too much: {WEIGHT_MAX} is the largest")]
    TooHeavy {
        /// As it was given.
        weight: NonZeroU32,
    },
}

/// What to do when a majority is lost and does not come back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnMinority {
    /// Serve nothing from the cache until a majority of the electorate is there again.
    #[default]
    PassThrough,
    /// Go on with those who can be reached. Reads may then be older than what was
    /// acknowledged on the other side.
    Serve,
}

/// What a member is told at its start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The cluster's name: processes with another one are refused. Default: `distcache`.
    pub name: String,
    /// Where the others reach this process. No default.
    pub address: Address,
    /// How much of the keys it owns beside the others. Default: 1; at most
    /// [`WEIGHT_MAX`].
    pub weight: NonZeroU32,
    /// Where it stands, if anybody wants to know.
    pub zone: Option<String>,
    /// How long a lease lasts, and so how long the keys of a member that died have no
    /// owner. Default: 2 s. Recommended: 1 s to 10 s; the shorter, the more messages,
    /// and the sooner a member that only paused is taken for dead. Round trips between
    /// members must be well below a sixteenth of it.
    pub lease: Duration,
    /// How many processes make up the electorate; without it, as many as discovery lists.
    pub expect: Option<usize>,
    /// When the majority is lost.
    pub on_minority: OnMinority,
    /// The protocol versions that this process speaks; for tests of mixed versions.
    pub speaks: RangeInclusive<u32>,
}

impl Settings {
    /// The defaults, for a process that others reach at `address`.
    pub fn new(address: impl Into<Address>) -> Self {
        Self {
            name: "distcache".to_owned(),
            address: address.into(),
            weight: NonZeroU32::MIN,
            zone: None,
            lease: Duration::from_secs(2),
            expect: None,
            on_minority: OnMinority::default(),
            speaks: 1..=1,
        }
    }

    /// Whether one can be a member by them.
    ///
    /// # Errors
    /// What is wrong first.
    pub fn validate(&self) -> Result<(), SettingsInvalid> {
        let (lease, weight) = (self.lease, self.weight);
        if lease < LEASE_MIN {
            return Err(SettingsInvalid::LeaseTooShort { lease });
        }
        if WEIGHT_MAX < weight.get() {
            return Err(SettingsInvalid::TooHeavy { weight });
        }
        Ok(())
    }

    /// The leader's heartbeat, and between two confirmations that it leads. A round trip
    /// that takes longer does not count.
    pub(super) fn beat(&self) -> Duration {
        self.lease / 16
    }

    /// Without a leader's heartbeat for once to twice this long (openraft adds the upper
    /// end to a number between both) a follower stands for election. Together well
    /// below a lease, so that members keep theirs when the leader changes.
    pub(super) fn election(&self) -> (Duration, Duration) {
        (self.lease / 10, self.lease / 8)
    }

    /// Between two renewals of a lease: five may be lost before it ends.
    pub(super) fn renewal(&self) -> Duration {
        self.lease / 6
    }

    /// The same while something is awaited: a first lease, or a view to be settled.
    pub(super) fn renewal_eager(&self) -> Duration {
        self.lease / 24
    }

    /// How long an answer is awaited, unless more is said.
    pub(super) fn patience(&self) -> Duration {
        self.lease / 4
    }

    /// How long an entry of the log is waited for.
    pub(super) fn agreement_wait(&self) -> Duration {
        self.lease / 2
    }

    /// About so often a process without a cluster looks around.
    pub(super) fn look(&self) -> Duration {
        self.lease / 8
    }

    /// About so often a leader looks for other clusters of its name.
    pub(super) fn look_afar(&self) -> Duration {
        self.lease * 5 / 2
    }

    /// A promise to a founder ends, and a joining is given up, after this long.
    pub(super) fn entering(&self) -> Duration {
        self.lease * 2
    }

    /// A member that has heard of no confirmed leader for so long holds its cluster for
    /// lost. Long enough for every election, and for a cut that somebody mends.
    pub(super) fn lost_after(&self) -> Duration {
        self.lease * 5
    }

    /// A founder waits so long for those of the electorate that are not there yet.
    pub(super) fn patience_for_all(&self) -> Duration {
        self.lease / 2
    }

    /// After so long in a cluster nothing lasts of what a process was counted for in
    /// another, by any clock.
    pub(super) fn weighs_after(&self) -> Duration {
        over_after(self.terms().counts_for + self.lease)
    }

    pub(super) fn terms(&self) -> Terms {
        Terms {
            lease: self.lease,
            silent_after: self.lease * 3 / 4,
            counts_for: self.lease * 3 / 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_can_be_a_member_by_is_refused_by_name() {
        let mut settings = Settings::new("a:1");
        assert_eq!(settings.validate(), Ok(()));
        settings.weight = NonZeroU32::new(17).unwrap();
        let told = settings.validate().unwrap_err().to_string();
        assert_eq!(told, "a weight of 17 is too much: 16 is the largest");
        settings.lease = Duration::from_millis(20);
        let told = settings.validate().unwrap_err().to_string();
        assert_eq!(told, "a lease of 20ms is too short: it has to be 200ms or longer");
    }

    #[test]
    fn a_leader_is_replaced_well_before_leases_end() {
        let settings = Settings::new("a:1");
        assert!(settings.election().1 * 4 <= settings.lease);
        assert!(settings.beat() < settings.election().0);
    }
}
