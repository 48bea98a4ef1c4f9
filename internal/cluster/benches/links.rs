//! What a call over a link costs, beside bare TCP:
//! `cargo bench -p distcache-cluster --bench links`.
//!
//! Two runtimes of one thread each, over loopback; gets of a 16-byte key are answered
//! at once with a value of 64 bytes. The rival sends back and forth as many bytes as
//! such a get and its reply take, and nothing else. Both run in turn, nine times; the
//! medians count.
//!
//! `RATIO link-1 bare-tcp X`: a lone call takes X times as long as there and back over
//! bare TCP. `RATIO link-1024 link-1 X`: X times as many calls a second with 1,024 in
//! flight as with one. `FACT name X`: microseconds, or calls a second.
#![expect(clippy::print_stdout, reason = "printing figures is what a benchmark is for")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use distcache_cluster::links::{Counts, Links, MemberId, Serve, Serving, Settings, frames};
use distcache_cluster::proto::frame::Kind;
use distcache_cluster::proto::request::Operation;
use distcache_cluster::proto::{Found, Get, Read, Reply, Request, reply::Outcome};
use distcache_cluster::wire::{Address, Tcp, Wire};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 9;
const IN_FLIGHT: [usize; 3] = [1, 32, 1024];
/// Calls of one round; with 32 in flight and more, ten times as many.
const CALLS: usize = 5_000;
const KEY: [u8; 16] = *b"key:000000000042";
const VALUE: [u8; 64] = [7; 64];
/// Four bytes in front of each frame tell its length.
const LENGTH_BYTES: usize = 4;

fn main() {
    // Cargo says `--bench` when it wants figures; when it tests, it only wants to see
    // that this compiles and starts.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let (client, server) = (runtime("client"), runtime("server"));
    let pair = Pair::start(&client, &server);
    let bare = Bare::start(&client, &server);
    let mut times: [Vec<f64>; IN_FLIGHT.len() + 1] = Default::default();
    // The first round warms up.
    for round in 0..=ROUNDS {
        let mut seconds = vec![bare.round(&client)];
        seconds.extend(IN_FLIGHT.map(|in_flight| pair.round(&client, in_flight)));
        for (times, seconds) in times.iter_mut().zip(seconds) {
            if 0 < round {
                times.push(seconds);
            }
        }
    }
    let [bare, one, some, many] = times.map(|times| Seconds::of(times).told());
    println!("FACT bare-tcp {:.1} us", bare * 1e6);
    println!("FACT link-1 {:.1} us", one * 1e6);
    for (in_flight, seconds) in IN_FLIGHT.into_iter().zip([one, some, many]) {
        println!("FACT link-{in_flight} {:.0} calls/s", 1.0 / seconds);
    }
    println!("RATIO link-1 bare-tcp {:.2}", one / bare);
    println!("RATIO link-32 link-1 {:.1}", one / some);
    println!("RATIO link-1024 link-1 {:.1}", one / many);
    let Counts { frames_sent, writes, .. } = pair.links.counts();
    println!("FACT frames-per-write {:.1}", ratio(frames_sent, writes));
}

#[expect(clippy::cast_precision_loss, reason = "counts of a few millions")]
fn ratio(one: u64, other: u64) -> f64 {
    one as f64 / other as f64
}

/// A runtime of one thread.
fn runtime(name: &str) -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).thread_name(name).enable_all();
    builder.build().expect("a runtime")
}

/// Seconds of one call, in each round.
struct Seconds(Vec<f64>);

impl Seconds {
    fn of(mut rounds: Vec<f64>) -> Self {
        rounds.sort_by(f64::total_cmp);
        Self(rounds)
    }

