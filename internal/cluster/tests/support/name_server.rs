//! A name server of a test, over UDP and TCP. Tests of several crates have it by its path.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hickory_resolver::proto::op::{Message, Metadata, ResponseCode};
use hickory_resolver::proto::rr::rdata::SRV;
use hickory_resolver::proto::rr::{Name, RData, Record};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::runtime::{Builder, Runtime};

/// A client may keep what it was told for so long.
const TTL_SECS: u32 = 3_600;

/// What it says to every question.
#[derive(Debug, Clone)]
pub(crate) enum Says {
    Records(Vec<SRV>),
    Code(ResponseCode),
    /// The question's number, and then no message.
    Garbage,
    /// The right records, for another question's number.
    Forgery,
    Nothing,
}

/// Answers until it is dropped.
#[derive(Debug)]
pub(crate) struct NameServer {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    runtime: Option<Runtime>,
}

#[derive(Debug)]
struct State {
    says: Mutex<Says>,
    over_udp: AtomicUsize,
    over_tcp: AtomicUsize,
}

impl NameServer {
    pub(crate) fn start(says: Says) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a thread can be started");
        let state = State { says: Mutex::new(says), over_udp: 0.into(), over_tcp: 0.into() };
        let state = Arc::new(state);
        let (udp, tcp) = runtime.block_on(sockets());
        let address = udp.local_addr().expect("it is bound");
        runtime.spawn(serve_udp(udp, state.clone()));
        runtime.spawn(serve_tcp(tcp, state.clone()));
        Self { address, state, runtime: Some(runtime) }
    }

    /// From now on it says that.
    pub(crate) fn say(&self, says: Says) {
        *self.state.says.lock() = says;
    }

    /// How many questions it was asked over UDP, and over TCP.
    pub(crate) fn questions(&self) -> (usize, usize) {
        let of = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        (of(&self.state.over_udp), of(&self.state.over_tcp))
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Both on one port, which the system has chosen for the first.
async fn sockets() -> (UdpSocket, TcpListener) {
    for _ in 0..100 {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port is free");
        let address = tcp.local_addr().expect("it is bound");
        if let Ok(udp) = UdpSocket::bind(address).await {
            return (udp, tcp);
        }
    }
    panic!("of a hundred ports none is free for both");
}

async fn serve_udp(socket: UdpSocket, state: Arc<State>) -> io::Result<()> {
    let mut question = [0; 4_096];
    loop {
        let (length, from) = socket.recv_from(&mut question).await?;
        state.over_udp.fetch_add(1, Ordering::Relaxed);
        if let Some(answer) = state.answer(&question[..length], true) {
            socket.send_to(&answer, from).await?;
        }
    }
}

async fn serve_tcp(listener: TcpListener, state: Arc<State>) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(serve_stream(stream, state.clone()));
    }
}

async fn serve_stream(mut stream: TcpStream, state: Arc<State>) -> io::Result<()> {
    loop {
        let length = stream.read_u16().await?;
        let mut question = vec![0; length.into()];
        stream.read_exact(&mut question).await?;
        state.over_tcp.fetch_add(1, Ordering::Relaxed);
        if let Some(answer) = state.answer(&question, false) {
            stream.write_u16(answer.len().try_into().expect("it fits")).await?;
            stream.write_all(&answer).await?;
        }
    }
}

impl State {
    fn answer(&self, question: &[u8], is_udp: bool) -> Option<Vec<u8>> {
        let asked = Message::from_vec(question).expect("the resolver asks by messages");
        let mut answer = Message::query();
        answer.metadata = Metadata::response_from_request(&asked.metadata);
        answer.add_queries(asked.queries.iter().cloned());
        let name = asked.queries.first().expect("it asks something").name();
        match self.says.lock().clone() {
            Says::Records(records) => answer.answers = of(name, records),
            Says::Code(code) => answer.metadata.response_code = code,
            Says::Garbage => return Some([&question[..2], &[0xff; 30]].concat()),
            Says::Forgery => {
                answer.metadata.id ^= 1;
                answer.answers = of(name, vec![SRV::new(0, 0, 1, name.clone())]);
            }
            Says::Nothing => return None,
        }
        let whole = answer.to_vec().expect("it is a message");
        if is_udp && usize::from(asked.max_payload()) < whole.len() {
            return Some(answer.truncate().to_vec().expect("it is a message"));
        }
        Some(whole)
    }
}

fn of(name: &Name, records: Vec<SRV>) -> Vec<Record> {
    let record = |srv| Record::from_rdata(name.clone(), TTL_SECS, RData::SRV(srv));
    records.into_iter().map(record).collect()
}
