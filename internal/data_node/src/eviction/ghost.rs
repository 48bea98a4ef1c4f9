//! The keys that were evicted a short while ago.

use super::lines::{Lines, SLOTS_A_LINE, mixed};

/// Fingerprints of evicted keys, as many as wanted of the latest.
///
/// Exact would be a queue and a table of what is in it: 12 bytes a key. Here each
/// fingerprint has the time of its eviction beside it, and the latest are those
/// that are not old. So nothing needs to leave: a new fingerprint takes the
/// oldest place of the two sets that its hash names (two, for one alone would
/// overflow where many meet: M. Mitzenmacher, "The power of two choices in
/// randomized load balancing", 2001). There are as many places as slots, of six
/// bytes each.
///
/// A collision: a key that was never here has the tag of one that was, in one of
/// its two sets. Those are at most 32 tags of 65,536; it happens to one new key
/// in 2,000, which is then taken for one that came back.
#[derive(Debug)]
pub(super) struct Ghost {
    sets: Lines<Set>,
    /// Counted in half evictions. A key that is taken leaves a gap, so that one
    /// more of those older than it may stay: half of the keys, on the average.
    /// Time therefore goes back by a half.
    now: u32,
}

/// Keys whose hashes name the same line.
#[derive(Debug, Clone, Default)]
struct Set {
    times: [u32; PLACES],
    tags: [u16; PLACES],
}

const PLACES: usize = SLOTS_A_LINE;

/// What time goes on by with an eviction.
const EVICTION: u32 = 2;

/// The age of an empty place; more evictions than there can be slots.
const LONG_AGO: u32 = 1 << 30;

impl Ghost {
    pub(super) fn new() -> Self {
        Self { sets: Lines::new(), now: LONG_AGO }
    }

    /// Makes room for a slot.
    pub(super) fn grow_for(&mut self, slot: usize) {
        self.sets.grow_for(slot);
    }

    /// Remembers a key that is evicted now.
    pub(super) fn insert(&mut self, fingerprint: u32) {
        self.now = self.now.wrapping_add(EVICTION);
        let [one, other] = self.sets_of(fingerprint).map(|set| (set, self.oldest(set)));
        let age = |(set, place): (usize, usize)| self.age(set, place);
        let (set, place) = if age(one) < age(other) { other } else { one };
        self.sets[set].times[place] = self.now;
        self.sets[set].tags[place] = tag_of(fingerprint);
    }

    /// Forgets a key. Returns whether it was among the latest `keys`.
    pub(super) fn take(&mut self, fingerprint: u32, keys: usize) -> bool {
        let tag = tag_of(fingerprint);
        let old = EVICTION as usize * keys;
        for set in self.sets_of(fingerprint) {
            let is_it = |&place: &usize| {
                self.sets[set].tags[place] == tag && (self.age(set, place) as usize) < old
            };
            if let Some(place) = (0..PLACES).find(is_it) {
                self.sets[set].times[place] = self.now.wrapping_sub(LONG_AGO);
                self.now = self.now.wrapping_sub(EVICTION / 2);
                return true;
            }
        }
        false
    }

    /// Time since a key was evicted; none, if time has gone back behind that.
    fn age(&self, set: usize, place: usize) -> u32 {
        let age = self.now.wrapping_sub(self.sets[set].times[place]);
        age.cast_signed().max(0).cast_unsigned()
    }

    fn oldest(&self, set: usize) -> usize {
        (0..PLACES).max_by_key(|&place| self.age(set, place)).unwrap_or(0)
    }

    /// The two sets where a key can be.
    fn sets_of(&self, fingerprint: u32) -> [usize; 2] {
        [fingerprint, mixed(fingerprint)].map(|hash| self.sets.line_of(hash))
    }

    pub(super) fn heap_bytes(&self) -> u64 {
        self.sets.heap_bytes()
    }

    /// What room for slots below `slots` would add, in bytes.
    pub(super) fn growth_bytes(&self, slots: usize) -> u64 {
        self.sets.growth_bytes(slots)
    }
}

/// The part of a fingerprint that does not choose the first set, until there
/// are a million slots.
fn tag_of(fingerprint: u32) -> u16 {
    let [_, _, low, high] = fingerprint.to_le_bytes();
    u16::from_le_bytes([low, high])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(key: u32) -> u32 {
        (key + 1).wrapping_mul(0x9E37_79B9).rotate_left(13).wrapping_mul(0x85EB_CA6B)
    }

    fn ghost_of(slots: usize) -> Ghost {
        let mut ghost = Ghost::new();
        ghost.grow_for(slots - 1);
        ghost
    }

    #[test]
    fn only_the_latest_are_remembered_and_each_comes_back_once() {
        let mut ghost = ghost_of(1_024);
        let [a, b, c] = [0, 1, 2].map(fingerprint);
        for key in [a, b, c] {
            ghost.insert(key); //                                    at last: c b a
        }
        assert!(!ghost.take(a, 2), "a is the third");
        assert!(ghost.take(b, 2)); //                                c a
        assert!(!ghost.take(b, 2), "b came back already");
        assert!(ghost.take(a, 2), "a moved up when b had left"); //  c
        ghost.insert(b); //                                          b c
        ghost.insert(a); //                                          a b c
        assert!(!ghost.take(c, 1) && !ghost.take(b, 1));
        assert!(ghost.take(a, 1) && ghost.take(c, 2) && ghost.take(b, 1));
        assert!(!ghost.take(fingerprint(3), 1_000), "never seen");
    }

    #[test]
    fn as_many_as_nine_tenths_of_the_slots_are_remembered_at_any_size() {
        for slots in [1_024, 3_072, 13_312, 50_176] {
            let mut ghost = ghost_of(slots);
            let evictions = u32::try_from(3 * slots).unwrap();
            (0..evictions).for_each(|key| ghost.insert(fingerprint(key)));
            let keys = slots * 9 / 10;
            let mut recalled = |keys_of: std::ops::Range<u32>| {
                keys_of.filter(|&key| ghost.take(fingerprint(key), keys)).count()
            };
            let latest = evictions - u32::try_from(keys).unwrap();
            let before = recalled(0..latest);
            assert!(before * 1_000 < latest as usize, "{before} by collisions, of {latest}");
            let after = recalled(latest..evictions);
            assert!(keys * 19 / 20 < after, "{after} of {keys} in {slots} slots");
        }
    }
}
