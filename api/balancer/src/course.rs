//! Whom a request is sent to, and whom next.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use distcache_http::Aim;
use distcache_ring::{HashRing, KeyHasher};

use crate::head::Name;
use crate::member::Member;
use crate::owners::Owners;
use crate::standing::Standing;
use crate::{Balance, StartError};

/// Keys are placed alike by every balancer, so that several beside each other send one key
/// to one member. Who aims at a member by this gains nothing: whom it belongs to is said
/// by another hash.
const KEY: [u8; 16] = *b"distcache ring 1";

/// The members, and how they take turns.
pub(crate) struct Roster {
    members: Vec<Arc<Member>>,
    turn: AtomicUsize,
    /// None for turns alone.
    ring: Option<Ring>,
}

/// Where keys go.
struct Ring {
    hasher: KeyHasher,
    /// The members as they were told last.
    owners: Owners,
    /// The members' addresses: for keys of which nobody has told anything, and for who is
    /// asked next.
    addresses: HashRing<String>,
}

impl Roster {
    pub(crate) fn new(members: Vec<Arc<Member>>, balance: Balance) -> Result<Self, StartError> {
        let ring = match balance {
            Balance::RoundRobin => None,
            Balance::Ring => {
                let addresses = members.iter().map(|member| member.address.to_string());
                let addresses = HashRing::builder().nodes(addresses).build()?;
                let (hasher, owners) = (KeyHasher::new(KEY), Owners::new());
                Some(Ring { hasher, owners, addresses })
            }
        };
        Ok(Self { members, turn: AtomicUsize::new(0), ring })
    }

    pub(crate) fn members(&self) -> &[Arc<Member>] {
        &self.members
    }

    /// Whether a key decides where its requests go.
    pub(crate) fn goes_by_keys(&self) -> bool {
        self.ring.is_some()
    }

    /// The course of one request.
    pub(crate) fn course(&self, aim: &Aim<'_>) -> Course<'_> {
        let hash = self.ring.as_ref().zip(aim.key.as_ref()).map(|(ring, aimed)| {
            // The length before them, so that no two run into each other.
            let length = (aimed.keyspace.len() as u64).to_le_bytes();
            let parts = [&length[..], &aimed.keyspace, &aimed.key];
            ring.hasher.hash(&parts.concat())
        });
        let start = match hash {
            Some(hash) => Start::Hash(hash),
            // Relaxed: any order of turns will do.
            None => Start::Turn(self.turn.fetch_add(1, Ordering::Relaxed)),
        };
        Course { roster: self, start, tried: Vec::new() }
    }

    /// A member has answered for the key of a course, and said who owns it if it does not.
    /// Whoever owns it is asked first the next time.
    ///
    /// Of those that are in no cluster none is an owner:
    ///
    /// 1. One is down, and another is asked for its keys.
    /// 2. The first comes back. Were the other their owner now, this balancer asked it, and
    ///    those beside this one asked the first.
    pub(crate) fn told(&self, start: Start, by: &Arc<Member>, owner: Option<Name>) {
        let Start::Hash(hash) = start else { return };
        let Some(ring) = &self.ring else { return };
        let is_it = |member: &Arc<Member>| match owner {
            Some(owner) => member.is(owner),
            None => member.is_named() && Arc::ptr_eq(member, by),
        };
        if let Some(number) = self.members.iter().position(is_it) {
            ring.owners.note(hash, number);
        }
    }

    /// Whether a member was told to own the key of a course, and so is likely to hold its
    /// entry.
    pub(crate) fn is_owner(&self, start: Start, member: &Arc<Member>) -> bool {
        let Start::Hash(hash) = start else { return false };
        let owner = self.ring.as_ref().and_then(|ring| ring.owners.of(hash));
        owner.and_then(|at| self.members.get(at)).is_some_and(|owner| Arc::ptr_eq(owner, member))
    }

    /// The members in the order of a course, by their numbers.
    fn order(&self, start: Start) -> impl Iterator<Item = usize> {
        let count = self.members.len();
        let (turn, hash) = match start {
            Start::Turn(turn) => (Some(turn), None),
            Start::Hash(hash) => (None, Some(hash)),
        };
        let turns = turn
            .into_iter()
            .flat_map(move |turn| (0..count).map(move |n| (turn % count + n) % count));
        let by_key = self.ring.as_ref().zip(hash).into_iter().flat_map(move |(ring, hash)| {
            let owner = ring.owners.of(hash).filter(|owner| *owner < count);
            let others = ring.addresses.owners(hash, count);
            let others = others.filter_map(|address| self.number_of(address));
            owner.into_iter().chain(others.filter(move |other| Some(*other) != owner))
        });
        turns.chain(by_key)
    }

    fn number_of(&self, address: &str) -> Option<usize> {
        self.members.iter().position(|member| member.host.as_bytes() == address.as_bytes())
    }
}

/// Where a course begins.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Start {
    /// At this turn.
    Turn(usize),
    /// At the owner of the key of this hash.
    Hash(u64),
}

/// The members that one request may be sent to, one after the other.
pub(crate) struct Course<'a> {
    roster: &'a Roster,
    start: Start,
    /// The numbers of those that were asked, in this round.
    tried: Vec<usize>,
}

/// Who comes next.
pub(crate) enum Next<'a> {
    /// This one.
    Member(&'a Arc<Member>),
    /// All that there are have been asked: it begins anew.
    Round,
    /// There is nobody.
    Nobody,
}

impl<'a> Course<'a> {
    /// Where it begins.
    pub(crate) fn start(&self) -> Start {
        self.start
    }

    /// The next member: one that is ready, or if nobody is, one that lives.
    pub(crate) fn next(&mut self) -> Next<'a> {
        let of = |wanted: fn(Standing) -> bool| {
            let mut are_there = false;
            let all = self.roster.order(self.start);
            let mut those = all.filter(|at| wanted(self.roster.members[*at].standing()));
            let found = those.find(|at| {
                are_there = true;
                !self.tried.contains(at)
            });
            (found, are_there)
        };
        let (found, are_there) = match of(|standing| standing == Standing::Ready) {
            (None, false) => of(Standing::is_second_best),
            ready => ready,
        };
        match found {
            Some(at) => {
                self.tried.push(at);
                Next::Member(&self.roster.members[at])
            }
            None if are_there => {
                self.tried.clear();
                Next::Round
            }
            None => Next::Nobody,
        }
    }

    /// Another member that is ready, beside the one that is asked.
    pub(crate) fn second(&mut self) -> Option<&'a Arc<Member>> {
        let mut all = self.roster.order(self.start);
        let at = all.find(|at| {
            let is_ready = self.roster.members[*at].standing() == Standing::Ready;
            is_ready && !self.tried.contains(at)
        })?;
        self.tried.push(at);
        Some(&self.roster.members[at])
    }
}
