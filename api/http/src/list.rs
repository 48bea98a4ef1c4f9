//! A list in JSON that has a bound: what is beyond it takes no memory.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};

/// The first `MAX` elements of a list, and how many it had.
#[derive(Debug, Clone)]
pub(crate) struct List<T, const MAX: usize> {
    pub(crate) kept: Vec<T>,
    /// More than were kept, if there were too many.
    pub(crate) count: usize,
}

impl<T, const MAX: usize> List<T, MAX> {
    pub(crate) fn is_too_long(&self) -> bool {
        self.kept.len() < self.count
    }
}

impl<T, const MAX: usize> Default for List<T, MAX> {
    fn default() -> Self {
        Self { kept: Vec::new(), count: 0 }
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for List<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ListVisitor(PhantomData))
    }
}

struct ListVisitor<T, const MAX: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for ListVisitor<T, MAX> {
    type Value = List<T, MAX>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut kept = Vec::new();
        while kept.len() < MAX {
            match elements.next_element()? {
                Some(element) => kept.push(element),
                None => return Ok(List { count: kept.len(), kept }),
            }
        }
        let mut count = MAX;
        while elements.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(List { kept, count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_beyond_the_bound_are_counted_only() {
        let list = |text: &str| serde_json::from_str::<List<u8, 2>>(text).unwrap();
        assert_eq!((list("[]").count, list("[1,2]").kept), (0, vec![1, 2]));
        assert!(!list("[1,2]").is_too_long());
        let long = list("[1,2,300,\"x\"]");
        assert_eq!((long.kept.clone(), long.count, long.is_too_long()), (vec![1, 2], 4, true));
    }
}
