//! `/v1/keyspaces`: which there are, how they work, and all of their keys at once.

pub(crate) mod hot;
pub(crate) mod settings;
pub(crate) mod walks;

use distcache::{BreakerState, CacheError, Engine, Error, Keyspace, KeyspaceConfig, codes};
use serde::Serialize;

use super::super::{ROOT_KEYSPACE, failure, no_keyspace};
use crate::escapes::decode;
use crate::pairs::Pairs;
use crate::{Method, Problem, Request, Response};
use settings::Settings;

/// What of a keyspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::routes) enum OfKeyspace {
    Itself,
    Clear,
    Scan,
    Invalidate,
    Stats,
    Hot,
}

/// A request about keyspaces.
pub(in crate::routes) struct Spaces<'a> {
    pub(in crate::routes) engine: &'a Engine,
    pub(in crate::routes) request: &'a Request<'a>,
}

#[derive(Serialize)]
struct List {
    keyspaces: Vec<Listed>,
}

#[derive(Serialize)]
struct Listed {
    name: String,
    entries: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct Described<'a> {
    name: &'a str,
    /// Whether values come from a source: by configuration only.
    source: bool,
    /// Whether writes go to a store.
    store: bool,
    /// What the circuit breaker of its source does.
    breaker: Option<&'static str>,
    settings: Settings,
}

impl Spaces<'_> {
    /// Answers what is asked of the keyspace that a segment names.
    pub(in crate::routes) async fn answer(
        &self,
        segment: &str,
        of_keyspace: OfKeyspace,
    ) -> Result<Response, Problem> {
        let bytes = decode(segment)?;
        let name = match str::from_utf8(&bytes) {
            Ok(name) => name,
            // What stood for those bytes would stand for others too.
            Err(_) if self.is_to_make(of_keyspace) => {
                return Err(failure::problem(&CacheError::KeyspaceNameInvalid.into()));
            }
            Err(_) => return Err(no_keyspace(&bytes)),
        };
        let keyspace = || self.engine.keyspace(name).map_err(|error| failure::problem(&error));
        match (of_keyspace, self.request.method) {
            (OfKeyspace::Itself, Method::Put) => self.make(name).await,
            (OfKeyspace::Itself, Method::Patch) => self.change(keyspace()?).await,
            (OfKeyspace::Itself, Method::Delete) => self.remove(name).await,
            (OfKeyspace::Itself, _) => self.describe(&keyspace()?),
            (OfKeyspace::Clear, _) => self.clear(&keyspace()?).await,
            (OfKeyspace::Scan, _) => self.scan(&keyspace()?).await,
            (OfKeyspace::Invalidate, _) => self.invalidate(&keyspace()?).await,
            (OfKeyspace::Stats, _) => self.stats(&keyspace()?).await,
            (OfKeyspace::Hot, _) => self.hot(&keyspace()?),
        }
    }

    fn is_to_make(&self, of_keyspace: OfKeyspace) -> bool {
        of_keyspace == OfKeyspace::Itself && self.request.method == Method::Put
    }

    /// `{"keyspaces":[{"name","entries","bytes"}]}`, in alphabetical order.
    pub(in crate::routes) async fn list(&self) -> Result<Response, Problem> {
        self.takes_nothing()?;
        let mut keyspaces = Vec::new();
        for name in self.engine.keyspaces() {
            match self.engine.stats_async(&name).await {
                Ok(stats) => {
                    let (entries, bytes) = (stats.entries, stats.bytes);
                    keyspaces.push(Listed { name, entries, bytes });
                }
                // It has gone since.
                Err(Error::Cache(CacheError::KeyspaceUnknown { .. })) => {}
                Err(error) => return Err(failure::problem(&error)),
            }
        }
        Ok(json(200, &List { keyspaces }))
    }

    fn describe(&self, keyspace: &Keyspace) -> Result<Response, Problem> {
        self.takes_nothing()?;
        Ok(described(200, keyspace))
    }

    /// 201; 200 if there is one with the same settings already.
    async fn make(&self, name: &str) -> Result<Response, Problem> {
        self.takes_nothing()?;
        let wanted = Settings::default().changed_by(&self.request.body)?;
        let wanted = wanted.to_engine(&KeyspaceConfig::new(name).settings())?;
        let config = KeyspaceConfig::new(name).with_settings(wanted.clone());
        match self.engine.add_keyspace_async(config).await {
            Ok(keyspace) => Ok(described(201, &keyspace)),
            Err(Error::Cache(CacheError::KeyspaceExists { .. })) => {
                let held = self.engine.keyspace(name).map_err(|error| failure::problem(&error))?;
                if held.config().settings() == wanted {
                    return Ok(described(200, &held));
                }
                let detail = format!("there is a keyspace {name:?}, with other settings");
                Err(Problem::new(409, codes::KEYSPACE_EXISTS).detail(detail))
            }
            Err(error) => Err(failure::problem(&error)),
        }
    }

    /// Changes the settings that are named; `null` stands for the default.
    async fn change(&self, keyspace: Keyspace) -> Result<Response, Problem> {
        self.takes_nothing()?;
        let config = keyspace.config();
        let before = config.settings();
        let wanted = Settings::of(&before).changed_by(&self.request.body)?.to_engine(&before)?;
        let changed = self.engine.update_keyspace_async(config.with_settings(wanted)).await;
        changed.map_err(|error| failure::problem(&error))?;
        Ok(described(200, &keyspace))
    }

    async fn remove(&self, name: &str) -> Result<Response, Problem> {
        self.takes_nothing()?;
        if name == ROOT_KEYSPACE {
            return Err(Problem::new(409, codes::KEYSPACE_OF_ROOT));
        }
        let removed = self.engine.delete_keyspace_async(name).await;
        removed.map(|()| Response::empty(204)).map_err(|error| failure::problem(&error))
    }

    fn takes_nothing(&self) -> Result<(), Problem> {
        Pairs::of(self.request.query)?.finish("this request takes no parameters")
    }
}

fn described(status: u16, keyspace: &Keyspace) -> Response {
    let config = keyspace.config();
    let settings = Settings::of(&config.settings());
    let described = Described {
        name: keyspace.name(),
        source: config.has_source(),
        store: config.has_store(),
        breaker: keyspace.breaker().map(breaker),
        settings,
    };
    json(status, &described)
}

fn breaker(state: BreakerState) -> &'static str {
    match state {
        BreakerState::Closed => "closed",
        BreakerState::Open => "open",
        BreakerState::HalfOpen => "half_open",
    }
}

/// A `limit` from 1 to `max`.
fn read_limit(text: &str, max: usize) -> Result<usize, Problem> {
    let limit = text.parse().ok().filter(|limit| (1..=max).contains(limit));
    limit.ok_or_else(|| invalid(format!("`limit` is a number from 1 to {max}")))
}

fn invalid(detail: String) -> Problem {
    Problem::new(400, codes::PARAMETER_INVALID).detail(detail)
}

pub(super) fn json(status: u16, value: &impl Serialize) -> Response {
    let mut document = serde_json::to_vec(value).expect("texts and numbers are JSON");
    document.push(b'\n');
    Response::of_type(status, "application/json", document.into())
}
