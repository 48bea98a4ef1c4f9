//! Counts of the keys that come most often, in a memory of a fixed size: Space-Saving.
//!
//! A. Metwally, D. Agrawal, A. El Abbadi, "Efficient Computation of Frequent and Top-k
//! Elements in Data Streams", ICDT 2005. A key that has no counter takes over the one of
//! the key that came least, with its count: it may have come so often before, and not
//! more often. So a count is never too low, and how much too high it may be is known.

use std::hash::{BuildHasher, RandomState};

use distcache_manager::Tick;

use super::turn;
use super::{HOT_KEY_BYTES_MAX, HOT_KEYS_MAX, HotKey};

const READS_A_TURN: u64 = turn::READS_A_TURN as u64;
/// Each time so much has passed, all counts are halved.
const HALVED_AFTER_MS: u64 = 60_000;

/// The counters: the same place in each list is of the same key.
#[derive(Default)]
pub(super) struct Sketch {
    /// Side by side, as they are looked through for each read that is noted: keys differ
    /// by their hashes, nearly always.
    hashes: Vec<u64>,
    /// So many reads there were, or fewer by what `keys` tells. In reads and not in
    /// noted ones, as half of one is something too.
    reads: Vec<u64>,
    keys: Vec<Key>,
    /// Keys are the clients': nobody can know which ones have one hash.
    hasher: RandomState,
    /// For which halving the counts are.
    halving: u64,
    /// The most counters there were.
    peak: usize,
    /// How often a key has had to go for another.
    pushed_out: u64,
}

struct Key {
    bytes: Vec<u8>,
    /// So many of its reads, at most, were of those that had its counter before.
    reads_of_others_max: u64,
}

impl Sketch {
    /// Notes a read, which stands for all those that are not noted.
    pub(super) fn note(&mut self, key: &[u8], now: Tick) {
        if HOT_KEY_BYTES_MAX < key.len() {
            return;
        }
        self.halve_by(now);
        let hash = self.hasher.hash_one(key);
        let at = match self.find(hash, key) {
            Some(at) => at,
            None if self.keys.len() < HOT_KEYS_MAX => self.add(hash, key),
            None => self.take_over(hash, key),
        };
        self.reads[at] = self.reads[at].saturating_add(READS_A_TURN);
    }

    fn find(&self, hash: u64, key: &[u8]) -> Option<usize> {
        let same_hash = self.hashes.iter().enumerate().filter(|(_, other)| **other == hash);
        same_hash.map(|(at, _)| at).find(|at| self.keys[*at].bytes == key)
    }

    fn add(&mut self, hash: u64, key: &[u8]) -> usize {
        self.hashes.push(hash);
        self.reads.push(0);
        self.keys.push(Key { bytes: key.to_vec(), reads_of_others_max: 0 });
        self.peak = self.peak.max(self.keys.len());
        self.keys.len() - 1
    }

    /// Gives the key the counter of the one that was read least.
    fn take_over(&mut self, hash: u64, key: &[u8]) -> usize {
        let least = self.reads.iter().copied().min().expect("there are counters");
        let at = self.reads.iter().position(|reads| *reads == least).expect("one has the least");
        let taken = &mut self.keys[at];
        taken.bytes.clear();
        // Not the double of what there was: the memory has a bound.
        taken.bytes.reserve_exact(key.len());
        taken.bytes.extend_from_slice(key);
        taken.reads_of_others_max = least;
        self.hashes[at] = hash;
        self.pushed_out += 1;
        at
    }

    /// Halves all counts for each minute that has passed, and forgets what comes to
    /// nothing. With a counter to spare, every key that has none has come to nothing.
    fn halve_by(&mut self, now: Tick) {
        let halving = now.as_ms() / HALVED_AFTER_MS;
        let times = halving.saturating_sub(self.halving);
        if times == 0 {
            return;
        }
        self.halving = halving;
        let times = u32::try_from(times).unwrap_or(u32::MAX);
        let halved = |count: u64| count.checked_shr(times).unwrap_or(0);
        for at in (0..self.keys.len()).rev() {
            self.reads[at] = halved(self.reads[at]);
            let of_others = &mut self.keys[at].reads_of_others_max;
            *of_others = halved(*of_others);
            if self.reads[at] == 0 {
                self.hashes.swap_remove(at);
                self.reads.swap_remove(at);
                self.keys.swap_remove(at);
            }
        }
    }

