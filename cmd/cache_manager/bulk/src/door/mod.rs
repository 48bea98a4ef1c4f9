//! The server, as any client meets it: one request at a time, asked again where
//! that may help.

mod answer;
mod retry;
mod target;

use std::fmt;
use std::io::ErrorKind;
use std::thread;
use std::time::Duration;

use distcache::codes;
use serde::Deserialize;
use ureq::http::{HeaderValue, Method, Request, Uri, header};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Timeout};

pub(crate) use answer::Answer;
pub(crate) use target::Target;

use crate::Fault;

/// How long it may take to find the server and to connect.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How long a request may take with its answer: as long as the server gives a slow
/// client, twice.
const REQUEST_MAX: Duration = Duration::from_mins(1);
/// How long an idle connection is kept; the server's own time is longer.
const IDLE_MAX: Duration = Duration::from_secs(15);
/// Bytes of an answer's headers.
const HEADER_BYTES_MAX: usize = 64 << 10;
/// Bytes of an answer that is no value: a page of keys has 1 MiB and a key, which
/// is longer if it is of escapes.
const DOCUMENT_BYTES_MAX: usize = 8 << 20;

const ONLY_IF_CACHED: HeaderValue = HeaderValue::from_static("only-if-cached");
const USER_AGENT: &str = concat!("distcache-bulk/", env!("CARGO_PKG_VERSION"));

/// Where the server is, and how it is asked.
#[derive(Clone)]
pub struct DoorOptions {
    /// `http://host:port`, or `https`; a path in front of `/v1` if a proxy has one.
    pub url: String,
    /// A bearer token.
    pub token: Option<String>,
    /// The certificates of the authority that vouches for the server, in PEM. With none
    /// it is to be one that everybody knows.
    pub authority: Option<Vec<u8>>,
    /// How often a request is sent again that failed for now. Default 12: with the
    /// pauses between them 40 seconds, in which a server can be started anew.
    pub retries: u32,
    /// The largest value of an answer, in bytes.
    pub value_bytes_max: usize,
}

/// Without the token.
impl fmt::Debug for DoorOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DoorOptions").field("url", &self.url).finish_non_exhaustive()
    }
}

/// Why a server cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DoorError {
    /// The URL is none, or has what it may not have.
    #[error("{what}: give http://HOST:PORT or https://HOST:PORT")]
    Url {
        /// What is wrong with it.
        what: &'static str,
    },
    /// The token can stand in no header.
    #[error("the token can stand in no header: give visible ASCII")]
    Token,
    /// The authority has no certificates.
    #[error("the authority cannot be read: give its certificates in PEM")]
    Authority,
}

/// One server.
#[derive(Debug)]
pub struct Door {
    agent: Agent,
    base: String,
    authorization: Option<HeaderValue>,
    retries: u32,
    answer_bytes_max: u64,
}

/// What is sent.
pub(crate) struct Ask<'a> {
    pub(crate) method: Method,
    pub(crate) target: &'a str,
    pub(crate) content_type: Option<HeaderValue>,
    pub(crate) body: &'a [u8],
}

/// As much of `/v1/status` as is of use.
#[derive(Deserialize)]
struct Status {
    instance: String,
}

/// There is no answer.
struct Lost {
    why: String,
    /// Whether it may be there next time.
    is_temporary: bool,
}

type Tried = Result<Answer, Lost>;

impl Door {
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// When the URL is none, the token can stand in no header, or the authority has
    /// no certificates.
    pub fn new(options: &DoorOptions) -> Result<Self, DoorError> {
        let base = base(&options.url)?;
        let authorization = options.token.as_ref().map(|token| {
            let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
                .map_err(|_of_the_token| DoorError::Token)?;
            value.set_sensitive(true);
            Ok(value)
        });
        let answer_bytes_max = options.value_bytes_max.max(DOCUMENT_BYTES_MAX) as u64;
        let retries = options.retries;
        let authorization = authorization.transpose()?;
        let agent = agent(tls(options.authority.as_deref())?);
        Ok(Self { agent, base, authorization, retries, answer_bytes_max })
    }

