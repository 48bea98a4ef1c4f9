//! Keeps web pages of other sites away from a server on this machine.
//!
//! Any page can make a browser send `POST http://localhost:8080/?key=..&value=..`
//! without asking (cross-site request forgery), and a page whose name resolves
//! to 127.0.0.1 can even read the answers (DNS rebinding). Browsers tell both in
//! headers that pages cannot set; programs send none of them and pass.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use distcache::codes;

use crate::{HeaderName, Problem, Request};

/// Which origins and hosts are trusted.
#[derive(Debug, Clone, Default)]
pub struct OriginPolicy {
    /// Where the server listens.
    address: Option<SocketAddr>,
    /// Whether the server listens on a loopback address, where only loopback
    /// names can be right.
    loopback: bool,
    origins: Vec<String>,
    hosts: Vec<String>,
}

impl OriginPolicy {
    /// The policy for a server that listens on `address`.
    pub fn listening_on(address: SocketAddr) -> Self {
        let loopback = address.ip().is_loopback();
        Self { address: Some(address), loopback, ..Self::default() }
    }

    /// Trusts the pages of `origin`, such as `https://app.example`, to change
    /// what is cached. They can send; no CORS header lets them read.
    #[must_use]
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Self {
        self.origins.push(origin.into());
        self
    }

    /// Accepts `host`, with or without a port, as a name of this server.
    #[must_use]
    pub fn allow_host(mut self, host: impl Into<String>) -> Self {
        self.hosts.push(host.into());
        self
    }

    /// Where the server listens, if that was said.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Checks one request.
    ///
    /// # Errors
    ///
    /// 403, when the request changes something and a page of another site sent
    /// it, or when the server listens on loopback and was called by another name.
    pub fn check(&self, request: &Request<'_>) -> Result<(), Problem> {
        let host = request.headers.value_of(HeaderName::Host);
        let authority = request.authority.map(str::as_bytes);
        if self.loopback {
            [host, authority].into_iter().flatten().try_for_each(|name| self.check_host(name))?;
        }
        if request.method.is_safe() { Ok(()) } else { self.check_origin(request, host) }
    }

    fn check_host(&self, name: &[u8]) -> Result<(), Problem> {
        let name = str::from_utf8(name).unwrap_or_default();
        let host = without_port(name);
        let allowed =
            |known: &String| known.eq_ignore_ascii_case(name) || known.eq_ignore_ascii_case(host);
        if is_loopback(host) || self.hosts.iter().any(allowed) {
            return Ok(());
        }
        Err(Problem::new(403, codes::HOST_REFUSED).detail("the Host is not a loopback name"))
    }

    fn check_origin(&self, request: &Request<'_>, host: Option<&[u8]>) -> Result<(), Problem> {
        let origin = request.headers.value_of(HeaderName::Origin);
        if origin.is_some_and(|origin| self.is_allowed(origin)) {
            return Ok(());
        }
        if origin.is_some_and(|origin| !is_own(origin, host)) {
            return Err(cross_site("the Origin is not this server"));
        }
        match request.headers.value_of(HeaderName::SecFetchSite) {
            // `none` is the address bar or a bookmark: the person's own doing.
            None | Some(b"same-origin" | b"none") => Ok(()),
            Some(_) => Err(cross_site("Sec-Fetch-Site is neither same-origin nor none")),
        }
    }

    fn is_allowed(&self, origin: &[u8]) -> bool {
        self.origins.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(origin))
    }
}

fn cross_site(detail: &'static str) -> Problem {
    Problem::new(403, codes::CROSS_SITE).detail(detail)
}

/// Whether a page of `origin` came from this server itself. `null`, the origin
/// of sandboxed frames and files, never did. The scheme is not compared: behind
/// a proxy that ends TLS it is https on one side only.
fn is_own(origin: &[u8], host: Option<&[u8]>) -> bool {
    let of_scheme = |scheme: &[u8]| {
        let (named, bare) = origin.split_at_checked(scheme.len())?;
        named.eq_ignore_ascii_case(scheme).then_some(bare)
    };
    match (of_scheme(b"http://").or_else(|| of_scheme(b"https://")), host) {
        (Some(bare), Some(host)) => bare.eq_ignore_ascii_case(host),
        _ => false,
    }
}

/// The host of `host:port`, without the brackets of an IPv6 address.
fn without_port(name: &str) -> &str {
    match name.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        Some((address, _)) => address,
        None => name.split_once(':').map_or(name, |(host, _)| host),
    }
}

