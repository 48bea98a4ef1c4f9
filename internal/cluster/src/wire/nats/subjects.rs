//! What is said where: the subjects of NATS on which members reach each other.
//!
//! ```text
//! PREFIX.at.ADDRESS       who listens there is asked for a pipe
//! PREFIX.end.ID.answer    what one end is told while a pipe is made
//! PREFIX.end.ID.data      what it reads
//! PREFIX.end.ID.window    how much more it may write
//! ```

use std::fmt::{self, Write};
use std::io;

use async_nats::Subject;

use crate::wire::Address;

/// Names one end of one pipe, or one who asks for one. It is random, and never used again:
/// so nothing that was said to one end comes to another.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Id(u128);

impl Id {
    /// Its bytes in a message.
    pub(super) const BYTES: usize = size_of::<u128>();

    pub(super) fn random() -> io::Result<Self> {
        let mut bytes = [0; Self::BYTES];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        Ok(Self(u128::from_be_bytes(bytes)))
    }

    pub(super) fn of(bytes: [u8; Self::BYTES]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }

    pub(super) fn to_bytes(self) -> [u8; Self::BYTES] {
        self.0.to_be_bytes()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The subjects under one prefix.
#[derive(Debug, Clone)]
pub(super) struct Subjects {
    prefix: String,
}

impl Subjects {
    pub(super) fn under(prefix: String) -> Self {
        Self { prefix }
    }

    pub(super) fn of_listener(&self, address: &Address) -> Subject {
        format!("{}.at.{}", self.prefix, word(address.as_str())).into()
    }

    pub(super) fn answer(&self, id: Id) -> Subject {
        format!("{}.end.{id}.answer", self.prefix).into()
    }

    pub(super) fn data(&self, id: Id) -> Subject {
        format!("{}.end.{id}.data", self.prefix).into()
    }

    pub(super) fn window(&self, id: Id) -> Subject {
        format!("{}.end.{id}.window", self.prefix).into()
    }
}

/// A text as one word of a subject. Two texts never have the same: all but letters, digits
/// and `-` is written as `_` and its number, and so is `_`.
fn word(text: &str) -> String {
    let mut word = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' {
            word.push(byte.into());
        } else {
            write!(word, "_{byte:02x}").expect("a text takes all");
        }
    }
    word
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::nats::is_subject;

    #[test]
    fn an_address_is_one_word_that_no_other_has() {
        assert_eq!(word("a-1.b:80"), "a-1_2eb_3a80");
        let texts = ["a.b:1", "a_b:1", "a_2eb:1", "a*:1", "a>:1", "*:1", ">:1", "[::1]:1", "A.b:1"];
        let words: HashSet<_> = texts.iter().map(|text| word(text)).collect();
        assert_eq!(words.len(), texts.len());
        for text in words {
            assert!(is_subject(&text) && !text.contains('.'), "{text}");
        }
    }

    #[test]
    fn the_subjects_of_an_end_differ_and_name_one_place_each() {
        let (subjects, id) = (Subjects::under("p".to_owned()), Id::random().unwrap());
        let all = [subjects.answer(id), subjects.data(id), subjects.window(id)];
        assert_eq!(all.iter().map(Subject::as_str).collect::<HashSet<_>>().len(), 3);
        assert!(all.iter().all(|one| is_subject(one.as_str())));
        assert_eq!(Id::of(id.to_bytes()), id);
    }
}
