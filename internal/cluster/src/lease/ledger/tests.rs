//! What a leader grants, by the minute hand.

use std::num::NonZeroU32;

use super::*;
use crate::view::{ClusterId, Member, MemberState, Roster};

const TERMS: Terms = Terms { lease: ms(2000), silent_after: ms(1500), counts_for: ms(1500) };

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn id(number: u64) -> MemberId {
    MemberId::from_number(number)
}

fn view(epoch: u64, members: &[u64]) -> View {
    let member = |number: &u64| Member {
        id: id(*number),
        address: format!("m{number}:1").into(),
        weight: NonZeroU32::MIN,
        zone: None,
        seen: 0,
        state: MemberState::Active,
    };
    let members = members.iter().map(member).collect();
    let cluster = Some(ClusterId::from_number(1));
    View::new(Roster { cluster, epoch, members, ..Roster::default() }).expect("it is founded")
}

/// Elected at 10 s, confirmed from then on, with members 1, 2 and 3 at epoch 5.
fn ledger() -> Ledger {
    let mut ledger = Ledger::new(TERMS, ms(10_000));
    ledger.set_view(ms(10_000), &view(5, &[1, 2, 3]));
    ledger.confirm(ms(10_000));
    ledger
}

fn asks(member: u64, applied: u64) -> Renewal {
    Renewal { member: id(member), applied, weighs: true, heard: None }
}

fn granted(verdict: Verdict) -> (Duration, u64) {
    match verdict {
        Verdict::Granted { lease_for, settled, .. } => (lease_for, settled),
        other @ (Verdict::Held { .. } | Verdict::Unconfirmed | Verdict::Unknown) => {
            panic!("no lease: {other:?}")
        }
    }
}

#[test]
fn a_grant_ends_a_lease_after_the_beginning_of_the_last_confirmation() {
    let mut ledger = ledger();
    assert_eq!(granted(ledger.renew(ms(10_500), asks(1, 5), 0)).0, ms(1500));
    ledger.confirm(ms(10_400));
    assert_eq!(granted(ledger.renew(ms(10_500), asks(1, 5), 0)).0, ms(1900));
    // An older confirmation that is answered late takes nothing away.
    ledger.confirm(ms(10_200));
    assert_eq!(granted(ledger.renew(ms(10_500), asks(1, 5), 0)).0, ms(1900));
    assert_eq!(ledger.renew(ms(12_400), asks(1, 5), 0), Verdict::Unconfirmed);
}

#[test]
fn who_is_behind_or_unknown_gets_nothing() {
    let mut ledger = ledger();
    let behind = Verdict::Held { at: ms(10_001), why: Why::Behind };
    assert_eq!(ledger.renew(ms(10_001), asks(1, 4), 0), behind);
    assert_eq!(ledger.renew(ms(10_001), asks(9, 5), 0), Verdict::Unknown);
    // Its view is newer than the leader's: it may be in it.
    assert_eq!(ledger.renew(ms(10_001), asks(9, 6), 0), behind);
}

#[test]
fn a_silent_member_is_condemned_when_its_last_lease_is_over_and_gets_none_then() {
    let mut ledger = ledger();
    ledger.confirm(ms(11_000));
    ledger.renew(ms(11_100), asks(1, 5), 0);
    // Nobody is in touch since 10 s; 2 and 3 may have leases of the leader before.
    assert_eq!(ledger.condemn(ms(12_019)), []);
    assert_eq!(ledger.condemn(ms(12_020)), [id(2), id(3)]);
    // The lease of 1 was counted from 11 s: 2 s, and a hundredth.
    assert_eq!(ledger.condemn(ms(13_019)), [id(2), id(3)]);
    assert_eq!(ledger.condemn(ms(13_020)), [id(1), id(2), id(3)]);
    ledger.confirm(ms(13_100));
    let leaving = Verdict::Held { at: ms(13_200), why: Why::Leaving };
    assert_eq!(ledger.renew(ms(13_200), asks(1, 5), 0), leaving);
}

#[test]
fn who_asks_and_hears_no_answer_is_silent() {
    let mut ledger = ledger();
    for now in [11_000, 12_000, 13_000] {
        ledger.confirm(ms(now));
        ledger.renew(ms(now), asks(1, 5), 0);
        let heard = Some(ms(now - 100));
        ledger.renew(ms(now), Renewal { heard, ..asks(2, 5) }, 0);
    }
    assert_eq!(ledger.condemn(ms(13_001)), [id(3)]);
    assert_eq!(ledger.condemn(ms(15_020)), [id(1), id(2), id(3)]);
}

#[test]
fn no_lease_without_a_majority_of_the_electorate_in_touch() {
    let mut ledger = ledger();
    let few = Verdict::Held { at: ms(10_100), why: Why::Few };
    let in_touch = |member| Renewal { heard: Some(ms(10_000)), ..asks(member, 5) };
    assert_eq!(ledger.renew(ms(10_100), in_touch(1), 2), few);
    granted(ledger.renew(ms(10_100), in_touch(2), 2));
    // They count for a second and a half.
    granted(ledger.renew(ms(11_499), asks(1, 5), 2));
    let few = Verdict::Held { at: ms(11_500), why: Why::Few };
    assert_eq!(ledger.renew(ms(11_500), asks(1, 5), 2), few);
}

#[test]
fn a_member_that_may_be_counted_elsewhere_does_not_weigh_here() {
    let mut ledger = ledger();
    let heard = Some(ms(10_000));
    let few = Verdict::Held { at: ms(10_100), why: Why::Few };
    let new = Renewal { heard, weighs: false, ..asks(1, 5) };
    assert_eq!(ledger.renew(ms(10_100), new, 1), few);
    granted(ledger.renew(ms(10_100), Renewal { weighs: true, ..new }, 1));
}

#[test]
fn a_view_is_settled_when_every_member_works_by_it() {
    let mut ledger = ledger();
    assert_eq!(granted(ledger.renew(ms(10_100), asks(1, 5), 0)).1, 0);
    ledger.renew(ms(10_100), asks(2, 5), 0);
    assert_eq!(granted(ledger.renew(ms(10_100), asks(3, 5), 0)).1, 5);
    ledger.set_view(ms(10_200), &view(6, &[1, 2]));
    assert_eq!(granted(ledger.renew(ms(10_300), asks(1, 6), 0)).1, 5);
    assert_eq!(granted(ledger.renew(ms(10_300), asks(2, 6), 0)).1, 6);
}

#[test]
fn a_view_is_settled_when_it_is_older_than_any_lease() {
    let mut ledger = ledger();
    ledger.set_view(ms(11_000), &view(6, &[1, 2]));
    let mut settled_at = |now| {
        ledger.confirm(ms(now));
        granted(ledger.renew(ms(now), asks(1, 6), 0)).1
    };
    assert_eq!(settled_at(12_019), 0);
    assert_eq!(settled_at(12_020), 5);
    assert_eq!(settled_at(13_019), 5);
    assert_eq!(settled_at(13_020), 6);
}

#[test]
fn who_gave_its_lease_up_gets_no_other() {
    let mut ledger = ledger();
    ledger.release(id(2));
    let leaving = Verdict::Held { at: ms(10_100), why: Why::Leaving };
    assert_eq!(ledger.renew(ms(10_100), asks(2, 5), 0), leaving);
    assert_eq!(ledger.condemn(ms(10_100)), [id(2)]);
}
