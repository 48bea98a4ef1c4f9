//! A server that is away, hangs, or is started anew under load.

use std::time::Duration;

use bytes::Bytes;
use distcache_cluster::wire::{ConnectFailed, Listener, Pipe, PipeBroken, Wire};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{rig, until_connected, wire};
use crate::nats_server::NatsServer;
use crate::support::{PATIENCE, address, next, receive, send};

/// So short that a test ends soon; what keeps to it is right on any machine.
const SHORT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn a_server_that_is_away_is_told_and_found_when_it_comes() {
    let Some(mut server) = NatsServer::start() else { return };
    server.stop();
    let rig = rig(&server);
    let Err(failed) = rig.wire.listen(&rig.at).await else { panic!("nobody is there") };
    assert!(failed.to_string().contains("no connection with NATS: "), "{failed}");
    let failed = rig.wire.connect(&address("a:1"), PATIENCE).await.expect_err("nobody is there");
    assert!(matches!(failed, ConnectFailed::Refused { .. }), "{failed}");
    assert!(failed.to_string().contains("no connection with NATS: "), "{failed}");
    server.go_on();
    drop(rig.pipe().await);
}

#[tokio::test]
async fn to_connect_ends_in_its_time_while_the_server_hangs() {
    let Some(server) = NatsServer::start() else { return };
    let rig = rig(&server);
    let listener = rig.listen().await;
    server.freeze();
    // With a connection that is there, and without one.
    for wire in [rig.wire.clone(), std::sync::Arc::new(wire(&server))] {
        let connecting = wire.connect(listener.address(), SHORT);
        let failed = timeout(PATIENCE, connecting).await.expect("in time").expect_err("no pipe");
        assert!(matches!(failed, ConnectFailed::TimedOut { .. }), "{failed}");
    }
    server.thaw();
}

/// Its own pings tell that, without anybody above.
#[tokio::test]
async fn a_server_that_hangs_for_long_breaks_the_pipes_on_it() {
    let Some(server) = NatsServer::start() else { return };
    let (_near, mut far) = rig(&server).pipe().await;
    server.freeze();
    let heard = timeout(PATIENCE, next(far.incoming.as_mut())).await.expect("it is told");
    let Some(Err(PipeBroken::Lost(why))) = heard else { panic!("{heard:?}") };
    assert!(why.to_string().contains("connection with the NATS server is lost"), "{why}");
    server.thaw();
}

fn frame(number: u32) -> Bytes {
    let mut frame = number.to_be_bytes().to_vec();
    frame.resize(4 + number as usize % 30_000, 7);
    frame.into()
}

/// Accepts whoever comes.
fn accepting(mut listener: Box<dyn Listener>) -> mpsc::UnboundedReceiver<Pipe> {
    let (tell, pipes) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok(opening) = listener.accept().await {
            if let Ok(pipe) = opening.await
                && tell.send(pipe).is_err()
            {
                return;
            }
        }
    });
    pipes
}

/// Sends numbered frames until the pipe breaks; how many were taken.
async fn send_all(mut pipe: Pipe) -> u32 {
    for number in 0.. {
        if send(pipe.outgoing.as_mut(), frame(number)).await.is_err() {
            return number;
        }
        tokio::task::yield_now().await;
    }
    unreachable!("it breaks before the numbers end")
}

/// Reads them, each once and in order, until the pipe breaks; how many came.
async fn read_all(mut pipe: Pipe) -> u32 {
    for number in 0.. {
        match next(pipe.incoming.as_mut()).await {
            Some(Ok(heard)) => assert!(heard == frame(number), "not the frame {number}"),
            Some(Err(PipeBroken::Lost(_))) => return number,
            other => panic!("{other:?} after {number} frames: a lost server is no orderly end"),
        }
    }
    unreachable!("it breaks before the numbers end")
}

/// Each pipe breaks, what was read of it is what was sent until then, and there are new
/// ones as soon as the server is there again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pipes_break_without_a_hole_when_the_server_is_started_anew_under_load() {
    const PIPES: usize = 8;
    let Some(mut server) = NatsServer::start() else { return };
    // Each end has a connection of its own, as members do.
    let (here, there) = (wire(&server), wire(&server));
    let listener = there.listen(&address("there.example:0")).await.expect("it listens");
    let to = listener.address().clone();
    let mut accepted = accepting(listener);
    for _ in 0..3 {
        let (mut sending, mut reading) = (JoinSet::new(), JoinSet::new());
        for _ in 0..PIPES {
            let mut near = until_connected(&here, &to).await;
            let mut far =
                timeout(PATIENCE, accepted.recv()).await.expect("in time").expect("a pipe");
            send(near.outgoing.as_mut(), frame(0)).await.expect("it works");
            // Who was tried in vain before has left one that says nothing.
            while receive(far.incoming.as_mut()).await.is_none() {
                far = timeout(PATIENCE, accepted.recv()).await.expect("in time").expect("a pipe");
            }
            sending.spawn(send_all(near));
            reading.spawn(read_all(far));
        }
        server = tokio::task::spawn_blocking(move || {
            std::thread::sleep(Duration::from_millis(200));
            server.stop();
            server.go_on();
            server
        })
        .await
        .expect("no panic");
        let sent = timeout(PATIENCE, sending.join_all()).await.expect("all writers are told");
        let read = timeout(PATIENCE, reading.join_all()).await.expect("all readers are told");
        let (sent, read): (u32, u32) = (sent.iter().sum(), read.iter().sum());
        assert!(0 < read && read <= sent, "{read} of {sent}");
    }
}
