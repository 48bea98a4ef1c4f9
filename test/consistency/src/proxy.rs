//! What stands between members that are processes, in user space: their links go through
//! it, and it holds them up, delays them, or breaks them off. It takes no rights.
//!
//! ```text
//! member 0 ──► proxy of member 1 ──► member 1
//!     ▲                                 │
//!     └─ proxy of member 0 ◄────────────┘
//! ```
//!
//! Others know a member by the address of its proxy. Who has begun a connection is told by
//! its first frame; so each way from one member to another can be spoiled alone.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use distcache_cluster::links::frames;
use distcache_cluster::proto::frame::Kind;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::failed::Failed;

/// The longest first frame, and how long it may take.
const HELLO_BYTES_MAX: u32 = 64 << 10;
const HELLO_WITHIN: Duration = Duration::from_secs(10);

/// What is passed on at a time.
const PIECE_BYTES: usize = 16 << 10;

/// How late a piece is at most.
const LATE_MAX_MS: u64 = 50;

/// What becomes of what goes one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quality {
    /// It arrives.
    Good,
    /// It is held until the way is mended: to its sender, a network that says nothing.
    Cut,
    /// It arrives late, each piece by another time.
    Late,
    /// Connections are reset, and no other is made.
    Broken,
}

/// The proxies of all members. Dropped, they and all connections end.
#[derive(Debug)]
pub(crate) struct Proxies {
    ways: Arc<Ways>,
    _standing: JoinSet<()>,
}

#[derive(Debug)]
struct Ways {
    /// Where the proxy of each member listens.
    addresses: Vec<SocketAddr>,
    /// From each member to each.
    qualities: Vec<watch::Sender<Quality>>,
}

impl Proxies {
    /// One before each of the members that listen there.
    pub(crate) async fn start(members: &[SocketAddr]) -> Result<Self, Failed> {
        let mut listeners = Vec::new();
        for _ in members {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
            listeners.push(listener.map_err(Failed::machine("listening as a proxy"))?);
        }
        let addresses = listeners.iter().map(TcpListener::local_addr).collect::<Result<_, _>>();
        let addresses = addresses.map_err(Failed::machine("asking for an address"))?;
        let count = members.len() * members.len();
        let qualities = (0..count).map(|_| watch::Sender::new(Quality::Good)).collect();
        let ways = Arc::new(Ways { addresses, qualities });
        let mut standing = JoinSet::new();
        for (at, (listener, member)) in listeners.into_iter().zip(members).enumerate() {
            standing.spawn(stand_before(listener, *member, at, Arc::clone(&ways)));
        }
        Ok(Self { ways, _standing: standing })
    }

    /// Where others reach each member.
    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.ways.addresses
    }

    /// What becomes from now on of what one member sends another.
    pub(crate) fn set(&self, from: usize, to: usize, quality: Quality) {
        self.ways.way(from, to).send_replace(quality);
    }
}

async fn stand_before(listener: TcpListener, member: SocketAddr, to: usize, ways: Arc<Ways>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                connections.spawn(Arc::clone(&ways).carry(stream, member, to));
            },
            // However it has ended, both ends were told.
            Some(_ended) = connections.join_next() => {}
        }
    }
}

impl Ways {
    fn way(&self, from: usize, to: usize) -> &watch::Sender<Quality> {
        &self.qualities[from * self.addresses.len() + to]
    }

    /// Carries a connection until one end closes it, or it is broken off.
    async fn carry(self: Arc<Self>, mut from: TcpStream, to: SocketAddr, at: usize) {
        let carried = async {
            let hello = timeout(HELLO_WITHIN, hear_hello(&mut from)).await??;
            let dialler = self.dialler(&hello)?;
            let (there, back) = (self.way(dialler, at), self.way(at, dialler));
            if [there, back].iter().any(|way| *way.borrow() == Quality::Broken) {
                return Ok(());
            }
            let mut to = TcpStream::connect(to).await?;
            for stream in [&from, &to] {
                stream.set_nodelay(true)?;
            }
            let ((from_read, from_write), (to_read, to_write)) = (from.split(), to.split());
            let there = pass(hello, from_read, to_write, there.subscribe());
            let back = pass(Vec::new(), to_read, from_write, back.subscribe());
            tokio::try_join!(there, back).map(drop)
        };
        // A member that is not there, or has gone: the other end sees the same.
        let _: io::Result<()> = carried.await;
    }

    /// Whose proxy's address is said to be that of who has begun a connection.
    fn dialler(&self, hello: &[u8]) -> io::Result<usize> {
        let nobody = || io::Error::other("no hello of a member");
        let frame = Bytes::copy_from_slice(hello.get(4..).ok_or_else(nobody)?);
        let Ok(Kind::Hello(hello)) = frames::decode(frame) else { return Err(nobody()) };
        let is_it = |address: &SocketAddr| address.to_string() == hello.address;
        self.addresses.iter().position(is_it).ok_or_else(nobody)
    }
}

