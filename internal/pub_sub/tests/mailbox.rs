//! The mailbox, under both kinds of dispatch: one suite, because a caller must
//! see no difference.
#![cfg(not(loom))]

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use distcache_bus::{
    CallError, Command, Deadline, Dispatch, Epoch, Mailbox, MailboxSettings, PostError, Read,
    Timer, Worker, WorkerSettings,
};

/// Every test runs once under each.
const DISPATCHES: [Dispatch; 2] = [Dispatch::Inline, Dispatch::Worker];
const INBOX_CAPACITY: usize = 4;

/// Adds to the sum and answers the new one.
#[derive(Clone, Copy)]
struct Add(u64);

impl Command<u64> for Add {
    type Reply = u64;
    type Owned = Self;

    fn into_owned(self) -> Self {
        self
    }

    fn run(self, sum: &mut u64) -> u64 {
        *sum += self.0;
        *sum
    }
}

/// Answers the sum.
struct Sum;

impl Command<u64> for Sum {
    type Reply = u64;
    type Owned = Self;

    fn into_owned(self) -> Self {
        self
    }

    fn run(self, sum: &mut u64) -> u64 {
        *sum
    }
}

impl Read<u64> for Sum {
    fn read(self, sum: &u64) -> u64 {
        *sum
    }
}

/// Answers the name of the thread that runs it.
struct WhoRuns;

impl Command<u64> for WhoRuns {
    type Reply = Option<String>;
    type Owned = Self;

    fn into_owned(self) -> Self {
        self
    }

    fn run(self, _: &mut u64) -> Option<String> {
        thread::current().name().map(str::to_owned)
    }
}

/// Says that it has begun, then sleeps until it may go on.
struct Sleep {
    begun: Sender<()>,
    wake: Receiver<()>,
}

impl Command<u64> for Sleep {
    type Reply = u64;
    type Owned = Self;

    fn into_owned(self) -> Self {
        self
    }

    fn run(self, sum: &mut u64) -> u64 {
        self.begun.send(()).expect("the test waits");
        // Ends when the test sends, or when it drops its end.
        let _ = self.wake.recv();
        *sum
    }
}

struct Explode;

impl Command<u64> for Explode {
    type Reply = u64;
    type Owned = Self;

    fn into_owned(self) -> Self {
        self
    }

    fn run(self, _: &mut u64) -> u64 {
        panic!("a fuse has blown")
    }
}

/// A mailbox with its worker, and what was told of panics.
struct Fixture {
    mailbox: Arc<Mailbox<u64>>,
    worker: Worker,
    panics: Receiver<String>,
}

impl Fixture {
    fn new(dispatch: Dispatch) -> Self {
        let (tell, panics) = bounded(16);
        let settings = MailboxSettings {
            dispatch,
            inbox_capacity: INBOX_CAPACITY,
            epoch: Epoch::FIRST,
            on_panic: Box::new(move |message| {
                tell.send(message.to_owned()).expect("the test waits");
            }),
        };
        let mailbox = Arc::new(Mailbox::new(settings, 0));
        let settings =
            WorkerSettings { name: "worker".to_owned(), tick_every: Duration::from_hours(1) };
        let worker = Worker::start(settings, mailbox.clone(), |_| {}).expect("the test waits");
        Self { mailbox, worker, panics }
    }

    fn call<C: Command<u64>>(&self, command: C) -> Result<C::Reply, CallError> {
        self.mailbox.call(Epoch::FIRST, &patient(), command)
    }

    /// Occupies the node until the returned sender is used or dropped.
    fn occupy(&self) -> (Sender<()>, thread::JoinHandle<Result<u64, CallError>>) {
        let (begun, has_begun) = bounded(1);
        let (wake, sleeper) = bounded(1);
        let mailbox = self.mailbox.clone();
        let thread = thread::Builder::new()
            .spawn(move || mailbox.call(Epoch::FIRST, &patient(), Sleep { begun, wake: sleeper }))
            .expect("the test waits");
        has_begun.recv().expect("the test waits");
        (wake, thread)
    }

    fn end(self) {
        self.mailbox.close();
        assert!(self.worker.join(&patient()), "the worker leaves once the mailbox is closed");
    }
}

fn patient() -> Deadline {
    Deadline::within(Duration::from_mins(1))
}

fn impatient() -> Deadline {
    Deadline::within(Duration::from_millis(1))
}

/// Drives a future on this thread.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

