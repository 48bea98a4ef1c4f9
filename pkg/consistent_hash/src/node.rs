//! What the ring needs to know of a node: its label.

use std::borrow::Cow;
use std::fmt;

/// Something that can stand on a ring.
///
/// The label is the node's identity: two nodes with equal labels are one node
/// to the ring. Implementers MUST return the same bytes for the same node at
/// all times, on every platform and in every process, because the label alone
/// decides where the node's points stand. Any bytes will do, the empty string
/// too; the ring puts the length before them, so that no two labels run into
/// each other.
///
/// A ring holds one type of node, so the labels of different types need not
/// differ: the text `"7"`, `7_u32` and `7_u64` are labels of 1, 4 and 8 bytes,
/// and a `String` has the label of the `&str` it holds.
///
/// `Debug` names the node in errors.
pub trait RingNode: Clone + fmt::Debug {
    /// The stable bytes that this node is known by.
    fn label(&self) -> Cow<'_, [u8]>;
}

impl RingNode for String {
    fn label(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(self.as_bytes())
    }
}

impl RingNode for &'static str {
    fn label(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(self.as_bytes())
    }
}

/// The label is the number in eight bytes, the lowest first.
impl RingNode for u64 {
    fn label(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.to_le_bytes().to_vec())
    }
}

/// The label is the number in four bytes, the lowest first.
impl RingNode for u32 {
    fn label(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.to_le_bytes().to_vec())
    }
}
