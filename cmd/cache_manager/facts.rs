//! What the operator reads when the server starts: one fact a line.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use distcache::{Config, Dispatch, codes};
use distcache_config::Loaded;
use distcache_http::{Limits, doors};

/// Everything that was decided by the flags, the machine and the defaults.
/// Displays as lines, each a name and what it is, and each ended.
pub(crate) struct Facts<'a> {
    pub(crate) address: SocketAddr,
    /// Whether everybody who can reach it may do everything.
    pub(crate) is_open: bool,
    /// The configuration file.
    pub(crate) file: Option<&'a Path>,
    pub(crate) loaded: &'a Loaded,
    pub(crate) limits: &'a Limits,
    /// The part in a cluster, of a server that is not alone.
    pub(crate) cluster: Option<String>,
}

impl fmt::Display for Facts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "distcache {}", env!("CARGO_PKG_VERSION"))?;
        self.write_cache(f)?;
        self.write_limits(f)?;
        self.write_dangers(f)
    }
}

impl Facts<'_> {
    fn write_cache(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Config { data_nodes, capacity_bytes, entries_max, eviction, dispatch, .. } =
            self.loaded.engine();
        let scheme = if self.loaded.config().is_secured() { "https" } else { "http" };
        let (address, server) = (self.address, self.server_name());
        line(f, "listening on", format_args!("{scheme}://{address} ({server})"))?;
        if let Some(cluster) = &self.cluster {
            line(f, "cluster", cluster)?;
        }
        if let Some(file) = self.file {
            line(f, "configuration", file.display())?;
            let names: Vec<_> = self.loaded.config().keyspaces().collect();
            line(f, "keyspaces", names.join(", "))?;
        }
        if self.loaded.config().is_balancer() {
            return line(f, "load balancer", self.loaded.config().balanced());
        }
        line(f, "data nodes", data_nodes)?;
        line(f, "capacity", format_args!("{}, overhead included", Size(capacity_bytes)))?;
        match entries_max {
            Some(entries) => line(f, "entries", format_args!("at most {entries}"))?,
            None => line(f, "entries", "as many as fit")?,
        }
        line(f, "largest value", Size(self.limits.body_bytes as u64))?;
        line(f, "eviction", eviction)?;
        let dispatch = match dispatch {
            Dispatch::Inline => "inline",
            Dispatch::Worker => "worker",
        };
        line(f, "dispatch", dispatch)
    }

    fn write_limits(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Taken apart by name, so that a new limit cannot be forgotten.
        let Limits {
            request_line_bytes,
            header_bytes,
            headers,
            body_bytes,
            buffered_bytes,
            connections,
            in_flight,
            handshake_timeout,
            header_timeout,
            body_timeout,
            idle_timeout,
            write_timeout,
        } = *self.limits;
        let size = |bytes| Size(bytes as u64).to_string();
        limit(f, "a body", size(body_bytes), "--max-value")?;
        if self.server() == doors::Kind::Hyper {
            limit(f, "a request line", size(request_line_bytes), "--max-request-line")?;
            limit(f, "headers", headers, "--max-headers")?;
            limit(f, "all headers", size(header_bytes), "--max-header-bytes")?;
            limit(f, "bodies in flight", size(buffered_bytes), "--max-buffered")?;
            limit(f, "connections", connections, "--max-connections")?;
            limit(f, "requests in flight", in_flight, "--max-in-flight")?;
            if self.loaded.config().is_secured() {
                limit(f, "a handshake", Seconds(handshake_timeout), "--handshake-timeout")?;
            }
            limit(f, "headers arrive", Seconds(header_timeout), "--header-timeout")?;
            limit(f, "a body arrives", Seconds(body_timeout), "--body-timeout")?;
            limit(f, "an answer is read", Seconds(write_timeout), "--write-timeout")?;
            limit(f, "a connection idles", Seconds(idle_timeout), "--idle-timeout")?;
        }
        limit(
            f,
            "a shutdown",
            Seconds(self.loaded.config().shutdown_timeout()),
            "--shutdown-timeout",
        )
    }

    /// What could be misused, and the flag that changes it.
    fn write_dangers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_open && self.address.ip().to_canonical().is_loopback() {
            line(f, "unsafe", "every program on this machine may read and write (--token-file)")?;
        } else if self.is_open {
            let (code, exposed, remedy) =
                (codes::EXPOSED, codes::EXPOSED.meaning(), codes::EXPOSED.remedy());
            line(f, "unsafe", format_args!("{code} {exposed} {remedy} (--insecure)"))?;
        }
        if self.loaded.config().sends_in_the_clear() {
            line(f, "unsafe", "nodes are asked in the clear, tokens and values too (--tls-ca)")?;
        }
        if self.server() == doors::Kind::TinyHttp {
            let text = "tiny_http has no other limits: a hostile client can end this process";
            line(f, "unsafe", format_args!("{text} (--http-server)"))?;
        }
        for origin in self.loaded.config().allow_origin() {
            line(f, "unsafe", format_args!("pages of {origin} may write (--allow-origin)"))?;
        }
        for host in self.loaded.config().allow_host() {
            line(f, "unsafe", format_args!("calls by the name {host} are served (--allow-host)"))?;
        }
        Ok(())
    }

    fn server(&self) -> doors::Kind {
        self.loaded.config().http_server()
    }

    fn server_name(&self) -> &'static str {
        match self.server() {
            doors::Kind::Hyper => "hyper",
            doors::Kind::TinyHttp => "tiny_http",
        }
    }
}

fn line(f: &mut fmt::Formatter<'_>, name: &str, what: impl fmt::Display) -> fmt::Result {
    writeln!(f, "{name:<14} {what}")
}

fn limit(
    f: &mut fmt::Formatter<'_>,
    what: &str,
    most: impl fmt::Display,
    flag: &str,
) -> fmt::Result {
    line(f, "limit", format_args!("{what}: {most} ({flag})"))
}

/// Bytes, in the largest unit that says them exactly.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
        let exact = |&(shift, _): &(u32, _)| shift <= self.0.trailing_zeros() && self.0 != 0;
        match units.iter().find(|unit| exact(unit)) {
            Some((shift, unit)) => write!(f, "{} {unit}", self.0 >> shift),
            None => write!(f, "{} bytes", self.0),
        }
    }
}

/// A time, as the flags take it.
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", self.0.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_said_exactly() {
        let cases = [
            (0, "0 bytes"),
            (1, "1 bytes"),
            (8 << 10, "8 KiB"),
            (256 << 20, "256 MiB"),
            (3 << 30, "3 GiB"),
            ((8 << 20) - 1, "8388607 bytes"),
        ];
        for (bytes, text) in cases {
            assert_eq!(Size(bytes).to_string(), text);
        }
    }

    #[test]
    fn times_are_said_in_seconds() {
        assert_eq!(Seconds(Duration::from_millis(1_500)).to_string(), "1.5 s");
        assert_eq!(Seconds(Duration::from_mins(1)).to_string(), "60 s");
    }
}
