//! How far this member is with each owner whose changes it makes to its copies.

use std::collections::{BTreeMap, VecDeque};

use super::super::handover::Tenure;
use crate::proto::follow::Place;
use crate::proto::{Recall, Recalled};
use crate::view::MemberId;

/// Changes of one owner that are remembered by their numbers and the places of their keys.
/// Of more, those alone are known that came last.
const REMEMBERED_MAX: usize = 1 << 16;

/// How far it is with the owners of a tenure, and how far it was with those who were none any
/// more when that began.
#[derive(Debug, Default)]
pub(super) struct Courses {
    tenure: u64,
    present: BTreeMap<MemberId, Course>,
    ended: BTreeMap<MemberId, Course>,
    /// How often data nodes of this process were replaced when it was looked at last.
    replacements: u64,
}

/// How far it is with one owner.
#[derive(Debug, Default)]
pub(super) struct Course {
    /// All changes up to this one were made.
    after: u64,
    /// Where to go on with what lay there before.
    from: Option<Place>,
    /// The tenure in which there were copies here of all that was to be copied: what came
    /// to that since is all that is to be read off now.
    had_in: Option<u64>,
    /// Something was told that could not be kept here.
    lacks: bool,
    /// The owner has said in this tenure what came before it.
    is_of_tenure: bool,
    /// Of the changes after this one, all are known that came in this tenure.
    since: u64,
    /// Those among them that may not be committed, and of which a majority is waited for:
    /// their numbers, and the places of their keys; none of what was done to many.
    remembered: VecDeque<(u64, Option<u64>)>,
}

/// What an owner is to be asked.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Wanted {
    /// The last change of it that was made here; none if nothing of it was copied yet.
    pub(super) after: Option<u64>,
    /// Where to go on with what lay there before that; none if that is here.
    pub(super) from: Option<Place>,
    /// The tenure before, if all was here in it.
    pub(super) had_in: Option<u64>,
    /// How often data nodes were replaced until then.
    pub(super) replacements: u64,
}

/// What an owner has told.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// All changes up to this one are known now.
    pub(super) up_to: u64,
    /// Where to go on with what lay there before.
    pub(super) next: Option<Place>,
    /// The last change before this tenure.
    pub(super) began: Option<u64>,
    /// All up to this one are committed.
    pub(super) committed: u64,
    /// Of what was told there was something that cannot be kept here.
    pub(super) lacks: bool,
    /// How often data nodes were replaced until it was asked.
    pub(super) replacements: u64,
    /// Changes with their numbers.
    pub(super) numbered: Vec<(u64, Option<u64>)>,
}

impl Courses {
    /// What is right of before in another tenure: nothing, if a view was missed; else how
    /// far it is with those who own keys still. Of these there may be more to copy: all, if
    /// not all was copied before, or copies were lost since.
    pub(super) fn turn_to(&mut self, tenure: &Tenure) {
        let had = std::mem::replace(&mut self.tenure, tenure.number());
        let before = std::mem::take(&mut self.present);
        let is_there = |id: &MemberId| tenure.others().iter().any(|other| other.id == *id);
        let before = before.into_iter().filter(|_| tenure.before().is_some());
        let (present, ended) = before.partition(|(id, _)| is_there(id));
        (self.present, self.ended) = (present, ended);
        for course in self.present.values_mut() {
            let had_all = course.has_all() && tenure.keeps_copies();
            course.read_off(had_all.then_some(had));
            course.is_of_tenure = false;
        }
    }

    /// Data nodes of this process were replaced so often by now. If one was since, there
    /// are copies that went with it, of every owner: all is read off again.
    ///
    /// 1. B keeps copies of A's entries, and has read off all that there was.
    /// 2. A node of B dies, and is replaced by an empty one.
    /// 3. A dies. B owns the keys, and has nothing of what that node held.
    pub(super) fn look_for_losses(&mut self, replacements: u64) {
        if std::mem::replace(&mut self.replacements, replacements) != replacements {
            self.present.values_mut().for_each(|course| course.read_off(None));
        }
    }

    /// What an owner is to be asked.
    pub(super) fn with(&self, owner: MemberId) -> Wanted {
        let replacements = self.replacements;
        let nothing = || Wanted { replacements, ..Wanted::default() };
        self.present.get(&owner).map_or_else(nothing, |course| Wanted {
            after: Some(course.after),
            from: course.from.clone(),
            had_in: course.had_in,
            replacements,
        })
    }

    /// What was copied of an owner is gone.
    pub(super) fn forget(&mut self, owner: MemberId) {
        self.present.remove(&owner);
    }

    /// What an owner has told was done to the copies here.
    pub(super) fn note(&mut self, owner: MemberId, heard: Heard) {
        let Heard { up_to, next, began, committed, lacks, replacements, numbered } = heard;
        let begins = || Course { since: up_to, ..Course::default() };
        let course = self.present.entry(owner).or_insert_with(begins);
        (course.after, course.from) = (up_to, next);
        course.lacks |= lacks;
        if replacements != self.replacements {
            // What was read off until then may be lost.
            course.read_off(None);
        }
        if let Some(began) = began {
            course.is_of_tenure = true;
            course.since = course.since.max(began);
        }
        course.remembered.extend(numbered);
        while course.remembered.pop_front_if(|(number, _)| *number <= committed).is_some() {}
        while REMEMBERED_MAX < course.remembered.len() {
            let forgotten = course.remembered.pop_front();
            course.since = forgotten.map_or(course.since, |(number, _)| number.max(course.since));
        }
    }

    /// Owners that are none any more, with the last change of theirs that was made here, of
    /// all that came before it in their last tenure.
    ///
    /// 1. A owns a key; B, C and D hold it, too: two of these must have a change. Version 5
    ///    is put: C and D have it, B has not. It is acknowledged.
    /// 2. E joins, and holds the key instead of C and D. A dies.
    /// 3. B asks E, who has never heard of version 5, and answers with version 4.
    ///
    /// So what came before the last tenure everybody has made himself who adopts anything.
    pub(super) fn ended(&self) -> impl Iterator<Item = (MemberId, u64)> {
        let is_whole = |course: &Course| course.is_of_tenure && course.since <= course.after;
        let whole = self.ended.iter().filter(move |(_, course)| is_whole(course));
        whole.map(|(id, course)| (*id, course.after))
    }

    /// What is known here of the changes of an owner that is none any more; nothing in
    /// another tenure than this.
    pub(super) fn recall(&self, ask: &Recall) -> Option<Recalled> {
        if ask.tenure != self.tenure {
            return None;
        }
        let owner = MemberId::from_number(ask.owner);
        let course = self.ended.get(&owner).filter(|course| course.is_of_tenure);
        let Some(course) = course.filter(|course| course.since <= ask.after) else {
            return Some(Recalled::default());
        };
        let later = || course.remembered.iter().filter(|(number, _)| ask.after < *number);
        let has_whole = later().any(|(_, place)| place.is_none());
        let places = later().filter_map(|(_, place)| *place).collect();
        Some(Recalled { knows: true, has_whole, places })
    }
}

impl Course {
    /// Whether there are copies here of all that is to be copied.
    fn has_all(&self) -> bool {
        self.from.is_none() && self.is_of_tenure && !self.lacks
    }

    /// Has what lies at the owner read off, but for what was here in that tenure.
    fn read_off(&mut self, had_in: Option<u64>) {
        (self.from, self.had_in, self.lacks) = (Some(Place::default()), had_in, false);
    }
}

#[cfg(test)]
mod tests;