/// Whether `host` can only mean this machine (RFC 6761, 6.3 reserves localhost).
fn is_loopback(host: &str) -> bool {
    if matches!(host, "127.0.0.1" | "localhost") {
        return true; // as nearly all call it; the others are parsed
    }
    if let Ok(address) = host.parse::<Ipv4Addr>() {
        return address.is_loopback();
    }
    if let Ok(address) = host.parse::<Ipv6Addr>() {
        return IpAddr::V6(address).to_canonical().is_loopback();
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    let last = name.rsplit('.').next().unwrap_or_default();
    last.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Method;
    use bytes::Bytes;
    use distcache::codes::Code;

    const HERE: &str = "localhost:8080";

    fn verdict(
        policy: &OriginPolicy,
        method: Method,
        headers: &[(HeaderName, &str)],
    ) -> Option<Code> {
        let request = Request {
            method,
            authority: None,
            path: "/",
            query: None,
            headers: &headers,
            body: Bytes::new(),
        };
        policy.check(&request).err().map(|problem| problem.code())
    }

    fn loopback() -> OriginPolicy {
        OriginPolicy::listening_on(([127, 0, 0, 1], 8080).into())
    }

    fn host_verdict(policy: &OriginPolicy, host: &str) -> Option<Code> {
        verdict(policy, Method::Get, &[(HeaderName::Host, host)])
    }

    #[test]
    fn on_loopback_only_loopback_names_are_served() {
        let good = [
            "localhost",
            "LocalHost:8080",
            "localhost.",
            "a.localhost:1",
            "127.0.0.1",
            "127.9.9.9:8080",
            "[::1]",
            "[::1]:8080",
            "[::ffff:127.0.0.1]:80",
        ];
        for host in good {
            assert_eq!(host_verdict(&loopback(), host), None, "{host}");
        }
        let bad = [
            "evil.example",
            "evil.example:8080",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "128.0.0.1",
            "0.0.0.0",
            "[::2]:8080",
            "notlocalhost",
            "2130706433",
            "",
        ];
        for host in bad {
            assert_eq!(host_verdict(&loopback(), host), Some(codes::HOST_REFUSED), "{host}");
        }
    }

    #[test]
    fn a_host_can_be_allowed_with_or_without_its_port() {
        let policy = loopback().allow_host("cache.example").allow_host("other.example:9");
        assert_eq!(host_verdict(&policy, "Cache.example:8080"), None);
        assert_eq!(host_verdict(&policy, "other.example:9"), None);
        assert_eq!(host_verdict(&policy, "other.example:8"), Some(codes::HOST_REFUSED));
    }

    #[test]
    fn a_server_that_others_can_reach_takes_any_host() {
        let policy = OriginPolicy::listening_on(([0, 0, 0, 0], 8080).into());
        assert_eq!(host_verdict(&policy, "cache.example"), None);
    }

    #[test]
    fn the_host_of_an_absolute_url_is_checked_too() {
        let headers = [(HeaderName::Host, HERE)].as_slice();
        let request = Request {
            method: Method::Get,
            authority: Some("evil.example"),
            path: "/",
            query: None,
            headers: &headers,
            body: Bytes::new(),
        };
        let problem = loopback().check(&request).expect_err("a foreign authority");
        assert_eq!(problem.code(), codes::HOST_REFUSED);
    }

    #[test]
    fn pages_of_other_sites_cannot_change_anything() {
        use HeaderName::{Host, Origin, SecFetchSite};
        let foreign: [&[(HeaderName, &str)]; 6] = [
            &[(Host, HERE), (SecFetchSite, "cross-site")],
            &[(Host, HERE), (SecFetchSite, "same-site"), (Origin, "http://localhost:3000")],
            &[(Host, HERE), (Origin, "https://evil.example")],
            &[(Host, HERE), (Origin, "null")],
            &[(Origin, "http://localhost:8080")],
            &[(Host, HERE), (SecFetchSite, "made-up")],
        ];
        for headers in foreign {
            for method in [Method::Post, Method::Delete, Method::Other] {
                let seen = verdict(&loopback(), method, headers);
                assert_eq!(seen, Some(codes::CROSS_SITE), "{method:?} {headers:?}");
            }
            // Reading is harmless: no CORS header lets the page see the answer.
            assert_eq!(verdict(&loopback(), Method::Get, headers), None, "{headers:?}");
        }
    }

    #[test]
    fn programs_own_pages_and_the_address_bar_pass() {
        use HeaderName::{Host, Origin, SecFetchSite};
        let own: [&[(HeaderName, &str)]; 6] = [
            &[],
            &[(Host, HERE)],
            &[(Host, HERE), (SecFetchSite, "none")],
            &[(Host, HERE), (SecFetchSite, "same-origin"), (Origin, "http://localhost:8080")],
            &[(Host, HERE), (Origin, "https://LOCALHOST:8080")],
            &[(Host, HERE), (Origin, "Http://localhost:8080")],
        ];
        for headers in own {
            assert_eq!(verdict(&loopback(), Method::Post, headers), None, "{headers:?}");
        }
    }

    #[test]
    fn an_allowed_origin_may_write_from_wherever_it_is() {
        use HeaderName::{Host, Origin, SecFetchSite};
        let policy = loopback().allow_origin("https://app.example");
        let headers = [(Host, HERE), (Origin, "https://App.example"), (SecFetchSite, "cross-site")];
        assert_eq!(verdict(&policy, Method::Post, &headers), None);
        let other = [(Host, HERE), (Origin, "https://app.example.evil")];
        assert_eq!(verdict(&policy, Method::Post, &other), Some(codes::CROSS_SITE));
    }
}
