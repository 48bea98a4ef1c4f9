//! What is asked of the API server, and how much of its answer is read.

use std::time::Duration;

use k8s_openapi::List;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{ListParams, Request, WatchParams};
use kube::client::Body;
use kube::core::{Status, WatchEvent};
use kube::{Client, Config, Resource};
use tokio::time::timeout;

use super::Wanted;
use super::lines::{Broken, Lines, whole};
use super::slices::SLICES_MAX;
use distcache_cluster::excerpt::{excerpt, told};

/// The longest list. That of as many slices as are kept, with the most endpoints that
/// there may be, is less.
const LIST_BYTES_MAX: usize = 8 << 20;

/// The longest answer that says why there is none.
const STATUS_BYTES_MAX: usize = 64 << 10;

/// To connect, and to hear how an answer begins.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// The status of a version that the API server remembers no more.
const GONE: u16 = 410;

/// Why it has not told.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It remembers nothing as old as that: all is to be listed anew.
    Gone,
    /// The answer ended before its end.
    Cut,
    /// Another reason.
    Failed(String),
}

impl From<Broken> for Refusal {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Cut(_) => Self::Cut,
            Broken::TooLong => Self::Failed("its answer is longer than any may be".to_owned()),
        }
    }
}

/// One that is asked for slices.
pub(super) struct Api {
    client: Client,
    request: Request,
    selector: String,
    /// Where they are.
    pub(super) namespace: String,
}

impl Api {
    /// Reads who to be and whom to ask. Connects to nobody yet.
    pub(super) async fn open(wanted: &Wanted) -> Result<Self, String> {
        let mut config = match &wanted.server {
            Some(url) => Config::new(url.parse::<http::Uri>().map_err(|error| told(&error))?),
            None => Config::infer().await.map_err(|error| told(&error))?,
        };
        config.connect_timeout = Some(ANSWER_WITHIN);
        config.default_retry = false;
        let namespace =
            wanted.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let client = Client::try_from(config).map_err(|error| told(&error))?;
        let request = Request::new(EndpointSlice::url_path(&(), Some(&namespace)));
        Ok(Self { client, request, selector: wanted.selector.clone(), namespace })
    }

    /// All slices, and the version that they are of.
    pub(super) async fn list(&self) -> Result<(Vec<EndpointSlice>, String), Refusal> {
        let limit = u32::try_from(SLICES_MAX).unwrap_or(u32::MAX);
        let asked = self.request.list(&ListParams::default().labels(&self.selector).limit(limit));
        let asked = asked.map_err(|error| Refusal::Failed(told(&error)))?;
        let all = async {
            let body = self.ask(asked.map(Body::from)).await?;
            Ok(whole(body, LIST_BYTES_MAX).await?)
        };
        let text = timeout(ANSWER_WITHIN, all).await.unwrap_or_else(|_elapsed| Err(late()))?;
        let list: List<EndpointSlice> = serde_json::from_slice(&text).map_err(|e| wrong(&e))?;
        if list.metadata.continue_.is_some_and(|more| !more.is_empty()) {
            return Err(Refusal::Failed(format!("there are more than {SLICES_MAX} slices")));
        }
        let version = list.metadata.resource_version.filter(|version| !version.is_empty());
        let version = version.ok_or_else(|| Refusal::Failed("its list has no version".into()))?;
        Ok((list.items, version))
    }

    /// What happens to them from a version on.
    pub(super) async fn watch(&self, version: &str, time: Duration) -> Result<Events, Refusal> {
        let seconds = u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        let watched = WatchParams::default().labels(&self.selector).timeout(seconds);
        let asked = self.request.watch(&watched, version);
        let asked = asked.map_err(|error| Refusal::Failed(told(&error)))?;
        let body = timeout(ANSWER_WITHIN, self.ask(asked.map(Body::from))).await;
        let body = body.unwrap_or_else(|_elapsed| Err(late()))?;
        Ok(Events(Lines::of(body)))
    }

    /// The body of an answer that is one.
    async fn ask(&self, asked: http::Request<Body>) -> Result<Body, Refusal> {
        let answer = self.client.send(asked).await;
        let answer = answer.map_err(|error| Refusal::Failed(told(&error)))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer.into_body());
        }
        if status.as_u16() == GONE {
            return Err(Refusal::Gone);
        }
        let text = whole(answer.into_body(), STATUS_BYTES_MAX).await.unwrap_or_default();
        let why = match serde_json::from_slice::<Status>(&text) {
            Ok(said) => excerpt(&said.message),
            Err(_) => String::new(),
        };
        Err(Refusal::Failed(format!("it answers {status}: {why}")))
    }
}

fn late() -> Refusal {
    Refusal::Failed(format!("no answer within {ANSWER_WITHIN:?}"))
}

fn wrong(error: &serde_json::Error) -> Refusal {
    Refusal::Failed(format!("its answer is none: {}", told(error)))
}

/// A watch.
pub(super) struct Events(Lines);

impl Events {
    /// The next event; `None` when the watch is over.
    pub(super) async fn next(&mut self) -> Result<Option<WatchEvent<EndpointSlice>>, Refusal> {
        let Some(line) = self.0.next().await? else { return Ok(None) };
        match serde_json::from_slice(&line).map_err(|error| wrong(&error))? {
            WatchEvent::Error(status) if status.code == GONE => Err(Refusal::Gone),
            WatchEvent::Error(status) => {
                let why = excerpt(&status.message);
                Err(Refusal::Failed(format!("its watch ended with {}: {why}", status.code)))
            }
            event => Ok(Some(event)),
        }
    }
}
