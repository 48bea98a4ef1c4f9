//! Two ends of a pipe, whatever the wire.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
#[cfg(feature = "nats")]
use distcache_cluster::nats::NatsAccount;
#[cfg(feature = "nats")]
use distcache_cluster::wire::Nats;
use distcache_cluster::wire::{
    Address, Incoming, Listener, Network, Outgoing, Pipe, PipeBroken, Tcp, Tls, Wire,
};

use crate::authority::Authority;
#[cfg(feature = "nats")]
use crate::nats_server::NatsServer;

/// Long enough for any machine; what is right comes sooner.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// The longest frame that is carried in these tests.
pub(crate) const BOUND: usize = 70_000;

/// A wire, and where it can listen.
pub(crate) struct Rig {
    pub(crate) wire: Arc<dyn Wire>,
    pub(crate) at: Address,
    #[cfg(feature = "nats")]
    _server: Option<NatsServer>,
}

impl Rig {
    pub(crate) fn new(wire: Arc<dyn Wire>, at: Address) -> Self {
        Self {
            wire,
            at,
            #[cfg(feature = "nats")]
            _server: None,
        }
    }
}

pub(crate) fn memory() -> Rig {
    let at = address("member:0");
    let wire = Network::new(1).member(&at).frame_bytes_max(BOUND);
    Rig::new(Arc::new(wire), at)
}

pub(crate) fn tcp() -> Rig {
    let wire = Arc::new(Tcp::clear().frame_bytes_max(BOUND));
    Rig::new(wire, address("127.0.0.1:0"))
}

pub(crate) fn tls() -> Rig {
    let tls = Tls::new(Authority::new().certify("127.0.0.1")).expect("good certificates");
    let wire = Arc::new(Tcp::secured(Arc::new(tls)).frame_bytes_max(BOUND));
    Rig::new(wire, address("127.0.0.1:0"))
}

/// A server of its own for each; none where there is no such program.
#[cfg(feature = "nats")]
pub(crate) fn nats() -> Option<Rig> {
    let server = NatsServer::start()?;
    let wire = Nats::by(NatsAccount::at([server.url()])).expect("a good address");
    let rig = Rig::new(Arc::new(wire.frame_bytes_max(BOUND)), address("member.example:0"));
    Some(Rig { _server: Some(server), ..rig })
}

impl Rig {
    pub(crate) async fn listen(&self) -> Box<dyn Listener> {
        self.wire.listen(&self.at).await.expect("a free port")
    }

    /// Both ends of one pipe: of who has connected, and of who has accepted.
    pub(crate) async fn pipe(&self) -> (Pipe, Pipe) {
        let mut listener = self.listen().await;
        self.pipe_by(listener.as_mut()).await
    }

    pub(crate) async fn pipe_by(&self, listener: &mut dyn Listener) -> (Pipe, Pipe) {
        let to = listener.address().clone();
        let accepts = async { listener.accept().await.expect("one comes").await };
        let (near, far) = tokio::join!(self.wire.connect(&to, PATIENCE), accepts);
        (near.expect("somebody listens"), far.expect("a good handshake"))
    }
}

pub(crate) fn address(text: &str) -> Address {
    text.parse().expect("an address")
}

pub(crate) async fn send(outgoing: &mut dyn Outgoing, frame: Bytes) -> Result<(), PipeBroken> {
    outgoing.push(frame).expect("within the bound");
    flush(outgoing).await
}

pub(crate) async fn flush(outgoing: &mut dyn Outgoing) -> Result<(), PipeBroken> {
    poll_fn(|context| outgoing.poll_flush(context)).await
}

pub(crate) async fn close(outgoing: &mut dyn Outgoing) {
    poll_fn(|context| outgoing.poll_close(context)).await.expect("the other is there");
}

/// The next frame; `None` at the end, or when the connection is lost.
pub(crate) async fn receive(incoming: &mut dyn Incoming) -> Option<Bytes> {
    next(incoming).await?.ok()
}

pub(crate) async fn next(incoming: &mut dyn Incoming) -> Option<Result<Bytes, PipeBroken>> {
    poll_fn(|context| incoming.poll_frame(context)).await
}
