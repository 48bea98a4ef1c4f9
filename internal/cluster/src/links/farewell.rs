//! How a member leaves without a call between it and the others lost.
//!
//! ```text
//!  who leaves                                 the others
//!      ── leaving ───────────────────────────►   ask it nothing more
//!      ◄─────────── requests, replies ───────►   only it still asks
//!      ◄────────────────────────── farewell ──   when they wait for no reply of it
//!  asks nothing more, and ends the links when it waits for no reply
//! ```
//!
//! It asks until the end because others may wait for what it has to ask for: to answer
//! one request it may need another member.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::link::Link;
use super::outbox::Company;
use super::{Ended, Hub, frames};

/// Between two looks whether all is answered.
const PAUSE: Duration = Duration::from_millis(2);

/// How far two members have come in parting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Parting {
    /// We have said that we leave.
    we_leave: bool,
    /// They have said that they leave.
    they_leave: bool,
    /// They wait for no reply of ours any more.
    have_heard_farewell: bool,
    /// And we wait for none of theirs.
    have_said_farewell: bool,
    /// We leave, and ask nothing more.
    is_over: bool,
}

impl Parting {
    /// Whether requests may be sent.
    pub(super) fn may_ask(&self) -> Result<(), Ended> {
        match self {
            Self { they_leave: true, .. } => Err(Ended::Left),
            Self { is_over: true, .. } => Err(Ended::Closed),
            _ => Ok(()),
        }
    }

    /// Returns whether it is to be said that we leave.
    fn leave(&mut self) -> bool {
        !std::mem::replace(&mut self.we_leave, true)
    }

    /// Returns whether farewell is to be said, when so many replies are waited for.
    fn farewell(&mut self, waiting: usize) -> bool {
        let is_due = self.they_leave && waiting == 0 && !self.have_said_farewell;
        self.have_said_farewell |= is_due;
        is_due
    }
}

impl Link {
    fn say_leaving(&self) {
        if self.outbox().parting.leave() {
            self.post(std::iter::once(frames::leaving()), Company::Alone);
        }
    }

    /// The other leaves.
    pub(super) fn hear_leaving(&self) {
        self.outbox().parting.they_leave = true;
        self.parts.notify_one();
    }

    /// The other waits for no reply of ours, and asks nothing more.
    pub(super) fn hear_farewell(&self) {
        self.outbox().parting.have_heard_farewell = true;
    }

    /// Says farewell to one that leaves, if it is time.
    fn part_on(&self) {
        let is_due = {
            let mut outbox = self.outbox();
            let waiting = outbox.waiting();
            outbox.parting.farewell(waiting)
        };
        if is_due {
            self.post(std::iter::once(frames::farewell()), Company::Alone);
        }
    }

    /// Whether the other waits for no reply of ours.
    fn is_let_go(&self) -> bool {
        self.outbox().parting.have_heard_farewell
    }

    /// Sends no more requests. Returns whether it waits for no reply.
    fn is_silent(&self) -> bool {
        let mut outbox = self.outbox();
        outbox.parting.is_over = true;
        outbox.waiting() == 0
    }
}

/// Says farewell when the other leaves and has answered all; for the task that writes.
pub(super) async fn part(link: &Link) {
    link.parts.notified().await;
    loop {
        link.part_on();
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
            // Some may have come to be since the last look.
            self.until_all(|link| {
                link.say_leaving();
                link.is_let_go()
            })
            .await;
            self.until_all(Link::is_silent).await;
        };
        let _those_left_are_cut = timeout_at(deadline, all).await;
    }

    async fn until_all(&self, is_so: impl Fn(&Link) -> bool) {
        // Each is looked at: none is to wait for another.
        while self.peers.links().iter().filter(|link| !is_so(link)).count() != 0 {
            sleep(PAUSE).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_leaves_asks_until_the_end_and_the_other_no_more() {
        let (mut leaves, mut other) = (Parting::default(), Parting::default());
        assert!(leaves.leave() && !leaves.leave());
        other.they_leave = true;
        assert!(leaves.may_ask().is_ok());
        assert!(matches!(other.may_ask(), Err(Ended::Left)));
        assert!(!other.farewell(1), "it waits for a reply");
        assert!(other.farewell(0) && !other.farewell(0));
        leaves.have_heard_farewell = true;
        leaves.is_over = true;
        assert!(matches!(leaves.may_ask(), Err(Ended::Closed)));
    }
}
