//! What this process holds of the keys, by one view.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use distcache_manager::{Claim, Keyspace, Territory};
use distcache_ring::KeyHasher;

use crate::lease::{Standing, Uptime};
use crate::view::{Member, MemberId, View};

/// The keys of this process by one view: those that it owns, as long as it has a lease.
pub struct Holding {
    view: Arc<View>,
    me: MemberId,
    hasher: KeyHasher,
    /// The views before it, the latest first, back to the last one that was settled when
    /// it was taken. None is left out.
    before: Vec<Arc<View>>,
    standing: Arc<Standing>,
    uptime: Arc<dyn Uptime>,
}

/// Views that are not settled while others are made already. Where there are more,
/// whoever owns a key waits until the last of them is settled.
const UNSETTLED_MAX: usize = 64;

impl Holding {
    /// By the first view of a cluster that this process has entered.
    pub fn first(
        view: Arc<View>,
        me: MemberId,
        standing: Arc<Standing>,
        uptime: Arc<dyn Uptime>,
    ) -> Self {
        let hasher = KeyHasher::new(view.hash_key());
        Self { view, me, hasher, before: Vec::new(), standing, uptime }
    }

    /// By a later view of the same cluster.
    #[must_use]
    pub fn next(&self, view: Arc<View>) -> Self {
        let settled = self.standing.settled();
        let mut before = Vec::new();
        if view.follows(self.view.epoch()) {
            before.push(self.view.clone());
            before.extend(self.before.iter().cloned());
            let last = before.iter().position(|view| view.epoch() <= settled);
            before.truncate(last.map_or(UNSETTLED_MAX, |last| last + 1));
        }
        let (standing, uptime) = (self.standing.clone(), self.uptime.clone());
        Self { before, ..Self::first(view, self.me, standing, uptime) }
    }

    /// The view.
    pub fn view(&self) -> &Arc<View> {
        &self.view
    }

    /// This process.
    pub fn me(&self) -> MemberId {
        self.me
    }

    /// Who owns a key; nobody while all are still joining.
    pub fn owner(&self, keyspace: &Keyspace, key: &[u8]) -> Option<&Member> {
        self.view.owner(self.place(keyspace, key))
    }

    /// Who would own it if the owner were gone.
    pub fn successor(&self, keyspace: &Keyspace, key: &[u8]) -> Option<&Member> {
        self.view.successor(self.place(keyspace, key))
    }

    /// Where a key is among the members.
    fn place(&self, keyspace: &Keyspace, key: &[u8]) -> u64 {
        self.hasher.hash(key) ^ keyspace.name_hash()
    }

    fn is_ours(&self, view: &View, place: u64) -> bool {
        view.owner(place).is_some_and(|owner| owner.id == self.me)
    }

    /// Whether nobody else can answer for a key of ours any more.
    ///
    /// 1. View 8 gives a key from A to B. B has taken it, A not yet.
    /// 2. A has a lease by view 7, and acknowledges a write.
    /// 3. B answers for the key: it has never heard of that write.
    ///
    /// So B waits until view 8 is settled: A has taken it, or its lease is over. What was
    /// B's all along, it need not wait for.
    fn is_alone(&self, place: u64) -> bool {
        let settled = self.standing.settled();
        if self.view.epoch() <= settled {
            return true;
        }
        for view in &self.before {
            if !self.is_ours(view, place) {
                return false;
            }
            if view.epoch() <= settled {
                return true;
            }
        }
        false
    }
}

impl Territory for Holding {
    fn heir(&self, keyspace: &Keyspace, key: &[u8]) -> Option<u64> {
        let owner = self.view.owner(self.place(keyspace, key))?;
        (owner.id != self.me).then_some(owner.id.number())
    }

    fn claim(&self, keyspace: &Keyspace, key: &[u8]) -> Option<Claim> {
        let place = self.place(keyspace, key);
        if !self.is_ours(&self.view, place) {
            return None;
        }
        // The end that was looked at is the end of the claim: a lease that is given
        // anew meanwhile is no part of it.
        let until = self.standing.until();
        let holds = self.uptime.now() < until;
        (holds && self.is_alone(place)).then(|| Claim(nanoseconds(until)))
    }

    fn is_over(&self, Claim(until): Claim) -> bool {
        until <= nanoseconds(self.uptime.now())
    }
}

/// In 64 bits: a machine's uptime of 584 years.
fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl fmt::Debug for Holding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Holding")
            .field("epoch", &self.view.epoch())
            .field("me", &self.me)
            .finish_non_exhaustive()
    }
}
