//! A territory by the first byte of the key.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use distcache_manager::{Claim, Keyspace, Territory};
use parking_lot::RwLock;

/// Ours are the keys that begin with one of some bytes.
#[derive(Debug)]
pub(crate) struct Fields {
    ours: Vec<u8>,
    pub(crate) claims: AtomicU64,
    pub(crate) is_over: AtomicBool,
    /// Whether entries are waited for.
    pub(crate) awaits: AtomicBool,
    /// Who has claimed a key waits here until the test lets go.
    pub(crate) gate: RwLock<()>,
}

/// A key that begins with an `o`, and one that does not.
pub(crate) const OURS: &[u8] = b"ours";
pub(crate) const THEIRS: &[u8] = b"theirs";

/// The number of the process that has the other keys.
pub(crate) const HEIR: u64 = 7;

impl Fields {
    pub(crate) fn of(ours: &[u8]) -> Self {
        Self {
            ours: ours.to_vec(),
            claims: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
            awaits: AtomicBool::new(false),
            gate: RwLock::default(),
        }
    }

    pub(crate) fn none() -> Self {
        Self::of(b"")
    }
}

impl Territory for Fields {
    fn heir(&self, _keyspace: &Keyspace, key: &[u8]) -> Option<u64> {
        (!self.ours.contains(&key[0])).then_some(HEIR)
    }

    fn claim(&self, keyspace: &Keyspace, key: &[u8]) -> Option<Claim> {
        self.claims.fetch_add(1, Ordering::SeqCst);
        let claim = self.heir(keyspace, key).is_none().then_some(Claim(1));
        drop(self.gate.read());
        claim
    }

    fn awaits(&self, keyspace: &Keyspace, key: &[u8]) -> bool {
        assert_eq!(self.heir(keyspace, key), None, "it is ours");
        self.awaits.load(Ordering::SeqCst)
    }

    fn is_over(&self, claim: Claim) -> bool {
        assert_eq!(claim, Claim(1), "the one that was made");
        self.is_over.load(Ordering::SeqCst)
    }

    fn tenure(&self) -> u64 {
        1
    }

    fn is_ours_since(&self, keyspace: &Keyspace, key: &[u8], tenure: u64) -> bool {
        tenure == 1 && self.heir(keyspace, key).is_none()
    }
}
