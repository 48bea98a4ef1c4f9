//! Values that an HTTP server has.

mod builder;
mod client;
mod dial;
mod error;
mod freshness;
mod origin;
mod template;
mod time;
mod validator;

pub use builder::HttpBuilder;
pub use error::{HttpConfigError, HttpError, HttpWait};

use std::fmt;
use std::time::Duration;

use client::{Client, Failure, drain};
use distcache::{
    Answer, CONTENT_TYPE_BYTES_MAX, Cancelled, Context, DataSource, Loaded, SourceError, Value,
};
use freshness::Freshness;
use origin::Origin;
use template::Template;
use time::Time;
use ureq::http::HeaderMap;
use ureq::http::header::{CONTENT_TYPE, RETRY_AFTER};
use validator::Mark;

/// A server that has a value at the URL of each key.
///
/// ```
/// use std::time::Duration;
/// use distcache::{Context, DataSource};
/// use distcache_sources::{Http, HttpError};
///
/// # let nobody = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
/// # let url = format!("http://{nobody}/users/{{key}}?full=1");
/// # let token = "secret";
/// // Such as "https://api.example.com/users/{key}?full=1".
/// let source = Http::builder(url)
///     .header("Accept", "application/json")
///     .bearer(token)
///     .timeout(Duration::from_secs(2))
///     .build()?;
///
/// // Nobody is there in this example.
/// let failed = source.fetch(b"42", &Context::unbounded()).unwrap_err();
/// assert!(matches!(failed.downcast_ref(), Some(HttpError::Connect { .. })));
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
///
/// # The key in the URL
///
/// The key stands for `{key}`, in the path or the query. All of it is
/// percent-encoded but letters, digits and `-._~`, so that no key leads to another
/// host, or to another part of the path: `../admin` is asked for as
/// `..%2Fadmin`. A key that would be the path's `.` or `..` or an empty part of it
/// is an error ([`HttpError::Key`]); and so is one whose URL would be longer than
/// 8,000 bytes. (Do not put a server behind it that takes `%2F` for a slash.)
///
/// # What the server answers
///
/// | answer | what is made of it |
/// |---|---|
/// | 200, 203, 204 | the value, with its `Content-Type` if that is one of 255 bytes at most |
/// | 304, if the source has asked by the value that the cache has | that is fresh again |
/// | 404, 410 | there is none |
/// | 301, 302, 303, 307, 308 with a `Location` | it is followed: three times, and only within the same scheme, host and port |
/// | any other | an error that names it, and says when the server asks to be tried again (`Retry-After`) |
///
/// # How long it is kept
///
/// As the answer says: `s-maxage`, else `max-age`, else `Expires` less `Date`; less
/// its `Age` and what the load took, and less the keyspace's jitter. What must not be kept
/// (`no-store`, `private`, `Vary: *`) is handed to those who wait for it and not kept.
/// `private` counts because a cache serves all who ask it; that the source has a token
/// does not: whoever gives it one decides that its answers are for all. An answer that
/// says nothing lives as long as the keyspace says. That the keyspace serves what is
/// stale is its own setting too; `must-revalidate` changes it only for what is stale
/// when it comes.
///
/// If the server gave an `ETag` or a `Last-Modified`, the value is asked for on that
/// condition; if it has not changed (304), it is not sent again:
///
/// | the answer said | asked for so | served without that |
/// |---|---|---|
/// | how long it is fresh, or nothing | when that is over, while the keyspace keeps what is stale | while it is fresh, and as the keyspace serves what is stale |
/// | that it is stale at once (`max-age=0` and the like) | each time | as the keyspace serves what is stale |
/// | `no-cache`, or that it is stale at once and must not be served so (`must-revalidate`, `proxy-revalidate`, `s-maxage`) | each time | never |
///
/// Who asks for a value at the same time shares one such request. Without `ETag` and
/// `Last-Modified`, what is not fresh when it comes is not kept.
pub struct Http {
    template: Template,
    client: Client,
    mark: Mark,
    timeout: Duration,
}

