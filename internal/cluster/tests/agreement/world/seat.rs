//! What an engine would serve.

use std::sync::Arc;

use distcache_cluster::{MemberId, NotTaken, Seat, View};
use parking_lot::Mutex;

/// Hashes that stand for all keys.
const PROBES: u64 = 64;

/// For each probe, since which epoch this process has owned it without a break.
#[derive(Debug, Default)]
pub(crate) struct Served(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    view: Option<Arc<View>>,
    since: Vec<Option<u64>>,
    begun: u64,
}

impl Served {
    /// How often it began anew.
    pub(crate) fn begun(&self) -> u64 {
        self.0.lock().begun
    }

    /// Whether the probe would be served, when so much is settled.
    pub(crate) fn serves(&self, probe: usize, settled: u64) -> bool {
        let since = self.0.lock().since.get(probe).copied().flatten();
        since.is_some_and(|epoch| epoch <= settled)
    }

    pub(crate) fn view(&self) -> Option<Arc<View>> {
        self.0.lock().view.clone()
    }

    pub(crate) fn probes() -> usize {
        usize::try_from(PROBES).expect("a few")
    }

    /// Of this process at `address`.
    pub(crate) fn of(self: &Arc<Self>, address: &str) -> Arc<dyn Seat> {
        Arc::new(Engine { served: Arc::clone(self), address: address.to_owned() })
    }
}

#[derive(Debug)]
struct Engine {
    served: Arc<Served>,
    address: String,
}

impl Engine {
    fn now_owns(&self, view: &View, mut since: Vec<Option<u64>>) -> Vec<Option<u64>> {
        since.resize(Served::probes(), None);
        for (probe, since) in (0..PROBES).zip(&mut since) {
            let owner = view.owner(probe.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let mine = owner.is_some_and(|owner| owner.address.as_str() == self.address);
            *since = mine.then(|| since.unwrap_or(view.epoch()));
        }
        since
    }
}

impl Seat for Engine {
    fn take(&self, view: &Arc<View>) -> Result<(), NotTaken> {
        let mut state = self.served.0.lock();
        let before = state.view.as_ref().expect("it has begun before").clone();
        assert_eq!(before.cluster(), view.cluster(), "another cluster begins anew");
        assert!(before.epoch() < view.epoch(), "views come in order");
        let kept = std::mem::take(&mut state.since);
        let kept = if view.follows(before.epoch()) { kept } else { Vec::new() };
        state.since = self.now_owns(view, kept);
        state.view = Some(Arc::clone(view));
        Ok(())
    }

    fn begin_anew(&self, view: &Arc<View>, me: MemberId) -> Result<(), NotTaken> {
        assert!(view.member(me).is_some(), "it is one of them");
        let mut state = self.served.0.lock();
        let seen = state.view.as_ref().map_or(0, |before| before.epoch());
        assert!(seen < view.epoch(), "epochs grow from cluster to cluster");
        state.since = self.now_owns(view, Vec::new());
        state.view = Some(Arc::clone(view));
        state.begun += 1;
        Ok(())
    }
}
