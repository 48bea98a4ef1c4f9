//! Requests, and what comes back.

use std::io::{self, Read};
use std::time::Duration;

use ureq::http::header::{CONTENT_ENCODING, LOCATION};
use ureq::http::{HeaderMap, HeaderName, HeaderValue, Response, Uri};
use ureq::{Agent, Body, Timeout};

use super::time::{Ended, Time};
use super::{HttpError, HttpWait, Origin};

/// How often a request is sent whose connection breaks before the answer begins:
/// the server may have closed an idle one just then. A GET may be sent twice
/// (RFC 9110, 9.2.2).
const TRIES: u32 = 2;

/// What is read between two looks at the clock.
const PIECE_BYTES: usize = 64 << 10;

/// What is read of an answer that has no value in it, so that its connection can
/// be used again.
const DRAIN_BYTES_MAX: u64 = 16 << 10;

/// Asks one server.
pub(super) struct Client {
    pub(super) agent: Agent,
    pub(super) origin: Origin,
    /// Sent with every request; secret.
    pub(super) headers: HeaderMap,
    pub(super) connect_timeout: Duration,
    pub(super) redirects_max: u32,
    pub(super) bytes_max: u64,
}

/// Why there is no answer.
pub(super) enum Failure {
    Cancelled,
    Stuck(HttpError),
}

impl From<HttpError> for Failure {
    fn from(error: HttpError) -> Self {
        Self::Stuck(error)
    }
}

pub(super) type Condition = (HeaderName, HeaderValue);

impl Client {
    /// The answer of the server, whatever its status, after its redirects.
    pub(super) fn ask(
        &self,
        mut url: Uri,
        condition: Option<&Condition>,
        time: &Time<'_>,
    ) -> Result<Response<Body>, Failure> {
        for _ in 0..=self.redirects_max {
            let response = self.ask_at(&url, condition, time)?;
            let location = response.headers().get(LOCATION);
            let redirects = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
            let Some(location) = location.filter(|_| redirects) else { return Ok(response) };
            let location = String::from_utf8_lossy(location.as_bytes());
            url = self.origin.redirected(&url, &location)?;
            drain(response);
        }
        Err(HttpError::Redirects { max: self.redirects_max }.into())
    }

    fn ask_at(
        &self,
        url: &Uri,
        condition: Option<&Condition>,
        time: &Time<'_>,
    ) -> Result<Response<Body>, Failure> {
        let mut tries = 1..=TRIES;
        loop {
            let is_last = tries.next() == Some(TRIES);
            self.check(time, HttpWait::Start)?;
            match self.send(url, condition, time.remaining()) {
                Err(error) if !is_last && is_broken(&error) => {}
                answer => {
                    return answer.map_err(|error| self.failed(error, HttpWait::Answer, time));
                }
            }
        }
    }

    fn send(
        &self,
        url: &Uri,
        condition: Option<&Condition>,
        left: Duration,
    ) -> Result<Response<Body>, ureq::Error> {
        let mut request = self.agent.get(url);
        let own = self.headers.iter();
        for (name, value) in own.chain(condition.map(|(name, value)| (name, value))) {
            request = request.header(name, value);
        }
        let connect = Some(left.min(self.connect_timeout));
        let config = request.config().timeout_global(Some(left));
        config.timeout_connect(connect).build().call()
    }

    /// The bytes of an answer.
    pub(super) fn read(
        &self,
        response: Response<Body>,
        time: &Time<'_>,
    ) -> Result<Vec<u8>, Failure> {
        let mut coding = response.headers().get_all(CONTENT_ENCODING).iter();
        if !coding.all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
            return Err(HttpError::Encoded.into());
        }
        let too_large = || HttpError::TooLarge { max: self.bytes_max };
        let told = response.body().content_length().unwrap_or(0);
        if self.bytes_max < told {
            return Err(too_large().into());
        }
        let mut value = Vec::with_capacity(usize::try_from(told).unwrap_or(0));
        let mut piece = vec![0; PIECE_BYTES];
        let mut body = response.into_body().into_reader();
        loop {
            self.check(time, HttpWait::Value)?;
            let read = body.read(&mut piece);
            let bytes = read.map_err(|error| self.failed(error.into(), HttpWait::Value, time))?;
            if bytes == 0 {
                return Ok(value);
            }
            if self.bytes_max < (value.len() + bytes) as u64 {
                return Err(too_large().into());
            }
            value.extend_from_slice(&piece[..bytes]);
        }
    }

    pub(super) fn check(&self, time: &Time<'_>, waited_for: HttpWait) -> Result<(), Failure> {
        time.check(waited_for).map_err(|ended| match ended {
            Ended::Cancelled => Failure::Cancelled,
            Ended::Over(waited_for) => self.timed_out(waited_for, time).into(),
        })
    }

    fn timed_out(&self, waited_for: HttpWait, time: &Time<'_>) -> HttpError {
        HttpError::TimedOut { origin: self.origin.to_string(), waited_for, limit: time.limit }
    }

    /// What an error of the library means that came while `waited_for` was
    /// waited for. None of its texts is passed on that may hold a URL.
    fn failed(&self, error: ureq::Error, waited_for: HttpWait, time: &Time<'_>) -> Failure {
        let origin = self.origin.to_string();
        let error = match error {
            ureq::Error::Timeout(Timeout::Resolve) => self.timed_out(HttpWait::Address, time),
            ureq::Error::Timeout(Timeout::Connect) => self.timed_out(HttpWait::Connection, time),
            ureq::Error::Timeout(_) => self.timed_out(waited_for, time),
            ureq::Error::Io(error) if is_of_the_way(&error) => {
                HttpError::Connect { origin, reason: error.to_string() }
            }
            ureq::Error::Io(error) => HttpError::Broken { origin, reason: error.to_string() },
            ureq::Error::HostNotFound => {
                HttpError::Connect { origin, reason: "nobody knows this host".to_owned() }
            }
            ureq::Error::Rustls(error) => HttpError::Connect { origin, reason: error.to_string() },
            ureq::Error::Tls(reason) => HttpError::Connect { origin, reason: reason.to_owned() },
            ureq::Error::Protocol(error) => HttpError::Malformed { reason: error.to_string() },
            ureq::Error::LargeResponseHeader(..) => {
                HttpError::Malformed { reason: "its headers are too long".to_owned() }
            }
            _ => HttpError::Malformed { reason: "it cannot be read".to_owned() },
        };
        error.into()
    }
}

/// Reads what a short answer says beside its status.
pub(super) fn drain(response: Response<Body>) {
    let body = response.into_body();
    if body.content_length().is_some_and(|bytes| bytes <= DRAIN_BYTES_MAX) {
        // If it fails the connection is closed, and nothing else is lost.
        let _read = io::copy(&mut body.into_reader(), &mut io::sink());
    }
}

/// Whether a connection broke that was there.
fn is_broken(error: &ureq::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    let ureq::Error::Io(error) = error else { return false };
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}

/// Whether there was no connection: nobody is there, or it is somebody else.
fn is_of_the_way(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, InvalidData, NetworkUnreachable};
    let of_the_way = [ConnectionRefused, HostUnreachable, NetworkUnreachable, InvalidData];
    // What the resolver says has no kind of its own.
    of_the_way.contains(&error.kind()) || error.to_string().contains("lookup")
}
