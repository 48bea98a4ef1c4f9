//! What holds for every wire.

use std::time::Duration;

use bytes::Bytes;
use distcache_cluster::wire::{ConnectFailed, FrameTooLong, Pipe, PipeBroken};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::support::{BOUND, PATIENCE, Rig, close, flush, next, receive, send};

/// Each fact, on each wire.
macro_rules! on_every_wire {
    ($($fact:ident),+ $(,)?) => {
        on_every_wire!(of memory: $($fact),+);
        on_every_wire!(of tcp: $($fact),+);
        on_every_wire!(of tls: $($fact),+);
        #[cfg(feature = "nats")]
        on_every_wire!(of nats: $($fact),+);
    };
    (of $wire:ident: $($fact:ident),+) => {
        mod $wire {
            $(
                #[tokio::test]
                async fn $fact() {
                    // Where it needs a program that is missing, that was told.
                    let rig = Option::<super::Rig>::from(crate::support::$wire());
                    let Some(rig) = rig else { return };
                    let fact = super::$fact(rig);
                    tokio::time::timeout(super::PATIENCE, fact).await.expect("it works");
                }
            )+
        }
    };
}

on_every_wire!(
    frames_of_every_size_arrive_whole_and_in_order,
    a_frame_over_the_bound_is_refused_by_name_and_harms_nothing,
    a_frame_over_the_receivers_bound_ends_the_pipe_by_name,
    an_end_that_is_dropped_ends_the_other,
    who_does_not_read_stops_who_writes,
    one_who_has_closed_still_receives,
    to_connect_with_nobody_fails_in_time,
    many_pipes_are_independent,
    a_second_listener_at_an_address_is_refused_by_name,
);

fn filled(bytes: usize) -> Bytes {
    let byte = u8::try_from(bytes % 251).expect("below 251");
    vec![byte; bytes].into()
}

async fn frames_of_every_size_arrive_whole_and_in_order(rig: Rig) {
    let (mut near, mut far) = rig.pipe().await;
    let around = |bytes: usize| bytes.saturating_sub(2)..=(bytes + 2).min(BOUND);
    let sizes: Vec<usize> =
        (0..2000).chain([4096, 8192, 16_384, 65_536, BOUND].into_iter().flat_map(around)).collect();
    let of_writer = sizes.clone();
    let writer = tokio::spawn(async move {
        for (number, bytes) in of_writer.into_iter().enumerate() {
            near.outgoing.push(filled(bytes)).expect("it works");
            // Some leave alone, some with others.
            if number % 7 == 0 {
                flush(near.outgoing.as_mut()).await.expect("it works");
            }
        }
        flush(near.outgoing.as_mut()).await.expect("it works");
        near
    });
    for bytes in sizes {
        assert_eq!(
            receive(far.incoming.as_mut()).await.expect("it works"),
            filled(bytes),
            "{bytes}"
        );
    }
    drop(writer.await.expect("it works"));
}

async fn a_frame_over_the_bound_is_refused_by_name_and_harms_nothing(rig: Rig) {
    let (mut near, mut far) = rig.pipe().await;
    let refused = near.outgoing.push(filled(BOUND + 1)).expect_err("it is refused");
    assert_eq!(refused, FrameTooLong { bytes: BOUND + 1, max: BOUND });
    assert_eq!(refused.to_string(), "the frame has 70001 bytes, and at most 70000 are carried");
    send(near.outgoing.as_mut(), filled(BOUND)).await.expect("it works");
    assert_eq!(receive(far.incoming.as_mut()).await.expect("it works"), filled(BOUND));
}

async fn a_frame_over_the_receivers_bound_ends_the_pipe_by_name(rig: Rig) {
    let (mut near, mut far) = rig.pipe().await;
    far.incoming.limit(100);
    send(near.outgoing.as_mut(), filled(100)).await.expect("it works");
    send(near.outgoing.as_mut(), filled(101)).await.expect("it works");
    assert_eq!(receive(far.incoming.as_mut()).await.expect("it works"), filled(100));
    let end = next(far.incoming.as_mut()).await;
    assert!(matches!(end, Some(Err(PipeBroken::FrameTooLong { max: 100 }))), "{end:?}");
    assert!(next(far.incoming.as_mut()).await.is_none(), "nothing comes after it");
}

