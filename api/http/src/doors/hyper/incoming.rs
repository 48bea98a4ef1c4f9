//! A request's body, collected within the budget.

use std::future::poll_fn;
use std::pin::Pin;

use bytes::Bytes;
use hyper::body::{Body, Incoming};

use super::budget::{Budget, BudgetSpent, Reservation};

/// The first piece of memory for a body that comes in several: an announced
/// length is a promise of the client, and not yet worth memory.
const FIRST_BYTES: usize = 64 << 10;

/// A whole body, and its share of the budget.
pub(super) struct Collected {
    pub(super) body: Bytes,
    /// Held until the request is answered.
    pub(super) reservation: Option<Reservation>,
}

/// A body that did not come.
#[derive(Debug)]
pub(super) enum CollectError {
    /// The client, or the guard, has ended the connection within it.
    Lost,
    /// There is no memory for it now.
    NoRoom,
}

impl From<BudgetSpent> for CollectError {
    fn from(BudgetSpent: BudgetSpent) -> Self {
        Self::NoRoom
    }
}

/// Collects `incoming`. The guard sees to it that it is not over its limit.
pub(super) async fn collect(
    mut incoming: Incoming,
    budget: &Budget,
) -> Result<Collected, CollectError> {
    if incoming.is_end_stream() {
        return Ok(Collected { body: Bytes::new(), reservation: None });
    }
    let mut reservation = budget.open();
    let mut first = Bytes::new();
    let mut all = Vec::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut incoming).poll_frame(cx)).await {
        let Ok(frame) = frame else { return Err(CollectError::Lost) };
        // A trailer is no data, and nobody here reads one.
        let Ok(data) = frame.into_data() else { continue };
        reservation.grow(data.len())?;
        if first.is_empty() {
            first = data;
            continue;
        }
        if all.is_empty() {
            all.extend_from_slice(&first);
        }
        make_room(&mut all, data.len(), incoming.size_hint().upper());
        all.extend_from_slice(&data);
    }
    let body = if all.is_empty() { first } else { all.into() };
    Ok(Collected { body, reservation: Some(reservation) })
}

/// Doubles, but never beyond what is still to come where that is known.
fn make_room(all: &mut Vec<u8>, data_bytes: usize, behind: Option<u64>) {
    if data_bytes <= all.capacity() - all.len() {
        return;
    }
    let doubled = all.len().max(FIRST_BYTES).max(data_bytes);
    let to_come = behind.map(|rest| usize::try_from(rest).unwrap_or(usize::MAX));
    let needed = to_come.map_or(doubled, |rest| rest.saturating_add(data_bytes).min(doubled));
    all.reserve_exact(needed.max(data_bytes));
}
