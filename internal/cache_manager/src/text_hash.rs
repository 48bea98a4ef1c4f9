//! A hash of names and tags that is the same in every process.

use distcache_ring::KeyHasher;

/// Public: two texts of one hash can be made. Whoever makes such tags invalidates by
/// both, as who may invalidate can anyway; names of keyspaces are not a client's to give.
const KEY: [u8; 16] = *b"distcache's text";

pub(crate) fn text_hash(text: &str) -> u64 {
    KeyHasher::new(KEY).hash(text.as_bytes())
}
