//! How the balancer works.

use std::io;
use std::time::Duration;

use distcache_ring::RingError;

use crate::Address;

/// Whom a request goes to, of the members that are ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Balance {
    /// Each in its turn.
    #[default]
    RoundRobin,
    /// The requests for one key all go to one member; those without a key, to each in its
    /// turn.
    ///
    /// The first of them goes to a member that the key's hash picks. That is seldom the
    /// key's owner: who owns a key is told by a hash with a secret of the cluster. So a
    /// member that is not says who is, and the next request goes there; so many keys are
    /// remembered, the last ones. Where a member owns the key it asks no other one.
    Ring,
}

impl Balance {
    /// As settings and reports call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::RoundRobin => "round-robin",
            Self::Ring => "ring",
        }
    }
}

/// How a [`Balancer`](crate::Balancer) works.
#[derive(Debug, Clone)]
pub struct BalancerConfig {
    /// The members, by their HTTP servers: 1 to 1,000.
    pub members: Vec<Address>,
    /// Whom a request goes to.
    pub balance: Balance,
    /// From the request to the head of its answer, all tries and pauses included. Default
    /// 10 s: longer than a member waits for a load (5 s), or a cluster for one that died
    /// (2 s), and shorter than most clients wait. A long body may then come at its pace,
    /// with no pause between two pieces longer than this.
    pub request_timeout: Duration,
    /// How often one request is sent at most, a hedge not counted: 1 to 100. Default 16:
    /// with the pauses between them, as long as a cluster needs to give the keys of a
    /// member that died to another.
    pub tries: u32,
    /// After so long a read is sent to a second member as well, and the answer that comes
    /// first is taken. Default never: it makes more work, and helps where some members
    /// are now and then slow. A tenth of all reads at most are sent twice.
    pub hedge_after: Option<Duration>,
    /// How often each member is asked whether it is ready. Default 1 s.
    pub look_every: Duration,
    /// How long it may take to connect to a member, and to hear that it is ready. Default
    /// 1 s.
    pub look_timeout: Duration,
    /// Connections to one member, in use or idle: as many requests may be under way
    /// there. Default 1,024: a tenth of what a member takes. One more goes to another
    /// member.
    pub connections: usize,
    /// The authority, in PEM, that the certificates of the members come from. With it the
    /// balancer speaks HTTPS to all of them; without, in the clear.
    pub authority: Option<Vec<u8>>,
}

/// More members than this are no cluster that agrees on anything.
pub(crate) const MEMBERS_MAX: usize = 1_000;
/// More tries than this are no help: the pauses alone take longer than any client waits.
pub(crate) const TRIES_MAX: u32 = 100;
/// So many ports there are.
pub(crate) const CONNECTIONS_MAX: usize = 65_535;

impl BalancerConfig {
    /// The defaults, before these members.
    pub fn new(members: Vec<Address>) -> Self {
        Self {
            members,
            balance: Balance::default(),
            request_timeout: Duration::from_secs(10),
            tries: 16,
            hedge_after: None,
            look_every: Duration::from_secs(1),
            look_timeout: Duration::from_secs(1),
            connections: 1_024,
            authority: None,
        }
    }

    /// Checks that all of it can be kept.
    ///
    /// # Errors
    /// The first thing that cannot.
    pub fn validate(&self) -> Result<(), StartError> {
        let refused = |what| Err(StartError::Refused { what });
        if !(1..=MEMBERS_MAX).contains(&self.members.len()) {
            return refused("a balancer has 1 to 1000 members");
        }
        let mut others = self.members.iter();
        while let Some(one) = others.next() {
            if others.as_slice().contains(one) {
                return Err(StartError::Twice { member: one.clone() });
            }
        }
        if !(1..=TRIES_MAX).contains(&self.tries) {
            return refused("a request is sent 1 to 100 times");
        }
        if !(1..=CONNECTIONS_MAX).contains(&self.connections) {
            return refused("there are 1 to 65535 connections to a member");
        }
        let times = [self.request_timeout, self.look_every, self.look_timeout];
        if times.into_iter().chain(self.hedge_after).any(|time| time.is_zero()) {
            return refused("no time may be zero");
        }
        Ok(())
    }
}

/// A balancer that has not started. Nothing runs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A setting is out of its range.
    #[error("{what}")]
    Refused {
        /// What would be in range.
        what: &'static str,
    },
    /// A member is named twice.
    #[error("{member} is named twice")]
    Twice {
        /// Which one.
        member: Address,
    },
    /// The members do not go on a ring.
    #[error("the ring of members cannot be made")]
    Ring(#[from] RingError),
    /// The authority is none, or a member's name none that a certificate can have.
    #[error("members cannot be called over TLS: {why}")]
    Tls {
        /// What is wrong.
        why: String,
    },
    /// The thread that looks at the members cannot be started.
    #[error("a thread cannot be started")]
    Thread(#[source] io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(members: &[&str]) -> BalancerConfig {
        BalancerConfig::new(members.iter().map(|text| text.parse().unwrap()).collect())
    }

    #[test]
    fn what_cannot_be_kept_is_refused_by_name() {
        let said = |config: BalancerConfig| config.validate().unwrap_err().to_string();
        assert!(of(&["a:1", "b:1"]).validate().is_ok());
        assert_eq!(said(of(&[])), "a balancer has 1 to 1000 members");
        assert_eq!(said(of(&["a:1", "b:1", "a:1"])), "a:1 is named twice");
        assert_eq!(
            said(BalancerConfig { tries: 0, ..of(&["a:1"]) }),
            "a request is sent 1 to 100 times"
        );
        let config = BalancerConfig { hedge_after: Some(Duration::ZERO), ..of(&["a:1"]) };
        assert_eq!(said(config), "no time may be zero");
        let config = BalancerConfig { connections: 0, ..of(&["a:1"]) };
        assert_eq!(said(config), "there are 1 to 65535 connections to a member");
    }
}
