//! `cache_manager health`: whether a server is ready, for who watches a container.

use std::net::{SocketAddr, ToSocketAddrs};

use distcache::codes;
use distcache_config::{Config, Inputs};

use crate::failure::Failure;
use crate::ready;

/// One line if it is. Every failure has the status 1: what watches containers
/// knows no other.
pub(crate) fn ask(inputs: &Inputs, url: Option<&str>) -> Result<String, Failure> {
    let address = match url {
        Some(url) => address_of(url),
        None => own_address(inputs),
    };
    let address = address.map_err(Failure::of_health)?;
    match ready::ask(address) {
        Ok(()) => Ok(format!("http://{address}/readyz: ready\n")),
        Err(error) => {
            let what = format!("http://{address}/readyz: {error}");
            Err(Failure::to_end(codes::NOT_HEALTHY, what))
        }
    }
}

/// Where the server is that has the same settings as we.
fn own_address(inputs: &Inputs) -> Result<SocketAddr, Failure> {
    Ok(ready::from_here(Config::read(inputs)?.address()))
}

/// The address of `http://HOST[:PORT][/...]`.
fn address_of(url: &str) -> Result<SocketAddr, Failure> {
    let refused = |what: String| Failure::to_end(codes::FLAG_INVALID, what);
    let rest = url.strip_prefix("http://");
    let rest = rest.ok_or_else(|| refused("`--url` begins with http://".to_owned()))?;
    let host = rest.split('/').next().unwrap_or_default();
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
    let host = if has_port { host.to_owned() } else { format!("{host}:80") };
    let found = host.to_socket_addrs().map(|mut found| found.next());
    match found {
        Ok(Some(address)) => Ok(address),
        Ok(None) => Err(refused(format!("`--url`: {host} has no address"))),
        Err(error) => Err(refused(format!("`--url`: {host}: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_host_and_perhaps_a_port() {
        let of = |url| address_of(url).map(|address| address.to_string()).ok();
        assert_eq!(of("http://127.0.0.1:81/").as_deref(), Some("127.0.0.1:81"));
        assert_eq!(of("http://127.0.0.1").as_deref(), Some("127.0.0.1:80"));
        assert_eq!(of("http://[::1]:81/readyz").as_deref(), Some("[::1]:81"));
        assert_eq!(of("http://[::1]").as_deref(), Some("[::1]:80"));
        for wrong in ["", "127.0.0.1:81", "https://127.0.0.1", "http://127.0.0.1:port"] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }
}