    /// A mark of the process that answers: another one has begun with nothing.
    ///
    /// # Errors
    /// When the server cannot be reached, or lets nobody in without another token.
    pub fn instance(&self) -> Result<String, Fault> {
        let answer = self.get("/v1/status")?;
        let status = (answer.status == 200).then(|| serde_json::from_slice(&answer.body));
        match status {
            Some(Ok(Status { instance })) => Ok(instance),
            _ => Err(self.strange("/v1/status", &answer)),
        }
    }

    pub(crate) fn get(&self, target: &str) -> Result<Answer, Fault> {
        self.call(&Ask { method: Method::GET, target, content_type: None, body: b"" })
    }

    /// Asks, and asks again while it fails for now.
    ///
    /// # Errors
    /// When no answer came in the end, or who we are is not let in: then no other
    /// request would be.
    pub(crate) fn call(&self, ask: &Ask<'_>) -> Result<Answer, Fault> {
        let mut tried = self.once(ask);
        for number in 0..self.retries {
            if !is_temporary(&tried) {
                break;
            }
            let wanted = tried.as_ref().ok().and_then(|answer| answer.retry_after);
            thread::sleep(retry::pause(number, wanted));
            tried = self.once(ask);
        }
        match tried {
            Ok(answer) if matches!(answer.status, 401 | 403) => {
                let code = answer.code.unwrap_or(codes::TOKEN_UNKNOWN);
                Err(Fault::midway(code, format!("{} does not let us in", self.base)))
            }
            Ok(answer) if answer.is_temporary() => {
                let code = answer.code.unwrap_or(codes::SERVER_UNREACHABLE);
                let tries = self.retries + 1;
                Err(Fault::midway(code, format!("{} said so {tries} times", self.base)))
            }
            Ok(answer) => Ok(answer),
            Err(Lost { why, is_temporary: true }) => {
                let what = format!("{}, asked {} times: {why}", self.base, self.retries + 1);
                Err(Fault::midway(codes::SERVER_UNREACHABLE, what))
            }
            Err(Lost { why, is_temporary: false }) => {
                Err(Fault::midway(codes::ANSWER_STRANGE, format!("{}: {why}", self.base)))
            }
        }
    }

    /// How often something may be tried again.
    pub(crate) fn retries(&self) -> u32 {
        self.retries
    }

    /// Waits before something is tried again the `number`th time, from 0.
    pub(crate) fn wait_to_retry(number: u32) {
        thread::sleep(retry::pause(number, None));
    }

    /// The answer is none that this server gives.
    pub(crate) fn strange(&self, target: &str, answer: &Answer) -> Fault {
        let path = target.split('?').next().unwrap_or_default();
        let shown: String = path.chars().take(60).collect();
        let status = answer.status;
        match answer.code {
            Some(code) => Fault::midway(code, format!("{}{shown}: {status}", self.base)),
            None => Fault::midway(
                codes::ANSWER_STRANGE,
                format!("{}{shown}: {status}, and nothing that can be read", self.base),
            ),
        }
    }

    fn once(&self, ask: &Ask<'_>) -> Tried {
        let request = self.request(ask).map_err(|error| lost(&error.into()))?;
        let mut response = self.agent.run(request).map_err(|error| lost(&error))?;
        let limit = self.answer_bytes_max;
        let body = response.body_mut().with_config().limit(limit).read_to_vec();
        let body = body.map_err(|error| lost(&error))?;
        Ok(Answer::new(response.status().as_u16(), response.headers(), body))
    }

    fn request<'a>(&self, ask: &Ask<'a>) -> Result<Request<&'a [u8]>, ureq::http::Error> {
        let uri = format!("{}{}", self.base, ask.target);
        let request = Request::builder().method(ask.method.clone()).uri(uri);
        // What is not there is not to be loaded.
        let caching = (ask.method == Method::GET).then_some(ONLY_IF_CACHED);
        let headers = [
            (header::AUTHORIZATION, &self.authorization),
            (header::CACHE_CONTROL, &caching),
            (header::CONTENT_TYPE, &ask.content_type),
        ];
        let given = headers.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
        given.fold(request, |request, (name, value)| request.header(name, value)).body(ask.body)
    }
}

