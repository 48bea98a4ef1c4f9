//! Who is gone, and how the other end hears of it.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use distcache_cluster::wire::{Address, Pipe, PipeBroken, Wire};
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::{rig, wire};
use crate::nats_server::NatsServer;
use crate::support::{PATIENCE, address, close, flush, next, receive, send};

/// Between two that are sent to one who may be gone.
const PAUSE: Duration = Duration::from_millis(50);

/// Sends until that fails.
pub(super) async fn until_broken(pipe: &mut Pipe) -> PipeBroken {
    let sends = async {
        loop {
            if let Err(broken) = send(pipe.outgoing.as_mut(), vec![7; 10].into()).await {
                return broken;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, sends).await.expect("it breaks")
}

/// A member on a runtime of its own, which ends as if the process was killed: nothing is
/// said any more, and its connection closes.
struct Killable {
    address: Address,
    kill: oneshot::Sender<()>,
    life: thread::JoinHandle<()>,
}

impl Killable {
    /// One that accepts a pipe, reads a frame, and does nothing more.
    fn start(wire: impl Wire) -> Self {
        let (tell, told) = mpsc::sync_channel(1);
        let (kill, killed) = oneshot::channel();
        let life = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a runtime");
            let pipe = runtime.block_on(async {
                let mut listener =
                    wire.listen(&address("gone.example:0")).await.expect("it listens");
                tell.send(listener.address().clone()).expect("somebody waits");
                let mut pipe = listener.accept().await.expect("one comes").await.expect("a pipe");
                receive(pipe.incoming.as_mut()).await.expect("a frame");
                drop(killed.await);
                (pipe, listener)
            });
            // What the halves would say when they are dropped is said by nobody.
            drop(runtime);
            drop(pipe);
        };
        let life = thread::Builder::new().spawn(life).expect("a thread");
        Self { address: told.recv().expect("it listens"), kill, life }
    }

    /// Returns when its connection is closed. What is on its way to it goes on meanwhile.
    async fn kill(self) {
        self.kill.send(()).expect("it lives");
        let ended = spawn_blocking(move || self.life.join());
        timeout(PATIENCE, ended).await.expect("in time").expect("it runs").expect("it ends");
    }
}

/// Sends now and then, until the other end is heard of. Not as much as the window takes:
/// the server may see that the connection is closed when all of that is sent to it.
async fn until_heard(pipe: &mut Pipe) -> Option<Result<Bytes, PipeBroken>> {
    let heard = async {
        loop {
            drop(send(pipe.outgoing.as_mut(), vec![7; 10].into()).await);
            if let Ok(heard) = timeout(PAUSE, next(pipe.incoming.as_mut())).await {
                return heard;
            }
        }
    };
    timeout(PATIENCE, heard).await.expect("it is heard of")
}

#[tokio::test]
async fn of_one_that_vanished_the_server_tells_as_soon_as_something_is_sent() {
    let Some(server) = NatsServer::start() else { return };
    let other = Killable::start(wire(&server));
    let mut pipe = wire(&server).connect(&other.address, PATIENCE).await.expect("it is there");
    send(pipe.outgoing.as_mut(), vec![1; 10].into()).await.expect("it is there");
    other.kill().await;
    let heard = until_heard(&mut pipe).await;
    assert!(matches!(heard, Some(Err(PipeBroken::Lost(_)))), "{heard:?}");
    let broken = until_broken(&mut pipe).await.to_string();
    assert!(broken.contains("nobody at the other end any more"), "{broken}");
}

#[tokio::test]
async fn who_gave_up_before_it_was_accepted_is_told_to_who_reads() {
    let Some(server) = NatsServer::start() else { return };
    let rig = rig(&server);
    let mut listener = rig.listen().await;
    let to = listener.address().clone();
    let connecting = tokio::spawn({
        let wire = rig.wire.clone();
        async move { wire.connect(&to, PATIENCE).await }
    });
    let opening = listener.accept().await.expect("one comes");
    connecting.abort();
    connecting.await.expect_err("it was given up");
    let mut pipe = opening.await.expect("the answer goes out");
    let heard = timeout(PATIENCE, next(pipe.incoming.as_mut())).await.expect("it is told");
    assert!(matches!(heard, Some(Err(PipeBroken::Lost(_)))), "{heard:?}");
}

/// What was sent before a half was dropped is read, and then the end, without an error.
#[tokio::test]
async fn a_half_that_is_dropped_ends_its_direction_in_order() {
    let Some(server) = NatsServer::start() else { return };
    let (near, mut far) = rig(&server).pipe().await;
    let Pipe { mut outgoing, mut incoming, .. } = near;
    for number in 0..50 {
        send(outgoing.as_mut(), vec![number; 1_000].into()).await.expect("it works");
    }
    drop(outgoing);
    for number in 0..50 {
        assert_eq!(receive(far.incoming.as_mut()).await.expect("it arrives")[0], number);
    }
    assert!(next(far.incoming.as_mut()).await.is_none());
    // The other direction goes on.
    send(far.outgoing.as_mut(), vec![9].into()).await.expect("it works");
    assert_eq!(receive(incoming.as_mut()).await.expect("it arrives")[0], 9);
    drop(incoming);
    let broken = until_broken(&mut far).await.to_string();
    assert!(broken.contains("nobody reads there"), "{broken}");
}

#[tokio::test]
async fn one_who_reads_to_the_end_hears_no_error_though_the_other_is_gone() {
    let Some(server) = NatsServer::start() else { return };
    for _ in 0..20 {
        let (mut near, mut far) = rig(&server).pipe().await;
        // So much that credits are sent for it while the other is gone.
        for number in 0..3 {
            send(near.outgoing.as_mut(), vec![number; 65_000].into()).await.expect("it works");
        }
        close(near.outgoing.as_mut()).await;
        drop(near);
        for number in 0..3 {
            let frame = next(far.incoming.as_mut()).await.expect("a frame").expect("no error");
            assert_eq!(frame[0], number);
        }
        let end = next(far.incoming.as_mut()).await;
        assert!(end.is_none(), "{end:?}");
        drop(flush(far.outgoing.as_mut()).await);
    }
}
