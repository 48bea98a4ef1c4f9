//! Every lock, channel and atomic of the bus, so that a model checker can put
//! its own in their place: `RUSTFLAGS="--cfg loom"`.
//!
//! loom supports neither `parking_lot` nor `crossbeam_channel`, and no time
//! passes in it. A wait with a deadline is therefore a plain wait there, and a
//! model that wants a caller to give up writes that caller as a thread that
//! tries once and leaves.

#[cfg(not(loom))]
pub(crate) use real::*;

#[cfg(loom)]
pub(crate) use model::*;

#[cfg(not(loom))]
mod real {
    pub(crate) use crossbeam_channel::{
        Receiver, RecvTimeoutError, SendTimeoutError, Sender, TrySendError, bounded,
    };
    pub(crate) use parking_lot::{Condvar, Mutex, RwLock};
    pub(crate) use std::sync::atomic::AtomicU64;
}

#[cfg(loom)]
mod model {
    pub(crate) use crossbeam_channel::{
        RecvTimeoutError, SendTimeoutError, TryRecvError, TrySendError,
    };
    pub(crate) use loom::sync::atomic::AtomicU64;
    use std::collections::VecDeque;
    use std::fmt;
    use std::time::Instant;

    use loom::sync::{Arc, MutexGuard, RwLockReadGuard, RwLockWriteGuard};

    const UNPOISONED: &str = "the bus catches panics before they reach a lock";

    #[derive(Debug)]
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().expect(UNPOISONED)
        }
    }

    /// Condition variable whose waits take the guard by reference, as those of
    /// `parking_lot` do; loom's take it by value, hence the `Option`.
    pub(crate) struct Condvar(loom::sync::Condvar);

    pub(crate) struct WaitTimeoutResult(bool);

    impl WaitTimeoutResult {
        pub(crate) fn timed_out(&self) -> bool {
            self.0
        }
    }

    impl Condvar {
        pub(crate) fn new() -> Self {
            Self(loom::sync::Condvar::new())
        }

        pub(crate) fn notify_one(&self) {
            self.0.notify_one();
        }

        /// Waits on `mutex` while `blocked` holds; no time passes in a model.
        pub(crate) fn wait_while<'a, T>(
            &self,
            mut guard: MutexGuard<'a, T>,
            mut blocked: impl FnMut(&mut T) -> bool,
        ) -> MutexGuard<'a, T> {
            while blocked(&mut guard) {
                guard = self.0.wait(guard).expect(UNPOISONED);
            }
            guard
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
            Some(self.0.write().expect(UNPOISONED))
        }

        pub(crate) fn try_read_until(&self, _: Instant) -> Option<RwLockReadGuard<'_, T>> {
            Some(self.0.read().expect(UNPOISONED))
        }
    }

    /// A bounded queue with the disconnect rules of `crossbeam_channel`: a
    /// receive from an empty queue fails once every sender is gone.
    struct Queue<T> {
        state: loom::sync::Mutex<QueueState<T>>,
        changed: loom::sync::Condvar,
        capacity: usize,
    }

    struct QueueState<T> {
        items: VecDeque<T>,
        senders: usize,
    }

    pub(crate) struct Sender<T>(Arc<Queue<T>>);
    pub(crate) struct Receiver<T>(Arc<Queue<T>>);

    pub(crate) fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
        let queue = Arc::new(Queue {
            state: loom::sync::Mutex::new(QueueState { items: VecDeque::new(), senders: 1 }),
            changed: loom::sync::Condvar::new(),
            capacity,
        });
        (Sender(queue.clone()), Receiver(queue))
    }

    impl<T> Sender<T> {
        pub(crate) fn try_send(&self, item: T) -> Result<(), TrySendError<T>> {
            let mut state = self.0.state.lock().expect(UNPOISONED);
            if state.items.len() == self.0.capacity {
                return Err(TrySendError::Full(item));
            }
            state.items.push_back(item);
            self.0.changed.notify_all();
            Ok(())
        }

        pub(crate) fn send_deadline(&self, item: T, _: Instant) -> Result<(), SendTimeoutError<T>> {
            self.try_send(item).map_err(|error| SendTimeoutError::Timeout(error.into_inner()))
        }

        pub(crate) fn len(&self) -> usize {
            self.0.state.lock().expect(UNPOISONED).items.len()
        }
    }

    impl<T> Clone for Sender<T> {
        fn clone(&self) -> Self {
            self.0.state.lock().expect(UNPOISONED).senders += 1;
            Self(self.0.clone())
        }
    }

    impl<T> Drop for Sender<T> {
        fn drop(&mut self) {
            self.0.state.lock().expect(UNPOISONED).senders -= 1;
            self.0.changed.notify_all();
        }
    }

    impl<T> Receiver<T> {
        pub(crate) fn try_recv(&self) -> Result<T, TryRecvError> {
            let mut state = self.0.state.lock().expect(UNPOISONED);
            match state.items.pop_front() {
                Some(item) => Ok(item),
                None if state.senders == 0 => Err(TryRecvError::Disconnected),
                None => Err(TryRecvError::Empty),
            }
        }

        pub(crate) fn recv_deadline(&self, _: Instant) -> Result<T, RecvTimeoutError> {
            let mut state = self.0.state.lock().expect(UNPOISONED);
            loop {
                match state.items.pop_front() {
                    Some(item) => return Ok(item),
                    None if state.senders == 0 => return Err(RecvTimeoutError::Disconnected),
                    None => state = self.0.changed.wait(state).expect(UNPOISONED),
                }
            }
        }
    }

    impl<T> Clone for Receiver<T> {
        fn clone(&self) -> Self {
            Self(self.0.clone())
        }
    }

    impl<T> fmt::Debug for Sender<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Sender")
        }
    }

    impl<T> fmt::Debug for Receiver<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Receiver")
        }
    }

    impl fmt::Debug for Condvar {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Condvar")
        }
    }
}