impl Http {
    /// A source whose values are at a URL with `{key}` in its path or query, such
    /// as `https://api.example.com/users/{key}`.
    pub fn builder(url: impl Into<String>) -> HttpBuilder {
        HttpBuilder::new(url.into())
    }

    fn load(&self, key: &[u8], context: &Context) -> Result<Answer, Failure> {
        let url = self.template.fill(key)?;
        let condition = context.validator().and_then(|text| self.mark.condition(text));
        let time = Time::new(context, self.timeout);
        let response = self.client.ask(url, condition.as_ref(), &time)?;
        let (status, headers) = (response.status().as_u16(), response.headers());
        let fresh = freshness::of(headers, time.taken());
        match (status, context.stale()) {
            (200 | 203 | 204, _) => {
                let loaded = self.described(headers, fresh);
                let value = self.client.read(response, &time)?;
                Ok(loaded(value).into())
            }
            (304, Some(stale)) if condition.is_some() => {
                drain(response);
                Ok(unchanged(stale, fresh))
            }
            (404 | 410, _) => {
                drain(response);
                Ok(Answer::NotFound)
            }
            (status, _) => {
                let retry_after = retry_after(headers);
                drain(response);
                Err(HttpError::Status { status, retry_after }.into())
            }
        }
    }

    /// A value with what its answer says of it.
    fn described(
        &self,
        headers: &HeaderMap,
        fresh: Freshness,
    ) -> impl FnOnce(Vec<u8>) -> Loaded + use<> {
        let (content_type, validator) = (content_type(headers), self.mark.validator(headers));
        move |value| described(value, fresh, content_type, validator)
    }
}

impl DataSource for Http {
    fn fetch(&self, key: &[u8], context: &Context) -> Result<Answer, SourceError> {
        self.load(key, context).map_err(|failure| match failure {
            Failure::Stuck(_) if context.is_cancelled() => Cancelled.into(),
            Failure::Stuck(error) => error.into(),
            Failure::Cancelled => Cancelled.into(),
        })
    }
}

impl fmt::Debug for Http {
    /// Without the URL and the headers, which may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http")
            .field("origin", self.template.origin())
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// What a server says of a value that the cache has: it has not changed.
fn unchanged(stale: &Value, fresh: Freshness) -> Answer {
    let again = || {
        let text = |text: Option<&str>| text.map(str::to_owned);
        let label = stale.label();
        described(stale.to_vec(), fresh, text(label.content_type()), text(label.validator())).into()
    };
    match fresh {
        Freshness::For(ttl) => Answer::Unchanged { ttl: Some(ttl) },
        Freshness::Unsaid => Answer::Unchanged { ttl: None },
        Freshness::NoCache if stale.is_no_cache() => Answer::Unchanged { ttl: None },
        // It was kept for longer than it may be from now on.
        Freshness::NoCache | Freshness::NoStore => again(),
    }
}

/// A value with what is said of it.
fn described(
    value: Vec<u8>,
    fresh: Freshness,
    content_type: Option<String>,
    validator: Option<String>,
) -> Loaded {
    let loaded = Loaded::new(value);
    let loaded = match content_type {
        Some(content_type) => loaded.content_type(content_type),
        None => loaded,
    };
    let loaded = match validator.filter(|_| fresh != Freshness::NoStore) {
        Some(validator) => loaded.validator(validator),
        None => loaded,
    };
    match fresh {
        Freshness::NoStore => loaded.ttl(Duration::ZERO),
        Freshness::NoCache => loaded.no_cache(),
        Freshness::For(ttl) => loaded.ttl(ttl),
        Freshness::Unsaid => loaded,
    }
}

/// One that cannot be kept is left away: the value is worth more.
fn content_type(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let is_short = (1..=CONTENT_TYPE_BYTES_MAX).contains(&text.len());
    (is_short && !text.contains('\t')).then(|| text.to_owned())
}

/// In seconds, or at a date by the server's own clock.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
    let seconds = text.parse::<u32>().map(|seconds| Duration::from_secs(seconds.into()));
    seconds.ok().or_else(|| freshness::until(headers, RETRY_AFTER))
}
