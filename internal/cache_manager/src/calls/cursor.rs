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
    /// In which process, by a number of whoever shares keys with others; 0 in one that
    /// is alone.
    pub(super) member: u64,
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

    /// At the beginning of what a process has, by a view.
    pub fn first_of(view: u64, member: u64) -> Self {
        let epoch = Epoch::of_view(view).map_or(0, Epoch::get).max(Epoch::FIRST.get());
        Self { epoch, node: 0, at: 0, member }
    }

    /// The same in a process.
    #[must_use]
    pub fn of_member(self, member: u64) -> Self {
        Self { member, ..self }
    }

    /// In which process.
    pub fn member(&self) -> u64 {
        self.member
    }

    /// The view of its ring.
    pub fn view(&self) -> u64 {
        self.epoch >> Epoch::LOCAL_BITS
    }

    /// The ring by which it was given.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.epoch, self.node, self.at)?;
        if self.member == 0 { Ok(()) } else { write!(f, "-{}", self.member) }
    }
}

/// A text is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no cursor that a scan has given")]
pub struct NoCursor;

impl FromStr for Cursor {
    type Err = NoCursor;

    fn from_str(text: &str) -> Result<Self, NoCursor> {
        let mut parts = text.split('-');
        let mut next = || parts.next().and_then(|part| part.parse::<u64>().ok()).ok_or(NoCursor);
        let (epoch, node, at) = (next()?, next()?, next()?);
        let node = u32::try_from(node).map_err(|_too_large| NoCursor)?;
        let member = match parts.next() {
            Some(member) => member.parse().map_err(|_no_number| NoCursor)?,
            None => 0,
        };
        if epoch < Epoch::FIRST.get() || parts.next().is_some() {
            return Err(NoCursor);
        }
        Ok(Self { epoch, node, at, member })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_what_its_text_says() {
        let cursor = Cursor { epoch: 3, node: 2, at: 77, member: 0 };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        let cursor = cursor.of_member(u64::MAX);
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for wrong in
            ["", "1", "1-2", "1-2-3-4-5", "1-2-3-x", "a-2-3", "0-0-0", "1-99999999999-0", "-1-2-3"]
        {
            assert_eq!(wrong.parse::<Cursor>(), Err(NoCursor), "{wrong}");
        }
    }
}
