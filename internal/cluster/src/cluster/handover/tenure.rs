//! The time in which keys have the owners that they have, as one member sees it.

use std::sync::Arc;

use crate::view::{Address, MemberId, View};

/// From one view by which keys change their owners to the next. It bears the epoch of the
/// first ([`View::placed`]), and so the same number at every member that was one before.
#[derive(Debug)]
pub(crate) struct Tenure {
    number: u64,
    me: MemberId,
    givers: Vec<Neighbour>,
    heirs: Vec<Neighbour>,
    /// Every other owner.
    others: Vec<Neighbour>,
    /// One of the tenure right before, if this member has taken part in that: it knows each
    /// change of owners up to this one then.
    before: Option<Arc<View>>,
    is_member: bool,
    keeps_copies: bool,
}

/// Another member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Neighbour {
    pub(crate) id: MemberId,
    pub(crate) address: Address,
}

impl Tenure {
    /// The one of a view, which `me` has taken after the one `before`; the first that it
    /// has taken of its cluster without one.
    ///
    /// Who comes takes keys from all owners; those of who goes pass to all that are left;
    /// no other key moves (`consistent_hash/tests/properties.rs`). So only those are asked
    /// who have something: to look for it they go through all that they hold.
    pub(crate) fn new(view: &View, me: MemberId, before: Option<&Arc<View>>) -> Self {
        // Who has just entered may have taken later views in another cluster; it neither
        // takes nor gives, and so nobody else asks for the number.
        let number = before.map_or(view.epoch(), |_| view.placed());
        let now = owners(view);
        let was = before.map(|before| owners(before)).unwrap_or_default();
        let has = |owners: &[Neighbour], id| owners.iter().any(|owner| owner.id == id);
        let not_in = |owners: &[Neighbour], others: &[Neighbour]| -> Vec<Neighbour> {
            let absent = owners.iter().filter(|owner| !has(others, owner.id));
            absent.filter(|owner| owner.id != me).cloned().collect()
        };
        let before = before.filter(|before| view.follows(before.epoch()));
        let knows_all = before.is_some();
        let (owned, owns) = (has(&was, me), has(&now, me));
        let givers = match (owned, owns) {
            (_, false) => Vec::new(),
            // There were owners in between of whom it knows nothing but their names.
            _ if !knows_all => [not_in(&now, &[]), not_in(&was, &now)].concat(),
            (true, true) => not_in(&was, &now),
            (false, true) => not_in(&was, &[]),
        };
        let heirs = match (owned && knows_all, owns) {
            (false, _) => Vec::new(),
            (true, true) => not_in(&now, &was),
            (true, false) => not_in(&now, &[]),
        };
        let others = if owns { not_in(&now, &[]) } else { Vec::new() };
        let is_member = view.member(me).is_some();
        Self {
            number,
            me,
            givers,
            heirs,
            others,
            before: before.cloned(),
            is_member,
            keeps_copies: true,
        }
    }

    /// Copies were dropped when it began of keys whose owner is the one that it was.
    pub(crate) fn dropped_copies(self) -> Self {
        Self { keeps_copies: false, ..self }
    }

