//! Publish and subscribe, over one bounded channel a subscriber.
//!
//! Publishing never waits. A subscriber whose channel is full misses the
//! message, and is told how many it missed before it reads on; nobody else
//! notices. Topics tell; nothing that must arrive is sent over one.

use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Select, Sender, TryRecvError, bounded};
use parking_lot::{Mutex, RwLock};

/// Where messages of one kind are published.
///
/// Cloning gives another handle to the same topic.
pub struct Topic<T> {
    name: &'static str,
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    /// Replaced whole by each subscription and each drop of one, so that a
    /// publisher copies one pointer under the lock and sends without it.
    listeners: RwLock<Arc<[Listener<T>]>>,
    /// How many there are, to publish to nobody for free.
    count: AtomicU64,
    /// Messages that some subscriber missed, ever.
    missed: AtomicU64,
}

struct Listener<T> {
    sender: Sender<T>,
    /// Shared with the subscription, and what tells one listener from another; the
    /// sender is not shared, so that a subscriber sees the end of its topic.
    ear: Arc<Ear>,
}

/// What a publisher tells a subscriber beside the message.
#[derive(Debug, Default)]
struct Ear {
    /// Missed since the subscriber was last told.
    missed: AtomicU64,
    /// The task that waits for a message.
    waiting: Mutex<Option<Waker>>,
}

impl Ear {
    fn wake(&self) {
        // Waking runs the code of others: not under the lock.
        let waiting = self.waiting.lock().take();
        if let Some(waker) = waiting {
            waker.wake();
        }
    }
}

/// What a subscriber receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received<T> {
    /// One message.
    Message(T),
    /// This many messages did not fit in the channel, and are lost. Told
    /// before the next message is, as soon as it is known; the lost ones are
    /// newer than those that still wait in the channel.
    Missed(u64),
}

/// How far the subscribers of a topic are behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lag {
    /// The topic's name.
    pub topic: &'static str,
    /// How many listen.
    pub subscribers: u64,
    /// Messages that wait to be read by the slowest of them.
    pub waiting: u64,
    /// Messages that some of them missed, ever.
    pub missed: u64,
}

/// One subscriber's end of a topic. Ends when dropped.
pub struct Subscription<T> {
    receiver: Receiver<T>,
    ear: Arc<Ear>,
    topic: Weak<Shared<T>>,
}

impl<T: Clone> Topic<T> {
    /// A topic that nobody listens to yet.
    pub fn new(name: &'static str) -> Self {
        let shared = Shared {
            listeners: RwLock::new(Arc::new([])),
            count: AtomicU64::new(0),
            missed: AtomicU64::new(0),
        };
        Self { name, shared: Arc::new(shared) }
    }

    /// The name given to it.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Tells every subscriber, and waits for none.
    ///
    /// `message` is made only if somebody listens.
    #[inline]
    pub fn publish(&self, message: impl FnOnce() -> T) {
        if self.shared.count.load(Ordering::Relaxed) != 0 {
            self.send(message());
        }
    }

    #[cold]
    fn send(&self, message: T) {
        // 1. A publisher sends while it holds the lock of the list.
        // 2. A subscriber that handles a message subscribes or leaves.
        // 3. Both wait for each other.
        // Hence the copy: the lock is free again when the first send begins.
        let listeners = self.shared.listeners.read().clone();
        for listener in listeners.iter() {
            if listener.sender.try_send(message.clone()).is_err() {
                listener.ear.missed.fetch_add(1, Ordering::Relaxed);
                self.shared.missed.fetch_add(1, Ordering::Relaxed);
            }
            listener.ear.wake();
        }
    }

    /// Listens from now on, with room for `capacity` messages (at least one)
    /// that were published and not read yet.
    pub fn subscribe(&self, capacity: usize) -> Subscription<T> {
        let (sender, receiver) = bounded(capacity.max(1));
        let ear = Arc::<Ear>::default();
        let listener = Listener { sender, ear: ear.clone() };
        self.shared.change(|listeners| listeners.push(listener));
        Subscription { receiver, ear, topic: Arc::downgrade(&self.shared) }
    }

    /// How many listen.
    pub fn subscribers(&self) -> u64 {
        self.shared.count.load(Ordering::Relaxed)
    }

    /// How far its subscribers are behind.
    pub fn lag(&self) -> Lag {
        let listeners = self.shared.listeners.read().clone();
        let waiting = listeners.iter().map(|listener| listener.sender.len()).max();
        Lag {
            topic: self.name,
            subscribers: listeners.len() as u64,
            waiting: waiting.unwrap_or(0) as u64,
            missed: self.missed(),
        }
    }

    /// How many messages were missed by some subscriber since the beginning.
    pub fn missed(&self) -> u64 {
        self.shared.missed.load(Ordering::Relaxed)
    }
}

