//! A balancer, its members, and a client.

mod client;
mod member;

pub(crate) use client::{Answer, ask, send};
pub(crate) use member::{Does, Member, whole};

use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::Duration;

use distcache_balancer::{Balancer, BalancerConfig};
use distcache_http::doors::{self, Door, Kind};
use distcache_http::{Access, Front, Limits, OriginPolicy, Readiness};

/// No test waits longer for one thing; none is meant to come near it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Often, so that a test does not wait for a look.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Looks until it is so.
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    const POLL_EVERY: Duration = Duration::from_millis(5);
    let tries = PATIENCE.as_millis() / POLL_EVERY.as_millis();
    let came = (0..tries).any(|_| {
        let is_so = is_so();
        if !is_so {
            thread::sleep(POLL_EVERY);
        }
        is_so
    });
    assert!(came, "it never came about that {what}");
}

/// A balancer behind a door.
pub(crate) struct Served {
    pub(crate) door: Door,
    pub(crate) readiness: Readiness,
}

/// How a balancer before these works in a test.
pub(crate) fn config(members: &[&Member]) -> BalancerConfig {
    let members = members.iter().map(|member| of(member.address())).collect();
    BalancerConfig { look_every: LOOK_EVERY, ..BalancerConfig::new(members) }
}

pub(crate) fn of(address: SocketAddr) -> distcache_balancer::Address {
    address.to_string().parse().expect("an address")
}

/// A balancer before these, when it knows that all of them are ready.
pub(crate) fn before(members: &[&Member]) -> Served {
    let served = serve(&config(members));
    for member in members {
        served.until(member, "ready");
    }
    served
}

pub(crate) fn serve(config: &BalancerConfig) -> Served {
    serve_for(config, &Access::default())
}

pub(crate) fn serve_for(config: &BalancerConfig, access: &Access) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    serve_at(listener, config, access)
}

pub(crate) fn serve_at(listener: TcpListener, config: &BalancerConfig, access: &Access) -> Served {
    let address = listener.local_addr().expect("it is bound");
    let front = Front::new(OriginPolicy::listening_on(address)).access(access.clone());
    let readiness = Readiness::default();
    let balancer = Balancer::start(config, front, readiness.clone()).expect("it is right");
    let door = doors::open(Kind::Hyper, listener, balancer, &Limits::default());
    Served { door: door.expect("it opens"), readiness }
}

impl Served {
    pub(crate) fn address(&self) -> SocketAddr {
        self.door.local_addr()
    }

    /// A request without a body.
    pub(crate) fn get(&self, target: &str) -> Answer {
        ask(self.address(), "GET", target, "", "")
    }

    pub(crate) fn put(&self, target: &str, value: &str) -> Answer {
        ask(self.address(), "PUT", target, "", value)
    }

    /// Waits until the balancer says that a member stands so.
    pub(crate) fn until(&self, member: &Member, standing: &str) {
        let is = format!("{{\"address\":\"{}\",\"standing\":\"{standing}\"", member.address());
        eventually(&is, || self.get("/v1/balancer").text().contains(&is));
    }

    /// A number of `/metrics`.
    pub(crate) fn count(&self, name: &str) -> u64 {
        let page = self.get("/metrics");
        let lines = page.text();
        let line = lines.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("no {name}"))
    }
}

/// A key of `/v1`.
pub(crate) fn path(key: &str) -> String {
    format!("/v1/keyspaces/default/keys/{key}")
}
