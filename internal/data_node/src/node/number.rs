//! Values that are numbers, and adding to them.

use distcache_bus::Epoch;

use super::{DataNode, PutRefused, Stored};
use crate::store::Age;
use crate::{Condition, Draft, KeyTooLong, KeyspaceId, Label, LabelInvalid, Tick, TooManyTags};

/// A sum that was stored.
#[derive(Debug)]
pub struct Added {
    /// The sum.
    pub sum: i64,
    /// The put that stored it.
    pub stored: Stored,
}

/// Why nothing was added. Nothing has changed then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAdded {
    /// The key has no value, and must not begin with one.
    #[error("the key has no value")]
    Missing,
    /// The value is not the decimal text of a 64-bit number.
    #[error("the value is no whole number between -2^63 and 2^63 - 1")]
    NoNumber,
    /// The sum is none.
    #[error("the sum is not between -2^63 and 2^63 - 1")]
    Overflow,
    /// There would be no entry for it.
    #[error(transparent)]
    KeyTooLong(#[from] KeyTooLong),
    /// As many tags as an entry cannot have.
    #[error(transparent)]
    TooManyTags(#[from] TooManyTags),
    /// What an entry cannot say of its value.
    #[error(transparent)]
    LabelInvalid(#[from] LabelInvalid),
    /// It could not be stored.
    #[error(transparent)]
    Refused(#[from] PutRefused),
}

impl DataNode {
    /// Adds `by` to the number that a key has as its value, in decimal. The value
    /// keeps its end, its tags and its content type; not its validator, by which
    /// the source knows another one. It is dated anew if it was dated. A key without
    /// a value begins with `by` if `begins_until` says until when, and is dated.
    ///
    /// # Errors
    /// See [`NotAdded`].
    pub fn add(
        &mut self,
        epoch: Epoch,
        id: KeyspaceId,
        (hash, key): (u64, &[u8]),
        by: i64,
        begins_until: Option<Tick>,
    ) -> Result<Added, NotAdded> {
        let now = self.clock.now();
        let keyspace = self.keyspace(id).ok_or(PutRefused::Gone)?;
        let held = keyspace.peek(hash, key, now);
        let held = held.filter(|(_, _, age)| matches!(age, Age::Fresh | Age::Early));
        let is_dated = held.is_none_or(|(_, entry, _)| entry.born().is_some());
        let (number, expires, tags, content_type) = match (held, begins_until) {
            (Some((_, entry, _)), _) => {
                let number = number_in(entry.value()).ok_or(NotAdded::NoNumber)?;
                let content_type: Option<Box<str>> = entry.label().content_type().map(Box::from);
                (number, entry.expires(), entry.tags().collect::<Vec<_>>(), content_type)
            }
            (None, Some(until)) => (0, until, Vec::new(), None),
            (None, None) => return Err(NotAdded::Missing),
        };
        let label = Label::new(content_type.as_deref(), None)?;
        let sum = number.checked_add(by).ok_or(NotAdded::Overflow)?;
        let text = sum.to_string();
        let draft = Draft::new(key, text.as_bytes(), expires)?.tagged(&tags)?.labelled(label);
        let draft = if is_dated { draft.born(now) } else { draft };
        let stored = self.put_draft(epoch, id, hash, &draft, Condition::Always)?;
        Ok(Added { sum, stored })
    }
}

/// A number as [`DataNode::add`] writes it; `+` is no part of one.
pub fn number_in(value: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(value).ok()?;
    text.parse().ok().filter(|_| !text.starts_with('+'))
}
