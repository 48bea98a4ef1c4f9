//! loom's locks with the faces of `parking_lot`'s.

use std::ops::{Deref, DerefMut};
use std::time::Instant;

pub(crate) use loom::sync::atomic::AtomicU64;
pub(crate) use loom::sync::{RwLockReadGuard, RwLockWriteGuard};

const UNPOISONED: &str = "a panic ends the model before anybody else takes the lock";

/// A lock that one thread has at a time.
#[derive(Debug)]
pub struct Mutex<T>(loom::sync::Mutex<T>);

/// Holds loom's guard, which a condition variable takes away and gives back.
#[derive(Debug)]
pub struct MutexGuard<'a, T>(Option<loom::sync::MutexGuard<'a, T>>);

impl<T> Mutex<T> {
    /// A lock that nobody has.
    pub fn new(value: T) -> Self {
        Self(loom::sync::Mutex::new(value))
    }

    /// Waits until no other thread has it.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard(Some(self.0.lock().expect(UNPOISONED)))
    }
}

const PRESENT: &str = "the guard is away only while its thread waits";

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect(PRESENT)
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect(PRESENT)
    }
}

#[derive(Debug)]
pub(crate) struct Condvar(loom::sync::Condvar);

pub(crate) struct WaitTimeoutResult;

impl WaitTimeoutResult {
    #[expect(clippy::unused_self, reason = "the face is parking_lot's; no time passes here")]
    pub(crate) fn timed_out(&self) -> bool {
        false
    }
}

impl Condvar {
    pub(crate) fn new() -> Self {
        Self(loom::sync::Condvar::new())
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }

    pub(crate) fn wait_until<T>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        _: Instant,
    ) -> WaitTimeoutResult {
        let held = guard.0.take().expect(PRESENT);
        guard.0 = Some(self.0.wait(held).expect(UNPOISONED));
        WaitTimeoutResult
    }
}

#[derive(Debug)]
pub(crate) struct RwLock<T>(loom::sync::RwLock<T>);

impl<T> RwLock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(loom::sync::RwLock::new(value))
    }

    pub(crate) fn try_write(&self) -> Option<RwLockWriteGuard<'_, T>> {
        self.0.try_write().ok()
    }

    pub(crate) fn try_read(&self) -> Option<RwLockReadGuard<'_, T>> {
        self.0.try_read().ok()
    }

    pub(crate) fn try_write_until(&self, _: Instant) -> Option<RwLockWriteGuard<'_, T>> {
        self.0.write().ok()
    }

    pub(crate) fn try_read_until(&self, _: Instant) -> Option<RwLockReadGuard<'_, T>> {
        self.0.read().ok()
    }
}
