//! The routes without a door: an engine that is asked within the process.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use bytes::Bytes;
use distcache::codes::{self, Code};
use distcache::{Config, Engine, Keyspace, KeyspaceConfig, KeyspaceSettings, Ttl, Version};
use distcache_http::{
    Access, Body, HeaderName, Headers, Method, OriginPolicy, ROOT_KEYSPACE, Request, Response,
    Right, Routes, Service,
};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

/// The one entry that is there before each case.
pub(crate) const KEY: &str = "kept";
/// Its value.
pub(crate) const VALUE: &str = "as it was";

/// A token of those who may read.
pub(crate) const READ_TOKEN: &str = "reads-reads-reads-reads";

/// What a server answers when it, or what is behind it, has failed. Nothing that a
/// client sends may bring that about.
const FAILURES: [u16; 3] = [500, 502, 503];

/// A refusal repeats at most names and keys that the client has sent, and each of
/// their bytes may become an escape in it. The rest of it has so many bytes.
const REFUSAL_BYTES_MAX: usize = 1_500;
const ESCAPE_BYTES_MAX: usize = 8;

/// What each code that is known says happened.
static MEANINGS: LazyLock<BTreeMap<String, &str>> =
    LazyLock::new(|| codes::ALL.iter().map(|code| (code.to_string(), code.meaning())).collect());

/// No case takes nearly so long.
const PATIENCE: Duration = Duration::from_hours(1);

/// The keyspace behind `/`, as it is before each case.
fn root() -> KeyspaceConfig {
    KeyspaceConfig::new(ROOT_KEYSPACE).read_timeout(PATIENCE).write_timeout(PATIENCE)
}

/// An engine behind its routes.
pub(crate) struct Server {
    engine: Engine,
    routes: Routes,
    /// The same on a loopback address, for those who have a token.
    guarded: Routes,
    runtime: Runtime,
    /// How the keyspace behind `/` works before each case.
    settings: KeyspaceSettings,
    /// The version of the entry that is there then.
    version: Mutex<Version>,
}

/// A request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    pub(crate) query: Option<&'a str>,
    pub(crate) headers: &'a [(HeaderName, Vec<u8>)],
    pub(crate) body: &'a [u8],
}

impl<'a> Ask<'a> {
    pub(crate) fn new(method: Method, path: &'a str) -> Self {
        Self { method, path, query: None, headers: &[], body: b"" }
    }

    pub(crate) fn query(self, query: &'a str) -> Self {
        Self { query: Some(query), ..self }
    }

    pub(crate) fn headers(self, headers: &'a [(HeaderName, Vec<u8>)]) -> Self {
        Self { headers, ..self }
    }

    pub(crate) fn body(self, body: &'a [u8]) -> Self {
        Self { body, ..self }
    }

    /// Without the body: so it comes to be admitted.
    fn request<'r>(&self, headers: &'r Given<'r>) -> Request<'r>
    where
        'a: 'r,
    {
        let Self { method, path, query, .. } = *self;
        Request { method, authority: None, path, query, headers, body: Bytes::new() }
    }
}

/// An answer that was found to be one.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) kind: Option<String>,
    headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
    /// What went wrong, if anything did.
    pub(crate) code: Option<String>,
}

impl Server {
    pub(crate) fn start() -> Self {
        // One node: where a key lives is no matter here, and a scan has one step. On a
        // machine that is busy it may be silent for long, and is not to be replaced.
        let config = Config {
            data_nodes: 1,
            capacity_bytes: 64 << 20,
            silence_max: PATIENCE,
            call_timeout: PATIENCE,
            ..Config::default()
        };
        let engine = Engine::builder().config(config).keyspace(root()).start();
        let engine = engine.expect("the engine starts");
        let routes = Routes::new(engine.clone(), OriginPolicy::default());
        let access = Access::default();
        access.replace(vec![(READ_TOKEN.to_owned(), Right::Read)]).expect("a good token");
        let here = OriginPolicy::listening_on(([127, 0, 0, 1], 8080).into());
        let guarded = Routes::new(engine.clone(), here).access(access);
        let runtime = Builder::new_current_thread().build().expect("a runtime");
        let settings = root().settings();
        Self { engine, routes, guarded, runtime, settings, version: Mutex::new(Version::ZERO) }
    }

    /// Brings it back to what it is before each case: one keyspace, one entry.
    pub(crate) fn begin(&self) {
        if self.change().is_none() {
            return;
        }
        for name in self.engine.keyspaces().iter().filter(|name| *name != ROOT_KEYSPACE) {
            self.engine.delete_keyspace(name).expect("it is there");
        }
        self.engine.update_keyspace(root()).expect("the settings of the start");
        self.keyspace().clear().expect("the engine runs");
        let version = self.keyspace().put(KEY.as_bytes(), VALUE.as_bytes());
        *self.version.lock().expect("no case panics inside") = version.expect("there is room");
        assert_eq!(self.change(), None);
    }

