//! Every lock, channel and atomic of the bus, so that a model checker can put
//! its own in their place: `RUSTFLAGS="--cfg loom"`.
//!
//! loom supports neither `parking_lot` nor `crossbeam_channel`, and no time
//! passes in it. A wait with a deadline is therefore a plain wait there, and a
//! model that wants a caller to give up writes that caller as a thread that
//! tries once and leaves. What the models prove is in `models`.

#[cfg(not(loom))]
pub(crate) use real::*;

#[cfg(loom)]
pub(crate) use self::{channel::*, locks::*};

#[cfg(not(loom))]
mod real {
    pub(crate) use crossbeam_channel::{
        Receiver, RecvTimeoutError, SendTimeoutError, Sender, TrySendError, bounded,
    };
    pub(crate) use parking_lot::{Condvar, Mutex, RwLock};
    pub(crate) use std::sync::atomic::AtomicU64;
}

#[cfg(loom)]
mod channel;

#[cfg(loom)]
mod locks;
