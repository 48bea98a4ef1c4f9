//! The settings of `[balancer]`: how a load balancer passes requests on.

use std::time::Duration;

use crate::setting::Kind::{Choice, Count, Time};
use crate::setting::Preset::{Fixed, Told};
use crate::setting::{Kind, Preset, Section, Setting};
use crate::value::INSTANT;

const ROUND_ROBIN: &str = "round-robin";

/// What `balance` says where a key always goes to one member.
pub(crate) const RING: &str = "ring";

/// Looks that follow each other faster than this are work for the members.
const EVERY_MIN: Duration = Duration::from_millis(10);

const fn setting(name: &'static str, kind: Kind, preset: Preset, meaning: &'static str) -> Setting {
    Setting::new(Section::Balancer, name, kind, preset, meaning)
}

pub(super) const SETTINGS: &[Setting] = &[
    setting(
        "balance",
        Choice(&[ROUND_ROBIN, RING]),
        Fixed(ROUND_ROBIN),
        "Whom a request goes to: each node that is ready in its turn, or by its key, all that is \
         about one key to one node",
    )
    .flag("balance", "HOW"),
    setting(
        "request_timeout",
        Time(INSTANT),
        Fixed("10s"),
        "How long a request waits for its answer, however often it is sent",
    )
    .because("longer than a node waits for a load, or a cluster for one that died")
    .flag("request-timeout", "TIME"),
    setting(
        "tries",
        Count(1, 100),
        Fixed("16"),
        "How often a request is sent at most: a read until it is answered, a write only as long \
         as nothing of it has reached a node",
    )
    .flag("tries", "NUMBER"),
    setting(
        "hedge_after",
        Time(INSTANT),
        Told("never"),
        "After so long a read is sent to a second node as well, and the first answer is taken",
    )
    .because("of a tenth of all reads at most")
    .flag("hedge-after", "TIME"),
    setting(
        "health_every",
        Time(EVERY_MIN),
        Fixed("1s"),
        "How often each node is asked whether it is ready",
    )
    .flag("health-every", "TIME"),
    setting(
        "health_timeout",
        Time(INSTANT),
        Fixed("1s"),
        "How long that may take, and a connection to a node",
    )
    .because("nothing heard for that long twice: it is down, and nobody there: it is at once")
    .flag("health-timeout", "TIME"),
    setting(
        "node_connections",
        Count(1, 65_535),
        Fixed("1024"),
        "Connections to one node, and so requests under way there; one more goes to another node",
    )
    .flag("node-connections", "NUMBER"),
];
