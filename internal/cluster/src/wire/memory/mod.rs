//! Frames within a process, over a network whose weather can be ordered.

mod lane;
mod network;
mod weather;

pub use network::Network;
pub use weather::Weather;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{
    Address, ConnectFailed, FRAME_BYTES_MAX, Identity, ListenFailed, Listener, Opening, Pipe, Wire,
};
use lane::Lane;

/// Connections that wait to be accepted; as many as a system lets wait.
const BACKLOG_MAX: usize = 128;

/// What one member has of a [`Network`].
#[derive(Debug, Clone)]
pub struct Memory {
    network: Arc<Network>,
    here: Address,
    frame_bytes_max: usize,
}

impl Memory {
    /// Carries frames of at most so many bytes.
    #[must_use]
    pub fn frame_bytes_max(self, frame_bytes_max: usize) -> Self {
        Self { frame_bytes_max, ..self }
    }

    /// Waits until the other accepts: for ever if nothing gets through.
    async fn connected(&self, to: &Address) -> Result<Pipe, ConnectFailed> {
        self.network.until_open(&self.here, to).await;
        let nobody = || ConnectFailed::refused(to, io::ErrorKind::ConnectionRefused.into());
        let listener = self.network.listener(to).ok_or_else(nobody)?;
        let there = Lane::start(&self.network, &self.here, to);
        let back = Lane::start(&self.network, to, &self.here);
        let theirs = lane::pipe(&back, &there, self.frame_bytes_max);
        listener.send(theirs).await.map_err(|_gone| nobody())?;
        Ok(lane::pipe(&there, &back, self.frame_bytes_max))
    }
}

impl Network {
    /// The network as a member at an address has it.
    pub fn member(self: &Arc<Self>, here: &Address) -> Memory {
        let frame_bytes_max = FRAME_BYTES_MAX;
        Memory { network: self.clone(), here: here.clone(), frame_bytes_max }
    }
}

impl Wire for Memory {
    fn listen<'a>(
        &'a self,
        at: &'a Address,
    ) -> BoxFuture<'a, Result<Box<dyn Listener>, ListenFailed>> {
        let (sender, pipes) = mpsc::channel(BACKLOG_MAX);
        let listens = self.network.listen(at, sender);
        Box::pin(std::future::ready(match listens {
            Some(address) => Ok(Box::new(Door { address, pipes }) as Box<dyn Listener>),
            None => {
                Err(ListenFailed { address: at.clone(), source: io::ErrorKind::AddrInUse.into() })
            }
        }))
    }

    fn connect<'a>(
        &'a self,
        to: &'a Address,
        within: Duration,
    ) -> BoxFuture<'a, Result<Pipe, ConnectFailed>> {
        Box::pin(async move {
            let late = |_elapsed| ConnectFailed::TimedOut { address: to.clone(), within };
            timeout(within, self.connected(to)).await.map_err(late)?
        })
    }

    fn frame_bytes_max(&self) -> usize {
        self.frame_bytes_max
    }
}

struct Door {
    address: Address,
    pipes: mpsc::Receiver<Pipe>,
}

impl Listener for Door {
    fn address(&self) -> &Address {
        &self.address
    }

    fn accept(&mut self) -> BoxFuture<'_, io::Result<Opening>> {
        Box::pin(async {
            let ended = || io::Error::other("the network has ended");
            let pipe = self.pipes.recv().await.ok_or_else(ended)?;
            Ok(Box::pin(std::future::ready(Ok(pipe))) as Opening)
        })
    }
}

/// Nobody is who a memory says that they are.
const UNPROVED: Identity = Identity::Unproved;
