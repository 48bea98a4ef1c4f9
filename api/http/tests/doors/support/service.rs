//! Services that do what a test needs.

use std::sync::{Arc, Condvar, Mutex};
use std::task::{Poll, Waker};

use bytes::Bytes;
use distcache_http::{DoorWatch, Request, Response, Service};

/// Answers with the body it was sent, or with as many bytes as `?N` says;
/// panics at `/panic`.
pub(crate) struct Echo;

impl Service for Echo {
    async fn call(&self, request: Request<'_>) -> Response {
        assert!(request.path != "/panic", "as the test wants");
        match request.query.and_then(|count| count.parse().ok()) {
            Some(count) => Response::octets(vec![b'x'; count].into()),
            None => Response::octets(request.body),
        }
    }
}

/// Keeps each request waiting until it is opened.
#[derive(Clone, Default)]
pub(crate) struct Gate {
    state: Arc<(Mutex<State>, Condvar)>,
    watch: Arc<DoorWatch>,
}

#[derive(Default)]
struct State {
    waiting: usize,
    open: bool,
    wakers: Vec<Waker>,
}

impl Gate {
    /// Waits until `count` requests have come to it.
    pub(crate) fn wait_for(&self, count: usize) {
        let (state, changed) = &*self.state;
        let state = state.lock().expect("no test panics inside");
        drop(changed.wait_while(state, |state| state.waiting < count).expect("as above"));
    }

    /// Lets all requests through, from now on.
    pub(crate) fn open(&self) {
        let mut state = self.state.0.lock().expect("no test panics inside");
        state.open = true;
        state.wakers.drain(..).for_each(Waker::wake);
    }
}

impl Service for Gate {
    async fn call(&self, _: Request<'_>) -> Response {
        // Counted when it is asked again: by then the door knows that it waits.
        let mut polls = 0;
        std::future::poll_fn(|cx| {
            polls += 1;
            if polls == 1 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let (state, changed) = &*self.state;
            let mut state = state.lock().expect("no test panics inside");
            if polls == 2 {
                state.waiting += 1;
                changed.notify_all();
            }
            if state.open {
                return Poll::Ready(());
            }
            state.wakers.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
        Response::octets(Bytes::from_static(b"through"))
    }

    fn door_watch(&self) -> Arc<DoorWatch> {
        Arc::clone(&self.watch)
    }
}
