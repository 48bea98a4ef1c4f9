//! All settings, merged: what is given by flag wins over the environment, that
//! over the file, and that over the defaults.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use distcache::codes;
use distcache_http::{Limits, ROOT_KEYSPACE, doors};

use crate::fault::{Fault, Faults};
use crate::origin::Origin;
use crate::setting::{Section, Setting};
use crate::tables::{Place, Tables, View};
use crate::value::Raw;
use crate::{check, env, file, print, table};

/// What was given on the command line: settings, and the words for them.
pub type Given = Vec<(&'static Setting, Vec<String>)>;

/// Where settings come from.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// The configuration file.
    pub file: Option<PathBuf>,
    /// The environment.
    pub variables: Vec<(OsString, OsString)>,
    /// The flags.
    pub flags: Given,
}

/// Settings that were read, each in its range. Whether they go together is what
/// [`Loaded`](crate::Loaded) says.
#[derive(Debug, Clone)]
pub struct Config {
    pub(crate) tables: Tables,
}

impl Config {
    /// Reads the settings of all inputs.
    ///
    /// # Errors
    /// Everything that is wrong with each of them.
    pub fn read(inputs: &Inputs) -> Result<Self, Faults> {
        let Some(path) = &inputs.file else {
            return Self::of(None, &inputs.variables, &inputs.flags);
        };
        let bytes = file::read(path)?;
        let name = path.display().to_string();
        Self::of(Some((&name, &bytes)), &inputs.variables, &inputs.flags)
    }

    /// Reads the settings of a file's name and bytes, and of all other inputs.
    ///
    /// # Errors
    /// Everything that is wrong with each of them.
    pub fn of(
        file: Option<(&str, &[u8])>,
        variables: &[(OsString, OsString)],
        flags: &Given,
    ) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        let mut tables = Tables::default();
        tables.at(&Place::Keyspace(ROOT_KEYSPACE.into()), &Origin::Default);
        if let Some((name, bytes)) = file {
            lay_over(&mut tables, file::parse(name, bytes, &mut faults), &mut faults);
        }
        let known: Vec<Arc<str>> = tables.keyspaces().cloned().collect();
        let variables = env::parse(variables.iter().cloned(), &known, &mut faults);
        lay_over(&mut tables, variables, &mut faults);
        lay_over(&mut tables, of_flags(flags, &mut faults), &mut faults);
        let config = Self { tables };
        // What is missing may be what is wrong: one fault is not told as two.
        if faults.is_empty() {
            check::combinations(&config, &mut faults);
        }
        faults.sort();
        if faults.is_empty() { Ok(config) } else { Err(faults) }
    }

    /// The configuration as a file that could be read again, each value with where
    /// it comes from. Secrets are hidden.
    pub fn print(&self) -> String {
        print::config(self)
    }

    /// What is allowed and yet probably a mistake.
    pub fn warnings(&self) -> Vec<Fault> {
        check::warnings(self)
    }

    pub(crate) fn common(&self, section: Section) -> View<'_> {
        self.tables.view(&Place::Common(section))
    }

    /// The names of the keyspaces.
    pub fn keyspaces(&self) -> impl Iterator<Item = &str> {
        self.tables.keyspaces().map(AsRef::as_ref)
    }

    /// The largest value, if somebody has said so.
    pub fn value_bytes_max(&self) -> Option<u64> {
        self.common(Section::Engine).size("max_value")
    }

    /// Where to listen.
    pub fn address(&self) -> SocketAddr {
        let server = self.common(Section::Server);
        let port = server.count("port").and_then(|port| u16::try_from(port).ok());
        let port = port.unwrap_or(if self.is_node() { NODE_PORT } else { DEFAULT_PORT });
        server.address("listen").unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], port)))
    }

    /// Which HTTP server.
    pub fn http_server(&self) -> doors::Kind {
        match self.common(Section::Server).text("http_server") {
            Some(name) if name == table::TINY_HTTP => doors::Kind::TinyHttp,
            _ => doors::Kind::Hyper,
        }
    }

    /// Web origins whose pages may write.
    pub fn allow_origin(&self) -> Vec<String> {
        self.common(Section::Server).list("allow_origin").unwrap_or_default()
    }

    /// Host names to answer to on a loopback address.
    pub fn allow_host(&self) -> Vec<String> {
        self.common(Section::Server).list("allow_host").unwrap_or_default()
    }

    /// The file of tokens with which one may read and write.
    pub fn token_file(&self) -> Option<PathBuf> {
        self.common(Section::Server).path("token_file")
    }

    /// The file of tokens with which one may read.
    pub fn read_token_file(&self) -> Option<PathBuf> {
        self.common(Section::Server).path("read_token_file")
    }

    /// Whether to listen where other machines can reach it without any token.
    pub fn is_insecure(&self) -> bool {
        self.common(Section::Server).switch("insecure") == Some(true)
    }

    /// Whether the server is not ready before its keyspaces are warm.
    pub fn is_ready_when_warm(&self) -> bool {
        self.common(Section::Server).switch("ready_when_warm") == Some(true)
    }

    /// How long requests are still taken after a signal.
    pub fn drain_delay(&self) -> Duration {
        self.time(Section::Server, "drain_delay")
    }

    /// How long a shutdown waits for requests in flight.
    pub fn shutdown_timeout(&self) -> Duration {
        self.time(Section::Server, "shutdown_timeout")
    }

    /// What to log.
    pub fn log_filter(&self) -> String {
        self.common(Section::Log).fixed_text("filter")
    }

    /// How long a request takes that is told of in the log.
    pub fn slow_after(&self) -> Duration {
        self.time(Section::Log, "slow_after")
    }

    /// The limits of the door; a body is a value, and no larger.
    pub fn limits(&self, value_bytes_max: u64) -> Limits {
        let limits = self.common(Section::Limits);
        let bytes = |name| saturating(limits.fixed_size(name));
        let count = |name| saturating(limits.fixed_count(name));
        let time = |name| self.time(Section::Limits, name);
        let of_bodies = Limits::of_bodies(value_bytes_max);
        let buffered = limits.size("max_buffered").map(saturating);
        Limits {
            request_line_bytes: bytes("max_request_line"),
            header_bytes: bytes("max_header_bytes"),
            headers: count("max_headers"),
            body_bytes: of_bodies.body_bytes,
            buffered_bytes: buffered.unwrap_or(of_bodies.buffered_bytes),
            connections: count("max_connections"),
            in_flight: count("max_in_flight"),
            handshake_timeout: time("handshake_timeout"),
            header_timeout: time("header_timeout"),
            body_timeout: time("body_timeout"),
            idle_timeout: time("idle_timeout"),
            write_timeout: time("write_timeout"),
        }
    }

    pub(crate) fn time(&self, section: Section, name: &str) -> Duration {
        self.common(section).fixed_time(name)
    }
}

