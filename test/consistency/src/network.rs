//! Where members run: all on this machine's loopback, there perhaps with a proxy before
//! each, or each in a network namespace of its own. With either what one sends another can
//! be cut off.
//!
//! A cut is a route that leads nowhere, in the namespace of who sends: one way, and of
//! one pair alone. No rule of a firewall is needed, and no member is told. A proxy holds
//! what it is to carry, and can do more than that.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::process::Command;

use parking_lot::Mutex;

use crate::failed::Failed;
use crate::proxy::{Proxies, Quality};

/// Below the ports that a system gives to whoever calls others; the links' ports, which
/// are 10,000 above, too.
const FIRST_PORT: u16 = 21_500;
const LAST_PORT: u16 = 22_400;
const PORTS_APART: u16 = 10_000;

/// The port of every member that has an address of its own.
const PORT: u16 = 8080;

/// Where this process is, and a server that carries the members' frames.
const OUTSIDE: u8 = 254;
const CARRIER: u8 = 253;

/// A way that can be cut.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Way {
    /// From one member to another.
    Members(usize, usize),
    /// From a member to what carries its frames.
    ToCarrier(usize),
}

/// Where the members of a run are.
#[derive(Debug)]
pub(crate) struct Network {
    /// Where their HTTP servers listen.
    pub(crate) addresses: Vec<SocketAddr>,
    namespaces: Option<Namespaces>,
    proxies: Option<Proxies>,
}

/// Namespaces that are joined by a bridge; removed when dropped.
#[derive(Debug)]
struct Namespaces {
    /// Different for each process that makes some.
    mark: u32,
    count: usize,
}

impl Network {
    /// So many ports on loopback.
    pub(crate) fn loopback(count: usize) -> Result<Self, Failed> {
        // 1. Two runs of this process look for ports, and find the same ones free.
        // 2. Their members begin to listen there: those of one run cannot.
        static TAKEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
        let mut taken = TAKEN.lock();
        let free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
        let ports: Vec<_> = (FIRST_PORT..LAST_PORT)
            .filter(|port| !taken.contains(port) && free(*port) && free(port + PORTS_APART))
            .take(count)
            .collect();
        taken.extend(&ports);
        let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let addresses: Vec<_> = ports.into_iter().map(address).collect();
        if addresses.len() < count {
            let error = std::io::Error::other(format!("{count} ports are needed"));
            return Err(Failed::machine("finding free ports")(error));
        }
        Ok(Self { addresses, namespaces: None, proxies: None })
    }

    /// So many ports on loopback, with a proxy before each member.
    pub(crate) async fn proxied(count: usize) -> Result<Self, Failed> {
        let network = Self::loopback(count)?;
        let members: Vec<_> = (0..count).map(|at| network.peer(at)).collect();
        Ok(Self { proxies: Some(Proxies::start(&members).await?), ..network })
    }

    /// So many namespaces, each with one address, which this process reaches.
    pub(crate) fn namespaces(count: usize) -> Result<Self, Failed> {
        let mark = std::process::id() % 100_000;
        let namespaces = Namespaces { mark, count };
        let bridge = namespaces.bridge();
        ip(&["link", "add", &bridge, "type", "bridge"])?;
        for own in [OUTSIDE, CARRIER] {
            ip(&["addr", "add", &format!("{}/24", host(own)), "dev", &bridge])?;
        }
        ip(&["link", "set", &bridge, "up"])?;
        for at in 0..count {
            let (space, outside) = (namespaces.name(at), format!("dc{mark}p{at}"));
            ip(&["netns", "add", &space])?;
            ip(&[
                "link", "add", &outside, "type", "veth", "peer", "name", "eth0", "netns", &space,
            ])?;
            ip(&["link", "set", &outside, "master", &bridge, "up"])?;
            let address = format!("{}/24", address_of(at));
            ip(&["-n", &space, "addr", "add", &address, "dev", "eth0"])?;
            ip(&["-n", &space, "link", "set", "eth0", "up"])?;
            ip(&["-n", &space, "link", "set", "lo", "up"])?;
        }
        let addresses = (0..count).map(|at| SocketAddr::new(address_of(at), PORT)).collect();
        Ok(Self { addresses, namespaces: Some(namespaces), proxies: None })
    }

