//! A source's connections: at most so many, opened when they are needed.
//!
//! Why not `r2d2`: it opens connections in the background, again and again, and
//! tells a caller why that failed only when the caller's time is up, and as a
//! text. Here who needs a connection opens it, and has the error at once.

use parking_lot::{Condvar, Mutex};

use super::{Failure, Load};
use crate::Wait;

/// Lends `size` slots, each with or without an open connection.
pub(crate) struct Pool<L> {
    slots: Mutex<Slots<L>>,
    /// Told whenever a slot comes back.
    freed: Condvar,
    size: usize,
}

/// The slots that are not lent: `idle.len() + vacant + lent == size`.
struct Slots<L> {
    /// Open connections, the one used last at the end: it is lent first, and
    /// no more are opened than are needed at once.
    idle: Vec<L>,
    /// Slots whose connection is to be opened.
    vacant: usize,
}

/// One slot, lent. It goes back when it is dropped, also by a panic.
pub(crate) struct Lease<'a, L> {
    pool: &'a Pool<L>,
    link: Option<L>,
}

impl<L> Pool<L> {
    pub(crate) fn new(size: usize) -> Self {
        let slots = Slots { idle: Vec::with_capacity(size), vacant: size };
        Self { slots: Mutex::new(slots), freed: Condvar::new(), size }
    }

    /// Waits for a free slot as long as the load lasts.
    pub(crate) fn lend(&self, load: &Load<'_>) -> Result<Lease<'_, L>, Failure> {
        let mut slots = self.slots.lock();
        loop {
            if let Some(link) = slots.idle.pop() {
                return Ok(Lease { pool: self, link: Some(link) });
            }
            if 0 < slots.vacant {
                slots.vacant -= 1;
                return Ok(Lease { pool: self, link: None });
            }
            load.check(Wait::Connection { of: self.size })?;
            self.freed.wait_for(&mut slots, load.pause());
        }
    }

    fn take_back(&self, link: Option<L>) {
        let mut slots = self.slots.lock();
        match link {
            Some(link) => slots.idle.push(link),
            None => slots.vacant += 1,
        }
        drop(slots);
        self.freed.notify_one();
    }
}

impl<L> Lease<'_, L> {
    /// The slot's connection. It is not in the slot again until it is put back:
    /// one that a panic left half-used is never lent.
    pub(crate) fn take(&mut self) -> Option<L> {
        self.link.take()
    }

    pub(crate) fn put_back(&mut self, link: L) {
        self.link = Some(link);
    }
}

impl<L> Drop for Lease<'_, L> {
    fn drop(&mut self) {
        self.pool.take_back(self.link.take());
    }
}
