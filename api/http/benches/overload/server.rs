//! A server whose source is the bottleneck.

use std::convert::Infallible;
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use distcache::{Engine, KeyspaceConfig};
use distcache_http::doors::{self, Door, Kind};
use distcache_http::{Limits, OriginPolicy, Routes};

const LOAD_TIME: Duration = Duration::from_millis(10);
const LOADS_MAX: usize = 32;
/// As many as are loaded in a tenth of a second.
const WAITING_MAX: usize = 320;

/// Loads a second at most.
pub(crate) const CAPACITY_PER_SECOND: f64 = 3_200.0;

pub(crate) fn start() -> (Door, Engine) {
    let rows = KeyspaceConfig::new("rows")
        .loads_max(LOADS_MAX)
        .loads_waiting_max(WAITING_MAX)
        .source_fn(|_key: &[u8]| -> Result<Vec<u8>, Infallible> {
            thread::sleep(LOAD_TIME);
            Ok(vec![b'v'; 64])
        });
    let engine = Engine::builder().capacity_bytes(64 << 20).keyspace(rows).start();
    let engine = engine.expect("the engine starts");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("a bound socket");
    let routes = Routes::new(engine.clone(), OriginPolicy::listening_on(address));
    let door = doors::open(Kind::Hyper, listener, routes, &Limits::default());
    (door.expect("the door opens"), engine)
}
