//! The parts of a path.

/// What is between the slashes of a path, behind its first: `a`, `b` and an empty one of
/// `/a/b/`. Nothing is decoded.
///
/// Each request is taken apart a few times, to be let in, to be answered and to be
/// counted: so the slashes are found by the processor's wide registers, which `str::split`
/// leaves idle.
pub(crate) fn segments(path: &str) -> impl Iterator<Item = &str> {
    let inner = path.strip_prefix('/');
    let bytes = inner.unwrap_or_default().as_bytes();
    let ends = memchr::memchr_iter(b'/', bytes).chain(inner.map(str::len));
    let mut start = 0;
    ends.map(move |end| {
        let segment = &path[1..][start..end];
        start = end + 1;
        segment
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_a_segment_more_than_slashes_behind_its_first() {
        let of = |path| segments(path).collect::<Vec<_>>();
        assert_eq!(of("/"), [""]);
        assert_eq!(of("/a"), ["a"]);
        assert_eq!(of("/a//b/"), ["a", "", "b", ""]);
        assert_eq!(of("/\u{e4}/%2F"), ["\u{e4}", "%2F"]);
    }

    #[test]
    fn what_begins_with_no_slash_has_none() {
        assert_eq!(segments("").count(), 0);
        assert_eq!(segments("a/b").count(), 0);
        assert_eq!(segments("*").count(), 0);
    }
}
