//! How entries are handed over, and the bounds of it.

use std::num::NonZeroU64;
use std::time::Duration;

/// How entries are handed over from members that owned their keys to those that own them
/// now.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Bytes of entries that this member takes in a second, and as many that it gives, on
    /// average; 64 MiB. A tenth of a network of 10 Gbit/s, and of a processor's time. What
    /// somebody asks for does not wait for that, but counts.
    pub bytes_per_second: NonZeroU64,
    /// How long a hand-over lasts at most; 30 s, in which 2 GiB pass. What has not been
    /// handed over by then is dropped where it is, and is a miss at its new owner.
    pub within: Duration,
    /// How long who asks for a key waits for its entry, if that has not come yet; 150 ms, as
    /// long as some pages take. Then it is a miss. Shorter than a read waits before it passes
    /// the cache.
    pub patience: Duration,
    /// How long others have to tell what they have heard of an owner that is gone, where a
    /// majority is waited for; 1 s. Keys of which nothing is known by then have no entries.
    pub recall_within: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        let bytes_per_second = NonZeroU64::new(64 << 20).expect("it is not zero");
        let (within, patience) = (Duration::from_secs(30), Duration::from_millis(150));
        let recall_within = Duration::from_secs(1);
        Self { bytes_per_second, within, patience, recall_within }
    }
}
