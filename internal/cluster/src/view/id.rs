//! Names that nobody has to give out: random numbers.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use distcache_ring::RingNode;
use serde::{Deserialize, Serialize};

/// A text that is no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no id: {digits} hexadecimal digits are wanted")]
pub struct IdInvalid {
    text: String,
    digits: usize,
}

/// One cluster, from its founding to its end. Two that were founded apart differ.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClusterId(u128);

/// One stay of one process in one cluster.
///
/// A process that was started again, that was removed, or whose cluster has ended, comes
/// back under another id: what it promised under the old one (its votes are kept in
/// memory only) is forgotten, and must not count.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MemberId(u64);

/// Both ids are texts in JSON, where a number has 53 bits and a map's key none.
macro_rules! id {
    ($id:ident, $number:ty, $digits:literal, $format:literal) => {
        impl $id {
            /// An id that nobody else has drawn.
            ///
            /// # Panics
            /// If the system has no randomness to give.
            pub fn random() -> Self {
                let mut bytes = [0; size_of::<$number>()];
                getrandom::fill(&mut bytes).expect("the system has random bytes");
                Self(<$number>::from_le_bytes(bytes))
            }

            /// The id with this number, for tests and tools.
            pub const fn from_number(number: $number) -> Self {
                Self(number)
            }

            /// Its number.
            pub const fn number(self) -> $number {
                self.0
            }
        }

        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, $format, self.0)
            }
        }

        impl fmt::Debug for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, $format, self.0)
            }
        }

        impl From<$id> for String {
            fn from(id: $id) -> Self {
                id.to_string()
            }
        }

        impl FromStr for $id {
            type Err = IdInvalid;

            fn from_str(text: &str) -> Result<Self, IdInvalid> {
                let number = <$number>::from_str_radix(text, 16).ok();
                let number = number.filter(|_| text.len() == $digits);
                number.map(Self).ok_or_else(|| IdInvalid { text: text.into(), digits: $digits })
            }
        }

        impl TryFrom<String> for $id {
            type Error = IdInvalid;

            fn try_from(text: String) -> Result<Self, IdInvalid> {
                text.parse()
            }
        }
    };
}

id!(ClusterId, u128, 32, "{:032x}");
id!(MemberId, u64, 16, "{:016x}");

impl RingNode for MemberId {
    fn label(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.0.to_le_bytes().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_the_same_after_json() {
        let (cluster, member) = (ClusterId(1 << 100), MemberId(u64::MAX));
        let json = serde_json::to_string(&(cluster, member)).unwrap();
        assert_eq!(json, r#"["00000010000000000000000000000000","ffffffffffffffff"]"#);
        assert_eq!(
            serde_json::from_str::<(ClusterId, MemberId)>(&json).unwrap(),
            (cluster, member)
        );
    }

    #[test]
    fn a_text_that_is_no_id_is_refused_by_name() {
        let error = "+0000000000000001".parse::<MemberId>().unwrap_err().to_string();
        assert_eq!(error, r#""+0000000000000001" is no id: 16 hexadecimal digits are wanted"#);
    }
}
