//! `cache_manager health`: whether a server is ready, for who watches a container.

use std::net::{SocketAddr, ToSocketAddrs};

use distcache::codes;
use distcache_config::{Config, Faults, Inputs};

use crate::failure::Failure;
use crate::ready::{self, Place};

/// One line if it is. Every failure has the status 1: what watches containers
/// knows no other.
pub(crate) fn ask(inputs: &Inputs, url: Option<&str>) -> Result<String, Failure> {
    let place = match url {
        Some(url) => named(url, inputs),
        None => own(inputs),
    };
    let place = place.map_err(Failure::of_health)?;
    match ready::ask(&place) {
        Ok(()) => Ok(format!("{place}/readyz: ready\n")),
        Err(error) => {
            let what = format!("{place}/readyz: {error}");
            Err(Failure::to_end(codes::NOT_HEALTHY, what))
        }
    }
}

/// Where the server is that has the same settings as we.
fn own(inputs: &Inputs) -> Result<Place, Failure> {
    let config = Config::read(inputs)?;
    let place = Place::own(config.address(), config.is_secured());
    place.map_err(|error| Failure::to_end(codes::NOT_HEALTHY, error))
}

/// The server at a URL: over TLS it is to show a certificate of `--tls-ca`.
fn named(url: &str, inputs: &Inputs) -> Result<Place, Failure> {
    let Url { is_secured, host, address } = Url::read(url)?;
    if !is_secured {
        return Ok(Place::clear(address));
    }
    let authority = Config::read(inputs)?.tls_authority().map_err(Faults::from)?;
    let authority = authority.ok_or_else(|| refused("https:// needs `--tls-ca FILE`"))?;
    Place::of(address, &host, &authority).map_err(|error| refused(&error))
}

/// `http://HOST[:PORT][/...]`, or the same with `https`.
#[derive(Debug, PartialEq, Eq)]
struct Url {
    is_secured: bool,
    /// Without the brackets of an IPv6 address.
    host: String,
    address: SocketAddr,
}

impl Url {
    fn read(url: &str) -> Result<Self, Failure> {
        let schemes = [("http://", 80), ("https://", 443)];
        let known = |(scheme, port)| url.strip_prefix(scheme).map(|rest| (rest, port));
        let (rest, port) = schemes
            .into_iter()
            .find_map(known)
            .ok_or_else(|| refused("it begins with http:// or https://"))?;
        let place = rest.split('/').next().unwrap_or_default();
        let (host, place) = match place.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, place.to_owned()),
            _ => (place, format!("{place}:{port}")),
        };
        let address = match place.to_socket_addrs().map(|mut found| found.next()) {
            Ok(Some(address)) => address,
            Ok(None) => return Err(refused(&format!("{place} has no address"))),
            Err(error) => return Err(refused(&format!("{place}: {error}"))),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { is_secured: url.starts_with("https"), host, address })
    }
}

fn refused(what: &str) -> Failure {
    Failure::to_end(codes::FLAG_INVALID, format_args!("`--url`: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_host_and_perhaps_a_port() {
        let of = |url| Url::read(url).map(|url| url.address.to_string()).ok();
        assert_eq!(of("http://127.0.0.1:81/").as_deref(), Some("127.0.0.1:81"));
        assert_eq!(of("http://127.0.0.1").as_deref(), Some("127.0.0.1:80"));
        assert_eq!(of("http://[::1]:81/readyz").as_deref(), Some("[::1]:81"));
        assert_eq!(of("http://[::1]").as_deref(), Some("[::1]:80"));
        assert_eq!(of("https://127.0.0.1").as_deref(), Some("127.0.0.1:443"));
        for wrong in ["", "127.0.0.1:81", "ftp://127.0.0.1", "http://127.0.0.1:port"] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_name_that_a_certificate_is_to_have_is_the_host_of_the_url() {
        let of = |url| Url::read(url).map(|url| (url.is_secured, url.host)).unwrap();
        assert_eq!(of("https://[::1]:81/readyz"), (true, "::1".to_owned()));
        assert_eq!(of("https://127.0.0.1:81"), (true, "127.0.0.1".to_owned()));
        assert_eq!(of("http://127.0.0.1:443"), (false, "127.0.0.1".to_owned()));
    }
}