impl<T> Shared<T> {
    fn change(&self, change: impl FnOnce(&mut Vec<Listener<T>>)) {
        let mut current = self.listeners.write();
        let mut listeners = current.to_vec();
        change(&mut listeners);
        self.count.store(listeners.len() as u64, Ordering::Relaxed);
        *current = listeners.into();
    }
}

/// Nobody publishes any more: a publisher has a handle.
impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        let listeners = std::mem::replace(self.listeners.get_mut(), Arc::new([]));
        let ears: Vec<_> = listeners.iter().map(|listener| listener.ear.clone()).collect();
        // With the senders goes what a task would find that wakes up too early.
        drop(listeners);
        for ear in ears {
            ear.wake();
        }
    }
}

impl<T> Subscription<T> {
    /// The next message, or how many were missed; `None` when the topic has
    /// ended and everything was read.
    pub fn recv(&self) -> Option<Received<T>> {
        if let Some(missed) = self.take_missed() {
            return Some(missed);
        }
        self.receiver.recv().ok().map(Received::Message)
    }

    /// Like [`recv`](Self::recv), but waits no longer than `timeout`.
    ///
    /// # Errors
    /// `Timeout`, or `Disconnected` when the topic has ended.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Received<T>, RecvTimeoutError> {
        if let Some(missed) = self.take_missed() {
            return Ok(missed);
        }
        self.receiver.recv_timeout(timeout).map(Received::Message)
    }

    /// Like [`recv`](Self::recv), but does not wait at all.
    ///
    /// # Errors
    /// `Empty`, or `Disconnected` when the topic has ended.
    pub fn try_recv(&self) -> Result<Received<T>, TryRecvError> {
        if let Some(missed) = self.take_missed() {
            return Ok(missed);
        }
        self.receiver.try_recv().map(Received::Message)
    }

    /// Like [`recv`](Self::recv), for a task. It may be dropped at any point: no
    /// message is lost with it.
    pub async fn recv_async(&mut self) -> Option<Received<T>> {
        poll_fn(|context| self.poll_recv(context)).await
    }

    /// As [`recv_async`](Self::recv_async), for who writes futures by hand.
    pub fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<Option<Received<T>>> {
        match self.poll_now() {
            Poll::Pending => self.go_to_sleep(context),
            ready @ Poll::Ready(_) => ready,
        }
    }

    /// Has the task woken by the next message, unless that has come meanwhile.
    fn go_to_sleep(&mut self, context: &mut Context<'_>) -> Poll<Option<Received<T>>> {
        *self.ear.waiting.lock() = Some(context.waker().clone());
        // 1. The task finds no message.
        // 2. A publisher sends one, and finds no task that waits.
        // 3. The task says that it waits, and sleeps beside the message.
        // Hence it looks again.
        self.poll_now()
    }

    fn poll_now(&self) -> Poll<Option<Received<T>>> {
        match self.try_recv() {
            Ok(received) => Poll::Ready(Some(received)),
            Err(TryRecvError::Disconnected) => Poll::Ready(None),
            Err(TryRecvError::Empty) => Poll::Pending,
        }
    }

    /// Lets `select` wait for a message too. When it is ready,
    /// [`try_recv`](Self::try_recv) has one, or the end.
    pub fn watch<'a>(&'a self, select: &mut Select<'a>) {
        select.recv(&self.receiver);
    }

    /// How many messages were missed and not told of yet.
    pub fn lag(&self) -> u64 {
        self.ear.missed.load(Ordering::Relaxed)
    }

    fn take_missed(&self) -> Option<Received<T>> {
        match self.ear.missed.load(Ordering::Relaxed) {
            0 => None,
            _ => Some(Received::Missed(self.ear.missed.swap(0, Ordering::Relaxed))),
        }
    }
}

impl<T> Drop for Subscription<T> {
    fn drop(&mut self) {
        if let Some(topic) = self.topic.upgrade() {
            topic.change(|listeners| {
                listeners.retain(|one| !Arc::ptr_eq(&one.ear, &self.ear));
            });
        }
    }
}

impl<T> Clone for Listener<T> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), ear: self.ear.clone() }
    }
}

impl<T> Clone for Topic<T> {
    fn clone(&self) -> Self {
        Self { name: self.name, shared: self.shared.clone() }
    }
}

impl<T> fmt::Debug for Topic<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topic")
            .field("name", &self.name)
            .field("subscribers", &self.shared.count)
            .field("missed", &self.shared.missed)
            .finish()
    }
}

