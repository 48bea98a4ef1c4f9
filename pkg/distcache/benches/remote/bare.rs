//! As many bytes there and back as a get and its reply take, and nothing else.

use std::net::SocketAddr;

use distcache::Found;
use distcache_cluster::links::frames;
use distcache_cluster::proto::frame::Kind;
use distcache_cluster::proto::reply::Outcome;
use distcache_cluster::proto::request::Operation;
use distcache_cluster::proto::{self, Get, Read, Reply, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

use crate::helper::{Helper, order, say, until_dismissed};
use crate::members::{KEYSPACE, Pair};
use crate::rounds::{runtime, seconds_each};

/// What a process is told that answers over bare TCP.
pub(crate) const BARE: &str = "be-bare-tcp";

/// Four bytes in front of each frame tell its length.
const LENGTH_BYTES: usize = 4;

/// In a process of its own: answers until it is dismissed.
pub(crate) fn be_bare_tcp() {
    let (request_bytes, reply_bytes): (usize, usize) = order();
    let server = runtime("server");
    let listener = server.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
    say(&listener.local_addr().expect("it is bound"));
    server.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            answer(stream, request_bytes, reply_bytes).await;
        }
    });
    until_dismissed();
}

/// Answers until the other leaves.
async fn answer(mut stream: TcpStream, request_bytes: usize, reply_bytes: usize) {
    stream.set_nodelay(true).expect("it is open");
    let (mut request, reply) = (vec![0; request_bytes], vec![2; reply_bytes]);
    while stream.read_exact(&mut request).await.is_ok() {
        if stream.write_all(&reply).await.is_err() {
            return;
        }
    }
}

/// The process, and what is sent to it and back.
pub(crate) struct Bare {
    to: SocketAddr,
    request_bytes: usize,
    reply_bytes: usize,
    _server: Helper,
}

impl Bare {
    /// With as many bytes as the gets of these members take.
    pub(crate) fn start(pair: &Pair) -> Self {
        let key = pair.keys[0];
        let found = pair.things.get(&key).expect("an answer").expect("it was put");
        let request_bytes = framed(&Kind::Request(request(pair, &key)));
        let reply_bytes = framed(&Kind::Reply(reply(pair, &found)));
        let mut server = Helper::start(&[BARE]);
        server.tell(&(request_bytes, reply_bytes));
        Self { to: server.hear(), request_bytes, reply_bytes, _server: server }
    }

    /// Bytes of a request and of a reply.
    pub(crate) fn bytes(&self) -> (usize, usize) {
        (self.request_bytes, self.reply_bytes)
    }

    /// Seconds of one way there and back.
    pub(crate) fn round(&self, client: &Runtime, calls: usize) -> f64 {
        let (to, request, mut reply) =
            (self.to, vec![1; self.request_bytes], vec![0; self.reply_bytes]);
        // On the runtime's own thread, as the calls are.
        let work = client.spawn(async move {
            let mut stream = TcpStream::connect(to).await.expect("the other is there");
            stream.set_nodelay(true).expect("it is open");
            seconds_each(calls, async {
                for _ in 0..calls {
                    stream.write_all(&request).await.expect("the other is there");
                    stream.read_exact(&mut reply).await.expect("the other is there");
                }
            })
            .await
        });
        client.block_on(work).expect("no panic")
    }
}

fn framed(kind: &Kind) -> usize {
    LENGTH_BYTES + frames::encode(kind).len()
}

/// As it goes out after some hundred thousand others.
fn request(pair: &Pair, key: &[u8]) -> Request {
    let keyspace = KEYSPACE.to_owned();
    let get = Get { keyspace, key: key.to_vec().into(), ..Get::default() };
    let operation = Some(Operation::Get(get));
    Request {
        epoch: pair.epoch(),
        time_left_ms: 10_000,
        operation,
        number: 500_000,
        ..Request::default()
    }
}

fn reply(pair: &Pair, found: &Found) -> Reply {
    let value = found.to_vec().into();
    let found = proto::Found { value, version: found.version().get(), ..proto::Found::default() };
    let outcome = Some(Outcome::Get(Read { found: Some(found), near_ms: None }));
    Reply { outcome, number: 500_000, epoch: pair.epoch() }
}
