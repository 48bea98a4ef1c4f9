//! Patterns for keys, as shells and Redis have them.

/// Whether `text` matches `pattern`. Takes time in proportion to the product of
/// their lengths, at the worst: after a `*` only the last one is tried again.
pub(crate) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where the last star stands, and the text that it covers up to.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, t));
            p += 1;
        } else if let Some(next) = one(&pattern[p..], text[t]) {
            p += next;
            t += 1;
        } else if let Some((at, covered)) = star {
            star = Some((at, covered + 1));
            (p, t) = (at + 1, covered + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

/// Whether the pattern's first element stands for this byte: how long the
/// element is.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match *pattern {
        [] => None,
        [b'?', ..] => Some(1),
        [b'\\', escaped, ..] => (escaped == byte).then_some(2),
        [b'[', ref rest @ ..] => match set(rest, byte) {
            Some((is_in, length)) => is_in.then_some(length + 1),
            // A bracket that nothing closes stands for itself.
            None => (byte == b'[').then_some(1),
        },
        [literal, ..] => (literal == byte).then_some(1),
    }
}

/// Whether a set, whose opening bracket has been read, has this byte, and how
/// long it is; `None` if nothing closes it.
fn set(pattern: &[u8], byte: u8) -> Option<(bool, usize)> {
    let is_negated = matches!(pattern, [b'^' | b'!', ..]);
    let first = usize::from(is_negated);
    let mut at = first;
    let mut is_in = false;
    loop {
        match *pattern.get(at..)? {
            // A closing bracket that comes first is a member.
            [b']', ..] if first < at => return Some((is_in != is_negated, at + 1)),
            [low, b'-', high, ..] if high != b']' => {
                is_in |= (low..=high).contains(&byte);
                at += 3;
            }
            [member, ..] => {
                is_in |= member == byte;
                at += 1;
            }
            [] => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_match(pattern: &str, text: &str) -> bool {
        matches(pattern.as_bytes(), text.as_bytes())
    }

    #[test]
    fn stars_marks_sets_and_escapes_mean_what_they_mean_in_a_shell() {
        for (pattern, text) in [
            ("", ""),
            ("*", ""),
            ("user:*", "user:42"),
            ("*:42", "user:42"),
            ("u*r:?2", "user:42"),
            ("a**b", "ab"),
            ("*ab*ab", "abxabab"),
            ("h[ae]llo", "hallo"),
            ("h[^a]llo", "hello"),
            ("[a-c][0-9]", "b7"),
            ("[]]", "]"),
            ("[!]]", "x"),
            ("a\\*", "a*"),
            ("[x", "[x"),
        ] {
            assert!(is_match(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn what_differs_does_not_match() {
        for (pattern, text) in [
            ("", "a"),
            ("?", ""),
            ("user:*", "users"),
            ("*:42", "user:421"),
            ("h[ae]llo", "hillo"),
            ("[a-c]", "d"),
            ("a\\*", "ab"),
            ("abc", "ab"),
        ] {
            assert!(!is_match(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn many_stars_do_not_take_for_ever() {
        let pattern = "*a".repeat(50) + "b";
        assert!(!is_match(&pattern, &"a".repeat(10_000)));
    }

    #[test]
    fn any_bytes_can_be_matched() {
        assert!(matches(b"\x00*\xff", b"\x00abc\xff"));
    }
}