    /// A command that runs where a member is.
    pub(crate) fn command(&self, at: usize, program: &str) -> Command {
        match &self.namespaces {
            None => Command::new(program),
            Some(namespaces) => {
                let mut command = Command::new("ip");
                // It becomes the program: the process has the same number.
                command.args(["netns", "exec", &namespaces.name(at), program]);
                command
            }
        }
    }

    /// Where a member listens for others.
    pub(crate) fn peer(&self, at: usize) -> SocketAddr {
        let address = self.addresses[at];
        SocketAddr::new(address.ip(), address.port() + PORTS_APART)
    }

    /// Where others reach each member, if that is not where it listens.
    pub(crate) fn proxies(&self) -> Option<&[SocketAddr]> {
        self.proxies.as_ref().map(Proxies::addresses)
    }

    /// Where members reach this process.
    pub(crate) fn outside(&self) -> IpAddr {
        match self.namespaces {
            None => Ipv4Addr::LOCALHOST.into(),
            Some(_) => host(OUTSIDE).into(),
        }
    }

    /// Where members reach a server that carries their frames: nothing else is there.
    pub(crate) fn carrier(&self) -> Ipv4Addr {
        if self.is_loopback() { Ipv4Addr::LOCALHOST } else { host(CARRIER) }
    }

    /// Whether members are reached by no other machine's processes.
    pub(crate) fn is_loopback(&self) -> bool {
        self.namespaces.is_none()
    }

    /// So it goes that way from now on. Where there are no proxies a way can only be cut.
    pub(crate) fn spoil(&self, way: Way, quality: Quality) -> Result<(), Failed> {
        match (&self.proxies, way, quality) {
            (Some(proxies), Way::Members(from, to), _) => {
                proxies.set(from, to, quality);
                Ok(())
            }
            (None, _, Quality::Cut) => self.route("add", way),
            (None, _, Quality::Good) => self.route("del", way),
            (_, way, quality) => {
                let error = std::io::Error::other("it takes proxies between the members");
                Err(Failed::machine(format!("having {way:?} be {quality:?}"))(error))
            }
        }
    }

    fn route(&self, what: &str, way: Way) -> Result<(), Failed> {
        let Some(namespaces) = &self.namespaces else {
            let error = std::io::Error::other("members on loopback cannot be cut off");
            return Err(Failed::machine("cutting a link")(error));
        };
        let (from, to) = match way {
            Way::Members(from, to) => (from, address_of(to)),
            Way::ToCarrier(from) => (from, host(CARRIER).into()),
        };
        ip(&["-n", &namespaces.name(from), "route", what, "blackhole", &format!("{to}/32")])
    }
}

impl Namespaces {
    fn name(&self, at: usize) -> String {
        format!("distcache-{}-{at}", self.mark)
    }

    fn bridge(&self) -> String {
        format!("dc{}", self.mark)
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        let spaces =
            (0..self.count).map(|at| vec!["netns".to_owned(), "del".to_owned(), self.name(at)]);
        let bridge = vec!["link".to_owned(), "del".to_owned(), self.bridge()];
        for command in spaces.chain([bridge]) {
            // Those that were not made cannot be removed.
            let _ended = Command::new("ip").args(command).output();
        }
    }
}

/// The network is one that documents may use as they like (RFC 5737, TEST-NET-2).
fn host(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(198, 51, 100, last)
}

fn address_of(at: usize) -> IpAddr {
    host(u8::try_from(at + 1).expect("few members")).into()
}

fn ip(arguments: &[&str]) -> Result<(), Failed> {
    let command = || format!("ip {}", arguments.join(" "));
    let ended = Command::new("ip").args(arguments).output().map_err(Failed::machine(command()))?;
    if ended.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&ended.stderr).trim().to_owned();
    Err(Failed::Command { command: command(), said })
}