impl<T> fmt::Debug for Subscription<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("waiting", &self.receiver.len())
            .field("missed", &self.ear.missed)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::task::Wake;

    use super::*;

    fn read_all(subscription: &Subscription<u32>) -> Vec<Received<u32>> {
        std::iter::from_fn(|| subscription.try_recv().ok()).collect()
    }

    #[test]
    fn a_message_reaches_every_subscriber_in_order() {
        let topic = Topic::new("numbers");
        let (first, second) = (topic.subscribe(4), topic.subscribe(4));
        (1..=3).for_each(|number| topic.publish(|| number));
        let expected: Vec<_> = (1..=3).map(Received::Message).collect();
        assert_eq!(read_all(&first), expected);
        assert_eq!(read_all(&second), expected);
    }

    #[test]
    fn nothing_is_made_for_a_topic_without_subscribers() {
        let topic: Topic<u32> = Topic::new("numbers");
        topic.publish(|| unreachable!("nobody listens"));
        drop(topic.subscribe(1));
        topic.publish(|| unreachable!("nobody listens any more"));
    }

    #[test]
    fn a_full_subscriber_is_told_how_many_it_missed_and_others_miss_nothing() {
        let topic = Topic::new("numbers");
        let (slow, quick) = (topic.subscribe(2), topic.subscribe(9));
        (1..=5).for_each(|number| topic.publish(|| number));
        assert_eq!((slow.lag(), topic.missed()), (3, 3));
        assert_eq!(
            read_all(&slow),
            [Received::Missed(3), Received::Message(1), Received::Message(2)]
        );
        assert_eq!(read_all(&quick).len(), 5);
        topic.publish(|| 6);
        assert_eq!(read_all(&slow), [Received::Message(6)]);
    }

    #[test]
    fn the_slowest_subscriber_tells_how_far_they_are_behind() {
        let topic = Topic::new("numbers");
        let (_slow, quick) = (topic.subscribe(2), topic.subscribe(9));
        (1..=3).for_each(|number| topic.publish(|| number));
        assert_eq!(read_all(&quick).len(), 3);
        let lag = Lag { topic: "numbers", subscribers: 2, waiting: 2, missed: 1 };
        assert_eq!(topic.lag(), lag);
    }

    #[test]
    fn a_subscription_ends_when_dropped() {
        let topic: Topic<u32> = Topic::new("numbers");
        let subscription = topic.subscribe(1);
        assert_eq!(topic.subscribers(), 1);
        drop(subscription);
        assert_eq!(topic.subscribers(), 0);
    }

    #[test]
    fn a_subscriber_outlives_its_topic_and_reads_what_was_sent() {
        let topic = Topic::new("numbers");
        let subscription = topic.subscribe(1);
        topic.publish(|| 1);
        drop(topic);
        assert_eq!(subscription.recv(), Some(Received::Message(1)));
        assert_eq!(subscription.try_recv(), Err(TryRecvError::Disconnected));
    }

    /// Polls as a task would that was woken.
    fn polled(subscription: &mut Subscription<u32>, waker: &Waker) -> Poll<Option<Received<u32>>> {
        subscription.poll_recv(&mut Context::from_waker(waker))
    }

    /// Counts how often it is woken.
    #[derive(Default)]
    struct Woken(AtomicU64);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_task_is_woken_by_a_message_by_what_it_misses_and_by_the_end() {
        let topic = Topic::new("numbers");
        let mut subscription = topic.subscribe(1);
        let woken = Arc::<Woken>::default();
        let waker = Waker::from(woken.clone());
        let times = || woken.0.load(Ordering::Relaxed);
        assert!(polled(&mut subscription, &waker).is_pending());
        topic.publish(|| 1);
        assert_eq!(times(), 1);
        topic.publish(|| 2);
        assert_eq!(polled(&mut subscription, &waker), Poll::Ready(Some(Received::Missed(1))));
        assert_eq!(polled(&mut subscription, &waker), Poll::Ready(Some(Received::Message(1))));
        assert!(polled(&mut subscription, &waker).is_pending());
        drop(topic);
        assert_eq!(times(), 2);
        assert_eq!(polled(&mut subscription, &waker), Poll::Ready(None));
    }

    #[test]
    fn a_message_that_comes_while_a_task_goes_to_sleep_is_not_slept_through() {
        let topic = Topic::new("numbers");
        let mut subscription = topic.subscribe(1);
        assert!(subscription.poll_now().is_pending());
        topic.publish(|| 1);
        let slept = subscription.go_to_sleep(&mut Context::from_waker(Waker::noop()));
        assert_eq!(slept, Poll::Ready(Some(Received::Message(1))));
    }

    #[test]
    fn a_subscriber_may_subscribe_publish_and_leave_while_a_message_is_made() {
        let topic = Topic::new("numbers");
        let outer = topic.subscribe(4);
        topic.publish(|| {
            drop(topic.subscribe(1));
            topic.publish(|| 1);
            2
        });
        assert_eq!(read_all(&outer), [Received::Message(1), Received::Message(2)]);
    }
}
