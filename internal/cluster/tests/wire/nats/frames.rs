//! Frames that are longer than a message, and who does not read them.

use std::time::Duration;

use bytes::Bytes;
use distcache_cluster::wire::Pipe;
use futures_util::StreamExt;
use tokio::time::timeout;

use super::{Spy, rig};
use crate::nats_server::NatsServer;
use crate::support::{BOUND, PATIENCE, flush, receive, send};

/// What may be under way to one end, as the wire's documentation says.
const WINDOW_BYTES: usize = 256 << 10;

fn numbered(number: usize, bytes: usize) -> Bytes {
    (number..number + bytes).map(|at| u8::try_from(at % 251).expect("below 251")).collect()
}

#[tokio::test]
async fn a_frame_over_the_servers_limit_is_sent_in_pieces() {
    let Some(server) = NatsServer::start_with("max_payload: 1000") else { return };
    let mut spy = Spy::at(&server).await;
    let (mut near, mut far) = rig(&server).pipe().await;
    for (number, bytes) in [1, 900, 975, 976, 1_000, 5_000, BOUND].into_iter().enumerate() {
        send(near.outgoing.as_mut(), numbered(number, bytes)).await.expect("it works");
        let heard = receive(far.incoming.as_mut()).await.expect("it arrives");
        assert!(heard == numbered(number, bytes), "{bytes} bytes");
    }
    let longest = spy.next(".data").await.payload.len();
    assert!(longest <= 1_000, "{longest}");
}

#[tokio::test]
async fn a_server_that_takes_next_to_nothing_is_told() {
    let Some(server) = NatsServer::start_with("max_payload: 100") else { return };
    let failed = rig(&server).wire.listen(&"a:1".parse().expect("an address")).await;
    let Err(told) = failed else { panic!("it listens") };
    assert!(told.to_string().contains("its max_payload is 100, and 256 are needed"), "{told}");
}

/// Pushes frames until no more are taken; how many were.
async fn fill(pipe: &mut Pipe, bytes: usize) -> usize {
    const STUCK: Duration = Duration::from_millis(100);
    for frames in 1.. {
        pipe.outgoing.push(numbered(frames, bytes)).expect("within the bound");
        if timeout(STUCK, flush(pipe.outgoing.as_mut())).await.is_err() {
            return frames;
        }
    }
    unreachable!("a window is full at some time")
}

/// Whatever is under way for one who stands still, long frames or short ones, is within the
/// window; and nothing of it is lost.
#[tokio::test]
async fn no_more_is_under_way_than_the_window_and_nothing_of_it_is_lost() {
    let Some(server) = NatsServer::start() else { return };
    for bytes in [1, 300, BOUND] {
        let mut spy = Spy::at(&server).await;
        let (mut near, mut far) = rig(&server).pipe().await;
        let frames = fill(&mut near, bytes).await;
        spy.flush().await;
        let mut under_way = 0;
        while let Ok(Some(message)) = timeout(Duration::ZERO, spy.heard.next()).await {
            under_way += if message.subject.ends_with(".data") { message.payload.len() } else { 0 };
        }
        assert!(0 < under_way && under_way <= WINDOW_BYTES, "{under_way} of frames of {bytes}");
        let writer = tokio::spawn(async move {
            flush(near.outgoing.as_mut()).await.expect("it goes on");
            near
        });
        for number in 1..=frames {
            let frame = timeout(PATIENCE, receive(far.incoming.as_mut())).await.expect("in time");
            assert!(frame.expect("it is there") == numbered(number, bytes), "{number}");
        }
        drop(writer.await.expect("no panic"));
    }
}

/// Each end writes far more than a window before it reads: what they read is what keeps
/// the other's credits coming.
#[tokio::test]
async fn two_that_flood_each_other_do_not_wait_for_each_other_for_ever() {
    const FRAMES: usize = 200;
    let Some(server) = NatsServer::start() else { return };
    let (near, far) = rig(&server).pipe().await;
    let flood = |pipe: Pipe| async move {
        let Pipe { mut outgoing, mut incoming, .. } = pipe;
        let writes = async move {
            for number in 0..FRAMES {
                send(outgoing.as_mut(), numbered(number, 20_000)).await.expect("it works");
            }
            outgoing
        };
        let reads = async move {
            for number in 0..FRAMES {
                let frame = receive(incoming.as_mut()).await.expect("it arrives");
                assert!(frame == numbered(number, 20_000), "{number}");
            }
            incoming
        };
        tokio::join!(writes, reads)
    };
    let both = async { tokio::join!(flood(near), flood(far)) };
    drop(timeout(PATIENCE, both).await.expect("both are done"));
}
