//! What the log says so far.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Change, ClusterId, Member, MemberId, MemberState, Outcome, ZONE_BYTES_MAX};
use crate::wire;

/// The most members a cluster can have. With [`WEIGHT_MAX`] each, all their points have
/// a place on one ring.
pub const MEMBERS_MAX: usize = 256;

/// The largest weight of a member.
pub const WEIGHT_MAX: u32 = 16;

/// The most keyspaces that a cluster agrees on.
pub const KEYSPACES_MAX: usize = 1024;

/// The longest settings of a keyspace, as JSON: all of them are in every snapshot.
pub const SETTINGS_BYTES_MAX: usize = 64 << 10;

/// The most values (texts, numbers, lists and objects, within each other or not) that the
/// settings of a keyspace may have: in memory each takes far more than in JSON.
pub const SETTINGS_VALUES_MAX: usize = 256;

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
        members_fit(&members)?;
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
        member_fits(&member)?;
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
        settings_fit(&name, &settings)?;
        if KEYSPACES_MAX <= self.keyspaces.len() && !self.keyspaces.contains_key(&name) {
            return Err(format!("there are {KEYSPACES_MAX} keyspaces, the most there can be"));
        }
        let new = self.keyspaces.get(&name) != Some(&settings);
        self.keyspaces.insert(name, settings);
        Ok(new)
    }
}

impl Change {
    /// Whether it is within the bounds of what is agreed upon, whatever was agreed before.
    ///
    /// # Errors
    /// Which one it is not within.
    pub fn fits(&self) -> Result<(), String> {
        match self {
            Self::Found { members, .. } => members_fit(members),
            Self::Join(member) => member_fits(member),
            Self::SetKeyspace { name, settings } => settings_fit(name, settings),
            Self::Activate(_)
            | Self::Drain(_)
            | Self::Remove { .. }
            | Self::RemoveKeyspace { .. }
            | Self::Dissolve { .. } => Ok(()),
        }
    }
}

impl Roster {
    /// Whether it is one that changes within their bounds can have made.
    ///
    /// # Errors
    /// Which bound it is not within.
    pub fn fits(&self) -> Result<(), String> {
        members_fit(&self.members)?;
        let keyspaces = self.keyspaces.len();
        if KEYSPACES_MAX < keyspaces {
            return Err(format!("it has {keyspaces} keyspaces: {KEYSPACES_MAX} are the most"));
        }
        self.keyspaces.iter().try_for_each(|(name, settings)| settings_fit(name, settings))
    }
}

fn members_fit(members: &[Member]) -> Result<(), String> {
    if MEMBERS_MAX < members.len() {
        return Err(format!("it names {} members: {MEMBERS_MAX} are the most", members.len()));
    }
    members.iter().try_for_each(member_fits)
}

fn member_fits(member: &Member) -> Result<(), String> {
    let (id, weight) = (member.id, member.weight.get());
    if WEIGHT_MAX < weight {
        return Err(format!("{id} has the weight {weight}: {WEIGHT_MAX} is the largest"));
    }
    if member.zone.as_ref().is_some_and(|zone| ZONE_BYTES_MAX < zone.len()) {
        return Err(format!("{id} has a zone of more than {ZONE_BYTES_MAX} bytes"));
    }
    let address = member.address.as_str().parse::<wire::Address>();
    address.map(drop).map_err(|error| format!("{id} has no address: {error}"))
}

fn settings_fit(name: &str, settings: &Value) -> Result<(), String> {
    if SETTINGS_VALUES_MAX < values_in(settings) {
        return Err(format!("settings of a keyspace have {SETTINGS_VALUES_MAX} values at most"));
    }
    if SETTINGS_BYTES_MAX < name.len() + settings.to_string().len() {
        return Err(format!("settings of a keyspace have {SETTINGS_BYTES_MAX} bytes at most"));
    }
    Ok(())
}

/// How many values there are in one, itself included.
fn values_in(value: &Value) -> usize {
    1 + match value {
        Value::Array(values) => values.iter().map(values_in).sum(),
        Value::Object(values) => values.values().map(values_in).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
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
    fn a_member_without_an_address_or_with_a_long_zone_is_refused() {
        let zone = Some("z".repeat(ZONE_BYTES_MAX + 1));
        let far = Member { zone, ..member(3) };
        let nowhere = Member { address: "nowhere".into(), ..member(3) };
        for member in [far, nowhere] {
            let outcome = founded().apply(4, 1, Change::Join(member));
            assert!(matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
        }
    }

    #[test]
    fn a_cluster_is_not_founded_with_more_members_than_there_can_be() {
        let members: Vec<_> = (0..=MEMBERS_MAX as u64).map(member).collect();
        let cluster = ClusterId::from_number(7);
        let found = |members| Change::Found { cluster, hash_key: [1; 16], members, complete: true };
        let mut roster = Roster::default();
        let why = "it names 257 members: 256 are the most";
        assert_eq!(roster.apply(1, 1, found(members.clone())), Outcome::Refused(why.into()));
        let outcome = roster.apply(2, 1, found(members[1..].to_vec()));
        assert_eq!(outcome, Outcome::Changed { epoch: 2 });
        assert_eq!(roster.fits(), Ok(()));
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
        let many = Value::Array(vec![Value::Null; SETTINGS_VALUES_MAX]);
        assert!(matches!(roster.apply(5001, 1, set("k0".into(), many)), Outcome::Refused(_)));
        assert_eq!(roster.apply(5002, 1, set("k0".into(), Value::Null)), Outcome::Unchanged);
    }
}
