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

use std::convert::Infallible;
use std::future::pending;
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
    we: We,
    they: They,
    /// They wait for no reply of ours any more, and ask nothing.
    is_let_go: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum We {
    #[default]
    Stay,
    /// We have said that we leave.
    Leave,
    /// We ask nothing more.
    AreSilent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum They {
    #[default]
    Stay,
    /// They have said that they leave.
    Leave,
    /// And we have said farewell.
    AreLetGo,
}

impl Parting {
    /// Whether requests may be sent.
    pub(super) fn may_ask(self) -> Result<(), Ended> {
        match (self.we, self.they) {
            (We::Stay | We::Leave, They::Stay) => Ok(()),
            (We::AreSilent, They::Stay) => Err(Ended::Closed),
            (_, They::Leave | They::AreLetGo) => Err(Ended::Left),
        }
    }

    /// Returns whether it is to be said that we leave.
    fn leave(&mut self) -> bool {
        let is_new = self.we == We::Stay;
        if is_new {
            self.we = We::Leave;
        }
        is_new
    }

    /// Returns whether farewell is to be said, when so many replies are waited for.
    fn farewell(&mut self, waiting: usize) -> bool {
        let is_due = self.they == They::Leave && waiting == 0;
        if is_due {
            self.they = They::AreLetGo;
        }
        is_due
    }
}

impl Link {
    fn say_leaving(&self) {
        if self.outbox.lock().parting.leave() {
            self.post(std::iter::once(frames::leaving()), Company::Alone);
        }
    }

    /// The other leaves.
    pub(super) fn hear_leaving(&self) {
        let mut outbox = self.outbox.lock();
        if outbox.parting.they == They::Stay {
            outbox.parting.they = They::Leave;
        }
        drop(outbox);
        self.parts.notify_one();
    }

    /// The other waits for no reply of ours, and asks nothing more.
    pub(super) fn hear_farewell(&self) {
        self.outbox.lock().parting.is_let_go = true;
    }

    /// Says farewell to one that leaves, if it is time. Returns whether it was.
    fn let_go(&self) -> bool {
        let is_due = {
            let mut outbox = self.outbox.lock();
            let waiting = outbox.waiting();
            outbox.parting.farewell(waiting)
        };
        if is_due {
            self.post(std::iter::once(frames::farewell()), Company::Alone);
        }
        is_due
    }

    /// Whether the other waits for no reply of ours.
    fn is_let_go(&self) -> bool {
        self.outbox.lock().parting.is_let_go
    }

    /// Sends no more requests. Returns whether it waits for no reply.
    fn is_silent(&self) -> bool {
        let mut outbox = self.outbox.lock();
        outbox.parting.we = We::AreSilent;
        outbox.waiting() == 0
    }
}

/// Says farewell when the other leaves and has answered all; for the task that writes.
pub(super) async fn part(link: &Link) -> Infallible {
    link.parts.notified().await;
    while !link.let_go() {
        sleep(PAUSE).await;
    }
    // The other ends the link.
    pending().await
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
        other.they = They::Leave;
        assert!(leaves.may_ask().is_ok());
        assert!(matches!(other.may_ask(), Err(Ended::Left)));
        assert!(!other.farewell(1), "it waits for a reply");
        assert!(other.farewell(0) && !other.farewell(0));
        leaves.we = We::AreSilent;
        assert!(matches!(leaves.may_ask(), Err(Ended::Closed)));
    }
}
