//! What the heap really gives.

/// What an allocation of `bytes` takes: steps of 16 up to 128, then eight steps
/// to each power of two. These are the size classes of mimalloc. Those of glibc
/// are finer; those of jemalloc, which the server uses, are as fine up to 128, and
/// half as fine beyond: at worst it takes a ninth more than is accounted.
pub(crate) fn heap_bytes(bytes: usize) -> usize {
    let step = if bytes <= 128 { 16 } else { bytes.next_power_of_two() / 16 };
    bytes.div_ceil(step).saturating_mul(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_follow_the_classes() {
        let cases = [
            (0, 0),
            (1, 16),
            (16, 16),
            (113, 128),
            (128, 128),
            (129, 144),
            (257, 288),
            (1025, 1152),
        ];
        for (asked, taken) in cases {
            assert_eq!(heap_bytes(asked), taken, "{asked} bytes");
        }
    }
}