    /// The median.
    fn told(&self) -> f64 {
        self.0[self.0.len() / 2]
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}

fn seconds_each(since: Instant, calls: usize) -> f64 {
    let calls = u32::try_from(calls).expect("a few thousand");
    (now() - since).as_secs_f64() / f64::from(calls)
}

fn request() -> Request {
    let get =
        Get { keyspace: "default".to_owned(), key: Bytes::from_static(&KEY), ..Get::default() };
    let operation = Some(Operation::Get(get));
    Request { epoch: 1, time_left_ms: 1000, operation, number: 1, ..Request::default() }
}

fn reply() -> Reply {
    let value = Bytes::from_static(&VALUE);
    let found = Found { value, version: 1 << 40, ..Found::default() };
    Reply {
        outcome: Some(Outcome::Get(Read { found: Some(found), near_ms: None })),
        number: 1,
        epoch: 1,
    }
}

struct Now;

impl Serve for Now {
    fn serve(&self, _from: &Address, _request: Request) -> Serving {
        Serving::Now(reply())
    }
}

/// Two members, and the address of the second.
struct Pair {
    links: Arc<Links>,
    to: Address,
    _other: Links,
}

impl Pair {
    fn start(client: &Runtime, server: &Runtime) -> Self {
        let (other, to) = server.block_on(member(2));
        let (links, _) = client.block_on(member(1));
        Self { links: Arc::new(links), to, _other: other }
    }

    /// Seconds of one call, with so many in flight.
    fn round(&self, client: &Runtime, in_flight: usize) -> f64 {
        let all = if in_flight == 1 { CALLS } else { 10 * CALLS };
        let each = all / in_flight;
        client.block_on(async {
            let start = now();
            let callers: Vec<_> = (0..in_flight)
                .map(|_| {
                    let (links, to) = (self.links.clone(), self.to.clone());
                    tokio::spawn(async move { call(&links, &to, each).await })
                })
                .collect();
            for caller in callers {
                caller.await.expect("no panic");
            }
            seconds_each(start, each * in_flight)
        })
    }
}

async fn call(links: &Links, to: &Address, times: usize) {
    for _ in 0..times {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
        let reply = links.call(to, request(), deadline).await.expect("a reply");
        assert!(matches!(reply.outcome, Some(Outcome::Get(_))), "{reply:?}");
    }
}

async fn member(number: u64) -> (Links, Address) {
    let wire = Arc::new(Tcp::clear());
    let at = "127.0.0.1:0".parse().expect("an address");
    let listener = wire.listen(&at).await.expect("a free port");
    let address = listener.address().clone();
    let member = MemberId::new(number).expect("it is not zero");
    let settings = Settings::new("bench", member, address.clone());
    (Links::start(wire, listener, settings, Arc::new(Now)), address)
}

/// The same bytes there and back, without anything else.
struct Bare {
    to: SocketAddr,
}

impl Bare {
    fn start(client: &Runtime, server: &Runtime) -> Self {
        let listener = client.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let to = listener.local_addr().expect("it is bound");
        drop(listener);
        let listener = server.block_on(TcpListener::bind(to)).expect("it was free just now");
        server.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                answer(stream).await;
            }
        });
        Self { to }
    }

    fn round(&self, client: &Runtime) -> f64 {
        let asks = async |mut stream: TcpStream| {
            let (ask, mut reply) = (vec![1; request_bytes()], vec![0; reply_bytes()]);
            let start = now();
            for _ in 0..CALLS {
                stream.write_all(&ask).await.expect("the other is there");
                stream.read_exact(&mut reply).await.expect("the other is there");
            }
            seconds_each(start, CALLS)
        };
        let to = self.to;
        let work = async move {
            let stream = TcpStream::connect(to).await.expect("the other is there");
            stream.set_nodelay(true).expect("it is open");
            asks(stream).await
        };
        // On the runtime's own thread, as the calls are.
        client.block_on(client.spawn(work)).expect("no panic")
    }
}

/// Answers until the other leaves.
async fn answer(mut stream: TcpStream) {
    stream.set_nodelay(true).expect("it is open");
    let (mut ask, reply) = (vec![0; request_bytes()], vec![2; reply_bytes()]);
    while stream.read_exact(&mut ask).await.is_ok() {
        if stream.write_all(&reply).await.is_err() {
            return;
        }
    }
}

fn request_bytes() -> usize {
    LENGTH_BYTES + frames::encode(&Kind::Request(request())).len()
}

fn reply_bytes() -> usize {
    LENGTH_BYTES + frames::encode(&Kind::Reply(reply())).len()
}