    /// What is not as it is before each case.
    fn change(&self) -> Option<&'static str> {
        let keyspace = self.keyspace();
        let kept = keyspace.peek(KEY.as_bytes()).expect("the engine runs");
        let version = *self.version.lock().expect("no case panics inside");
        let is_kept = kept.is_some_and(|kept| {
            *kept == *VALUE.as_bytes() && kept.version() == version && kept.content_type().is_none()
        });
        if self.engine.keyspaces() != [ROOT_KEYSPACE] {
            Some("the keyspaces")
        } else if keyspace.config().settings() != self.settings {
            Some("the settings")
        } else if !is_kept {
            Some("the entry")
        } else if keyspace.ttl(KEY.as_bytes()).ok().flatten() != Some(Ttl::UntilEvicted) {
            Some("the time of the entry")
        } else {
            (self.keys().len() != 1).then_some("the keys")
        }
    }

    /// Asserts that nothing has changed since the case began.
    pub(crate) fn assert_untouched(&self, why: impl std::fmt::Debug) {
        assert_eq!(self.change(), None, "changed by {why:?}");
    }

    /// The keyspace behind `/`.
    pub(crate) fn keyspace(&self) -> Keyspace {
        self.engine.keyspace(ROOT_KEYSPACE).expect("it cannot be removed")
    }

    /// The names of all keyspaces.
    pub(crate) fn keyspaces(&self) -> Vec<String> {
        self.engine.keyspaces()
    }

    /// Every key behind `/`, as a scan finds them.
    pub(crate) fn keys(&self) -> BTreeSet<Vec<u8>> {
        let (keyspace, mut keys, mut from) = (self.keyspace(), BTreeSet::new(), None);
        loop {
            let page = keyspace.scan(b"*", from, 1_000).expect("the engine runs");
            keys.extend(page.keys.into_iter().map(Vec::from));
            from = page.next;
            if from.is_none() {
                return keys;
            }
        }
    }

    /// Asks, and checks what holds for every answer but that a refusal has changed
    /// nothing: a case may be in the middle of something.
    pub(crate) fn ask(&self, ask: Ask<'_>) -> Answer {
        let headers = Given(ask.headers);
        let request = ask.request(&headers);
        if let Err(problem) = self.routes.admit(&request) {
            return Answer::of(problem.into_response(), &ask);
        }
        let body = Bytes::copy_from_slice(ask.body);
        let response = self.runtime.block_on(self.routes.call(Request { body, ..request }));
        Answer::of(response, &ask)
    }

    /// Asks, and checks in addition that what was refused has changed nothing.
    pub(crate) fn ask_first(&self, ask: Ask<'_>) -> Answer {
        let answer = self.ask(ask);
        if answer.is_refusal() {
            self.assert_untouched((ask, &answer));
        }
        answer
    }

    /// How a stranger is refused where there are tokens, on a loopback address; none
    /// who is let in.
    pub(crate) fn refusal(&self, ask: Ask<'_>) -> Option<Answer> {
        let headers = Given(ask.headers);
        let refused = self.guarded.admit(&ask.request(&headers)).err();
        refused.map(|problem| Answer::of(problem.into_response(), &ask))
    }
}

impl Answer {
    /// Reads an answer, and checks that it is one.
    fn of(response: Response, ask: &Ask<'_>) -> Self {
        let headers = response.headers().iter();
        let mut answer = Self {
            status: response.status(),
            kind: response.content_type().map(|kind| kind.clone().into_owned()),
            headers: headers.map(|(name, value)| (*name, value.clone().into_owned())).collect(),
            body: match response.into_body() {
                Body::Whole(bytes) => bytes,
                Body::Chunks(_) => Bytes::new(),
            },
            code: None,
        };
        answer.check(ask);
        answer
    }

    /// Whether the client is told that it gets nothing.
    pub(crate) fn is_refusal(&self) -> bool {
        400 <= self.status
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| &**value)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// Whether it is this refusal.
    pub(crate) fn is(&self, status: u16, code: Code) -> bool {
        self.status == status && self.code.as_deref() == Some(&*code.to_string())
    }

    fn check(&mut self, ask: &Ask<'_>) {
        assert!(!FAILURES.contains(&self.status), "{ask:?}: {self:?}");
        let values = self.headers.iter().map(|(_, value)| value).chain(&self.kind);
        for value in values {
            let is_sent = value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
            assert!(is_sent, "no header can have {value:?}: {ask:?}");
        }
        if !self.is_refusal() {
            return;
        }
        assert_eq!(self.kind.as_deref(), Some("application/problem+json"), "{ask:?}");
        let sent = ask.path.len() + ask.query.map_or(0, str::len) + ask.body.len();
        let most = REFUSAL_BYTES_MAX + ESCAPE_BYTES_MAX * sent;
        assert!(self.body.len() <= most, "{} bytes for {sent}: {self:?}", self.body.len());
        let problem = self.json();
        let code = problem["code"].as_str().expect("a code").to_owned();
        let meaning = MEANINGS.get(&code);
        let meaning = meaning.unwrap_or_else(|| panic!("{code} is not known: {ask:?}"));
        assert_eq!(problem["title"], *meaning);
        assert_eq!(problem["status"], self.status);
        assert_eq!(self.status == 405, self.header("allow").is_some(), "{ask:?}");
        self.code = Some(code);
    }
}

/// Headers of any bytes.
struct Given<'a>(&'a [(HeaderName, Vec<u8>)]);

impl Headers for Given<'_> {
    fn value_of(&self, name: HeaderName) -> Option<&[u8]> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| &**value)
    }

    fn each_value_of(&self, name: HeaderName, show: &mut dyn FnMut(&[u8])) {
        let same = self.0.iter().filter(|(known, _)| *known == name);
        same.for_each(|(_, value)| show(value));
    }
}
