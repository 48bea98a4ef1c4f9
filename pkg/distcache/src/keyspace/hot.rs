//! The keys of a keyspace that are read most.
//!
//! Of about 64 reads one is noted ([`turn`]), in a sketch of a fixed size ([`sketch`]).
//! So a read that is not noted counts down a number of its own thread and does nothing
//! else, and what is shared is written once in 64 reads.

mod sketch;
mod turn;

use distcache_manager::{Bound, Tick};
use parking_lot::Mutex;

use super::Keyspace;
use super::inner::Inner;
use sketch::Sketch;

/// Keys of a keyspace that are counted for [`Keyspace::hot_keys`], at most.
pub const HOT_KEYS_MAX: usize = 128;
/// The longest key that is counted: keys have up to 64 KiB, and those that are counted are
/// kept.
const HOT_KEY_BYTES_MAX: usize = 256;

/// A key that is read often, as [`Keyspace::hot_keys`] tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HotKey {
    /// The key.
    pub key: Vec<u8>,
    /// How often it was read lately, about: the reads of the present minute, half of
    /// those of the minute before, a quarter of those before that. At a steady rate
    /// that is as much as comes in one to two minutes.
    pub reads: u64,
    /// So many of `reads`, at most, were reads of other keys, which had to make room.
    pub reads_of_others_max: u64,
}

/// The sketch of one keyspace.
#[derive(Default)]
pub(crate) struct HotKeys {
    sketch: Mutex<Sketch>,
}

impl HotKeys {
    /// Notes a read; unless somebody else is just doing that, or is reading what was
    /// noted. Whether it did.
    fn note(&self, key: &[u8], now: Tick) -> bool {
        let Some(mut sketch) = self.sketch.try_lock() else { return false };
        sketch.note(key, now);
        true
    }

    /// The bound of the keys that it counts, which is reached when one has to go.
    pub(crate) fn bound(&self) -> Bound {
        let (used, peak, pushed_out) = self.sketch.lock().fill();
        let bound = Bound::new("hot_keys", "keys", HOT_KEYS_MAX as u64);
        bound.filled(used as u64, peak as u64).reached(pushed_out)
    }
}

impl Keyspace {
    /// The keys that this process reads most, the most read first: `limit` of them or
    /// fewer, and [`HOT_KEYS_MAX`] at most, however large `limit` is.
    ///
    /// Counted are the reads that were asked of this process by [`get`](Self::get),
    /// [`get_many`](Self::get_many) and their `_async` twins: hits and misses, wherever
    /// they were answered. What the other members of a cluster ask of this one is counted
    /// there, and so is each read once. Nobody counts peeks, a warm-up, and keys of more
    /// than 256 bytes.
    ///
    /// The numbers are estimates. Of about 64 reads one is counted, by chance, as 64; of
    /// R reads some 8√R are told too many or too few. The counts are kept by the
    /// Space-Saving sketch (A. Metwally, D. Agrawal, A. El Abbadi, "Efficient Computation
    /// of Frequent and Top-k Elements in Data Streams", ICDT 2005): a key that was counted
    /// in more than a 128th of all counts is listed for certain, and how much too high a
    /// count may be is [told](HotKey::reads_of_others_max). All counts are halved each
    /// minute, and what comes to nothing is forgotten: a key that nobody reads any more
    /// is gone from the list in minutes, sooner the less it was read before.
    ///
    /// That takes at most 40 KiB a keyspace: 128 keys of 256 bytes, with their counts.
    ///
    /// ```
    /// use distcache::{Engine, KeyspaceConfig};
    ///
    /// let engine = Engine::builder().start()?;
    /// let pages = engine.add_keyspace(KeyspaceConfig::new("pages"))?;
    /// for visit in 0..10_000_u32 {
    ///     pages.get(b"/home")?;
    ///     pages.get(format!("/article/{}", visit % 500).as_bytes())?;
    /// }
    /// let hottest = &pages.hot_keys(10)[0];
    /// assert_eq!(hottest.key, b"/home");
    /// assert!(hottest.reads_of_others_max < hottest.reads);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn hot_keys(&self, limit: usize) -> Vec<HotKey> {
        self.inner.hot.sketch.lock().list(limit, self.inner.manager.now())
    }

    /// Notes one read of about 64, so that it can be told which keys are read most.
    #[inline]
    pub(super) fn note_read(&self, key: &[u8]) {
        if turn::comes() {
            self.inner.note_hot(key);
        }
    }

    /// The same for each read of many.
    #[inline]
    pub(super) fn note_reads(&self, keys: &[&[u8]]) {
        for key in keys {
            self.note_read(key);
        }
    }
}

impl Inner {
    /// No reader waits for another here. Whoever finds the sketch taken leaves its turn
    /// to the next read of its thread: then as many are noted, whatever their keys are.
    #[cold]
    fn note_hot(&self, key: &[u8]) {
        if !self.hot.note(key, self.manager.now()) {
            turn::pass_on();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_finds_the_sketch_taken_does_not_wait_and_notes_nothing() {
        let hot = HotKeys::default();
        let taken = hot.sketch.lock();
        assert!(!hot.note(b"a", Tick::ZERO));
        drop(taken);
        assert_eq!(hot.bound().used, Some(0));
        assert!(hot.note(b"a", Tick::ZERO));
        assert_eq!(hot.bound().used, Some(1));
    }
}
