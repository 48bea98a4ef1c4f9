//! What the balancer tells of itself and of its members.

use std::sync::atomic::{AtomicU64, Ordering};

use distcache::Bound;
use distcache_http::{Family, Labels, Response};
use serde::Serialize;

use crate::Balance;
use crate::member::Member;
use crate::owners::OWNERS_MAX;
use crate::relay::{Relay, Tally};
use crate::standing::Standing;

/// `/v1/balancer`: `{"balance","members":[{"address","standing","in_flight","answered",
/// "unsent","lost"}]}`.
pub(crate) fn members(relay: &Relay, balance: Balance) -> Response {
    let members = relay.roster.members().iter().map(|member| MemberView::of(member)).collect();
    let view = View { balance: balance.name(), members };
    let mut document = serde_json::to_vec(&view).expect("texts and numbers are JSON");
    document.push(b'\n');
    Response::json(document)
}

#[derive(Serialize)]
struct View {
    balance: &'static str,
    members: Vec<MemberView>,
}

#[derive(Serialize)]
struct MemberView {
    address: String,
    standing: &'static str,
    in_flight: usize,
    answered: u64,
    unsent: u64,
    lost: u64,
}

impl MemberView {
    fn of(member: &Member) -> Self {
        let counts = &member.counts;
        Self {
            address: member.address.to_string(),
            standing: member.standing().name(),
            in_flight: member.in_use(),
            answered: read(&counts.answered),
            unsent: read(&counts.unsent),
            lost: read(&counts.lost),
        }
    }
}

/// The bounds that the balancer has beside its door.
pub(crate) fn bounds(relay: &Relay) -> Vec<Bound> {
    let members = relay.roster.members().iter().map(|member| member.pool.bound());
    let tally = &relay.tally;
    let reached =
        |name, unit, max, count: &AtomicU64| Bound::new(name, unit, max).reached(read(count));
    let Limits { tries, request_ms } = relay.limits();
    let own = [
        reached("member_tries", "tries", tries, &tally.gave_up),
        reached("member_time", "ms", request_ms, &tally.late),
    ];
    let owners = relay.roster.goes_by_keys().then(|| {
        // One more takes the place of another: nobody is refused.
        Bound::new("key_owners", "keys", OWNERS_MAX as u64)
    });
    let shared = relay.roster.goes_by_keys().then(|| {
        let members = relay.roster.members().iter();
        fullest(members.map(|member| member.shared.bound()))
    });
    let of_members = fullest(members).into_iter().chain(shared.flatten());
    of_members.chain(own).chain(owners).collect()
}

/// Bounds of a request that is passed on.
pub(crate) struct Limits {
    pub(crate) tries: u64,
    pub(crate) request_ms: u64,
}

/// Of the connections to all members, those to the one that has most: one bound of a
/// name, as of everything else that there is several times.
fn fullest(bounds: impl Iterator<Item = Bound>) -> Option<Bound> {
    bounds.reduce(|one, other| {
        let reached = one.reached + other.reached;
        let fuller = if one.used < other.used { &other } else { &one };
        let (used, peak) = (fuller.used.unwrap_or(0), one.peak.max(other.peak).unwrap_or(0));
        Bound::new(one.name, one.unit, one.max).filled(used, peak).reached(reached)
    })
}

/// What `/metrics` tells beside the door. Members are few, and named by the operator.
pub(crate) fn families(relay: &Relay) -> Vec<Family> {
    let mut standing =
        Family::gauge("balancer_member", "1 for how a member stands, 0 for how it does not");
    let mut in_flight = Family::gauge("balancer_member_in_flight", "Requests under way there");
    let mut sent = Family::counter("balancer_sent", "Requests sent to a member, by outcome");
    for member in relay.roster.members() {
        let of = |label: Option<(&'static str, &str)>| -> Labels {
            let more = label.into_iter().map(|(name, value)| (name, value.to_owned()));
            [("member", member.address.to_string())].into_iter().chain(more).collect()
        };
        for one in Standing::ALL {
            let is_so = u64::from(one == member.standing());
            standing.measure(of(Some(("standing", one.name()))), is_so);
        }
        in_flight.measure(of(None), member.pool.in_use() as u64);
        let counts = &member.counts;
        let outcomes =
            [("answered", &counts.answered), ("unsent", &counts.unsent), ("lost", &counts.lost)];
        for (result, count) in outcomes {
            sent.count(of(Some(("result", result))), read(count));
        }
    }
    [standing, in_flight, sent].into_iter().chain(of_tally(&relay.tally)).collect()
}

fn of_tally(tally: &Tally) -> impl Iterator<Item = Family> {
    let counts = [
        ("balancer_retries", "Requests sent again", &tally.retries),
        ("balancer_hedges", "Reads sent to a second member as well", &tally.hedges),
        ("balancer_hedges_won", "Such reads that the second member answered", &tally.hedges_won),
    ];
    counts.into_iter().map(|(name, help, count)| {
        let mut family = Family::counter(name, help);
        family.count(Vec::new(), read(count));
        family
    })
}

fn read(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_members_the_fullest_is_told_and_every_refusal_counted() {
        let of = |used, peak, reached| Bound::new("a", "b", 9).filled(used, peak).reached(reached);
        let told = fullest([of(1, 8, 1), of(5, 6, 2), of(3, 3, 3)].into_iter());
        assert_eq!(told, Some(of(5, 8, 6)));
        assert_eq!(fullest(std::iter::empty()), None);
    }
}
