//! What we have of one other address: a link, a connection on its way, or nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use distcache_bus::{Replier, Waiter, reply_slot};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::hello::{Introduced, Refused, refused};
use super::link::Link;
use super::{MemberId, NotSent, Settings};
use crate::proto::refusal::Reason;
use crate::wire::Address;

/// What waits for a connection is told this.
pub(super) type Connected = Result<Arc<Link>, NotSent>;

/// Another address.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) address: Address,
    state: Mutex<State>,
    /// Told when a link has come.
    linked: Notify,
}

#[derive(Debug)]
struct State {
    stage: Stage,
    /// The last connection of the other that we have taken.
    taken: Option<(MemberId, u64)>,
    /// Tries to connect that have failed, one after the other.
    failures: u32,
}

#[derive(Debug)]
enum Stage {
    /// There is nothing. After failures, nothing is tried before `retry_at`.
    Idle { retry_at: Option<Instant> },
    /// We are connecting, and these wait. `is_refused`: ours is over, and theirs is to come.
    Dialling { this_try: Try, waiters: Vec<Replier<Connected>>, is_refused: bool },
    /// There is a link.
    Linked(Arc<Link>),
}

/// What a caller finds.
pub(super) enum Asked {
    Linked(Arc<Link>),
    /// A connection is on its way.
    Waits(Waiter<Connected>),
    /// The same, and the caller is to see to it that it comes.
    Dials(Try, Waiter<Connected>),
}

/// One try to connect. If it ends late, that says nothing of the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Try {
    /// The number of the connection.
    pub(super) dial: u64,
    /// The last connection of the other that we had taken when the try began.
    ///
    /// 1. A begins to connect with B.
    /// 2. B connects with A, which takes it: they speak.
    /// 3. A's own connection says that B's was taken, as if A had known it when it
    ///    began; B takes it for lost, and cuts the one on which they speak.
    ///
    /// Hence this is looked up under the lock under which the try begins.
    pub(super) taken: Option<(MemberId, u64)>,
}

impl Peer {
    pub(super) fn new(address: Address) -> Arc<Self> {
        let stage = Stage::Idle { retry_at: None };
        let state = Mutex::new(State { stage, taken: None, failures: 0 });
        Arc::new(Self { address, state, linked: Notify::new() })
    }

    /// The link, or a place among those who wait for it.
    pub(super) fn ask(&self, settings: &Settings, dials: &AtomicU64) -> Result<Asked, NotSent> {
        let mut state = self.state.lock();
        match &mut state.stage {
            Stage::Linked(link) => Ok(Asked::Linked(link.clone())),
            Stage::Dialling { waiters, .. } => {
                if settings.calls_max <= waiters.len() {
                    waiters.retain(|waiter| !waiter.is_unwanted());
                }
                if settings.calls_max <= waiters.len() {
                    return Err(NotSent::CallsFull { max: settings.calls_max });
                }
                let (replier, waiter) = reply_slot();
                waiters.push(replier);
                Ok(Asked::Waits(waiter))
            }
            Stage::Idle { retry_at } => {
                let retry_in = retry_at.map(|at| at.saturating_duration_since(Instant::now()));
                if let Some(retry_in) = retry_in.filter(|left| !left.is_zero()) {
                    return Err(NotSent::Away { address: self.address.clone(), retry_in });
                }
                let (replier, waiter) = reply_slot();
                Ok(Asked::Dials(state.dial(dials, vec![replier]), waiter))
            }
        }
    }

    /// A try to connect with one that has just shown that it is there: so it is not left
    /// alone. `None` if there is a link, or will be.
    pub(super) fn call_back(&self, dials: &AtomicU64) -> Option<Try> {
        let mut state = self.state.lock();
        let is_idle = matches!(state.stage, Stage::Idle { .. });
        is_idle.then(|| state.dial(dials, Vec::new()))
    }

    pub(super) fn link(&self) -> Option<Arc<Link>> {
        match &self.state.lock().stage {
            Stage::Linked(link) => Some(link.clone()),
            Stage::Idle { .. } | Stage::Dialling { .. } => None,
        }
    }

    /// Whether it can be forgotten.
    pub(super) fn is_idle(&self) -> bool {
        matches!(self.state.lock().stage, Stage::Idle { .. })
    }

    /// Whether a connection that the other has begun is to be the one between us. The
    /// rule is the same on both sides, so that they never choose differently:
    ///
    /// 1. A and B have no connection, and begin one each at the same moment.
    /// 2. Each takes the other's, and gives its own up for it.
    /// 3. Both are cut; both begin anew, at the same moment.
    ///
    /// Hence, while both are on their way, that of the lower member stays. And:
    ///
    /// 1. A begins a connection; on its way it is slow.
    /// 2. B begins one, and A takes it: they speak.
    /// 3. A's arrives at B, which takes it for A's next one and gives up the one on
    ///    which they speak: calls are lost for nothing.
    ///
    /// Hence a connection takes the place of another only if the one who has begun it
    /// knew the other, and so knew that it was over: it was its own, with a lower
    /// number, or one of ours of which it says that it has taken it. And:
    ///
    /// 1. Somebody records what A says on a connection with B, which ends.
    /// 2. It is played to B again, which does once more what A has asked for.
    ///
    /// Hence no connection is taken twice, nor after a later one. In the clear that number
    /// may be a stranger's: who is refused for it is connected with ([`Self::hear`]).
    pub(super) fn admit(&self, me: MemberId, other: &Introduced) -> Result<(), Refused> {
        let state = self.state.lock();
        if state.taken.is_some_and(|(from, dial)| from == other.member && other.dial <= dial) {
            return Err(connected("that connection was taken already"));
        }
        match &state.stage {
            Stage::Idle { .. } => Ok(()),
            Stage::Dialling { is_refused, .. } if *is_refused || other.member < me => Ok(()),
            Stage::Dialling { .. } => Err(connected("this member's own connection is on its way")),
            Stage::Linked(link) if link.member != other.member => {
                let text = format!("{} is at {}", link.member, self.address);
                Err(refused(Reason::AddressTaken, text))
            }
            Stage::Linked(link) => {
                let (begun_by, dial) = link.begun;
                let is_known = if begun_by == me {
                    other.taken.is_some_and(|(from, taken)| from == me && dial <= taken)
                } else {
                    dial < other.dial
                };
                if is_known && !other.is_by_alias {
                    return Ok(());
                }
                Err(connected("there is a connection already"))
            }
        }
    }