    /// The keys that were read most, the most read first.
    pub(super) fn list(&mut self, limit: usize, now: Tick) -> Vec<HotKey> {
        self.halve_by(now);
        let mut places: Vec<usize> = (0..self.keys.len()).collect();
        let rank = |at: usize| (std::cmp::Reverse(self.reads[at]), &self.keys[at].bytes);
        places.sort_by(|one, other| rank(*one).cmp(&rank(*other)));
        places.truncate(limit);
        let told = |at: usize| HotKey {
            key: self.keys[at].bytes.clone(),
            reads: self.reads[at],
            reads_of_others_max: self.keys[at].reads_of_others_max,
        };
        places.into_iter().map(told).collect()
    }

    /// How many counters there are, the most there were, and how often a key has had to
    /// go for another.
    pub(super) fn fill(&self) -> (usize, usize, u64) {
        (self.keys.len(), self.peak, self.pushed_out)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::time::Duration;

    use distcache_manager::{Clock, ManualClock};

    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    /// Counts in noted reads.
    fn listed(sketch: &mut Sketch, now: Tick) -> Vec<(Vec<u8>, u64, u64)> {
        let told = |hot: HotKey| {
            (hot.key, hot.reads / READS_A_TURN, hot.reads_of_others_max / READS_A_TURN)
        };
        sketch.list(usize::MAX, now).into_iter().map(told).collect()
    }

    fn note(sketch: &mut Sketch, key: impl AsRef<[u8]>, times: usize) {
        (0..times).for_each(|_| sketch.note(key.as_ref(), Tick::ZERO));
    }

    #[test]
    fn of_few_keys_each_read_is_counted_and_none_of_others() {
        let mut sketch = Sketch::default();
        for number in 0..HOT_KEYS_MAX {
            note(&mut sketch, number.to_be_bytes(), number + 1);
        }
        let expected: Vec<_> = (0..HOT_KEYS_MAX)
            .rev()
            .map(|number| (number.to_be_bytes().to_vec(), number as u64 + 1, 0))
            .collect();
        assert_eq!(listed(&mut sketch, Tick::ZERO), expected);
        assert_eq!(sketch.fill(), (HOT_KEYS_MAX, HOT_KEYS_MAX, 0));
        assert_eq!(sketch.list(3, Tick::ZERO).len(), 3);
        assert_eq!(sketch.list(0, Tick::ZERO), []);
    }

    #[test]
    fn a_key_that_has_no_counter_takes_that_of_the_least_read_with_its_count() {
        let mut sketch = Sketch::default();
        note(&mut sketch, b"least", 2);
        (1..HOT_KEYS_MAX).for_each(|number| note(&mut sketch, number.to_be_bytes(), 3));
        note(&mut sketch, b"new", 4);
        let listed = listed(&mut sketch, Tick::ZERO);
        assert_eq!(listed[0], (b"new".to_vec(), 6, 2));
        assert!(listed.iter().all(|(key, ..)| key != b"least"));
        assert_eq!(sketch.fill(), (HOT_KEYS_MAX, HOT_KEYS_MAX, 1));
    }

    /// Of ten thousand keys the one of rank r comes with a chance of 1/r to the others'.
    fn zipf(draws: usize) -> impl Iterator<Item = u32> {
        let mut sums = Vec::new();
        let mut sum = 0.0;
        for rank in 1..=10_000_u32 {
            sum += 1.0 / f64::from(rank);
            sums.push(sum);
        }
        let mut chance = 1_u64;
        (0..draws).map(move |_| {
            // Knuth's MMIX generator; its upper bits are the good ones.
            chance = chance
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let upper = u32::try_from(chance >> 32).expect("32 bits");
            let drawn = f64::from(upper) / (f64::from(u32::MAX) + 1.0) * sum;
            u32::try_from(sums.partition_point(|sum| *sum <= drawn)).expect("ten thousand")
        })
    }

    #[test]
    fn of_a_long_stream_the_most_frequent_are_listed_and_no_count_errs_by_more_than_it_says() {
        let mut sketch = Sketch::default();
        let mut counts: HashMap<Vec<u8>, u64> = HashMap::new();
        for key in zipf(100_000) {
            let key = key.to_be_bytes();
            note(&mut sketch, key, 1);
            *counts.entry(key.to_vec()).or_default() += 1;
        }
        let listed = listed(&mut sketch, Tick::ZERO);
        assert_eq!(listed.len(), HOT_KEYS_MAX);
        for (key, count, of_others_max) in &listed {
            let truth = counts[key];
            assert!(truth <= *count && *count <= truth + of_others_max, "{key:?}");
            assert!(*of_others_max <= 100_000 / HOT_KEYS_MAX as u64, "{key:?}");
        }
        let mut truth: Vec<_> = counts.into_iter().collect();
        truth.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let first: Vec<_> = listed[..10].iter().map(|(key, ..)| key).collect();
        assert!(truth[..10].iter().all(|(key, _)| first.contains(&key)), "{first:?}");
    }

    #[test]
    fn there_are_never_more_counters_than_the_bound_and_each_key_has_one() {
        let mut sketch = Sketch::default();
        for number in 0..10_000_u32 {
            note(&mut sketch, (number % 1_000).to_be_bytes(), 1);
            assert!(sketch.fill().0 <= HOT_KEYS_MAX);
        }
        let mut keys: Vec<_> =
            listed(&mut sketch, Tick::ZERO).into_iter().map(|hot| hot.0).collect();
        assert_eq!(keys.len(), HOT_KEYS_MAX);
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), HOT_KEYS_MAX);
        assert_eq!(sketch.fill().2, 10_000 - HOT_KEYS_MAX as u64);
    }

    #[test]
    fn its_memory_is_bounded_whatever_lengths_its_keys_have() {
        let mut sketch = Sketch::default();
        for round in 0..2_u32 {
            for length in 4..=HOT_KEY_BYTES_MAX {
                for number in 0..64_u32 {
                    let mut key = vec![0; length];
                    key[..4].copy_from_slice(&(number + 64 * round).to_be_bytes());
                    note(&mut sketch, &key, 1);
                }
            }
        }
        let of_keys: usize = sketch.keys.iter().map(|key| key.bytes.capacity()).sum();
        let of_lists = sketch.hashes.capacity() * size_of::<u64>()
            + sketch.reads.capacity() * size_of::<u64>()
            + sketch.keys.capacity() * size_of::<Key>();
        assert!(of_keys + of_lists <= 40 << 10, "{of_keys} and {of_lists}");
    }

    #[test]
    fn counts_are_halved_each_minute_until_nothing_is_left() {
        let clock = ManualClock::new();
        let mut sketch = Sketch::default();
        let noted = |sketch: &mut Sketch, times: usize, now: Tick| {
            (0..times).for_each(|_| sketch.note(b"often", now));
        };
        noted(&mut sketch, 8, clock.now());
        sketch.note(b"once", clock.now());
        clock.advance(MINUTE.saturating_sub(Duration::from_millis(1)));
        assert_eq!(listed(&mut sketch, clock.now())[0].1, 8, "the minute is not over");
        clock.advance(Duration::from_millis(1));
        noted(&mut sketch, 2, clock.now());
        assert_eq!(listed(&mut sketch, clock.now())[0].1, 6);
        clock.advance(MINUTE);
        let told = sketch.list(2, clock.now());
        let reads: Vec<_> = told.iter().map(|hot| hot.reads).collect();
        assert_eq!(reads, [3 * READS_A_TURN, READS_A_TURN / 4]);
        clock.advance(MINUTE * 5);
        assert_eq!(listed(&mut sketch, clock.now()).len(), 1, "a part of one read is none");
        clock.advance(Duration::from_hours(1));
        assert_eq!(sketch.list(2, clock.now()), []);
        assert_eq!(sketch.fill(), (0, 2, 0));
    }

    #[test]
    fn what_was_hot_an_hour_ago_makes_room_and_its_error_goes_with_it() {
        let clock = ManualClock::new();
        let mut sketch = Sketch::default();
        (0..1_000_u32).for_each(|number| note(&mut sketch, number.to_be_bytes(), 3));
        clock.advance(Duration::from_hours(1));
        sketch.note(b"now", clock.now());
        assert_eq!(listed(&mut sketch, clock.now()), [(b"now".to_vec(), 1, 0)]);
        // A reader that has read the clock before may come after.
        sketch.note(b"now", Tick::ZERO);
        assert_eq!(listed(&mut sketch, clock.now()), [(b"now".to_vec(), 2, 0)]);
    }

    #[test]
    fn a_key_that_is_too_long_is_not_noted() {
        let mut sketch = Sketch::default();
        note(&mut sketch, [7; HOT_KEY_BYTES_MAX + 1], 10);
        note(&mut sketch, [7; HOT_KEY_BYTES_MAX], 1);
        note(&mut sketch, b"", 2);
        let expected = [(b"".to_vec(), 2, 0), (vec![7; HOT_KEY_BYTES_MAX], 1, 0)];
        assert_eq!(listed(&mut sketch, Tick::ZERO), expected);
    }
}
