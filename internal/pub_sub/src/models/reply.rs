//! The reply slot: what two ends of it may do at the same time.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use loom::thread;

use super::{block_on, explore, patient};
use crate::{Abandoned, reply_slot};

#[test]
fn an_answer_wakes_a_thread_that_is_about_to_park() {
    explore([Some(Ok(7))], || {
        let (replier, waiter) = reply_slot();
        thread::spawn(move || replier.answer(7));
        waiter.wait(&patient())
    });
}

#[test]
fn a_dropped_replier_wakes_a_thread_that_is_about_to_park() {
    explore([Some(Err(Abandoned))], || {
        let (replier, waiter) = reply_slot::<u8>();
        thread::spawn(move || drop(replier));
        waiter.wait(&patient())
    });
}

#[test]
fn either_the_answer_or_the_end_of_its_time_reaches_a_thread() {
    explore([Some(Ok(7)), None], || {
        let (replier, waiter) = reply_slot();
        let expiry = waiter.expiry();
        thread::spawn(move || replier.answer(7));
        thread::spawn(move || expiry.expire());
        waiter.wait(&patient())
    });
}

#[test]
fn an_answer_wakes_a_future_that_is_about_to_wait() {
    explore([Some(Ok(7))], || {
        let (replier, waiter) = reply_slot();
        thread::spawn(move || replier.answer(7));
        block_on(waiter)
    });
}

#[test]
fn a_dropped_replier_wakes_a_future_that_is_about_to_wait() {
    explore([Some(Err(Abandoned))], || {
        let (replier, waiter) = reply_slot::<u8>();
        thread::spawn(move || drop(replier));
        block_on(waiter)
    });
}

#[test]
fn either_the_answer_or_the_end_of_its_time_reaches_a_future() {
    explore([Some(Ok(7)), None], || {
        let (replier, waiter) = reply_slot();
        let expiry = waiter.expiry();
        thread::spawn(move || replier.answer(7));
        thread::spawn(move || expiry.expire());
        block_on(waiter)
    });
}

#[test]
fn a_future_polled_by_another_task_wakes_that_task() {
    explore([Some(Ok(7))], || {
        let (replier, mut waiter) = reply_slot();
        thread::spawn(move || replier.answer(7));
        let mut of_the_first_task = Context::from_waker(Waker::noop());
        match Pin::new(&mut waiter).poll(&mut of_the_first_task) {
            Poll::Ready(reply) => reply,
            Poll::Pending => block_on(waiter),
        }
    });
}

/// A reply that counts how often it was dropped.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_reply_that_nobody_wants_is_dropped_once_and_at_once() {
    explore([1], || {
        let drops = Arc::new(AtomicUsize::new(0));
        let (replier, waiter) = reply_slot();
        // A timer that looks at the slot keeps it alive for a while.
        let expiry = waiter.expiry();
        let reply = Counted(drops.clone());
        let node = thread::spawn(move || replier.answer(reply));
        drop(waiter);
        node.join().expect("an answer does not panic");
        assert!(!expiry.is_waiting());
        drops.load(Ordering::Relaxed)
    });
}

#[test]
fn a_reply_is_dropped_once_whether_it_is_taken_or_comes_too_late() {
    explore([1], || {
        let drops = Arc::new(AtomicUsize::new(0));
        let (replier, waiter) = reply_slot();
        let expiry = waiter.expiry();
        let reply = Counted(drops.clone());
        let node = thread::spawn(move || replier.answer(reply));
        let timer = thread::spawn({
            let expiry = expiry.clone();
            move || expiry.expire()
        });
        drop(waiter.wait(&patient()));
        node.join().expect("an answer does not panic");
        timer.join().expect("an expiry does not panic");
        drops.load(Ordering::Relaxed)
    });
}

#[test]
fn a_replier_that_finds_itself_unwanted_spares_nobody_an_answer() {
    explore([(false, Some(Ok(7))), (false, None), (true, None)], || {
        let (replier, waiter) = reply_slot();
        let expiry = waiter.expiry();
        let node = thread::spawn(move || {
            let spared = replier.is_unwanted();
            if !spared {
                replier.answer(7);
            }
            spared
        });
        thread::spawn(move || expiry.expire());
        let reply = waiter.wait(&patient());
        (node.join().expect("an answer does not panic"), reply)
    });
}
