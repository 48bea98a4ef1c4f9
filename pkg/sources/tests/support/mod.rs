//! What the tests of every source share.

pub(crate) mod suite;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use distcache::{Answer, Context, DataSource, SourceError};
use distcache_sources::Error;

/// Longer than any step of a test takes on a busy machine.
pub(crate) fn patient() -> Context {
    Context::within(Duration::from_mins(1))
}

pub(crate) fn within_ms(milliseconds: u64) -> Context {
    Context::within(Duration::from_millis(milliseconds))
}

/// What a source said, as the error that it is.
pub(crate) fn error(error: &SourceError) -> &Error {
    error.downcast_ref().expect("a source's own error")
}

pub(crate) fn found(value: impl Into<Vec<u8>>) -> Answer {
    Answer::from(value.into())
}

pub(crate) fn fetch(source: &impl DataSource, key: impl AsRef<[u8]>) -> Answer {
    source.fetch(key.as_ref(), &patient()).expect("an answer")
}

pub(crate) fn fetch_many(source: &impl DataSource, keys: &[&[u8]]) -> Vec<Answer> {
    let answers = source.fetch_many(keys, &patient()).expect("answers");
    answers.into_iter().map(|answer| answer.expect("an answer")).collect()
}

/// The error of a fetch that must fail.
pub(crate) fn failure(source: &impl DataSource, key: impl AsRef<[u8]>, context: &Context) -> Error {
    let failed = source.fetch(key.as_ref(), context).expect_err("a failure");
    error(&failed).clone()
}

/// Neither text of an error may show any of these.
pub(crate) fn assert_silent(error: &SourceError, secrets: &[&str]) {
    for text in [error.to_string(), format!("{error:?}")] {
        for secret in secrets {
            assert!(!text.contains(secret), "{text} shows {secret}");
        }
    }
}

/// Runs a task while another one waits for it to have begun, and cancels it.
pub(crate) fn cancelled<T: Send>(
    has_begun: impl Fn() -> bool,
    task: impl FnOnce(&Context) -> T + Send,
) -> T {
    let flag = Arc::new(AtomicBool::new(false));
    let context = patient().cancelled_by(Arc::clone(&flag));
    thread::scope(|scope| {
        let task = scope.spawn(|| task(&context));
        until("the task begins", || has_begun() || task.is_finished());
        flag.store(true, Ordering::Release);
        let result = task.join().expect("the task does not panic");
        assert!(!context.is_over(), "it was not the cancellation that ended it");
        result
    })
}

/// Waits for a condition, for half a minute at most.
pub(crate) fn until(what: &str, condition: impl Fn() -> bool) {
    let patience = Context::within(Duration::from_secs(30));
    while !condition() {
        assert!(!patience.is_over(), "waited in vain until {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
