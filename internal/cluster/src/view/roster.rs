//! What the log says so far.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Change, ClusterId, Member, MemberId, MemberState, Outcome};

/// The most members a cluster can have. With [`WEIGHT_MAX`] each, all their points have
/// a place on one ring.
pub const MEMBERS_MAX: usize = 256;

/// The largest weight of a member.
pub const WEIGHT_MAX: u32 = 16;

/// The most keyspaces that a cluster agrees on.
pub const KEYSPACES_MAX: usize = 1024;

/// The longest settings of a keyspace, as JSON: all of them are in every snapshot.
pub const SETTINGS_BYTES_MAX: usize = 64 << 10;

/// The agreed facts. The same changes in the same order make the same roster at every
/// member, so nothing here reads a clock or draws a number.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roster {
    /// The cluster; without one nothing has been founded yet.
    pub cluster: Option<ClusterId>,
    /// That of the last change: the index of its entry, or more, if a member has seen a
    /// later view in another cluster. It only grows.
    pub epoch: u64,
    /// The epoch since which keys have the owners that they have.
    #[serde(default)]
    pub placed: u64,
    /// Since which they had those that they had before; 0 before the first.
    #[serde(default)]
    pub placed_before: u64,
    /// Under which the members hash keys.
    pub hash_key: [u8; 16],
    /// In the order in which they came.
    pub members: Vec<Member>,
    /// Whether the whole electorate has founded the cluster.
    pub complete: bool,
    /// The settings of each keyspace, by its name.
    pub keyspaces: BTreeMap<String, Value>,
    /// The cluster into which this one has dissolved.
    #[serde(default)]
    pub dissolved: Option<ClusterId>,
}

impl Roster {
    /// The member of this id.
    pub fn member(&self, id: MemberId) -> Option<&Member> {
        self.members.iter().find(|member| member.id == id)
    }

    /// Does what the entry at `index`, which a leader has proposed in `term`, says.
    pub fn apply(&mut self, index: u64, term: u64, change: Change) -> Outcome {
        let owners = self.owners();
        let done = match change {
            Change::Found { cluster, hash_key, members, complete } => {
                self.found(cluster, hash_key, members, complete)
            }
            Change::Join(member) => self.join(member),
            Change::Activate(id) => self.turn(id, MemberState::Active),
            Change::Drain(id) => self.turn(id, MemberState::Draining),
            Change::Remove { member, term: seen } if seen.is_none_or(|seen| seen == term) => {
                Ok(self.remove(member))
            }
            Change::Remove { member, .. } => {
                Err(format!("{member} may have been granted a lease since its removal was due"))
            }
            Change::SetKeyspace { name, settings } => self.set_keyspace(name, settings),
            Change::RemoveKeyspace { name } => Ok(self.keyspaces.remove(&name).is_some()),
            Change::Dissolve { into } => Ok(self.dissolved.replace(into) != Some(into)),
        };
        match done {
            Ok(true) => {
                let seen = self.members.iter().map(|member| member.seen).max().unwrap_or(0);
                let epoch = index.max(self.epoch + 1).max(seen + 1);
                self.epoch = epoch;
                if self.owners() != owners {
                    self.placed_before = std::mem::replace(&mut self.placed, epoch);
                }
                Outcome::Changed { epoch }
            }
            Ok(false) => Outcome::Unchanged,
            Err(why) => Outcome::Refused(why),
        }
    }

    /// From what follows who owns which key.
    fn owners(&self) -> Vec<(MemberId, NonZeroU32)> {
        let owners = self.members.iter().filter(|member| member.state.owns());
        owners.map(|member| (member.id, member.weight)).collect()
    }

    /// Two leaders, one after the other, may both have proposed it: the first counts.
    fn found(
        &mut self,
        cluster: ClusterId,
        hash_key: [u8; 16],
        members: Vec<Member>,
        complete: bool,
    ) -> Result<bool, String> {
        if self.cluster.is_some() {
            return Ok(false);
        }
        if let Some(why) = members.iter().find_map(unfit) {
            return Err(why);
        }
        self.cluster = Some(cluster);
        self.hash_key = hash_key;
        self.members = members;
        self.complete = complete;
        Ok(true)
    }

    fn join(&mut self, member: Member) -> Result<bool, String> {
        if self.member(member.id).is_some() {
            return Ok(false);
        }
        if MEMBERS_MAX <= self.members.len() {
            return Err(format!("the cluster has {MEMBERS_MAX} members, the most there can be"));
        }
        if let Some(why) = unfit(&member) {
            return Err(why);
        }
        self.members.push(Member { state: MemberState::Joining, ..member });
        Ok(true)
    }

    /// A member goes from joining to active to draining, and never back.
    fn turn(&mut self, id: MemberId, to: MemberState) -> Result<bool, String> {
        let found = self.members.iter_mut().find(|member| member.id == id);
        let member = found.ok_or_else(|| format!("{id} is not a member"))?;
        let goes = match (member.state, to) {
            (MemberState::Joining, MemberState::Active | MemberState::Draining)
            | (MemberState::Active, MemberState::Draining) => true,
            (_, MemberState::Joining | MemberState::Active | MemberState::Draining) => false,
        };
        if goes {
            member.state = to;
        }
        Ok(goes)
    }

    fn remove(&mut self, id: MemberId) -> bool {
        let before = self.members.len();
        self.members.retain(|member| member.id != id);
        self.members.len() < before
    }

