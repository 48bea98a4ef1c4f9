//! The other addresses that a member knows.

use std::collections::HashMap;
use std::sync::Arc;

use distcache_bus::Watermark;
use distcache_manager::Bound;
use parking_lot::{Mutex, RwLock};

use super::hello::{Introduced, Refused, refused};
use super::link::Link;
use super::peer::Peer;
use super::{NotSent, Settings};
use crate::proto::refusal::Reason;
use crate::wire::Address;

/// The other addresses, each with its link if there is one.
#[derive(Debug)]
pub(super) struct Peers {
    known: RwLock<HashMap<Address, Arc<Peer>>>,
    /// Links come one at a time, so that of two at the same moment the second sees the
    /// first. Taken before `known` and a peer's state.
    arrivals: Mutex<()>,
    known_max: usize,
    mark: Watermark,
}

impl Peers {
    pub(super) fn new(known_max: usize) -> Self {
        Self {
            known: RwLock::default(),
            arrivals: Mutex::new(()),
            known_max,
            mark: Watermark::default(),
        }
    }

    pub(super) fn get(&self, address: &Address) -> Option<Arc<Peer>> {
        self.known.read().get(address).cloned()
    }

    /// The one at an address. The idle ones are forgotten when there are too many.
    pub(super) fn get_or_add(&self, address: &Address) -> Result<Arc<Peer>, NotSent> {
        if let Some(peer) = self.get(address) {
            return Ok(peer);
        }
        let mut known = self.known.write();
        if self.known_max <= known.len() {
            known.retain(|_, peer| !peer.is_idle());
        }
        if self.known_max <= known.len() && !known.contains_key(address) {
            self.mark.reach();
            return Err(NotSent::PeersFull { max: self.known_max });
        }
        let peer = known.entry(address.clone()).or_insert_with(|| Peer::new(address.clone()));
        let peer = peer.clone();
        self.mark.note(known.len() as u64);
        Ok(peer)
    }

    /// How many addresses there may be, are, and have been.
    pub(super) fn bound(&self) -> Bound {
        let known = self.known.read().len() as u64;
        Bound::new("member_addresses", "addresses", self.known_max as u64).marked(known, &self.mark)
    }

    /// All links there are, each once.
    pub(super) fn links(&self) -> Vec<Arc<Link>> {
        let mut links: Vec<_> = self.known.read().values().filter_map(|peer| peer.link()).collect();
        links.sort_unstable_by_key(Arc::as_ptr);
        links.dedup_by(|one, other| Arc::ptr_eq(one, other));
        links
    }

    /// A connection that another has begun becomes a link, if it may. Returns it, and
    /// the one that it takes the place of.
    pub(super) fn accept(
        &self,
        settings: &Settings,
        other: &Introduced,
        link: impl FnOnce() -> Arc<Link>,
    ) -> Result<(Arc<Link>, Option<Arc<Link>>), Refused> {
        let _one_at_a_time = self.arrivals.lock();
        self.check_only(other)?;
        let full = |error: NotSent| refused(Reason::Full, error.to_string());
        let peer = self.get_or_add(&other.address).map_err(full)?;
        peer.admit(settings.member, other)?;
        let link = link();
        let before = peer.install(&link);
        Ok((link, before))
    }

    /// A connection that we have begun has become a link: the other has admitted it, by
    /// the same rule. Returns the links that it takes the place of.
    pub(super) fn arrive(
        &self,
        dialled: &Peer,
        other: &Introduced,
        link: &Arc<Link>,
    ) -> Result<Vec<Arc<Link>>, NotSent> {
        let _one_at_a_time = self.arrivals.lock();
        self.check_only(other)?;
        let mut before = Vec::new();
        if other.address == dialled.address {
            dialled.hear(other);
        } else {
            let there = self.get_or_add(&other.address)?;
            there.hear(other);
            before.extend(there.install(link));
        }
        before.extend(dialled.install(link));
        Ok(before)
    }

    /// 1. Somebody says that it is member 7, which is at another address.
    /// 2. It is believed; what 7 is asked, or what 7 has asked for, is answered by a
    ///    stranger.
    ///
    /// Hence a member is at one address only, and who is there stays.
    fn check_only(&self, other: &Introduced) -> Result<(), Refused> {
        let is_elsewhere =
            |link: &Arc<Link>| link.member == other.member && link.address != other.address;
        if self.links().iter().any(is_elsewhere) {
            let text = format!("{} is at another address", other.member);
            return Err(refused(Reason::MemberTaken, text));
        }
        Ok(())
    }

    /// A link has ended: its addresses can be connected with anew.
    pub(super) fn ended(&self, link: &Arc<Link>, settings: &Settings) {
        for peer in self.known.read().values() {
            peer.ended(link, settings);
        }
    }
}