/// The first frame of a connection, with its length before it.
async fn hear_hello(from: &mut TcpStream) -> io::Result<Vec<u8>> {
    let length = from.read_u32().await?;
    if HELLO_BYTES_MAX < length {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut hello = length.to_be_bytes().to_vec();
    let rest = u64::from(length);
    if from.take(rest).read_to_end(&mut hello).await? as u64 != rest {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(hello)
}

/// Passes one direction on, as well as its way is, until its end.
async fn pass(
    first: Vec<u8>,
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut way: watch::Receiver<Quality>,
) -> io::Result<()> {
    let mut bytes = first;
    loop {
        if *way.borrow() == Quality::Late {
            sleep(Duration::from_millis(fastrand::u64(..LATE_MAX_MS))).await;
        }
        let whole = way.wait_for(|quality| *quality != Quality::Cut).await;
        if *whole.map_err(io::Error::other)? == Quality::Broken {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        to.write_all(&bytes).await?;
        bytes.resize(PIECE_BYTES, 0);
        let read = tokio::select! {
            read = from.read(&mut bytes) => read?,
            _ = way.wait_for(|quality| *quality == Quality::Broken) => {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
        };
        if read == 0 {
            return to.shutdown().await;
        }
        bytes.truncate(read);
    }
}

#[cfg(test)]
mod tests {
    use distcache_cluster::proto::Hello;
    use tokio::io::AsyncReadExt;

    use super::*;

    /// Two members, and a connection of the first with the second.
    struct Pair {
        proxies: Proxies,
        first: TcpStream,
        second: TcpStream,
        /// What the second has been told first.
        hello: Vec<u8>,
    }

    fn hello_of(address: &str) -> Vec<u8> {
        let hello = Hello { address: address.to_owned(), ..Hello::default() };
        let frame = frames::encode(&Kind::Hello(hello));
        let length = u32::try_from(frame.len()).expect("it is short");
        [&length.to_be_bytes()[..], &frame].concat()
    }

    async fn pair() -> Pair {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let members = [nowhere, listener.local_addr().expect("it is bound")];
        let proxies = Proxies::start(&members).await.expect("they listen");
        let [own, other] = proxies.addresses() else { panic!("there are two") };
        let mut first = TcpStream::connect(other).await.expect("it listens");
        let hello = hello_of(&own.to_string());
        first.write_all(&hello).await.expect("it reads");
        let (second, _) = listener.accept().await.expect("it is passed on");
        Pair { proxies, first, second, hello }
    }

    async fn hears(stream: &mut TcpStream, expected: &[u8]) {
        let mut heard = vec![0; expected.len()];
        stream.read_exact(&mut heard).await.expect("it comes");
        assert_eq!(heard, expected);
    }

    #[tokio::test]
    async fn what_goes_one_way_is_held_while_that_is_cut_and_the_other_way_goes_on() {
        let Pair { proxies, mut first, mut second, hello } = pair().await;
        hears(&mut second, &hello).await;
        proxies.set(0, 1, Quality::Cut);
        first.write_all(b"there").await.expect("it is taken");
        for _ in 0..3 {
            second.write_all(b"back").await.expect("it is taken");
            hears(&mut first, b"back").await;
        }
        let mut none = [0; 1];
        assert!(second.try_read(&mut none).is_err(), "nothing has come");
        proxies.set(0, 1, Quality::Late);
        hears(&mut second, b"there").await;
        drop(first);
        assert_eq!(second.read(&mut none).await.expect("a close"), 0);
    }

    #[tokio::test]
    async fn connections_are_reset_while_a_way_is_broken_and_others_are_made_behind_that() {
        let Pair { proxies, mut first, mut second, hello } = pair().await;
        hears(&mut second, &hello).await;
        proxies.set(1, 0, Quality::Broken);
        for stream in [&mut first, &mut second] {
            assert!(matches!(stream.read(&mut [0; 1]).await, Ok(0) | Err(_)));
        }
        let mut again = TcpStream::connect(proxies.addresses()[1]).await.expect("it listens");
        again.write_all(&hello).await.expect("it is taken");
        assert!(matches!(again.read(&mut [0; 1]).await, Ok(0) | Err(_)));
    }

    #[tokio::test]
    async fn who_is_none_of_the_members_is_let_go() {
        let Pair { proxies, .. } = pair().await;
        let endless = [u8::MAX; 8].to_vec();
        for words in [hello_of("somebody:1"), endless, b"GET / HTTP/1.1\r\n\r\n".to_vec()] {
            let mut stranger =
                TcpStream::connect(proxies.addresses()[1]).await.expect("it listens");
            stranger.write_all(&words).await.expect("it is taken");
            assert!(matches!(stranger.read(&mut [0; 1]).await, Ok(0) | Err(_)));
        }
    }
}
