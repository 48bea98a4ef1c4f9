//! What becomes of frames in bad weather, by the clock of the test.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use distcache_cluster::wire::{ConnectFailed, Network, Pipe, Weather, Wire};
use tokio::time::{Instant, timeout};

use crate::support::{PATIENCE, Rig, address, receive, send};

/// A pipe from `a` to `b`, and the network between.
async fn pipe() -> (Arc<Network>, Pipe, Pipe) {
    let network = Network::new(7);
    let (a, b) = (address("a:1"), address("b:1"));
    let mut listener = network.member(&b).listen(&b).await.expect("it works");
    let rig = Rig::new(Arc::new(network.member(&a)), a);
    let (near, far) = rig.pipe_by(listener.as_mut()).await;
    (network, near, far)
}

fn set(network: &Network, weather: Weather) {
    network.set(&address("a:1"), &address("b:1"), weather);
}

async fn send_all(pipe: &mut Pipe, frames: u32) {
    for number in 0..frames {
        let frame = Bytes::copy_from_slice(&number.to_be_bytes());
        send(pipe.outgoing.as_mut(), frame).await.expect("it works");
    }
}

/// What comes before a minute has passed without anything.
async fn arrivals(pipe: &mut Pipe) -> Vec<u32> {
    let mut arrived = Vec::new();
    while let Ok(Some(frame)) = timeout(PATIENCE, receive(pipe.incoming.as_mut())).await {
        arrived.push(u32::from_be_bytes(frame[..].try_into().expect("it works")));
    }
    arrived
}

#[tokio::test(start_paused = true)]
async fn a_delayed_frame_arrives_when_its_time_has_come() {
    let (network, mut near, mut far) = pipe().await;
    set(&network, Weather { delay: Duration::from_millis(80), ..Weather::default() });
    let start = Instant::now();
    send_all(&mut near, 2).await;
    receive(far.incoming.as_mut()).await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_millis(80));
    receive(far.incoming.as_mut()).await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_millis(80), "the second was under way as well");
}

#[tokio::test(start_paused = true)]
async fn frames_are_lost_doubled_and_overtaken_as_ordered() {
    let (network, mut near, mut far) = pipe().await;
    set(&network, Weather { lost_permille: 300, ..Weather::default() });
    send_all(&mut near, 1000).await;
    let arrived = arrivals(&mut far).await.len();
    assert!((600..800).contains(&arrived), "{arrived}");

    set(&network, Weather { doubled_permille: 300, ..Weather::default() });
    send_all(&mut near, 1000).await;
    let arrived = arrivals(&mut far).await;
    assert!((1200..1400).contains(&arrived.len()), "{}", arrived.len());
    assert!(arrived.is_sorted());

    set(&network, Weather { late_permille: 300, ..Weather::default() });
    send_all(&mut near, 1000).await;
    let mut arrived = arrivals(&mut far).await;
    assert!(!arrived.is_sorted());
    arrived.sort_unstable();
    assert!(arrived.into_iter().eq(0..1000), "all come, once");
}

#[tokio::test(start_paused = true)]
async fn one_seed_is_one_weather() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let (network, mut near, mut far) = pipe().await;
        let weather = Weather { lost_permille: 100, late_permille: 100, ..Weather::default() };
        set(&network, weather);
        send_all(&mut near, 200).await;
        runs.push(arrivals(&mut far).await);
    }
    assert_eq!(runs[0], runs[1]);
}

#[tokio::test(start_paused = true)]
async fn a_cut_one_way_holds_back_what_goes_that_way_only() {
    let (network, mut near, mut far) = pipe().await;
    set(&network, Weather::cut());
    send_all(&mut near, 3).await;
    send_all(&mut far, 2).await;
    assert_eq!(arrivals(&mut near).await, [0, 1]);
    assert_eq!(arrivals(&mut far).await, [0; 0]);
    set(&network, Weather::default());
    assert_eq!(arrivals(&mut far).await, [0, 1, 2], "it was sent again, as TCP does");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_other_is_not_seen_across_a_cut() {
    let (network, near, mut far) = pipe().await;
    set(&network, Weather::cut());
    drop(near);
    assert!(timeout(PATIENCE, receive(far.incoming.as_mut())).await.is_err());
    set(&network, Weather::default());
    assert!(receive(far.incoming.as_mut()).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn nobody_connects_across_a_cut() {
    let (network, _near, _far) = pipe().await;
    let (a, b) = (address("a:1"), address("b:1"));
    // The answer would have to come this way.
    network.set(&b, &a, Weather::cut());
    let within = Duration::from_secs(2);
    let start = Instant::now();
    let failed = network.member(&a).connect(&b, within).await.unwrap_err();
    assert!(matches!(failed, ConnectFailed::TimedOut { .. }), "{failed}");
    assert_eq!(start.elapsed(), within);
}

#[tokio::test(start_paused = true)]
async fn a_reset_ends_both_ends() {
    let (network, mut near, mut far) = pipe().await;
    assert_eq!(network.connections(), 1);
    network.reset(&address("b:1"), &address("a:1"));
    assert!(receive(near.incoming.as_mut()).await.is_none());
    assert!(receive(far.incoming.as_mut()).await.is_none());
    assert!(send(near.outgoing.as_mut(), Bytes::new()).await.is_err());
    assert_eq!(network.connections(), 0);
}
