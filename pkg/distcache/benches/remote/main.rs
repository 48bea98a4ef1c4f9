//! What it costs to get a value that another member owns:
//! `cargo bench -p distcache --features cluster,nats --bench remote [-- CASE...]`, where a CASE
//! is the beginning of the name of somebody who is measured: `FACT` lines have them all.
//!
//! This process is one of two members, with a runtime of one thread for its tasks, which
//! also carries its links (`ClusterConfig::runtime`): so a reply is read where it is waited
//! for. The other member is a process of its own, on the cluster's own threads, and so are
//! the rivals: one that sends back as many bytes over bare TCP, and a `redis-server`, asked
//! by the crate `redis` over one connection for all tasks. With the feature `nats` there is
//! another pair of members, that reach each other over a `nats-server`, if that is installed.
//! Keys of 16 bytes, values of 64. All run in turn, nine times; the medians count. A round
//! in which the host took more than 3 % of the processors' time is made again.
//!
//! `RATIO case rival X`, where the case is a latency: ours takes X times as long. Else we
//! make X times as many calls a second. `FACT name X`: microseconds and calls a second.
//!
//! A way there and back may take ten times as long where both ends wake each other's idle
//! processor as where they share one; which it is, the system decides anew in each round.
//! So standard error has the fastest and the slowest round beside the median.
//!
//! `ROUNDS` and `CALLS` in the environment say how many: rounds, and calls of a round with
//! one in flight; with more it has twenty times as many.
#![expect(clippy::print_stdout, reason = "printing figures is what a benchmark is for")]
#![expect(clippy::print_stderr, reason = "what is no figure is told beside them")]

mod bare;
mod helper;
mod members;
#[cfg(feature = "nats")]
mod nats;
#[cfg(not(feature = "nats"))]
#[path = "nats/absent.rs"]
mod nats;
mod redis_server;
mod rounds;

use std::process::ExitCode;
use std::sync::Arc;

use distcache::Keyspace;
use redis::aio::MultiplexedConnection;
use tokio::runtime::Runtime;

use bare::{BARE, Bare};
use members::{OWNER, Pair};
use nats::Nats;
use redis_server::{REDIS, Redis};
use rounds::{Caller, Contest, Contestant, asked, round, runtime};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 9;
const CALLS: usize = 5_000;
/// With many in flight, so many times as many calls.
const MANY: usize = 20;
/// Keys of one batch.
const BATCH: usize = 100;
/// Keys that are read again and again, where near copies are measured.
const HOT: usize = 16;
const VALUE: [u8; 64] = [7; 64];

type Key = [u8; 16];

fn numbered(number: u64) -> Key {
    let mut key = *b"key:000000000000";
    key[8..].copy_from_slice(&number.to_be_bytes());
    key
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some(OWNER) => members::be_the_owner(),
        Some(BARE) => bare::be_bare_tcp(),
        Some(REDIS) => redis_server::keep_redis(),
        _ if arguments.iter().any(|argument| argument == "--bench") => return measure(&arguments),
        // Cargo only wants to see that this compiles and starts.
        _ => {}
    }
    ExitCode::SUCCESS
}

fn measure(arguments: &[String]) -> ExitCode {
    if !redis_server::is_there() {
        eprintln!("redis-server is missing, nothing was measured: apt-get install redis-server");
        return ExitCode::FAILURE;
    }
    let cases: Vec<String> = arguments.iter().filter(|a| !a.starts_with("--")).cloned().collect();
    let client = runtime("client");
    let (clear, secured) = (Pair::start(&client), Pair::start_secured(&client));
    let near = Pair::start_near(&client);
    let nats = Nats::start(&client);
    let bare = Bare::start(&clear);
    let redis = Redis::start(&client, &clear.keys);
    let mut contestants = contestants(&client, [&clear, &secured], &bare, &redis);
    let hot = Gets { things: near.things.clone(), keys: near.keys[..HOT].into() };
    contestants.push(contestant(&client, "near-get-1", &hot, 1, asked("CALLS", CALLS)));
    if let Some(nats) = &nats {
        let Pair { things, keys, .. } = nats.pair();
        let gets = Gets { things: things.clone(), keys: keys.clone() };
        let one = asked("CALLS", CALLS);
        contestants.push(contestant(&client, "remote-nats-get-1", &gets, 1, one));
        contestants.push(contestant(&client, "remote-nats-get-1024", &gets, 1024, one * MANY));
    }
    let mut contest = Contest::of(contestants, &cases);
    contest.run(asked("ROUNDS", ROUNDS));
    let (request_bytes, reply_bytes) = bare.bytes();
    eprintln!("a request of {request_bytes} bytes, a reply of {reply_bytes}");
    tell(&contest);
    let over_nats = nats.as_ref().is_none_or(|nats| nats.pair().is_as_before());
    let all_are = [&clear, &secured, &near].into_iter().all(Pair::is_as_before);
    if !all_are || !over_nats {
        eprintln!("a member was lost meanwhile: these are no figures");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Each of whom is measured, by the name under which it is told.
fn contestants<'a>(
    client: &'a Runtime,
    [clear, secured]: [&Pair; 2],
    bare: &'a Bare,
    redis: &Redis,
) -> Vec<Contestant<'a>> {
    let one = asked("CALLS", CALLS);
    let gets = Gets { things: clear.things.clone(), keys: clear.keys.clone() };
    let tls = Gets { things: secured.things.clone(), keys: secured.keys.clone() };
    let redis = RedisGets { connection: redis.connection.clone(), keys: clear.keys.clone() };
    let batches = Batches(gets.clone());
    vec![
        Contestant::new("bare-tcp", move || bare.round(client, one)),
        contestant(client, "remote-get-1", &gets, 1, one),
        contestant(client, "redis-get-1", &redis, 1, one),
        contestant(client, "remote-get-32", &gets, 32, one * MANY),
        contestant(client, "redis-get-32", &redis, 32, one * MANY),
        contestant(client, "remote-get-1024", &gets, 1024, one * MANY),
        contestant(client, "redis-get-1024", &redis, 1024, one * MANY),
        contestant(client, "remote-get-many-100", &batches, 1, one.div_ceil(5)),
        contestant(client, "remote-tls-get-1", &tls, 1, one),
        contestant(client, "remote-tls-get-1024", &tls, 1024, one * MANY),
    ]
}