async fn an_end_that_is_dropped_ends_the_other(rig: Rig) {
    let (mut near, far) = rig.pipe().await;
    send(near.outgoing.as_mut(), filled(10)).await.expect("it works");
    drop(far);
    assert!(receive(near.incoming.as_mut()).await.is_none());
    // What is under way hides it for a while.
    while send(near.outgoing.as_mut(), filled(1000)).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

/// Fills a pipe until it takes no more; how many frames it took.
async fn fill(pipe: &mut Pipe, frame: &Bytes) -> usize {
    // More than any system keeps for one connection.
    const FRAMES_MAX: usize = (64 << 20) / BOUND;
    // One that is taken is taken at once; if the machine is slow, it seems full sooner.
    const STUCK: Duration = Duration::from_millis(20);
    for frames in 1..FRAMES_MAX {
        pipe.outgoing.push(frame.clone()).expect("it works");
        if timeout(STUCK, flush(pipe.outgoing.as_mut())).await.is_err() {
            return frames;
        }
    }
    panic!("{FRAMES_MAX} frames were taken, and nobody has read one");
}

async fn who_does_not_read_stops_who_writes(rig: Rig) {
    let (mut near, mut far) = rig.pipe().await;
    let frame = filled(BOUND);
    let frames = fill(&mut near, &frame).await;
    let writer = tokio::spawn(async move {
        flush(near.outgoing.as_mut()).await.expect("it works");
        near
    });
    for _ in 0..frames {
        assert_eq!(receive(far.incoming.as_mut()).await.expect("it works"), frame);
    }
    drop(writer.await.expect("it works"));
}

async fn one_who_has_closed_still_receives(rig: Rig) {
    let (mut near, mut far) = rig.pipe().await;
    send(near.outgoing.as_mut(), filled(7)).await.expect("it works");
    close(near.outgoing.as_mut()).await;
    assert_eq!(receive(far.incoming.as_mut()).await.expect("it works"), filled(7));
    assert!(receive(far.incoming.as_mut()).await.is_none());
    send(far.outgoing.as_mut(), filled(8)).await.expect("it works");
    assert_eq!(receive(near.incoming.as_mut()).await.expect("it works"), filled(8));
}

async fn to_connect_with_nobody_fails_in_time(rig: Rig) {
    let listener = rig.listen().await;
    let nobody = listener.address().clone();
    drop(listener);
    let failed =
        rig.wire.connect(&nobody, Duration::from_secs(10)).await.expect_err("it is refused");
    assert!(matches!(failed, ConnectFailed::Refused { .. }), "{failed}");
    assert!(failed.to_string().starts_with(&format!("no connection with {nobody}: ")), "{failed}");
}

async fn many_pipes_are_independent(rig: Rig) {
    let mut listener = rig.listen().await;
    let mut pipes = Vec::new();
    for _ in 0..100 {
        pipes.push(rig.pipe_by(listener.as_mut()).await);
    }
    let mut echoes = JoinSet::new();
    for (number, (mut near, mut far)) in pipes.into_iter().enumerate() {
        echoes.spawn(async move {
            // One in ten says nothing more, and nobody else waits for it.
            let rounds = if number % 10 == 0 { 0 } else { 20 };
            for round in 0..rounds {
                let frame = filled(number * 100 + round);
                send(near.outgoing.as_mut(), frame.clone()).await.expect("it works");
                let heard = receive(far.incoming.as_mut()).await.expect("it works");
                send(far.outgoing.as_mut(), heard).await.expect("it works");
                assert_eq!(receive(near.incoming.as_mut()).await.expect("it works"), frame);
            }
        });
    }
    while let Some(done) = timeout(PATIENCE, echoes.join_next()).await.expect("it works") {
        done.expect("it works");
    }
}

async fn a_second_listener_at_an_address_is_refused_by_name(rig: Rig) {
    let first = rig.listen().await;
    let taken = first.address();
    let Err(failed) = rig.wire.listen(taken).await else { panic!("two listen at {taken}") };
    assert!(failed.to_string().starts_with(&format!("cannot listen at {taken}: ")), "{failed}");
}
