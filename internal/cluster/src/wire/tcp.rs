//! Frames over TCP, with TLS or without.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::net::{TcpListener, TcpStream};

use super::timely::in_time;
use super::{
    Address, ConnectFailed, FRAME_BYTES_MAX, Identity, ListenFailed, Listener, Opening, Pipe, Tls,
    Wire, stream,
};

/// How long one who has connected may take for the handshake of TLS, if nobody says
/// otherwise: a few ways there and back, and the work of a busy machine.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(3);

/// TCP between members. Small frames leave at once (`TCP_NODELAY`).
#[derive(Debug, Clone)]
pub struct Tcp {
    tls: Option<Arc<Tls>>,
    frame_bytes_max: usize,
    handshake_timeout: Duration,
}

impl Tcp {
    /// In the clear: whoever reaches a member is believed.
    pub fn clear() -> Self {
        let (frame_bytes_max, handshake_timeout) = (FRAME_BYTES_MAX, HANDSHAKE_TIMEOUT);
        Self { tls: None, frame_bytes_max, handshake_timeout }
    }

    /// With TLS, by which each side proves to the other who it is.
    pub fn secured(tls: Arc<Tls>) -> Self {
        Self { tls: Some(tls), ..Self::clear() }
    }

    /// Carries frames of at most so many bytes.
    #[must_use]
    pub fn frame_bytes_max(self, frame_bytes_max: usize) -> Self {
        Self { frame_bytes_max, ..self }
    }

    /// Gives one who has connected so long for the handshake.
    #[must_use]
    pub fn handshake_timeout(self, handshake_timeout: Duration) -> Self {
        Self { handshake_timeout, ..self }
    }

    async fn opened(&self, stream: TcpStream) -> io::Result<Pipe> {
        stream.set_nodelay(true)?;
        let Some(tls) = &self.tls else {
            let (read, write) = stream.into_split();
            return Ok(stream::pipe(read, write, Identity::Unproved, self.frame_bytes_max));
        };
        let (stream, identity) = tls.accept(stream).await?;
        let (read, write) = tokio::io::split(stream);
        Ok(stream::pipe(read, write, identity, self.frame_bytes_max))
    }

    async fn connected(&self, to: &Address) -> io::Result<Pipe> {
        let stream = TcpStream::connect(to.as_str()).await?;
        stream.set_nodelay(true)?;
        let Some(tls) = &self.tls else {
            let (read, write) = stream.into_split();
            return Ok(stream::pipe(read, write, Identity::Unproved, self.frame_bytes_max));
        };
        let (stream, identity) = tls.connect(to, stream).await?;
        let (read, write) = tokio::io::split(stream);
        Ok(stream::pipe(read, write, identity, self.frame_bytes_max))
    }
}

impl Wire for Tcp {
    fn listen<'a>(
        &'a self,
        at: &'a Address,
    ) -> BoxFuture<'a, Result<Box<dyn Listener>, ListenFailed>> {
        Box::pin(async move {
            let failed = |source| ListenFailed { address: at.clone(), source };
            let listener = TcpListener::bind(at.as_str()).await.map_err(failed)?;
            let address = listener.local_addr().map_err(failed)?.into();
            Ok(Box::new(Door { listener, address, tcp: self.clone() }) as Box<dyn Listener>)
        })
    }

    fn connect<'a>(
        &'a self,
        to: &'a Address,
        within: Duration,
    ) -> BoxFuture<'a, Result<Pipe, ConnectFailed>> {
        Box::pin(in_time(to.clone(), within, self.connected(to)))
    }

    fn frame_bytes_max(&self) -> usize {
        self.frame_bytes_max
    }
}

struct Door {
    listener: TcpListener,
    address: Address,
    tcp: Tcp,
}

impl Listener for Door {
    fn address(&self) -> &Address {
        &self.address
    }

    fn accept(&mut self) -> BoxFuture<'_, io::Result<Opening>> {
        Box::pin(async {
            let (stream, peer) = self.listener.accept().await?;
            let tcp = self.tcp.clone();
            let opening = async move {
                in_time(peer.into(), tcp.handshake_timeout, tcp.opened(stream)).await
            };
            Ok(Box::pin(opening) as Opening)
        })
    }
}
