//! A future run to its end on a thread that has no runtime.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

/// Waits for `future` on this thread.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        // A wake-up between the poll and here has left its token: no sleep then.
        thread::park();
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    #[test]
    fn it_returns_what_the_future_does() {
        assert_eq!(block_on(async { 7 }), 7);
    }

    #[test]
    fn it_sleeps_until_another_thread_wakes_it() {
        let mut waking = None;
        let polls = block_on(poll_fn(|context| {
            if waking.is_some() {
                return Poll::Ready(2);
            }
            let waker = context.waker().clone();
            let thread = thread::Builder::new().spawn(move || waker.wake());
            waking = Some(thread.expect("a thread"));
            Poll::Pending
        }));
        assert_eq!(polls, 2);
        waking.expect("it was started").join().expect("it woke");
    }
}
