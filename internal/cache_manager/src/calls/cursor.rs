//! Where a scan goes on.

use std::fmt;
use std::str::FromStr;

use distcache_bus::Epoch;

/// Where a scan goes on. Its text can be handed to a client and back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The ring by which it was given.
    pub(super) epoch: u64,
    /// Which node, in the ring's order.
    pub(super) node: u32,
    /// Where in that node.
    pub(super) at: u64,
}

/// Some keys of a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The keys, in no order.
    pub keys: Vec<Box<[u8]>>,
    /// Where to go on; `None` at the end.
    pub next: Option<Cursor>,
}

impl Cursor {
    /// The next place, of which a step has said whether it is in the same node.
    pub(super) fn after(self, next: Option<usize>) -> Self {
        match next {
            Some(at) => Self { at: at as u64, ..self },
            None => Self { node: self.node + 1, at: 0, ..self },
        }
    }

    /// The ring by which it was given.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.epoch, self.node, self.at)
    }
}

/// A text is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no cursor that a scan has given")]
pub struct NoCursor;

impl FromStr for Cursor {
    type Err = NoCursor;

    fn from_str(text: &str) -> Result<Self, NoCursor> {
        let mut numbers = text.split('-').map(|part| part.parse::<u64>().ok());
        let mut next = || numbers.next().flatten().ok_or(NoCursor);
        let (epoch, node, at) = (next()?, next()?, next()?);
        let node = u32::try_from(node).map_err(|_too_large| NoCursor)?;
        if epoch < Epoch::FIRST.get() || numbers.next().is_some() {
            return Err(NoCursor);
        }
        Ok(Self { epoch, node, at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_what_its_text_says() {
        let cursor = Cursor { epoch: 3, node: 2, at: 77 };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for wrong in ["", "1", "1-2", "1-2-3-4", "a-2-3", "0-0-0", "1-99999999999-0", "-1-2-3"] {
            assert_eq!(wrong.parse::<Cursor>(), Err(NoCursor), "{wrong}");
        }
    }
}
