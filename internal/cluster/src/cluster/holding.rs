//! What this process holds of the keys, by one view.

use std::cell::LazyCell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use distcache_bus::mutants::{Mutant, is_planted};
use distcache_manager::{Claim, Keyspace, Territory};
use distcache_ring::KeyHasher;

use super::handover::Awaited;
use crate::lease::{Standing, Uptime};
use crate::view::{Member, MemberId, View};
use crate::wire;

/// The keys of this process by one view: those that it owns, as long as it has a lease.
pub struct Holding {
    view: Arc<View>,
    me: MemberId,
    /// Whether this process owns keys, and so hears from others what they change.
    is_owner: bool,
    /// Where the view's members are reached, in its order; none of one whose address is
    /// none.
    addresses: Vec<Option<wire::Address>>,
    hasher: KeyHasher,
    /// The views before it, the latest first, back to the last one that was settled when
    /// it was taken. None is left out.
    before: Vec<Arc<View>>,
    standing: Arc<Standing>,
    uptime: Arc<dyn Uptime>,
    /// Those of its keys whose entries somebody waits for.
    awaited: Option<Arc<Awaited>>,
    /// How often somebody was chosen to be read from.
    readings: AtomicUsize,
}

/// Who is to be asked about a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// This process, if it has a lease.
    Ours,
    /// Another member, which is reached there.
    Theirs(wire::Address),
    /// Nobody yet.
    Nobody,
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
        let address = |member: &Member| member.address.as_str().parse().ok();
        let addresses = view.members().iter().map(address).collect();
        let (before, awaited, readings) = (Vec::new(), None, AtomicUsize::new(0));
        let is_owner = view.member(me).is_some_and(|me| me.state.owns());
        Self { view, me, is_owner, addresses, hasher, before, standing, uptime, awaited, readings }
    }

    /// The same, where entries are waited for.
    pub(super) fn awaiting(self, awaited: Arc<Awaited>) -> Self {
        Self { awaited: Some(awaited), ..self }
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
        let awaited = self.awaited.clone();
        Self { before, awaited, ..Self::first(view, self.me, standing, uptime) }
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
    pub fn owner(&self, keyspace: &Keyspace, key: &[u8]) -> Whose {
        self.whose(self.view.owner(self.place(keyspace, key)))
    }

    /// The member that owns a key, if that is another than this one.
    pub fn other_owner(&self, keyspace: &Keyspace, key: &[u8]) -> Option<MemberId> {
        let owner = self.view.owner(self.place(keyspace, key))?.id;
        (owner != self.me).then_some(owner)
    }

    /// Whether a member keeps a copy of a key that another owns.
    pub(super) fn keeps(&self, member: MemberId, keyspace: &Keyspace, key: &[u8]) -> bool {
        let count = usize::from(keyspace.replicas());
        let holders = self.view.holders(self.place(keyspace, key), count);
        holders.iter().skip(1).any(|holder| holder.id == member)
    }

    /// Whether a member kept a copy of a key by an earlier view, and this process owned it.
    pub(super) fn kept(
        &self,
        before: &View,
        member: MemberId,
        keyspace: &Keyspace,
        key: &[u8],
    ) -> bool {
        let holders = before.holders(self.place(keyspace, key), usize::from(keyspace.replicas()));
        holders.split_first().is_some_and(|(owner, keepers)| {
            owner.id == self.me && keepers.iter().any(|keeper| keeper.id == member)
        })
    }

    /// Whether this process keeps a copy of a key that another owns. It may be read under
    /// a lease, whoever owns the key by a later view:
    ///
    /// 1. A owns a key; B keeps a copy. A cannot reach B, and stores the next version.
    /// 2. B has no lease, and is removed. By the view without it, that is committed.
    /// 3. B has not heard of that view, and answers with its copy.
    ///
    /// As long as B has a lease it is in every view, and its word is waited for.
    fn has_copy(&self, copies: &Keyspace, key: &[u8]) -> bool {
        self.keeps(self.me, copies, key)
    }

    /// Whether a member owns a key.
    pub(super) fn owns(&self, member: MemberId, keyspace: &Keyspace, key: &[u8]) -> bool {
        self.view.owner(self.place(keyspace, key)).is_some_and(|owner| owner.id == member)
    }

    /// Whom to ask to read a key of which others keep copies, if this member keeps none: one
    /// of those in its own zone, if there are any, else of all; another one each time.
    pub fn reader(&self, keyspace: &Keyspace, key: &[u8]) -> Whose {
        let count = usize::from(keyspace.replicas());
        let mut holders = self.view.holders(self.place(keyspace, key), count);
        if holders.iter().any(|holder| holder.id == self.me) {
            return Whose::Ours;
        }
        let own = self.view.member(self.me).and_then(|me| me.zone.as_deref());
        let is_near = |holder: &&Member| own.is_some() && holder.zone.as_deref() == own;
        if holders.iter().any(is_near) {
            holders.retain(is_near);
        }
        let turn = self.readings.fetch_add(1, Ordering::Relaxed);
        self.whose(holders.get(turn % holders.len().max(1)).copied())
    }

    /// Who would own it if the owner were gone.
    pub fn successor(&self, keyspace: &Keyspace, key: &[u8]) -> Whose {
        self.whose(self.view.successor(self.place(keyspace, key)))
    }

    /// Every member that may have keys, by number.
    pub fn holders(&self) -> Vec<(MemberId, Whose)> {
        let holders = self.view.members().iter().filter(|member| member.state.owns());
        let mut holders: Vec<_> =
            holders.map(|member| (member.id, self.whose(Some(member)))).collect();
        holders.sort_unstable_by_key(|(id, _)| *id);
        holders
    }

    /// Under views older than this epoch nobody answers for anything any more.
    pub fn settled(&self) -> u64 {
        self.standing.settled()
    }

    /// Whether this process has a lease now.
    pub fn has_lease(&self) -> bool {
        self.standing.holds(self.uptime.now())
    }

    /// For how long this process has had no lease; `None` if it has one, and all the time
    /// there is if it had none in this cluster.
    pub fn without_lease_for(&self) -> Option<Duration> {
        let (until, now) = (self.standing.until(), self.uptime.now());
        match until {
            Duration::ZERO => Some(Duration::MAX),
            until => now.checked_sub(until),
        }
    }

    fn whose(&self, member: Option<&Member>) -> Whose {
        match member {
            Some(member) if member.id == self.me => Whose::Ours,
            Some(member) => {
                let at = self.view.members().iter().position(|one| one.id == member.id);
                let address = at.and_then(|at| self.addresses[at].clone());
                address.map_or(Whose::Nobody, Whose::Theirs)
            }
            None => Whose::Nobody,
        }
    }

    /// Where a key is among the members.
    pub(super) fn place(&self, keyspace: &Keyspace, key: &[u8]) -> u64 {
        self.place_in(keyspace.name_hash(), key)
    }

    /// The same, of a keyspace that has this hash of its name.
    pub(super) fn place_in(&self, name_hash: u64, key: &[u8]) -> u64 {
        self.hasher.hash(key) ^ name_hash
    }

    fn is_ours(&self, view: &View, place: u64) -> bool {
        let is_ours = view.owner(place).is_some_and(|owner| owner.id == self.me);
        is_ours || is_planted(Mutant::OwnersUnchecked)
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
        if self.view.epoch() <= settled || is_planted(Mutant::UnsettledViews) {
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

impl Holding {
    /// Whether a key of ours is one for which no copy is to be adopted any more, by the word
    /// of others.
    ///
    /// 1. A leaves. A put of a key of its own is not acknowledged: the key is B's now.
    /// 2. It is asked of B, over an older value alone. B has a copy, not yet adopted: it has
    ///    no value. Nobody knows whether the put was made.
    fn has_adopted(&self, keyspace: &Keyspace, place: u64) -> bool {
        if keyspace.laggards() == 0 || self.view.placed() <= self.standing.adopted() {
            return true;
        }
        let before = self.before.iter().find(|view| view.placed() < self.view.placed());
        before.is_none_or(|before| self.is_ours(before, place))
    }

    /// Whether this process answers for a key, if it `holds` a lease.
    fn is_claimed(&self, keyspace: &Keyspace, key: &[u8], holds: impl FnOnce() -> bool) -> bool {
        if keyspace.is_of_copies() {
            return self.has_copy(keyspace, key) && (holds() || is_planted(Mutant::CopiesUnleased));
        }
        let place = self.place(keyspace, key);
        let is_ours = self.is_ours(&self.view, place) && holds() && self.is_alone(place);
        is_ours && self.has_adopted(keyspace, place)
    }
}

impl Territory for Holding {
    fn heir(&self, keyspace: &Keyspace, key: &[u8]) -> Option<u64> {
        if keyspace.is_of_copies() {
            return (!self.has_copy(keyspace, key)).then(|| self.me.number());
        }
        let owner = self.view.owner(self.place(keyspace, key))?;
        (owner.id != self.me).then_some(owner.id.number())
    }

    fn claim(&self, keyspace: &Keyspace, key: &[u8]) -> Option<Claim> {
        // The end that was looked at is the end of the claim: a lease that is given
        // anew meanwhile is no part of it.
        let until_ns = self.standing.until_ns();
        let holds = || !self.standing.is_over(until_ns, self.uptime.now());
        self.is_claimed(keyspace, key, holds).then_some(Claim(until_ns))
    }

    /// At one moment, that of the first key of ours: all claims end together, whenever the
    /// others are looked at.
    fn claims(
        &self,
        keyspace: &Keyspace,
        keys: &mut dyn Iterator<Item = &[u8]>,
    ) -> Vec<Option<Claim>> {
        let until_ns = self.standing.until_ns();
        let holds = LazyCell::new(|| !self.standing.is_over(until_ns, self.uptime.now()));
        let is_claimed = |key| self.is_claimed(keyspace, key, || *holds);
        keys.map(|key| is_claimed(key).then_some(Claim(until_ns))).collect()
    }

    fn awaits(&self, keyspace: &Keyspace, key: &[u8]) -> bool {
        let (place, now) = (self.place(keyspace, key), self.uptime.now());
        self.awaited.as_ref().is_some_and(|awaited| awaited.awaits(keyspace, key, place, now))
    }

    fn is_over(&self, Claim(until_ns): Claim) -> bool {
        self.standing.is_over(until_ns, self.uptime.now())
    }

    /// 1. A grants a near copy to B, who leaves, and owns nothing any more.
    /// 2. The key is changed. A waits for other owners alone, of whom B is none.
    ///
    /// So who owns nothing reads no near copies.
    fn lease(&self) -> Option<(Claim, Duration)> {
        if !self.is_owner {
            return None;
        }
        let (until_ns, now) = (self.standing.until_ns(), self.uptime.now());
        (!self.standing.is_over(until_ns, now)).then_some((Claim(until_ns), now))
    }

    fn tenure(&self) -> u64 {
        self.view.placed()
    }

    fn is_ours_since(&self, keyspace: &Keyspace, key: &[u8], tenure: u64) -> bool {
        let place = self.place(keyspace, key);
        let back_to = |view: &Arc<View>| view.placed() == tenure;
        self.view.placed() == tenure
            || self
                .before
                .iter()
                .position(back_to)
                .is_some_and(|at| self.before[..=at].iter().all(|view| self.is_ours(view, place)))
    }
}

impl fmt::Debug for Holding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Holding")
            .field("epoch", &self.view.epoch())
            .field("me", &self.me)
            .finish_non_exhaustive()
    }
}
