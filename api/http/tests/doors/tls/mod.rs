//! The hyper door over TLS: who is served, who is refused, and that the others are
//! served meanwhile.

mod authority;
mod cells;
mod client;
mod hostile;
mod reload;
mod serving;
mod untrusted;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use distcache_http::Limits;
use distcache_http::doors::{self, Certificate, Door, Tls};
use rustls::ClientConfig;
use serde_json::Value;

use crate::support::{listener, routes_on};
use authority::Authority;
use client::SecureClient;

/// The name by which clients know the door.
const HOST: &str = "cache.example";

/// A timeout that is the point of a test, and one that must not be.
const SHORT: Duration = Duration::from_millis(200);
const NEVER: Duration = Duration::from_hours(1);

/// A door over TLS, closed when dropped, and who vouches for it.
struct Secured {
    authority: Authority,
    tls: Tls,
    door: Door,
}

impl Secured {
    fn open() -> Self {
        Self::within(&Limits::default())
    }

    fn within(limits: &Limits) -> Self {
        let authority = Authority::new();
        let tls = Tls::new(authority.certify(HOST));
        let listener = listener();
        let routes = routes_on(&listener);
        let door = doors::open_secured(listener, routes, limits, &tls).expect("the door opens");
        Self { authority, tls, door }
    }

    fn address(&self) -> SocketAddr {
        self.door.local_addr()
    }

    /// What a client needs that knows the door.
    fn trust(&self) -> Arc<ClientConfig> {
        self.authority.trusted()
    }

    fn connect(&self) -> SecureClient {
        self.try_connect().expect("a handshake")
    }

    fn try_connect(&self) -> std::io::Result<SecureClient> {
        SecureClient::connect(self.address(), self.trust(), HOST)
    }

    fn assert_serves(&self) {
        let (status, body) = self.connect().ask("GET", "/livez", b"");
        assert_eq!((status, body.is_empty()), (200, false), "others are served");
    }

    /// What `/v1/limits` says of a bound.
    fn limit(&self, name: &str) -> Value {
        let (_, body) = self.connect().ask("GET", "/v1/limits", b"");
        let limits: Value = serde_json::from_slice(&body).expect("JSON");
        let limits = limits["limits"].as_array().expect("a list");
        limits.iter().find(|limit| limit["name"] == name).cloned().expect("it is kept")
    }

    /// How many connections were refused for a reason, as `/metrics` says.
    fn refused(&self, reason: &str) -> u64 {
        let (_, body) = self.connect().ask("GET", "/metrics", b"");
        refusals_in(&body, reason)
    }
}

/// The count of a page of metrics.
fn refusals_in(page: &[u8], reason: &str) -> u64 {
    let name = format!("distcache_http_connections_refused_total{{reason=\"{reason}\"}} ");
    let page = str::from_utf8(page).expect("UTF-8");
    let count = page.lines().find_map(|line| line.strip_prefix(&name));
    count.expect("it is counted").parse().expect("digits")
}

/// A certificate of a door, from what rcgen has made.
fn certificate(made: &rcgen::Certificate, key: &rcgen::KeyPair) -> Certificate {
    Certificate::from_pem(made.pem().as_bytes(), key.serialize_pem().as_bytes())
        .expect("what was just made can be used")
}
