//! New connections: to the addresses that a name has now.

mod names;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;

use distcache::Context;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::time::Duration;
use ureq::unversioned::transport::{
    ConnectionDetails, Connector, NextTimeout, RustlsConnector, TcpConnector, Transport,
};
use ureq::{Error, Timeout};

use super::Origin;
pub(super) use names::Names;
use names::NoAddress;

/// Addresses of one host that are tried: as many as the library has room for.
const ADDRESSES_MAX: usize = 16;

/// Makes connections: looks the host up, connects, and does the handshake of TLS, all of
/// it within the time that a connection may take.
pub(super) struct Dial {
    names: Names,
    tcp: TcpConnector,
    tls: RustlsConnector,
}

impl Dial {
    pub(super) fn new(names: Names) -> Self {
        Self { names, tcp: TcpConnector::default(), tls: RustlsConnector::default() }
    }

    fn addresses(&self, uri: &Uri, time: &Context) -> Result<ResolvedSocketAddrs, Error> {
        let origin = Origin::of(uri).ok_or(Error::HostNotFound)?;
        let told = self.names.addresses(origin.host(), origin.port(), time.remaining());
        let told = told.map_err(|none| match none {
            NoAddress::TimedOut => Error::Timeout(Timeout::Resolve),
            NoAddress::Failed { kind, reason } => Error::Io(io::Error::new(kind, reason)),
        })?;
        if told.is_empty() {
            return Err(Error::HostNotFound);
        }
        let mut addresses = NotYet.empty();
        for address in told.into_iter().take(ADDRESSES_MAX) {
            addresses.push(address);
        }
        Ok(addresses)
    }
}

impl Connector for Dial {
    type Out = Box<dyn Transport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<()>,
    ) -> Result<Option<Self::Out>, Error> {
        let time = Context::within(*details.timeout.after);
        let addrs = self.addresses(details.uri, &time)?;
        let tcp = self.tcp.connect(&at(details, addrs, left(details, &time)?), chained)?;
        let none = NotYet.empty();
        let secured = self.tls.connect(&at(details, none, left(details, &time)?), tcp)?;
        Ok(secured.map(|transport| Box::new(transport) as Self::Out))
    }
}

/// What a connection has left; an error if that is nothing, which the library would take
/// for no bound at all.
fn left(details: &ConnectionDetails<'_>, time: &Context) -> Result<NextTimeout, Error> {
    let left = time.remaining();
    if left.is_zero() {
        return Err(Error::Timeout(Timeout::Connect));
    }
    Ok(NextTimeout { after: Duration::Exact(left), reason: Timeout::Connect, ..details.timeout })
}

/// The same connection, at these addresses and within this time.
fn at<'a>(
    details: &ConnectionDetails<'a>,
    addrs: ResolvedSocketAddrs,
    timeout: NextTimeout,
) -> ConnectionDetails<'a> {
    ConnectionDetails {
        uri: details.uri,
        addrs,
        config: details.config,
        request_level: details.request_level,
        resolver: details.resolver,
        now: (details.current_time)(),
        timeout,
        current_time: details.current_time.clone(),
        run_connector: details.run_connector.clone(),
        register_shutdown: details.register_shutdown.clone(),
    }
}

impl fmt::Debug for Dial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dial").finish_non_exhaustive()
    }
}

/// Looks nothing up. The library asks its resolver for each request, before it looks for
/// a connection that is idle, and does so on a thread of its own each time:
///
/// 1. The name server goes away. All connections are there.
/// 2. Each load waits for an address that it does not need, and fails.
/// 3. Each leaves a thread behind, until the system gives its look-up up.
///
/// So [`Dial`] looks a name up, and only for a new connection.
#[derive(Debug)]
pub(super) struct NotYet;

impl Resolver for NotYet {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        Ok(self.empty())
    }
}
