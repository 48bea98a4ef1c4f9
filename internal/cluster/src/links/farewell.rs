//! How two members part without a call between them lost.
//!
//! ```text
//!  who leaves                              the other
//!      ── farewell ─────────────────────────►  asks nothing more
//!      ◄─────────────── replies, both ways ─►
//!      ◄──────────────────────── farewell ──   when it waits for none
//!  ends the link, when it waits for none
//! ```

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::link::Link;
use super::outbox::Company;
use super::{Ended, Hub, frames};

/// Between two looks whether all is answered.
const PAUSE: Duration = Duration::from_millis(2);

/// How far two members have come in parting. Whoever has said farewell, or heard it,
/// sends no more requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Parting {
    /// Nobody leaves.
    #[default]
    No,
    /// We leave; the other has not answered that.
    Said,
    /// The other leaves, and waits for us to say the same.
    Heard,
    /// The other leaves, and we have said the same: it is to end the link.
    Answered,
    /// Both have said it, and we are to end the link.
    Both,
}

/// What is to be done now by who parts.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Wait,
    Say,
    End,
}

impl Parting {
    /// Whether requests may be sent.
    pub(super) fn may_ask(self) -> Result<(), Ended> {
        match self {
            Self::No => Ok(()),
            Self::Said => Err(Ended::Closed),
            Self::Heard | Self::Answered | Self::Both => Err(Ended::Left),
        }
    }

    /// Returns whether it is to be said.
    pub(super) fn say(&mut self) -> bool {
        let is_first = *self == Self::No;
        if is_first {
            *self = Self::Said;
        }
        is_first
    }

    pub(super) fn hear(&mut self) {
        match self {
            Self::No => *self = Self::Heard,
            Self::Said => *self = Self::Both,
            Self::Heard | Self::Answered | Self::Both => {}
        }
    }

    /// What comes next, by whether we wait for no reply. The other's own calls are its
    /// affair: it says farewell, or ends the link, when it waits for none.
    pub(super) fn step(&mut self, is_answered: bool) -> Step {
        match self {
            Self::Heard if is_answered => {
                *self = Self::Answered;
                Step::Say
            }
            Self::Both if is_answered => Step::End,
            _ => Step::Wait,
        }
    }
}

impl Link {
    /// Sends no more requests, and lets the other know.
    fn say_farewell(&self) {
        if self.outbox().parting.say() {
            self.post(std::iter::once(frames::farewell()), Company::Alone);
            self.parts.notify_one();
        }
    }

    /// The other has said so.
    pub(super) fn hear_farewell(&self) {
        self.outbox().parting.hear();
        self.parts.notify_one();
    }

    fn part_on(&self) -> Step {
        let mut outbox = self.outbox();
        let is_answered = outbox.waiting() == 0;
        outbox.parting.step(is_answered)
    }
}

/// Does what parting needs, when it has begun; for the task that writes.
pub(super) async fn part(link: &Link) -> Ended {
    link.parts.notified().await;
    loop {
        match link.part_on() {
            Step::Wait => {}
            Step::Say => link.post(std::iter::once(frames::farewell()), Company::Alone),
            Step::End => return Ended::Left,
        }
        sleep(PAUSE).await;
    }
}

impl Hub {
    /// Parts from all who are linked with us.
    ///
    /// 1. B asks A, which leaves.
    /// 2. A ends the link before it has answered: B cannot know what became of its
    ///    call, though nobody has failed.
    pub(super) async fn part(self: &Arc<Self>, deadline: Instant) {
        self.parting.cancel();
        let all = async {
            loop {
                // Some may have come to be since the last look.
                let links = self.peers.links();
                for link in &links {
                    link.say_farewell();
                }
                if links.is_empty() {
                    return;
                }
                sleep(PAUSE).await;
            }
        };
        let _those_left_are_cut = timeout_at(deadline, all).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_leaves_ends_the_link_when_both_are_done() {
        let (mut leaves, mut other) = (Parting::No, Parting::No);
        assert!(leaves.say() && !leaves.say());
        other.hear();
        assert!(leaves.may_ask().is_err() && other.may_ask().is_err());
        assert_eq!((leaves.step(true), other.step(false)), (Step::Wait, Step::Wait));
        assert_eq!((other.step(true), other.step(true)), (Step::Say, Step::Wait));
        leaves.hear();
        assert_eq!((leaves.step(false), leaves.step(true)), (Step::Wait, Step::End));
    }

    #[test]
    fn of_two_who_leave_at_once_each_may_end_the_link_when_it_is_done() {
        let mut one = Parting::No;
        assert!(one.say());
        one.hear();
        assert!(!one.say());
        assert_eq!((one.step(false), one.step(true)), (Step::Wait, Step::End));
    }
}
