//! The wire within a process, with a count of what each member sends.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use distcache_cluster::wire::{
    Address, ConnectFailed, FrameTooLong, ListenFailed, Listener, Memory, Opening, Outgoing, Pipe,
    PipeBroken, Wire,
};
use futures_util::future::BoxFuture;

/// Four bytes in front of each frame tell its length, where it goes over TCP.
const LENGTH_BYTES: u64 = 4;

/// What a member has sent.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    messages: AtomicU64,
    bytes: AtomicU64,
}

impl Sent {
    /// Messages and bytes so far.
    pub(crate) fn told(&self) -> (u64, u64) {
        (self.messages.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }
}

/// One member's wire.
#[derive(Debug)]
pub(crate) struct Counted {
    wire: Memory,
    sent: Arc<Sent>,
}

impl Counted {
    pub(crate) fn new(wire: Memory, sent: &Arc<Sent>) -> Self {
        Self { wire, sent: sent.clone() }
    }
}

fn counted(pipe: Pipe, sent: &Arc<Sent>) -> Pipe {
    let outgoing = Box::new(Sending { outgoing: pipe.outgoing, sent: sent.clone() });
    Pipe { outgoing, ..pipe }
}

impl Wire for Counted {
    fn listen<'a>(
        &'a self,
        at: &'a Address,
    ) -> BoxFuture<'a, Result<Box<dyn Listener>, ListenFailed>> {
        Box::pin(async move {
            let (listener, sent) = (self.wire.listen(at).await?, self.sent.clone());
            Ok(Box::new(Door { listener, sent }) as Box<dyn Listener>)
        })
    }

    fn connect<'a>(
        &'a self,
        to: &'a Address,
        within: Duration,
    ) -> BoxFuture<'a, Result<Pipe, ConnectFailed>> {
        Box::pin(async move { Ok(counted(self.wire.connect(to, within).await?, &self.sent)) })
    }

    fn frame_bytes_max(&self) -> usize {
        Wire::frame_bytes_max(&self.wire)
    }
}

struct Door {
    listener: Box<dyn Listener>,
    sent: Arc<Sent>,
}

impl Listener for Door {
    fn address(&self) -> &Address {
        self.listener.address()
    }

    fn accept(&mut self) -> BoxFuture<'_, io::Result<Opening>> {
        Box::pin(async {
            let (opening, sent) = (self.listener.accept().await?, self.sent.clone());
            let opening = async move { Ok(counted(opening.await?, &sent)) };
            Ok(Box::pin(opening) as Opening)
        })
    }
}

struct Sending {
    outgoing: Box<dyn Outgoing>,
    sent: Arc<Sent>,
}

impl Outgoing for Sending {
    fn push(&mut self, frame: Bytes) -> Result<(), FrameTooLong> {
        self.sent.messages.fetch_add(1, Ordering::Relaxed);
        self.sent.bytes.fetch_add(LENGTH_BYTES + frame.len() as u64, Ordering::Relaxed);
        self.outgoing.push(frame)
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), PipeBroken>> {
        self.outgoing.poll_flush(context)
    }

    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<Result<(), PipeBroken>> {
        self.outgoing.poll_close(context)
    }
}