/// Whom to believe.
fn tls(authority: Option<&[u8]>) -> Result<TlsConfig, DoorError> {
    let Some(pem) = authority else { return Ok(TlsConfig::default()) };
    let found: Result<Vec<_>, _> = parse_pem(pem).collect();
    let found = found.map_err(|_no_pem| DoorError::Authority)?;
    let certificates: Vec<_> = found.into_iter().filter_map(certificate).collect();
    if certificates.is_empty() {
        return Err(DoorError::Authority);
    }
    Ok(TlsConfig::builder().root_certs(RootCerts::new_with_certs(&certificates)).build())
}

fn certificate(item: PemItem<'static>) -> Option<Certificate<'static>> {
    if let PemItem::Certificate(certificate) = item { Some(certificate) } else { None }
}

fn agent(tls: TlsConfig) -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        // A token is for the server that was named.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .tls_config(tls)
        .user_agent(USER_AGENT)
        .accept_encoding("identity")
        .max_response_header_size(HEADER_BYTES_MAX)
        .max_idle_age(IDLE_MAX)
        .timeout_resolve(Some(CONNECT_MAX))
        .timeout_connect(Some(CONNECT_MAX))
        .timeout_global(Some(REQUEST_MAX))
        .build();
    Agent::new_with_config(config)
}

/// The URL without a slash at its end.
fn base(url: &str) -> Result<String, DoorError> {
    let refused = |what| DoorError::Url { what };
    let uri: Uri = url.parse().map_err(|_no_url| refused("the URL cannot be read"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(refused("the URL begins neither with http:// nor with https://"));
    }
    let has_user = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
    if has_user || uri.query().is_some() || url.contains('#') {
        return Err(refused("the URL has more than a host, a port and a path"));
    }
    Ok(url.trim_end_matches('/').to_owned())
}

fn is_temporary(tried: &Tried) -> bool {
    match tried {
        Ok(answer) => answer.is_temporary(),
        Err(lost) => lost.is_temporary,
    }
}

fn lost(error: &ureq::Error) -> Lost {
    use ureq::Error::{BadUri, BodyExceedsLimit, Http};
    let is_final = matches!(error, BadUri(_) | BodyExceedsLimit(_) | Http(_));
    Lost { why: in_words(error), is_temporary: !is_final && !is_of_tls(error) }
}

/// Whether there is somebody, whom we do not believe, or who speaks no TLS: it will
/// be the same the next time.
fn is_of_tls(error: &ureq::Error) -> bool {
    use ureq::Error::{Io, Rustls, Tls};
    match error {
        Io(error) => error.kind() == ErrorKind::InvalidData,
        Rustls(_) | Tls(_) => true,
        _ => false,
    }
}

/// What went wrong on the way, without the URL, which has the key.
fn in_words(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(Timeout::Connect | Timeout::Resolve) => {
            format!("no connection within {CONNECT_MAX:?}")
        }
        ureq::Error::Timeout(_) => format!("no whole answer within {REQUEST_MAX:?}"),
        _ if is_of_tls(error) => format!("{error}; see `--tls-ca`, and the name in `--url`"),
        ureq::Error::Io(error) => error.to_string(),
        ureq::Error::HostNotFound => "nobody knows this host".to_owned(),
        ureq::Error::BodyExceedsLimit(bytes) => {
            format!("an answer is longer than {bytes} bytes: raise `--max-value` here as well")
        }
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => "this is no URL".to_owned(),
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_a_host_and_perhaps_a_path() {
        assert_eq!(base("http://127.0.0.1:8080/").unwrap(), "http://127.0.0.1:8080");
        assert_eq!(base("https://a.example/cache").unwrap(), "https://a.example/cache");
        for wrong in ["", "a:80", "ftp://a", "http://u:p@a", "http://a/?b", "http://a/#b", "/v1"] {
            assert!(base(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn nobody_there_is_told_after_as_many_tries_as_were_asked_for() {
        let options = DoorOptions {
            url: "http://127.0.0.1:9".to_owned(),
            token: None,
            authority: None,
            retries: 1,
            value_bytes_max: 0,
        };
        let fault = Door::new(&options).unwrap().instance().unwrap_err();
        assert_eq!(fault.code, codes::SERVER_UNREACHABLE);
        assert!(fault.what.contains("http://127.0.0.1:9, asked 2 times"), "{fault}");
    }
}
