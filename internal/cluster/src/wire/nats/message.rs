//! What two ends of a pipe, and who makes one, say to each other.
//!
//! | who says it | bytes |
//! |---|---|
//! | an end, of its pipe | kind, its id (16), number (8), and of data the data, of a credit a sum (8) |
//! | who asks a listener, and its answer | version, kind, id (16) |
//!
//! Numbers are as on networks, the highest byte first.

use bytes::{BufMut, Bytes, BytesMut};

use super::subjects::Id;

/// What an end's message has before its data.
pub(super) const HEAD_BYTES: usize = 1 + Id::BYTES + 8;

/// The version of what members say to each other over NATS.
const VERSION: u8 = 1;

/// What an end says of its pipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word {
    /// To who reads: the next bytes.
    Data(Bytes),
    /// To who reads: there are no more.
    End,
    /// To who reads: it broke, and more would have come.
    Broken,
    /// To who writes: so many bytes were used since the pipe was made.
    Credit(u64),
    /// To who writes: nobody reads any more.
    Stop,
}

/// Who says it, as how manieth of its kind of way, and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) from: Id,
    pub(super) number: u64,
    pub(super) word: Word,
}

impl Said {
    pub(super) fn to_bytes(&self) -> Bytes {
        let (kind, data) = match &self.word {
            Word::Data(data) => return framed(DATA, self.from, self.number, data),
            Word::End => (END, None),
            Word::Broken => (BROKEN, None),
            Word::Credit(sum) => (CREDIT, Some(sum.to_be_bytes())),
            Word::Stop => (STOP, None),
        };
        framed(kind, self.from, self.number, data.as_ref().map_or(&[], |sum| &sum[..]))
    }

    /// What was said, if an end says such a thing.
    pub(super) fn read(message: &Bytes) -> Option<Self> {
        let (kind, rest) = message.split_first()?;
        let (from, rest) = rest.split_first_chunk()?;
        let (number, rest) = rest.split_first_chunk()?;
        let word = match (*kind, rest.len()) {
            (DATA, 1..) => Word::Data(message.slice(HEAD_BYTES..)),
            (END, 0) => Word::End,
            (BROKEN, 0) => Word::Broken,
            (CREDIT, _) => Word::Credit(u64::from_be_bytes(rest.try_into().ok()?)),
            (STOP, 0) => Word::Stop,
            _ => return None,
        };
        Some(Self { from: Id::of(*from), number: u64::from_be_bytes(*number), word })
    }
}

const DATA: u8 = 1;
const END: u8 = 2;
const BROKEN: u8 = 3;
const CREDIT: u8 = 4;
const STOP: u8 = 5;

/// Data as a message, with one copy of it.
pub(super) fn data(from: Id, number: u64, data: &[u8]) -> Bytes {
    framed(DATA, from, number, data)
}

fn framed(kind: u8, from: Id, number: u64, data: &[u8]) -> Bytes {
    let mut message = BytesMut::with_capacity(HEAD_BYTES + data.len());
    message.put_u8(kind);
    message.put_slice(&from.to_bytes());
    message.put_u64(number);
    message.put_slice(data);
    message.freeze()
}

/// What is said while a pipe is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    /// To a listener: this end wants a pipe.
    Dial,
    /// To a listener: is somebody there?
    Probe,
    /// To who dials: this end is the other one.
    Welcome,
    /// To who dials: too many wait.
    Full,
    /// To who probes: yes.
    Taken,
    /// To who dials or probes in another version: not understood.
    OtherVersion,
}

const CALLS: [(u8, Call); 6] = [
    (1, Call::Dial),
    (2, Call::Probe),
    (3, Call::Welcome),
    (4, Call::Full),
    (5, Call::Taken),
    (6, Call::OtherVersion),
];

impl Call {
    pub(super) fn to_bytes(self, id: Id) -> Bytes {
        let kind = CALLS.iter().find(|(_, call)| *call == self).map_or(0, |(kind, _)| *kind);
        let mut message = BytesMut::with_capacity(2 + Id::BYTES);
        message.put_u8(VERSION);
        message.put_u8(kind);
        message.put_slice(&id.to_bytes());
        message.freeze()
    }

    /// What was said, and the id in it. Of another version only the id is known, and that
    /// it is one: all versions begin like this one.
    pub(super) fn read(message: &[u8]) -> Option<(Self, Id)> {
        let [version, kind, rest @ ..] = message else { return None };
        let (id, rest) = rest.split_first_chunk()?;
        let id = Id::of(*id);
        if *version != VERSION {
            return Some((Self::OtherVersion, id));
        }
        let (_, call) = CALLS.iter().find(|(known, _)| known == kind)?;
        rest.is_empty().then_some((*call, id))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words() -> impl Strategy<Value = Word> {
        prop_oneof![
            prop::collection::vec(any::<u8>(), 1..100).prop_map(|data| Word::Data(data.into())),
            Just(Word::End),
            Just(Word::Broken),
            any::<u64>().prop_map(Word::Credit),
            Just(Word::Stop),
        ]
    }

    proptest! {
        #[test]
        fn what_is_said_is_heard(id: u128, number: u64, word in words()) {
            let said = Said { from: Id::of(id.to_be_bytes()), number, word };
            prop_assert_eq!(Said::read(&said.to_bytes()), Some(said.clone()));
            if let Word::Data(bytes) = &said.word {
                prop_assert_eq!(data(said.from, number, bytes), said.to_bytes());
            }
        }

        #[test]
        fn any_bytes_are_heard_as_what_they_are_or_not_at_all(bytes: Vec<u8>) {
            let bytes = Bytes::from(bytes);
            if let Some(said) = Said::read(&bytes) {
                prop_assert_eq!(said.to_bytes(), &bytes);
            }
            if let Some((call, id)) = Call::read(&bytes)
                && call != Call::OtherVersion
            {
                prop_assert_eq!(call.to_bytes(id), &bytes);
            }
        }
    }

    #[test]
    fn who_makes_a_pipe_is_understood_also_in_another_version() {
        let id = Id::of([7; 16]);
        for (_, call) in CALLS {
            assert_eq!(Call::read(&call.to_bytes(id)), Some((call, id)));
        }
        let mut later = BytesMut::from(&Call::Dial.to_bytes(id)[..]);
        later[0] = 9;
        later.extend_from_slice(b"more");
        assert_eq!(Call::read(&later), Some((Call::OtherVersion, id)));
        assert_eq!(Call::read(&later[..10]), None);
    }
}
