//! What is said between members, and what it stands for here.

mod ask;
mod failure;
mod found;
mod heard;
mod item;
mod told;
mod traced;

pub(super) use ask::{Question, name_of, operation};
pub(super) use failure::{failure, understood};
pub(super) use found::{Moment, found_to, found_with};
pub(super) use heard::{Heard, heard};
pub(super) use item::{OwnItem, item_to};
pub(super) use told::{outcome, told};

use std::time::Duration;

/// In milliseconds, rounded down: who is told has a little less time than there is.
pub(super) fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The same rounded up: what is so old is at least as old as is said.
pub(super) fn ms_up(time: Duration) -> u64 {
    ms(time).saturating_add(u64::from(!time.subsec_nanos().is_multiple_of(1_000_000)))
}