    /// Has a link from now on. Returns the one that it takes the place of, to be cut,
    /// when no lock is held.
    pub(super) fn install(&self, link: &Arc<Link>) -> Option<Arc<Link>> {
        let mut state = self.state.lock();
        if link.begun.0 == link.member {
            state.taken = Some(link.begun);
        }
        let before = std::mem::replace(&mut state.stage, Stage::Linked(link.clone()));
        drop(state);
        self.linked.notify_waiters();
        match before {
            Stage::Linked(before) => Some(before),
            Stage::Dialling { waiters, .. } => {
                tell(waiters, &Ok(link.clone()));
                None
            }
            Stage::Idle { .. } => None,
        }
    }

    /// The other has refused our connection, and is to begin one itself.
    pub(super) fn give_way(&self, refused: Try) {
        if let Stage::Dialling { this_try, is_refused, .. } = &mut self.state.lock().stage
            && *this_try == refused
        {
            *is_refused = true;
        }
    }

    /// What the other, with which we have connected, says of its own connections.
    ///
    /// 1. Somebody says in the clear that it is A, and that this is connection 2^64 - 1.
    /// 2. It leaves. Whatever A begins, a later one was taken already.
    ///
    /// Hence who is refused for its number is asked for it, where it is reached: that is
    /// the last one that it has begun.
    pub(super) fn hear(&self, other: &Introduced) {
        // Older versions do not tell.
        if other.dial != 0 {
            self.state.lock().taken = Some((other.member, other.dial));
        }
    }

    /// A try to connect came to nothing. If the other's connection has come meanwhile,
    /// that is as good.
    pub(super) fn fail(&self, failed: Try, why: &NotSent, settings: &Settings) {
        let mut state = self.state.lock();
        let waiters = match &mut state.stage {
            Stage::Dialling { this_try, waiters, .. } if *this_try == failed => {
                std::mem::take(waiters)
            }
            Stage::Idle { .. } | Stage::Dialling { .. } | Stage::Linked(_) => return,
        };
        state.leave_alone(settings);
        drop(state);
        tell(waiters, &Err(why.clone()));
    }

    /// The link has ended. One on which nothing was heard counts as a failure, so that
    /// who accepts and leaves at once is not called without end.
    pub(super) fn ended(&self, link: &Arc<Link>, settings: &Settings) {
        let mut state = self.state.lock();
        let Stage::Linked(held) = &state.stage else { return };
        if !Arc::ptr_eq(held, link) {
            return;
        }
        state.stage = Stage::Idle { retry_at: None };
        if link.heard.load(Ordering::Relaxed) == 0 {
            state.leave_alone(settings);
        } else {
            state.failures = 0;
        }
    }

    /// Waits until there is a link.
    pub(super) async fn until_linked(&self) -> Arc<Link> {
        loop {
            let linked = self.linked.notified();
            if let Some(link) = self.link() {
                return link;
            }
            linked.await;
        }
    }
}

impl State {
    fn dial(&mut self, dials: &AtomicU64, waiters: Vec<Replier<Connected>>) -> Try {
        let dial = dials.fetch_add(1, Ordering::Relaxed) + 1;
        let this_try = Try { dial, taken: self.taken };
        self.stage = Stage::Dialling { this_try, waiters, is_refused: false };
        this_try
    }

    fn leave_alone(&mut self, settings: &Settings) {
        let wait = backoff(settings, self.failures);
        self.failures = self.failures.saturating_add(1);
        self.stage = Stage::Idle { retry_at: Some(Instant::now() + wait) };
    }
}

fn tell(waiters: Vec<Replier<Connected>>, what: &Connected) {
    for waiter in waiters {
        waiter.answer(what.clone());
    }
}

fn connected(text: &str) -> Refused {
    refused(Reason::Connected, text.to_owned())
}

/// How long a member is left alone after so many failures before this one.
fn backoff(settings: &Settings, failures: u32) -> Duration {
    let doubled = settings.reconnect_min.saturating_mul(1 << failures.min(16));
    let longest = doubled.min(settings.reconnect_max);
    // Without random numbers all wait equally long, which is worse, but no harm.
    let permille = getrandom::u32().unwrap_or_default() % 500 + 500;
    longest * permille / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_is_away_is_left_alone_longer_each_time_up_to_a_bound() {
        let me = MemberId::new(1).unwrap();
        let settings = Settings::new("c", me, "a:1".parse().unwrap());
        for (failures, longest_ms) in [(0, 20), (1, 40), (3, 160), (7, 2000), (u32::MAX, 2000)] {
            let waits = (0..100).map(|_| backoff(&settings, failures));
            let longest = Duration::from_millis(longest_ms);
            for wait in waits {
                assert!(longest / 2 <= wait && wait < longest, "{failures}: {wait:?}");
            }
        }
    }
}
