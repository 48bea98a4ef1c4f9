//! What is known of a key.

use std::time::Duration;

use distcache_cluster::proto::found::How as Way;
use distcache_cluster::proto::{self, traced};
use distcache_manager::{Cause, InFlight, NodeId, Removal, Version};

use super::{ms, ms_up};
use crate::keyspace::{Freshness, Held, Inner};
use crate::{Trace, Ttl};

pub(super) fn traced_to(space: &Inner, trace: &Trace) -> proto::Traced {
    let now = space.manager.now();
    let Trace { node, node_born, held, removal, load, write_waits } = trace;
    let held = held.as_ref().map(|held| {
        let since = match held.freshness {
            Freshness::Stale { since } => Some(since),
            Freshness::Fresh | Freshness::Early | Freshness::NoCache => None,
        };
        traced::Held {
            found: Some(proto::Found {
                how: if since.is_some() { Way::Stale.into() } else { Way::Hit.into() },
                version: held.version.get(),
                ttl_left_ms: match held.ttl {
                    Some(Ttl::For(left)) => Some(ms(left)),
                    Some(Ttl::UntilEvicted) | None => None,
                },
                stale_for_ms: since.map_or(0, |since| ms_up(now.since(since))),
                age_ms: held.born.map(|born| ms_up(now.since(born))),
                content_type: held.content_type.as_deref().map(str::to_owned),
                ..proto::Found::default()
            }),
            is_early: held.freshness == Freshness::Early,
            is_no_cache: held.freshness == Freshness::NoCache,
            is_absent: held.is_absent,
            value_bytes: held.value_bytes,
            heap_bytes: held.heap_bytes,
            tags: u32::try_from(held.tags).unwrap_or(u32::MAX),
        }
    });
    proto::Traced {
        node: node.number(),
        node_age_ms: ms_up(now.since(*node_born)),
        held,
        removal: removal.map(|Removal { cause, at, age }| traced::Removal {
            cause: cause.name().to_owned(),
            ago_ms: ms_up(now.since(at)),
            age_ms: age.map(ms),
        }),
        load: load.map(|InFlight { waiters, overdue }| traced::Load {
            waiters: waiters as u64,
            time_left_ms: ms(overdue.since(now)),
        }),
        write_waits: *write_waits,
    }
}

/// `None` if it says what this version does not know.
pub(super) fn traced_from(space: &Inner, trace: proto::Traced) -> Option<Trace> {
    let now = space.manager.now();
    let ago = |ms| now.before(Duration::from_millis(ms));
    let held = trace.held.map(|held| {
        let found = held.found.unwrap_or_default();
        let freshness = match found.how() {
            Way::Stale => Freshness::Stale { since: ago(found.stale_for_ms) },
            _ if held.is_early => Freshness::Early,
            _ if held.is_no_cache => Freshness::NoCache,
            _ => Freshness::Fresh,
        };
        let ttl = match (found.how(), found.ttl_left_ms) {
            (Way::Stale, _) => None,
            (_, Some(left)) => Some(Ttl::For(Duration::from_millis(left))),
            (_, None) => Some(Ttl::UntilEvicted),
        };
        Held {
            version: Version::from(found.version),
            born: found.age_ms.map(ago),
            freshness,
            ttl,
            is_absent: held.is_absent,
            content_type: found.content_type.map(String::into_boxed_str),
            value_bytes: held.value_bytes,
            heap_bytes: held.heap_bytes,
            tags: held.tags as usize,
        }
    });
    let removal = match trace.removal {
        Some(removal) => Some(Removal {
            cause: Cause::ALL.into_iter().find(|cause| cause.name() == removal.cause)?,
            at: ago(removal.ago_ms),
            age: removal.age_ms.map(Duration::from_millis),
        }),
        None => None,
    };
    let load = trace.load.map(|load| InFlight {
        waiters: usize::try_from(load.waiters).unwrap_or(usize::MAX),
        overdue: now.after(Duration::from_millis(load.time_left_ms)),
    });
    Some(Trace {
        node: NodeId::from_number(trace.node),
        node_born: ago(trace.node_age_ms),
        held,
        removal,
        load,
        write_waits: trace.write_waits,
    })
}
