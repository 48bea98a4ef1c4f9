//! How a member's links work, and their bounds.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::MemberId;
use crate::wire::Address;

/// The versions of the protocol that this program speaks.
pub const VERSIONS: RangeInclusive<u32> = 1..=1;

/// How a member's links work. Everything that can grow has its bound here.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The name of the cluster: members of another are refused.
    pub cluster: String,
    /// This member.
    pub member: MemberId,
    /// Where others reach it.
    pub address: Address,
    /// The versions of the protocol that it speaks; [`VERSIONS`], but in tests of what
    /// happens when there are others.
    pub versions: RangeInclusive<u32>,
    /// How long to wait for a connection; 1 s. Within a network it takes a
    /// millisecond; a lost packet costs one second.
    pub connect_timeout: Duration,
    /// How long the two may take to introduce themselves; 1 s.
    pub handshake_timeout: Duration,
    /// How long a member that could not be reached is left alone at first; 20 ms.
    /// Each further failure doubles it, and each wait is drawn between half and all
    /// of it, so that members do not come at once.
    pub reconnect_min: Duration,
    /// At most so long; 2 s.
    pub reconnect_max: Duration,
    /// How often something is sent, if only to say that we are there; 500 ms.
    pub keep_alive: Duration,
    /// The same while calls wait for replies and none comes; 100 ms.
    pub probe: Duration,
    /// After so many of these without a frame from the other it is taken for dead; 4,
    /// which makes two seconds. Fewer than 3 takes a busy machine for a dead one.
    pub silent_rounds_max: u32,
    /// Calls on one link that wait for their reply; 16,384.
    pub calls_max: usize,
    /// Bytes of calls that wait to be written to one link; 64 MiB.
    pub call_bytes_max: usize,
    /// Bytes of replies that wait to be written to one link; 64 MiB. Above it,
    /// requests are answered `busy` and not served.
    pub reply_bytes_max: usize,
    /// Requests of one link that are served as tasks at once; 1,024.
    pub laters_max: usize,
    /// Addresses of others that are known at once; 1,024.
    pub peers_max: usize,
    /// Connections of others that are being opened at once; 64. More wait where the
    /// system lets them.
    pub openings_max: usize,
}

impl Settings {
    /// The usual ones.
    pub fn new(cluster: &str, member: MemberId, address: Address) -> Self {
        Self {
            cluster: cluster.to_owned(),
            member,
            address,
            versions: VERSIONS,
            connect_timeout: Duration::from_secs(1),
            handshake_timeout: Duration::from_secs(1),
            reconnect_min: Duration::from_millis(20),
            reconnect_max: Duration::from_secs(2),
            keep_alive: Duration::from_millis(500),
            probe: Duration::from_millis(100),
            silent_rounds_max: 4,
            calls_max: 16_384,
            call_bytes_max: 64 << 20,
            reply_bytes_max: 64 << 20,
            laters_max: 1024,
            peers_max: 1024,
            openings_max: 64,
        }
    }
}
