//! Patterns for keys, as shells and Redis have them.

use std::fmt;

use crate::KEY_BYTES_MAX;

/// A pattern, made ready to be compared with many keys: `*` stands for any bytes,
/// `?` for one, `[a-c]` and `[^a-c]` for one of a set, `\` takes the next as it is.
///
/// It is an automaton whose states are bits: the `n`-th is set when the first `n`
/// elements stand for what was read. A byte takes all states on at once (the "shift
/// and" of R. Baeza-Yates and G. Gonnet, "A New Approach to Text Searching", 1992), so
/// that a key takes time in proportion to its length, whatever stars there are. Who
/// tries one place after the other for each star takes the product of both lengths:
/// a client that knows it could hold up a node for seconds.
#[derive(Clone, PartialEq, Eq)]
pub struct Pattern {
    text: Box<[u8]>,
    /// The bytes that come before anything which stands for others.
    beginning: Box<[u8]>,
    elements: usize,
    /// Words that hold a bit for each state.
    words: usize,
    /// For each byte, in `words` words, the states from which it leads to the next.
    leads_on: Vec<u64>,
    /// The states behind a star: any byte leaves them as they are.
    stays: Vec<u64>,
}

/// Patterns with fewer words than this take no memory of their own for a match.
const WORDS_AT_HAND: usize = 5;

/// What may stand in one place: a bit for each byte.
type Class = [u64; 4];

const ANY: Class = [u64::MAX; 4];

/// A part of a pattern.
enum Part {
    /// Any bytes, also none.
    Star,
    /// One byte of these.
    One(Class),
}

impl Pattern {
    /// Reads a pattern. Each text is one.
    pub fn new(text: &[u8]) -> Self {
        let (mut classes, mut stars) = (Vec::new(), Vec::new());
        let mut rest = text;
        while let Some((part, behind)) = first_part(rest) {
            match part {
                Part::Star => stars.push(classes.len()),
                Part::One(class) => classes.push(class),
            }
            // No key has so many bytes: how it goes on makes no difference.
            rest = if classes.len() <= KEY_BYTES_MAX { behind } else { &[] };
        }
        let (elements, words) = (classes.len(), classes.len() / 64 + 1);
        let (mut leads_on, mut stays) = (vec![0; words * 256], vec![0; words]);
        for (state, class) in classes.iter().enumerate() {
            for byte in (0..256).filter(|&byte| is_in(class, byte)) {
                set(&mut leads_on[byte * words..], state);
            }
        }
        for state in stars {
            set(&mut stays, state);
        }
        let (text, beginning) = (text.into(), beginning(text).into());
        Self { text, beginning, elements, words, leads_on, stays }
    }

    /// What it was read from.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// What each text that it stands for begins with.
    pub fn beginning(&self) -> &[u8] {
        &self.beginning
    }

    /// Whether it stands for this text.
    pub fn matches(&self, text: &[u8]) -> bool {
        let (mut few, mut many) = ([0; WORDS_AT_HAND], Vec::new());
        let states = if self.words <= WORDS_AT_HAND {
            &mut few[..self.words]
        } else {
            many.resize(self.words, 0);
            &mut many
        };
        set(states, 0);
        for &byte in text {
            if has(states, self.elements) && has(&self.stays, self.elements) {
                return true;
            }
            if !self.take(usize::from(byte), states) {
                return false;
            }
        }
        has(states, self.elements)
    }

    /// Takes all states on by one byte. Returns whether there are any left.
    fn take(&self, byte: usize, states: &mut [u64]) -> bool {
        let leads_on = &self.leads_on[byte * self.words..];
        let (mut carried, mut left) = (0, 0);
        for ((word, on), stays) in states.iter_mut().zip(leads_on).zip(&self.stays) {
            let moved = *word & on;
            *word = moved << 1 | carried | *word & stays;
            carried = moved >> 63;
            left |= *word;
        }
        left != 0
    }
}

impl fmt::Debug for Pattern {
    /// Without what it says, which is a part of keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pattern").field("elements", &self.elements).finish_non_exhaustive()
    }
}

fn beginning(pattern: &[u8]) -> &[u8] {
    let end = pattern.iter().position(|byte| b"*?[\\".contains(byte));
    &pattern[..end.unwrap_or(pattern.len()).min(KEY_BYTES_MAX + 1)]
}

