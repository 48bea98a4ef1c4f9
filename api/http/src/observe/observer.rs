//! Whoever looks on while requests are answered.

use std::borrow::Cow;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use distcache::{Engine, Stopwatch};

use super::{DoorWatch, History, Meter, Operation, Outcome, SlowLog};
use crate::escapes::decode;
use crate::pairs::Pairs;
use crate::routes::ROOT_KEYSPACE;
use crate::{Request, Response};

/// What is slow if nothing else is said: longer than most people wait.
const SLOW_AFTER: Duration = Duration::from_secs(1);

/// Counts and times requests, and writes those down that were slow.
#[derive(Debug)]
pub(crate) struct Observer {
    pub(crate) meter: Meter,
    pub(crate) door: Arc<DoorWatch>,
    pub(crate) history: Option<History>,
    pub(crate) slow: SlowLog,
    /// Since when there are requests.
    pub(crate) begun: Stopwatch,
}

impl Observer {
    pub(crate) fn new() -> Self {
        Self {
            meter: Meter::default(),
            door: Arc::default(),
            history: None,
            slow: SlowLog::new(SLOW_AFTER),
            begun: Stopwatch::start(),
        }
    }

    /// A request was refused before its body was read.
    pub(crate) fn note_refused(&self, request: &Request<'_>, status: u16) {
        let (operation, outcome) = (Operation::of(request), Outcome::of_status(status));
        self.meter.note(operation, outcome, Duration::ZERO);
    }

    /// A request was answered.
    pub(crate) fn note(
        &self,
        engine: &Engine,
        request: &Request<'_>,
        response: &Response,
        took: Duration,
    ) {
        self.count(request, response, took);
        if self.slow.is_slow(took) {
            self.slow.tell(|| describe(engine, request, response, took));
        }
    }

    /// A request was answered where there is no engine that could hash its key.
    pub(crate) fn note_answered(&self, request: &Request<'_>, response: &Response, took: Duration) {
        self.count(request, response, took);
        if self.slow.is_slow(took) {
            self.slow.tell(|| outline(request, response, took));
        }
    }

    fn count(&self, request: &Request<'_>, response: &Response, took: Duration) {
        let (operation, outcome) = (Operation::of(request), Outcome::of_status(response.status()));
        self.meter.note(operation, outcome, took);
    }
}

/// A request that was slow, without its key: the operation, where, how long, and
/// how it was come by.
#[cold]
fn describe(engine: &Engine, request: &Request<'_>, response: &Response, took: Duration) -> String {
    let mut line = outline(request, response, took);
    if let Some((keyspace, hash)) = subject(engine, request) {
        write!(line, ", keyspace {keyspace:?}, key hash {hash:016x}")
            .expect("a String takes all text");
    }
    line
}

/// The operation, how long it took, and how the answer was come by.
#[cold]
fn outline(request: &Request<'_>, response: &Response, took: Duration) -> String {
    let (operation, status) = (Operation::of(request).name(), response.status());
    let mut line = format!("{operation}, {status}, {} ms", took.as_millis());
    let how = response.headers().iter().find(|(name, _)| *name == "cache-status");
    if let Some((_, how)) = how {
        write!(line, ", {how}").expect("a String takes all text");
    }
    line
}

/// The keyspace that a request is about, and the hash of its key.
fn subject(engine: &Engine, request: &Request<'_>) -> Option<(String, u64)> {
    let (keyspace, key) = match request.path.strip_prefix("/v1/keyspaces/") {
        Some(path) => {
            let mut segments = path.split('/');
            let (name, keys, key) = (segments.next()?, segments.next()?, segments.next()?);
            let key = (keys == "keys").then_some(key)?;
            (String::from_utf8_lossy(&decode(name).ok()?).into_owned(), decode(key).ok()?)
        }
        None if matches!(request.path, "/" | "/cache/get" | "/cache/set") => {
            let key = Pairs::of(request.query).ok()?.take_all("key").into_iter().next()?;
            (ROOT_KEYSPACE.to_owned(), Cow::Owned(key.into_owned().into_bytes()))
        }
        None => return None,
    };
    let manager = engine.manager();
    let hash = manager.key_hash(&manager.keyspace(&keyspace)?, &key);
    Some((keyspace, hash))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use distcache::KeyspaceConfig;

    use super::*;
    use crate::{HeaderName, Method};

    fn described(path: &str, query: Option<&str>) -> String {
        let engine = Engine::builder().keyspace(KeyspaceConfig::new("users")).start().unwrap();
        engine.add_keyspace(KeyspaceConfig::new(ROOT_KEYSPACE)).unwrap();
        let none: &[(HeaderName, &str)] = &[];
        let (method, authority, body) = (Method::Get, None, Bytes::new());
        let request = Request { method, authority, path, query, headers: &none, body };
        let response = Response::empty(200).with_header("cache-status", "distcache; hit");
        describe(&engine, &request, &response, Duration::from_millis(1_234))
    }

    #[test]
    fn a_slow_request_is_told_without_its_key() {
        let line = described("/v1/keyspaces/users/keys/secret", None);
        let (story, hash) = line.rsplit_once(' ').unwrap();
        assert_eq!(story, "get, 200, 1234 ms, distcache; hit, keyspace \"users\", key hash");
        assert!(hash.len() == 16 && u64::from_str_radix(hash, 16).is_ok(), "{hash}");
        let line = described("/", Some("key=secret"));
        assert!(line.contains("keyspace \"default\", key hash "), "{line}");
        assert!(!line.contains("secret"), "{line}");
        assert_eq!(described("/secret", Some("key=secret")), "other, 200, 1234 ms, distcache; hit");
    }
}