    fn set_keyspace(&mut self, name: String, settings: Value) -> Result<bool, String> {
        if SETTINGS_BYTES_MAX < name.len() + settings.to_string().len() {
            return Err(format!("settings of a keyspace have {SETTINGS_BYTES_MAX} bytes at most"));
        }
        if KEYSPACES_MAX <= self.keyspaces.len() && !self.keyspaces.contains_key(&name) {
            return Err(format!("there are {KEYSPACES_MAX} keyspaces, the most there can be"));
        }
        let new = self.keyspaces.get(&name) != Some(&settings);
        self.keyspaces.insert(name, settings);
        Ok(new)
    }
}

/// Why this cannot be a member, if it cannot.
fn unfit(member: &Member) -> Option<String> {
    let weight = member.weight.get();
    let why = || format!("{} has the weight {weight}: {WEIGHT_MAX} is the largest", member.id);
    (WEIGHT_MAX < weight).then(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(id: u64) -> Member {
        Member {
            id: MemberId::from_number(id),
            address: format!("m{id}:1").into(),
            weight: NonZeroU32::MIN,
            zone: None,
            seen: 0,
            state: MemberState::Active,
        }
    }

    fn founded() -> Roster {
        let mut roster = Roster::default();
        let members = vec![member(1), member(2)];
        let cluster = ClusterId::from_number(7);
        let outcome = roster.apply(
            3,
            1,
            Change::Found { cluster, hash_key: [1; 16], members, complete: true },
        );
        assert_eq!(outcome, Outcome::Changed { epoch: 3 });
        roster
    }

    fn remove(id: u64) -> Change {
        Change::Remove { member: MemberId::from_number(id), term: None }
    }

    #[test]
    fn the_epoch_is_the_index_of_the_entry_that_changed_something() {
        let mut roster = founded();
        assert_eq!(roster.apply(4, 1, Change::Join(member(3))), Outcome::Changed { epoch: 4 });
        assert_eq!(roster.apply(5, 1, Change::Join(member(3))), Outcome::Unchanged);
        assert_eq!(roster.apply(6, 1, remove(9)), Outcome::Unchanged);
        assert_eq!(roster.epoch, 4);
    }

    #[test]
    fn keys_change_their_owners_with_who_owns_any_and_with_nothing_else() {
        let mut roster = founded();
        let placed = |roster: &Roster| (roster.placed_before, roster.placed);
        assert_eq!(placed(&roster), (0, 3));
        roster.apply(4, 1, Change::Join(member(3)));
        roster.apply(5, 1, Change::Drain(MemberId::from_number(2)));
        roster.apply(6, 1, Change::SetKeyspace { name: "k".into(), settings: Value::Null });
        assert_eq!((placed(&roster), roster.epoch), ((0, 3), 6));
        roster.apply(7, 1, Change::Activate(MemberId::from_number(3)));
        assert_eq!(placed(&roster), (3, 7));
        roster.apply(8, 1, remove(2));
        assert_eq!(placed(&roster), (7, 8));
    }

    #[test]
    fn the_second_founding_changes_nothing() {
        let mut roster = founded();
        let cluster = ClusterId::from_number(8);
        let again = Change::Found { cluster, hash_key: [2; 16], members: vec![], complete: false };
        assert_eq!(roster.apply(4, 1, again), Outcome::Unchanged);
        assert_eq!(roster, founded());
    }

    #[test]
    fn a_member_joins_becomes_active_drains_and_never_turns_back() {
        let mut roster = founded();
        let id = MemberId::from_number(3);
        roster.apply(4, 1, Change::Join(member(3)));
        assert_eq!(roster.member(id).unwrap().state, MemberState::Joining);
        roster.apply(5, 1, Change::Activate(id));
        roster.apply(6, 1, Change::Drain(id));
        assert_eq!(roster.apply(7, 1, Change::Activate(id)), Outcome::Unchanged);
        assert_eq!(roster.member(id).unwrap().state, MemberState::Draining);
        roster.apply(8, 1, remove(3));
        assert_eq!(roster.member(id), None);
        let refused = Outcome::Refused("0000000000000003 is not a member".into());
        assert_eq!(roster.apply(9, 1, Change::Activate(id)), refused);
    }

    /// Found due in term 1, it was proposed in term 3.
    #[test]
    fn a_removal_is_void_in_another_term_than_it_was_due_in() {
        let mut roster = founded();
        let member = MemberId::from_number(2);
        let late = roster.apply(4, 3, Change::Remove { member, term: Some(1) });
        assert!(matches!(late, Outcome::Refused(_)), "{late:?}");
        let due = roster.apply(5, 3, Change::Remove { member, term: Some(3) });
        assert_eq!(due, Outcome::Changed { epoch: 5 });
    }

    #[test]
    fn a_member_that_is_too_heavy_for_the_ring_is_refused() {
        let heavy = Member { weight: NonZeroU32::new(WEIGHT_MAX + 1).unwrap(), ..member(3) };
        let why = "0000000000000003 has the weight 17: 16 is the largest";
        assert_eq!(founded().apply(4, 1, Change::Join(heavy)), Outcome::Refused(why.into()));
    }

    #[test]
    fn keyspaces_have_bounds_in_number_and_size() {
        let mut roster = founded();
        let set = |name: String, settings| Change::SetKeyspace { name, settings };
        for index in 0..KEYSPACES_MAX as u64 {
            let outcome = roster.apply(4 + index, 1, set(format!("k{index}"), Value::Null));
            assert_eq!(outcome, Outcome::Changed { epoch: 4 + index });
        }
        let more = roster.apply(5000, 1, set("more".into(), Value::Null));
        assert!(matches!(more, Outcome::Refused(_)));
        let long = Value::String("x".repeat(SETTINGS_BYTES_MAX));
        assert!(matches!(roster.apply(5001, 1, set("k0".into(), long)), Outcome::Refused(_)));
        assert_eq!(roster.apply(5002, 1, set("k0".into(), Value::Null)), Outcome::Unchanged);
    }
}
