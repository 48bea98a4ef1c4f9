//! Until when others may have near copies of which keys.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Tick;

/// Keys are told apart by so many bits of their hash: of two that are not, a change of one
/// is told to those who have a near copy of the other, too.
const PLACES: usize = 1 << 14;

/// Until when others may have near copies, by place of the key's hash. What was granted
/// ends by itself: nobody says when he forgets a near copy.
#[derive(Default)]
pub(super) struct Grants {
    /// None before the first was granted: 128 KiB.
    places: OnceLock<Box<[AtomicU64]>>,
    /// Of any key.
    any: AtomicU64,
    /// Of every key, as far as this process knows.
    every: AtomicU64,
}

impl Grants {
    /// Somebody may have a near copy of the key of this hash until then.
    pub(super) fn grant(&self, hash: u64, until: Tick) {
        let places = self.places.get_or_init(|| (0..PLACES).map(|_| AtomicU64::new(0)).collect());
        places[place(hash)].fetch_max(until.as_ms(), Ordering::AcqRel);
        self.any.fetch_max(until.as_ms(), Ordering::AcqRel);
    }

    /// Others may have near copies of any keys until then; not if it is `ZERO`.
    pub(super) fn grant_every(&self, until: Tick) {
        self.every.store(until.as_ms(), Ordering::Release);
    }

    /// Until when others may have near copies of the key of this hash; of any key, without
    /// one. `ZERO` if nobody ever had.
    #[inline]
    pub(super) fn until(&self, hash: Option<u64>) -> Tick {
        let granted = match hash {
            Some(hash) => self.places.get().map(|places| &places[place(hash)]),
            None => Some(&self.any),
        };
        let granted = granted.map_or(0, |until| until.load(Ordering::Acquire));
        Tick::from_ms(granted.max(self.every.load(Ordering::Acquire)))
    }
}

fn place(hash: u64) -> usize {
    #[expect(clippy::cast_possible_truncation, reason = "the lower bits are what is wanted")]
    let low = hash as usize;
    low % PLACES
}