fn set(words: &mut [u64], bit: usize) {
    words[bit / 64] |= 1 << (bit % 64);
}

fn has(words: &[u64], bit: usize) -> bool {
    words[bit / 64] >> (bit % 64) & 1 == 1
}

fn is_in(class: &Class, byte: usize) -> bool {
    has(class, byte)
}

fn only(byte: u8) -> Class {
    let mut class = Class::default();
    set(&mut class, usize::from(byte));
    class
}

/// What a pattern begins with, and what is behind that; `None` at its end.
fn first_part(pattern: &[u8]) -> Option<(Part, &[u8])> {
    let (class, behind) = match *pattern {
        [] => return None,
        [b'*', ref behind @ ..] => return Some((Part::Star, behind)),
        [b'?', ref behind @ ..] => (ANY, behind),
        [b'\\', escaped, ref behind @ ..] => (only(escaped), behind),
        // A bracket that nothing closes stands for itself.
        [b'[', ref behind @ ..] => set_of(behind).unwrap_or((only(b'['), behind)),
        [literal, ref behind @ ..] => (only(literal), behind),
    };
    Some((Part::One(class), behind))
}

/// The set whose opening bracket has been read, and what is behind it; `None` if
/// nothing closes it.
fn set_of(pattern: &[u8]) -> Option<(Class, &[u8])> {
    let (is_negated, mut rest) = match pattern {
        [b'^' | b'!', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let mut class = Class::default();
    let mut is_first = true;
    loop {
        let (low, high, behind) = match *rest {
            // A closing bracket that comes first is a member.
            [b']', ref behind @ ..] if !is_first => {
                let class = if is_negated { class.map(|word| !word) } else { class };
                return Some((class, behind));
            }
            [low, b'-', high, ref behind @ ..] if high != b']' => (low, high, behind),
            [member, ref behind @ ..] => (member, member, behind),
            [] => return None,
        };
        for byte in low..=high {
            set(&mut class, usize::from(byte));
        }
        (rest, is_first) = (behind, false);
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn is_match(pattern: &str, text: &str) -> bool {
        Pattern::new(pattern.as_bytes()).matches(text.as_bytes())
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
            ("[a-]", "-"),
            ("a\\*", "a*"),
            ("a\\", "a\\"),
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
            ("[c-a]", "b"),
            ("a\\*", "ab"),
            ("abc", "ab"),
        ] {
            assert!(!is_match(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn a_pattern_longer_than_any_key_matches_none_and_takes_no_more_memory() {
        let pattern = Pattern::new(&vec![b'a'; KEY_BYTES_MAX * 10]);
        assert_eq!(pattern.elements, KEY_BYTES_MAX + 1);
        assert!(!pattern.matches(&vec![b'a'; KEY_BYTES_MAX]));
        assert!(Pattern::new(&vec![b'*'; KEY_BYTES_MAX * 10]).matches(b"a"));
    }

    /// Whether the beginning of a pattern stands for a text: the meaning, letter by
    /// letter.
    fn stands_for(pattern: &[u8], text: &[u8]) -> bool {
        match first_part(pattern) {
            None => text.is_empty(),
            Some((Part::Star, behind)) => {
                (0..=text.len()).any(|covered| stands_for(behind, &text[covered..]))
            }
            Some((Part::One(class), behind)) => text.split_first().is_some_and(|(&byte, rest)| {
                is_in(&class, usize::from(byte)) && stands_for(behind, rest)
            }),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 100_000, ..ProptestConfig::default() })]

        #[test]
        fn all_states_at_once_see_what_one_after_the_other_sees(
            pattern in vec(prop::sample::select(b"**??aab[]^-\\\xFF".to_vec()), 0..10),
            // So that states are in several words, and pass from one to the next.
            literal in prop::sample::select(vec![0_usize, 0, 0, 57, 63, 64, 130, 400]),
            text in vec(prop::sample::select(b"aaab-]\xFF\0".to_vec()), 0..10),
        ) {
            let grown = |tail: &[u8]| [&vec![b'b'; literal], tail].concat();
            let (pattern, text) = (grown(&pattern), grown(&text));
            let (is_one, read) = (stands_for(&pattern, &text), Pattern::new(&pattern));
            prop_assert_eq!(read.matches(&text), is_one);
            prop_assert!(!is_one || text.starts_with(read.beginning()));
        }
    }
}