#[test]
fn every_command_of_many_callers_runs_once() {
    for dispatch in DISPATCHES {
        let fixture = Fixture::new(dispatch);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..500).for_each(|_| assert!(fixture.call(Add(1)).is_ok())));
            }
        });
        assert_eq!(fixture.call(Sum), Ok(2_000));
        fixture.end();
    }
}

#[test]
fn a_read_gives_what_the_last_call_left() {
    for dispatch in DISPATCHES {
        let fixture = Fixture::new(dispatch);
        assert_eq!(fixture.call(Add(3)), Ok(3));
        assert_eq!(fixture.mailbox.read(Epoch::FIRST, &patient(), Sum), Ok(3));
        fixture.end();
    }
}

#[test]
fn a_caller_leaves_a_busy_node_at_its_own_deadline() {
    for dispatch in DISPATCHES {
        let fixture = Fixture::new(dispatch);
        let (wake, sleeper) = fixture.occupy();
        let outcome = fixture.mailbox.call(Epoch::FIRST, &impatient(), Add(1));
        assert_eq!(outcome, Err(CallError::TimedOut));
        drop(wake);
        sleeper.join().unwrap().unwrap();
        assert_eq!(fixture.call(Sum), Ok(0), "whoever gave up before it ran has no effect");
        fixture.end();
    }
}

#[test]
fn a_panic_reaches_its_caller_and_retires_the_node() {
    for dispatch in DISPATCHES {
        let fixture = Fixture::new(dispatch);
        assert_eq!(fixture.call(Explode), Err(CallError::Panicked));
        assert_eq!(fixture.panics.recv().unwrap(), "a fuse has blown");
        assert_eq!(fixture.call(Sum), Err(CallError::Retired));
        assert!(fixture.worker.join(&patient()));
    }
}

#[test]
fn a_panic_is_told_outside_the_lock() {
    for dispatch in DISPATCHES {
        let known = Arc::new(OnceLock::<Weak<Mailbox<u64>>>::new());
        let (tell, told) = bounded(1);
        let of_panic = known.clone();
        let settings = MailboxSettings {
            dispatch,
            inbox_capacity: 1,
            epoch: Epoch::FIRST,
            on_panic: Box::new(move |_| {
                let mailbox = of_panic.get().and_then(Weak::upgrade).expect("the test holds it");
                let mut is_free = false;
                // Refused in the end, for the node is retired; but the work ran.
                let _ = mailbox.locked(Duration::ZERO, |_| is_free = true);
                tell.send(is_free).expect("the test waits");
            }),
        };
        let mailbox = Arc::new(Mailbox::new(settings, 0));
        known.set(Arc::downgrade(&mailbox)).unwrap();
        let settings = WorkerSettings { name: "w".to_owned(), tick_every: Duration::from_hours(1) };
        let worker = Worker::start(settings, mailbox.clone(), |_| {}).unwrap();
        assert_eq!(mailbox.call(Epoch::FIRST, &patient(), Explode), Err(CallError::Panicked));
        assert_eq!(told.recv(), Ok(true), "the lock is free when the panic is told");
        assert!(worker.join(&patient()));
    }
}

#[test]
fn a_posted_panic_is_told_too() {
    for dispatch in DISPATCHES {
        let fixture = Fixture::new(dispatch);
        fixture.mailbox.post(Epoch::FIRST, Explode).unwrap();
        assert_eq!(fixture.panics.recv().unwrap(), "a fuse has blown");
        assert!(fixture.worker.join(&patient()));
    }
}

#[test]
fn a_tick_that_panics_gives_the_node_up() {
    let (tell, panics) = bounded(1);
    let settings = MailboxSettings {
        dispatch: Dispatch::Inline,
        inbox_capacity: 1,
        epoch: Epoch::FIRST,
        on_panic: Box::new(move |message| tell.send(message.to_owned()).unwrap()),
    };
    let mailbox = Arc::new(Mailbox::new(settings, 0));
    let settings = WorkerSettings { name: "w".to_owned(), tick_every: Duration::from_hours(1) };
    let worker = Worker::start(settings, mailbox.clone(), |_| panic!("tock")).unwrap();
    assert!(panics.recv().unwrap().contains("regular work"));
    assert!(worker.join(&patient()));
    assert!(mailbox.fence().is_retired());
}

