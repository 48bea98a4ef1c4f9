//! INTERNAL to distcache. Every lock, channel and atomic of the bus, so that a
//! model checker can put its own in their place: `RUSTFLAGS="--cfg loom"`. What
//! is public here is for the floors above, whose models need the same.
//!
//! loom supports neither `parking_lot` nor `crossbeam_channel`, and no time
//! passes in it. A wait with a deadline is therefore a plain wait there, and a
//! model that wants a caller to give up writes that caller as a thread that
//! tries once and leaves. What the models prove is in each crate's `models`.

#[cfg(not(loom))]
pub use parking_lot::Mutex;
#[cfg(not(loom))]
pub(crate) use real::*;

#[cfg(loom)]
pub(crate) use self::{channel::*, locks::*};
#[cfg(loom)]
pub use self::{
    explore::{explore, patient},
    locks::{Mutex, MutexGuard},
};

#[cfg(not(loom))]
mod real {
    pub(crate) use crossbeam_channel::{
        Receiver, RecvTimeoutError, SendTimeoutError, Sender, TrySendError, bounded,
    };
    pub(crate) use parking_lot::{Condvar, RwLock, RwLockReadGuard, RwLockWriteGuard};
    pub(crate) use std::sync::atomic::AtomicU64;
}

#[cfg(loom)]
mod channel;

#[cfg(loom)]
mod explore;

#[cfg(loom)]
mod locks;
