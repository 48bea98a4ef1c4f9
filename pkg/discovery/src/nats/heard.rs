//! Who was heard. No I/O, and no clock: time is this process's own announcements, as they
//! come back.
//!
//! 1. A server hangs, and no announcement comes through.
//! 2. By a clock the others are silent, and would be gone one after the other.
//! 3. What is left is a list of one: a majority of itself.
//!
//! Here nobody's silence lasts while nothing is heard.

use std::collections::BTreeMap;

use super::message::{Message, Says};
use crate::MEMBERS_MAX;

/// The list is complete when so many own announcements have come back since it began: in
/// between, everybody else has announced itself.
const BEATS_TO_LISTEN: u32 = 2;

/// Whether somebody wants to hear of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owed {
    Nothing,
    /// That it is here.
    Answer,
}

/// Whose announcements were heard.
#[derive(Debug)]
pub(super) struct Heard {
    cluster: String,
    run: u64,
    silent_for: u32,
    /// By address: how many announcements ago. One more than may be is kept, so that
    /// too many are seen.
    ago: BTreeMap<String, u32>,
    /// How many of its own have come back since it connected.
    beats: u32,
}

impl Heard {
    pub(super) fn new(cluster: &str, run: u64, silent_for: u32) -> Self {
        let cluster = cluster.to_owned();
        Self { cluster, run, silent_for, ago: BTreeMap::new(), beats: 0 }
    }

    /// It has connected, perhaps again: what was heard is no list until it has listened.
    pub(super) fn begin(&mut self) {
        self.beats = 0;
    }

    /// How many of its own announcements have come back since it connected.
    pub(super) fn beats(&self) -> u32 {
        self.beats
    }

    /// Takes what somebody said. Returns what is owed for that.
    pub(super) fn take(&mut self, message: Message) -> Owed {
        if message.cluster != self.cluster {
            return Owed::Nothing;
        }
        let is_own = message.run == self.run;
        match message.says {
            Says::Gone => {
                self.ago.remove(&message.address);
                return Owed::Nothing;
            }
            Says::Beat if is_own => self.grow_older(),
            Says::Beat | Says::Here | Says::Who => {}
        }
        if self.ago.contains_key(&message.address) || self.ago.len() <= MEMBERS_MAX {
            self.ago.insert(message.address, 0);
        }
        if message.says == Says::Who && !is_own { Owed::Answer } else { Owed::Nothing }
    }

    fn grow_older(&mut self) {
        self.beats = self.beats.saturating_add(1);
        for ago in self.ago.values_mut() {
            *ago += 1;
        }
        let silent_for = self.silent_for;
        self.ago.retain(|_, ago| *ago < silent_for);
    }

    /// All members, in an order that is the same for each answer; `None` before it has
    /// listened; or why they cannot be told.
    pub(super) fn addresses(&self) -> Option<Result<Vec<String>, String>> {
        if self.beats < BEATS_TO_LISTEN {
            return None;
        }
        if MEMBERS_MAX < self.ago.len() {
            return Some(Err(format!("more than {MEMBERS_MAX} members announce themselves")));
        }
        Some(Ok(self.ago.keys().cloned().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: u64 = 7;

    fn says(run: u64, says: Says) -> Message {
        let address = if run == OWN { "own:1".to_owned() } else { format!("other-{run}:1") };
        Message { cluster: "c".into(), run, address, says }
    }

    /// One that has listened, and has heard itself and one other.
    fn of_two() -> Heard {
        let mut heard = Heard::new("c", OWN, 3);
        for (run, what) in [(OWN, Says::Who), (OWN, Says::Beat), (1, Says::Here), (OWN, Says::Beat)]
        {
            heard.take(says(run, what));
        }
        heard
    }

    fn listed(heard: &Heard) -> Vec<String> {
        heard.addresses().expect("it has listened").expect("there are few")
    }

    #[test]
    fn the_list_is_complete_after_two_own_announcements_and_anew_after_each_connection() {
        let mut heard = Heard::new("c", OWN, 3);
        assert_eq!(heard.addresses(), None);
        heard.take(says(OWN, Says::Who));
        heard.take(says(1, Says::Beat));
        heard.take(says(OWN, Says::Beat));
        assert_eq!(heard.addresses(), None);
        heard.take(says(OWN, Says::Beat));
        assert_eq!(listed(&heard), ["other-1:1", "own:1"]);
        heard.begin();
        assert_eq!(heard.addresses(), None);
    }

    #[test]
    fn who_is_silent_for_as_many_announcements_is_gone() {
        let mut heard = of_two();
        // other-1: 1 ago
        heard.take(says(OWN, Says::Beat));
        assert_eq!(listed(&heard).len(), 2);
        heard.take(says(OWN, Says::Beat));
        assert_eq!(listed(&heard), ["own:1"]);
        heard.take(says(1, Says::Beat));
        assert_eq!(listed(&heard).len(), 2, "and is back when it is heard");
    }

    #[test]
    fn nobody_is_gone_while_nothing_comes_back() {
        let mut heard = of_two();
        for _ in 0..1_000 {
            heard.take(says(2, Says::Beat));
            heard.take(says(OWN, Says::Here));
        }
        assert_eq!(listed(&heard).len(), 3);
    }

    #[test]
    fn who_says_that_it_goes_is_gone_at_once() {
        let mut heard = of_two();
        heard.take(says(1, Says::Gone));
        assert_eq!(listed(&heard), ["own:1"]);
    }

    #[test]
    fn who_asks_is_owed_an_answer_and_nobody_answers_itself() {
        let mut heard = of_two();
        assert_eq!(heard.take(says(3, Says::Who)), Owed::Answer);
        assert_eq!(heard.take(says(OWN, Says::Who)), Owed::Nothing);
        assert_eq!(heard.take(says(3, Says::Here)), Owed::Nothing);
        assert_eq!(listed(&heard).len(), 3, "and is there");
    }

    #[test]
    fn a_cluster_of_another_name_is_not_heard() {
        let mut heard = of_two();
        let stranger = Message { cluster: "d".into(), ..says(4, Says::Who) };
        assert_eq!(heard.take(stranger), Owed::Nothing);
        heard.take(Message { cluster: "d".into(), ..says(1, Says::Gone) });
        assert_eq!(listed(&heard).len(), 2);
    }

    #[test]
    fn a_crowd_is_no_list_and_is_forgotten_when_it_is_silent() {
        let mut heard = of_two();
        for run in 100..100_000 {
            heard.take(says(run, Says::Here));
        }
        assert_eq!(heard.ago.len(), MEMBERS_MAX + 1, "no more is kept");
        assert!(heard.addresses().expect("it has listened").is_err());
        for _ in 0..3 {
            heard.take(says(1, Says::Beat));
            heard.take(says(OWN, Says::Beat));
        }
        assert_eq!(listed(&heard), ["other-1:1", "own:1"]);
    }
}
