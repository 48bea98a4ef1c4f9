//! From a key's bytes to its place on the ring.

use std::fmt;

use siphasher::sip::SipHasher13;

/// Hashes keys to 64 bits with [SipHash-1-3] under a key of 16 bytes.
///
/// The hash is equal on all platforms. Whoever must agree on the owner of a
/// key needs the same 16 bytes: the parts of one process, or all members of a
/// cluster. Draw them at random, keep them from clients, and no client can
/// choose keys that meet in one node or one table slot; the places of the
/// ring's points do not depend on them ([`RingKey`](crate::RingKey) does that).
///
/// It is 16 bytes small and `Copy`: keep one wherever keys are hashed.
///
/// [SipHash-1-3]: https://www.aumasson.jp/siphash/siphash.pdf
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyHasher {
    /// The key's halves as `SipHash` wants them. The keyed state is four xors
    /// away, cheaper to compute than to load.
    low: u64,
    high: u64,
}

impl KeyHasher {
    /// A hasher under `key`.
    pub fn new(key: [u8; 16]) -> Self {
        let (low, high) = SipHasher13::new_with_key(&key).keys();
        Self { low, high }
    }

    /// The hash of `key`, in one pass and without allocation.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> u64 {
        SipHasher13::new_with_keys(self.low, self.high).hash(key)
    }
}

/// Does not print the key: who knows it can flood one node.
impl fmt::Debug for KeyHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyHasher").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key 00 01 .. 0f, as in the paper of `SipHash`.
    const COUNTING: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

    #[test]
    fn debug_output_holds_no_part_of_the_key() {
        let hasher = KeyHasher::new([0xAB; 16]);
        assert_eq!(format!("{hasher:?}"), "KeyHasher { .. }");
    }

    #[test]
    fn another_key_gives_another_hash() {
        let here = KeyHasher::new(COUNTING);
        let there = KeyHasher::new([9; 16]);
        assert_ne!(here.hash(b"user:42"), there.hash(b"user:42"));
    }

    #[test]
    fn trailing_zeros_count() {
        let hasher = KeyHasher::new(COUNTING);
        assert_ne!(hasher.hash(b""), hasher.hash(b"\0"));
        assert_ne!(hasher.hash(b"a"), hasher.hash(b"a\0"));
    }
}