#[test]
fn a_full_inbox_refuses_and_loses_nothing_that_it_took() {
    for dispatch in DISPATCHES {
        let fixture = Fixture::new(dispatch);
        let (wake, sleeper) = fixture.occupy();
        // The worker may already hold one job that waits for the lock.
        let taken = (0..INBOX_CAPACITY + 2)
            .filter(|_| fixture.mailbox.post(Epoch::FIRST, Add(1)).is_ok())
            .count();
        assert!(taken < INBOX_CAPACITY + 2, "an inbox has a bound");
        assert_eq!(fixture.mailbox.post(Epoch::FIRST, Add(1)), Err(PostError::Full));
        drop(wake);
        sleeper.join().unwrap().unwrap();
        // One more through the inbox: it is behind all the others.
        let timer = Timer::start().unwrap();
        let sum = loop {
            let (deadline, epoch) = (patient(), Epoch::FIRST);
            match block_on(fixture.mailbox.begin(epoch, &deadline, &timer, Sum)) {
                Ok(sum) if sum < taken as u64 => thread::yield_now(),
                Err(CallError::Full) => thread::yield_now(),
                outcome => break outcome.unwrap(),
            }
        };
        assert_eq!(sum, taken as u64);
        fixture.end();
    }
}

#[test]
fn a_shutdown_answers_every_caller_that_waits() {
    for dispatch in DISPATCHES {
        let fixture = Fixture::new(dispatch);
        let (wake, sleeper) = fixture.occupy();
        let callers: Vec<_> = (0..3)
            .map(|_| {
                let mailbox = fixture.mailbox.clone();
                thread::Builder::new()
                    .spawn(move || mailbox.call(Epoch::FIRST, &patient(), Add(1)))
                    .unwrap()
            })
            .collect();
        fixture.mailbox.close();
        drop(wake);
        assert_eq!(sleeper.join().unwrap(), Ok(0), "what had begun is acknowledged");
        for caller in callers {
            assert_eq!(caller.join().unwrap(), Err(CallError::Closed));
        }
        assert_eq!(fixture.call(Sum), Err(CallError::Closed));
        assert_eq!(fixture.mailbox.post(Epoch::FIRST, Add(1)), Err(PostError::Closed));
        assert!(fixture.worker.join(&patient()));
    }
}

#[test]
fn callers_of_a_closed_node_do_not_wait_for_the_one_who_sleeps_on_it() {
    let fixture = Fixture::new(Dispatch::Inline);
    let (wake, sleeper) = fixture.occupy();
    fixture.mailbox.close();
    // Its deadline is a minute away, and the sleeper wakes only after this.
    assert_eq!(fixture.call(Add(1)), Err(CallError::Closed));
    drop(wake);
    assert_eq!(sleeper.join().unwrap(), Ok(0));
    assert!(fixture.worker.join(&patient()));
}

#[test]
fn a_retired_node_acknowledges_nothing_when_it_wakes_and_its_callers_do_not_wait_for_that() {
    for dispatch in DISPATCHES {
        let fixture = Fixture::new(dispatch);
        let (wake, sleeper) = fixture.occupy();
        let waiting = {
            let mailbox = fixture.mailbox.clone();
            thread::Builder::new()
                .spawn(move || mailbox.call(Epoch::FIRST, &patient(), Add(1)))
                .unwrap()
        };
        fixture.mailbox.retire();
        // The node still sleeps: this join would hang if its callers did.
        assert_eq!(waiting.join().unwrap(), Err(CallError::Retired));
        drop(wake);
        assert_eq!(sleeper.join().unwrap(), Err(CallError::Retired));
        assert!(fixture.worker.join(&patient()));
    }
}

#[test]
fn a_request_of_an_older_ring_is_refused_before_it_runs() {
    for dispatch in DISPATCHES {
        let fixture = Fixture::new(dispatch);
        let next = Epoch::FIRST.next().unwrap();
        fixture.mailbox.fence().raise(next);
        assert_eq!(fixture.call(Add(1)), Err(CallError::Stale));
        assert_eq!(fixture.mailbox.call(next, &patient(), Sum), Ok(0));
        fixture.end();
    }
}

