//! The way to the collector: an HTTP client that blocks, on the threads of the SDK,
//! which have nothing else to do.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use distcache::codes;
use distcache_config::OtelSettings;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use ureq::Agent;
use ureq::http::{self, HeaderMap, HeaderName, HeaderValue};

/// What is read of an answer: it says which spans were refused, and is short.
const ANSWER_BYTES_MAX: u64 = 64 << 10;

/// Sends what it is given to the collector.
pub(super) struct Collector {
    agent: Agent,
    /// Sent with every export; secret.
    headers: HeaderMap,
    /// Whether the last export has failed: told when that changes, not each time.
    is_failing: AtomicBool,
}

impl Collector {
    pub(super) fn new(settings: &OtelSettings) -> Result<Self, http::Error> {
        let mut headers = HeaderMap::new();
        for (name, value) in &settings.headers {
            let mut value = HeaderValue::from_str(value.reveal())?;
            value.set_sensitive(true);
            headers.append(HeaderName::try_from(name)?, value);
        }
        let config = Agent::config_builder()
            .timeout_global(Some(settings.export_timeout))
            .http_status_as_error(false)
            .max_redirects(0);
        Ok(Self { agent: config.build().into(), headers, is_failing: AtomicBool::new(false) })
    }

    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, ureq::Error> {
        let (mut parts, body) = request.into_parts();
        parts.headers.extend(self.headers.clone());
        let answer = self.agent.run(Request::from_parts(parts, &body[..]))?;
        let (parts, mut body) = answer.into_parts();
        let body = body.with_config().limit(ANSWER_BYTES_MAX).read_to_vec()?;
        Ok(Response::from_parts(parts, body.into()))
    }

    fn tell(&self, sent: &Result<Response<Bytes>, ureq::Error>) {
        let failure = match sent {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("the collector answers {}", answer.status().as_u16())),
            Err(error) => Some(format!("the collector does not answer: {error}")),
        };
        let was_failing = self.is_failing.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(what) if !was_failing => {
                let code = codes::EXPORT_FAILED;
                log::warn!("{code} {what} ({})", code.remedy());
            }
            None if was_failing => log::info!("the collector takes spans and numbers again"),
            _ => {}
        }
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let sent = self.send(request);
        self.tell(&sent);
        Ok(sent?)
    }
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collector").field("is_failing", &self.is_failing).finish_non_exhaustive()
    }
}
