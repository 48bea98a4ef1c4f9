//! A client over a socket, as simple as they come.

use std::fmt;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Result;

/// Asks one service.
#[derive(Clone, Copy)]
pub(crate) struct Client {
    pub(crate) service: SocketAddr,
}

impl Client {
    pub(crate) async fn get(self, path: &str) -> Result<Reply> {
        self.send("GET", path, "").await
    }

    pub(crate) async fn put(self, path: &str, body: &str) -> Result<Reply> {
        self.send("PUT", path, body).await
    }

    async fn send(self, method: &str, path: &str, body: &str) -> Result<Reply> {
        let mut stream = TcpStream::connect(self.service).await?;
        let (host, length) = (self.service, body.len());
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await?;
        let (head, body) = reply.split_once("\r\n\r\n").ok_or("half an answer")?;
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).ok_or("no status")?;
        let cache_status = lines.find_map(|line| line.strip_prefix("cache-status: "));
        Ok(Reply {
            request: format!("{method} {path}"),
            status: status.parse()?,
            cache_status: cache_status.map(str::to_owned),
            body: body.to_owned(),
        })
    }
}

/// What a client is answered.
pub(crate) struct Reply {
    request: String,
    pub(crate) status: u16,
    cache_status: Option<String>,
    body: String,
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.request, self.status)?;
        if !self.body.is_empty() {
            write!(f, " {}", self.body)?;
        }
        if let Some(cache_status) = &self.cache_status {
            write!(f, " ({cache_status})")?;
        }
        Ok(())
    }
}