fn contestant<'a>(
    client: &'a Runtime,
    name: &'static str,
    caller: &(impl Caller + 'a),
    in_flight: usize,
    calls: usize,
) -> Contestant<'a> {
    let caller = caller.clone();
    Contestant::new(name, move || round(client, &caller, in_flight, calls))
}

/// What came out of it. Who did not run is in no line.
fn tell(contest: &Contest<'_>) {
    for (name, seconds) in contest.told() {
        let [least, median, most] = seconds.map(|seconds| seconds * 1e6);
        eprintln!("{name}: {median:.2} us, between {least:.2} and {most:.2}");
        println!("FACT {name} {median:.1} us");
        println!("FACT {name} {:.0} calls/s", 1e6 / median);
    }
    let ratio = |case: &str, rival: &str, ours: &str, theirs: &str, is_time: bool| {
        if let (Some(ours), Some(theirs)) = (contest.seconds(ours), contest.seconds(theirs)) {
            let ratio = if is_time { ours / theirs } else { theirs / ours };
            println!("RATIO {case} {rival} {ratio:.2}");
        }
    };
    ratio("remote-get-latency", "bare-tcp", "remote-get-1", "bare-tcp", true);
    for (ours, theirs) in [
        ("remote-get-1", "redis-get-1"),
        ("remote-get-32", "redis-get-32"),
        ("remote-get-1024", "redis-get-1024"),
    ] {
        ratio(ours, "redis", ours, theirs, false);
    }
    ratio("remote-get-32", "remote-get-1", "remote-get-32", "remote-get-1", false);
    ratio("remote-get-1024", "remote-get-1", "remote-get-1024", "remote-get-1", false);
    let many = "remote-get-many-100";
    ratio("remote-get-many-100-latency", "remote-get-1", many, "remote-get-1", true);
    ratio("remote-tls-get-latency", "clear", "remote-tls-get-1", "remote-get-1", true);
    ratio("remote-tls-get-1024", "clear", "remote-tls-get-1024", "remote-get-1024", false);
    ratio("near-get", "remote-get-1", "near-get-1", "remote-get-1", false);
    ratio("remote-get-nats-1", "tcp", "remote-nats-get-1", "remote-get-1", false);
    ratio("remote-get-nats-1024", "tcp", "remote-nats-get-1024", "remote-get-1024", false);
}

/// Gets of keys that the other member owns.
#[derive(Clone)]
struct Gets {
    things: Keyspace,
    keys: Arc<[Key]>,
}

impl Caller for Gets {
    async fn call(&mut self, at: usize) {
        let found = self.things.get_async(key_of(&self.keys, at)).await;
        assert_eq!(found.expect("an answer").expect("it was put")[..], VALUE);
    }
}

/// The same, many in one call.
#[derive(Clone)]
struct Batches(Gets);

impl Caller for Batches {
    async fn call(&mut self, at: usize) {
        let Self(Gets { things, keys }) = self;
        let keys: Vec<&[u8]> = (at * BATCH..(at + 1) * BATCH).map(|at| key_of(keys, at)).collect();
        for found in things.get_many_async(&keys).await {
            assert_eq!(found.expect("an answer").expect("it was put")[..], VALUE);
        }
    }
}

/// Gets of the same keys from the `redis-server`.
#[derive(Clone)]
struct RedisGets {
    connection: MultiplexedConnection,
    keys: Arc<[Key]>,
}

impl Caller for RedisGets {
    async fn call(&mut self, at: usize) {
        let mut get = redis::cmd("GET");
        get.arg(key_of(&self.keys, at));
        let found: Vec<u8> = get.query_async(&mut self.connection).await.expect("it was put");
        assert_eq!(found[..], VALUE);
    }
}

/// One of them, far from the one before.
fn key_of(keys: &[Key], at: usize) -> &[u8] {
    /// A prime number, so that each key comes once before one comes again.
    const STRIDE: usize = 7_919;
    &keys[at * STRIDE % keys.len()]
}