    /// Whether what was copied in the tenure before is still here.
    pub(crate) fn keeps_copies(&self) -> bool {
        self.keeps_copies
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// This member.
    pub(crate) fn me(&self) -> MemberId {
        self.me
    }

    /// Who may have entries of keys that are this member's now.
    pub(super) fn givers(&self) -> &[Neighbour] {
        &self.givers
    }

    /// Whose the keys are now of which this member may have entries.
    pub(super) fn heirs(&self) -> &[Neighbour] {
        &self.heirs
    }

    /// Every other owner; none if this member is none itself.
    pub(crate) fn others(&self) -> &[Neighbour] {
        &self.others
    }

    /// A view of the tenure before, if this member has taken part in that: what it copied
    /// then is still right.
    pub(crate) fn before(&self) -> Option<&Arc<View>> {
        self.before.as_ref()
    }

    /// Whether the view still has this member.
    pub(crate) fn is_member(&self) -> bool {
        self.is_member
    }
}

fn owners(view: &View) -> Vec<Neighbour> {
    let owners = view.members().iter().filter(|member| member.state.owns());
    owners.map(|owner| Neighbour { id: owner.id, address: owner.address.clone() }).collect()
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::view::{Change, ClusterId, Member, MemberState, Roster};

    fn id(number: u64) -> MemberId {
        MemberId::from_number(number)
    }

    fn member(number: u64) -> Member {
        Member {
            id: id(number),
            address: format!("m{number}:1").into(),
            weight: NonZeroU32::MIN,
            zone: None,
            seen: 0,
            state: MemberState::Active,
        }
    }

    /// Members 1 and 2; 3 joins; 3 owns; 1 drains; 1 goes. Epochs 1 to 5.
    fn views() -> Vec<Arc<View>> {
        let members = vec![member(1), member(2)];
        let cluster = ClusterId::from_number(7);
        let changes = [
            Change::Found { cluster, hash_key: [1; 16], members, complete: true },
            Change::Join(member(3)),
            Change::Activate(id(3)),
            Change::Drain(id(1)),
            Change::Remove { member: id(1), term: None },
        ];
        let mut roster = Roster::default();
        let view = |(index, change)| {
            roster.apply(index, 1, change);
            Arc::new(View::new(roster.clone()).expect("it is founded"))
        };
        (1..).zip(changes).map(view).collect()
    }

    fn numbers(neighbours: &[Neighbour]) -> Vec<u64> {
        neighbours.iter().map(|one| one.id.number()).collect()
    }

    /// Of a member that takes one view after another: its givers, and its heirs.
    fn passing(me: u64, before: usize, now: usize) -> (Vec<u64>, Vec<u64>) {
        let views = views();
        let tenure = Tenure::new(&views[now], id(me), Some(&views[before]));
        (numbers(tenure.givers()), numbers(tenure.heirs()))
    }

    #[test]
    fn who_comes_takes_from_all_owners_and_they_give_to_it_alone() {
        assert_eq!(passing(3, 1, 2), (vec![1, 2], vec![]));
        assert_eq!(passing(1, 1, 2), (vec![], vec![3]));
        assert_eq!(passing(2, 0, 2), (vec![], vec![3]));
    }

    #[test]
    fn who_goes_gives_to_all_that_are_left_and_they_take_from_it_alone() {
        assert_eq!(passing(1, 3, 4), (vec![], vec![2, 3]));
        assert_eq!(passing(2, 3, 4), (vec![1], vec![]));
        assert_eq!(passing(3, 2, 4), (vec![1], vec![]));
        let views = views();
        assert!(!Tenure::new(&views[4], id(1), Some(&views[3])).is_member());
    }

    /// It took view 1, and then 5: in between 3 has come, which may have given to it.
    #[test]
    fn who_has_missed_a_change_of_owners_has_nothing_to_give_and_asks_everybody() {
        assert_eq!(passing(2, 0, 4), (vec![3, 1], vec![]));
    }

    #[test]
    fn who_has_just_entered_neither_takes_nor_gives() {
        let views = views();
        for me in [1, 2] {
            let first = Tenure::new(&views[0], id(me), None);
            assert_eq!((first.number(), first.heirs()), (1, &[][..]));
        }
        let joining = Tenure::new(&views[1], id(3), None);
        assert_eq!((joining.givers(), joining.heirs()), (&[][..], &[][..]));
    }

    #[test]
    fn every_member_numbers_a_tenure_alike_whichever_of_its_views_it_took() {
        let views = views();
        let number = |now: usize| Tenure::new(&views[now], id(2), Some(&views[0])).number();
        assert_eq!([2, 3, 4].map(number), [3, 3, 5]);
        assert_eq!(Tenure::new(&views[1], id(2), None).number(), 2, "it has just entered");
    }
}