/// The port on 127.0.0.1 if none is given.
const DEFAULT_PORT: u16 = 8080;

/// The same of a node: the first of those that are nodes if nobody says which.
const NODE_PORT: u16 = 8081;

pub(crate) fn saturating(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn lay_over(tables: &mut Tables, layer: Tables, faults: &mut Faults) {
    layer.find_rivals(faults);
    tables.overlay(layer);
}

fn of_flags(flags: &Given, faults: &mut Faults) -> Tables {
    let mut tables = Tables::default();
    for (setting, words) in flags {
        let Some(flag) = setting.flag else { continue };
        let origin = Origin::Flag(flag.name);
        let given = (&Raw::Word(words.join(",").into()), Path::new(""));
        tables.give(&Place::Common(setting.section), setting, given, &origin, faults);
    }
    tables
}

/// Says of a setting that it does not go with others.
pub(crate) fn conflict(origin: &Origin, what: String, right: &str) -> Fault {
    Fault::new(origin, codes::SETTINGS_CONFLICT, what, right)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Config {
        Config::of(Some(("a.toml", text.as_bytes())), &[], &Given::new()).unwrap()
    }

    /// The reference tells these defaults, and the library has its own: they are
    /// the same.
    #[test]
    fn the_limits_by_default_are_those_of_the_door() {
        let expected = Limits::default();
        assert_eq!(of("").limits(expected.body_bytes as u64), expected);
    }

    #[test]
    fn buffers_hold_the_largest_value_unless_somebody_says_how_much() {
        assert_eq!(of("").limits(100 << 20).buffered_bytes, 100 << 20);
        let given = of("[limits]\nmax_buffered = '1MiB'");
        assert_eq!(given.limits(1).buffered_bytes, 1 << 20);
    }

    #[test]
    fn the_keyspace_behind_the_root_is_always_there() {
        assert_eq!(of("").keyspaces().collect::<Vec<_>>(), ["default"]);
        let names = of("[keyspaces.users]");
        assert_eq!(names.keyspaces().collect::<Vec<_>>(), ["default", "users"]);
    }

    #[test]
    fn where_to_listen_is_an_address_or_a_port_of_this_machine() {
        assert_eq!(of("").address().to_string(), "127.0.0.1:8080");
        assert_eq!(of("server.port = 81").address().to_string(), "127.0.0.1:81");
        assert_eq!(of("server.listen = '[::]:82'").address().to_string(), "[::]:82");
    }
}
