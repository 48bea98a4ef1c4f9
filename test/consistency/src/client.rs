//! One client's connection with one member.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{ETAG, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than any call takes, also at a member that is paused.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// A connection that is made when it is needed.
pub(crate) struct Client {
    address: SocketAddr,
    sender: Option<SendRequest<Full<Bytes>>>,
}

/// What a member has answered.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: StatusCode,
    /// The version that `ETag` tells.
    pub(crate) version: Option<u64>,
    /// The body.
    pub(crate) body: Bytes,
}

/// There is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// Nothing was sent.
    NotConnected,
    /// It may have been done.
    Lost,
}

impl Client {
    /// One of the member at an address.
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, sender: None }
    }

    /// Asks, once.
    pub(crate) async fn ask(
        &mut self,
        method: Method,
        path: &str,
        body: &str,
    ) -> Result<Answer, NoAnswer> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, self.address.to_string())
            .body(Full::from(body.to_owned()))
            .expect("paths are made here");
        let mut held = self.sender.take();
        let is_ready = match &mut held {
            Some(sender) => sender.ready().await.is_ok(),
            None => false,
        };
        // One that was closed while nobody asked has sent nothing of this.
        let mut sender = match held.filter(|_| is_ready) {
            Some(sender) => sender,
            None => self.connect().await?,
        };
        let asked = async {
            let answer = sender.send_request(request).await.ok()?;
            let (head, body) = answer.into_parts();
            let body = body.collect().await.ok()?.to_bytes();
            let version = head.headers.get(ETAG).and_then(|tag| version(tag.to_str().ok()?));
            Some(Answer { status: head.status, version, body })
        };
        let answer = timeout(PATIENCE, asked).await.ok().flatten().ok_or(NoAnswer::Lost)?;
        self.sender = Some(sender);
        Ok(answer)
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, NoAnswer> {
        let connecting = async {
            let stream = TcpStream::connect(self.address).await.ok()?;
            stream.set_nodelay(true).ok()?;
            let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
            // It ends with its sender, or by an error that the sender sees too.
            tokio::spawn(connection);
            Some(sender)
        };
        timeout(CONNECT_TIMEOUT, connecting).await.ok().flatten().ok_or(NoAnswer::NotConnected)
    }
}

/// The path of a key.
pub(crate) fn path(keyspace: &str, key: &str) -> String {
    format!("/v1/keyspaces/{keyspace}/keys/{key}")
}

/// The version in a tag: `"version-mark"`, both in hexadecimal.
fn version(tag: &str) -> Option<u64> {
    let (version, _mark) = tag.trim_matches('"').split_once('-')?;
    u64::from_str_radix(version, 16).ok()
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("address", &self.address).finish_non_exhaustive()
    }
}
