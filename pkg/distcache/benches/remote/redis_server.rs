//! A `redis-server` of Debian, with the same keys and values.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use distcache::Stopwatch;
use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{AsyncConnectionConfig, Client, IntoConnectionInfo};
use tokio::runtime::Runtime;

use crate::helper::{Helper, PAUSE, say, until_dismissed};
use crate::{Key, VALUE};

/// What a process is told that keeps a `redis-server`: it ends that one too, however this
/// process has ended.
pub(crate) const REDIS: &str = "keep-redis";

const PROGRAM: &str = "redis-server";

/// So long it may take to start, and to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether it can be started at all.
pub(crate) fn is_there() -> bool {
    let mut asks = Command::new(PROGRAM);
    asks.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    asks.status().is_ok_and(|status| status.success())
}

/// In a process of its own: runs a server until it is dismissed.
pub(crate) fn keep_redis() {
    let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let listener = TcpListener::bind(here).expect("a free port");
    let at = listener.local_addr().expect("it is bound");
    drop(listener);
    let port = at.port().to_string();
    let mut command = Command::new(PROGRAM);
    command.args(["--bind", "127.0.0.1", "--port", &port, "--save", "", "--appendonly", "no"]);
    let server = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
    let mut server = Server(server.expect("it was there just now"));
    let since = Stopwatch::start();
    while TcpStream::connect(at).is_err() {
        let has_ended = server.0.try_wait().expect("it is a child of this process").is_some();
        assert!(!has_ended && since.elapsed() < PATIENCE, "redis-server does not listen at {at}");
        sleep(PAUSE);
    }
    say(&at);
    until_dismissed();
}

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It has nothing to save. If it has ended already, so much the better.
        let _ended = self.0.kill();
        let _ended = self.0.wait();
    }
}

/// The server with its keeper, and the connection that all calls share.
pub(crate) struct Redis {
    pub(crate) connection: MultiplexedConnection,
    _keeper: Helper,
}

impl Redis {
    pub(crate) fn start(client: &Runtime, keys: &[Key]) -> Self {
        let mut keeper = Helper::start(&[REDIS]);
        let at: SocketAddr = keeper.hear();
        let connection = client.block_on(async {
            let mut connection = connect(at).await.expect("it listens");
            for keys in keys.chunks(1_000) {
                let mut puts = redis::pipe();
                for key in keys {
                    puts.set(key, &VALUE[..]).ignore();
                }
                puts.exec_async(&mut connection).await.expect("it stores them");
            }
            connection
        });
        Self { connection, _keeper: keeper }
    }
}

/// As others recommend to use it: one connection for all tasks.
async fn connect(at: SocketAddr) -> redis::RedisResult<MultiplexedConnection> {
    let info = format!("redis://{at}").into_connection_info()?;
    let info = info.set_tcp_settings(TcpSettings::default().set_nodelay(true));
    let config = AsyncConnectionConfig::new().set_response_timeout(Some(PATIENCE));
    Client::open(info)?.get_multiplexed_async_connection_with_config(&config).await
}