#[test]
fn an_attempt_runs_at_once_or_not_at_all() {
    let fixture = Fixture::new(Dispatch::Inline);
    let mailbox = &fixture.mailbox;
    assert_eq!(mailbox.attempt(Epoch::FIRST, Add(3)), Some(Ok(3)));
    assert_eq!(mailbox.attempt_read(Epoch::FIRST, Sum), Some(Ok(3)));
    let (wake, sleeper) = fixture.occupy();
    assert_eq!(mailbox.attempt(Epoch::FIRST, Add(1)), None);
    assert_eq!(mailbox.attempt_read(Epoch::FIRST, Sum), None);
    drop(wake);
    sleeper.join().unwrap().unwrap();
    let next = Epoch::FIRST.next().unwrap();
    mailbox.fence().raise(next);
    assert_eq!(mailbox.attempt(Epoch::FIRST, Add(1)), Some(Err(CallError::Stale)));
    assert_eq!(mailbox.attempt_read(next, Sum), Some(Ok(3)));
    fixture.end();

    let fixture = Fixture::new(Dispatch::Worker);
    assert_eq!(fixture.mailbox.attempt(Epoch::FIRST, Add(1)), None);
    assert_eq!(fixture.mailbox.attempt_read(Epoch::FIRST, Sum), None);
    assert_eq!(fixture.call(Sum), Ok(0));
    fixture.end();
}

#[test]
fn a_future_is_answered_by_a_free_node_and_by_a_busy_one() {
    for dispatch in DISPATCHES {
        let fixture = Fixture::new(dispatch);
        let timer = Timer::start().unwrap();
        let call = fixture.mailbox.begin(Epoch::FIRST, &patient(), &timer, Add(1));
        assert_eq!(block_on(call), Ok(1));
        let (wake, sleeper) = fixture.occupy();
        let call = fixture.mailbox.begin_read(Epoch::FIRST, &patient(), &timer, Sum);
        drop(wake);
        assert_eq!(block_on(call), Ok(1));
        sleeper.join().unwrap().unwrap();
        fixture.end();
    }
}

#[test]
fn what_takes_long_runs_on_the_worker_under_either_dispatch() {
    for dispatch in DISPATCHES {
        let fixture = Fixture::new(dispatch);
        let timer = Timer::start().unwrap();
        let call = fixture.mailbox.begin_on_worker(Epoch::FIRST, &patient(), &timer, WhoRuns);
        assert_eq!(block_on(call), Ok(Some("worker".to_owned())));
        let (wake, sleeper) = fixture.occupy();
        let late = fixture.mailbox.begin_on_worker(Epoch::FIRST, &impatient(), &timer, WhoRuns);
        assert_eq!(block_on(late), Err(CallError::TimedOut));
        drop(wake);
        sleeper.join().unwrap().unwrap();
        fixture.mailbox.close();
        let refused = fixture.mailbox.begin_on_worker(Epoch::FIRST, &patient(), &timer, WhoRuns);
        assert_eq!(block_on(refused), Err(CallError::Closed));
        fixture.end();
    }
}

#[test]
fn a_future_leaves_a_busy_node_at_its_deadline() {
    for dispatch in DISPATCHES {
        let fixture = Fixture::new(dispatch);
        let timer = Timer::start().unwrap();
        let (wake, sleeper) = fixture.occupy();
        let call = fixture.mailbox.begin(Epoch::FIRST, &impatient(), &timer, Add(1));
        assert_eq!(block_on(call), Err(CallError::TimedOut));
        drop(wake);
        sleeper.join().unwrap().unwrap();
        fixture.end();
    }
}

#[test]
fn work_under_the_bare_lock_waits_no_longer_than_it_may() {
    for dispatch in DISPATCHES {
        let fixture = Fixture::new(dispatch);
        assert_eq!(fixture.mailbox.locked(Duration::from_mins(1), |sum| *sum), Ok(0));
        let (wake, sleeper) = fixture.occupy();
        for outcome in [
            fixture.mailbox.locked(Duration::from_millis(1), |sum| *sum),
            fixture.mailbox.looked_at(Duration::from_millis(1), |sum| *sum),
        ] {
            assert_eq!(outcome, Err(CallError::TimedOut));
        }
        drop(wake);
        sleeper.join().unwrap().unwrap();
        fixture.end();
    }
}

#[test]
fn those_who_look_at_a_state_stand_in_each_other_s_way_no_more_than_those_who_read() {
    for dispatch in DISPATCHES {
        let fixture = Fixture::new(dispatch);
        let mailbox = &fixture.mailbox;
        let beside =
            mailbox.looked_at(Duration::ZERO, |_| mailbox.looked_at(Duration::ZERO, |sum| *sum));
        assert_eq!(beside, Ok(Ok(0)));
        fixture.end();
    }
}
