//! What an operator can set: flags, each also as an environment variable.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, CommandFactory, FromArgMatches, Parser, ValueEnum};
use distcache::{Config, Dispatch, EvictionPolicy};
use distcache_http::{Limits, doors};

/// A cache server: values by key, in memory, over HTTP.
///
/// It keeps what it is given until its time is over or room is needed for
/// something used more recently. It never answers with an older value than the
/// last one it has acknowledged.
#[derive(Debug, Parser)]
#[command(
    name = "cache_manager",
    version,
    after_help = "Try it:\n  cache_manager &\n  curl -X POST 'http://localhost:8080/?key=a&value=hello'\n  \
                  curl 'http://localhost:8080/?key=a'\n\n\
                  A flag may be written with one dash (-port=8081), and set by an environment\n\
                  variable: --max-value is DISTCACHE_MAX_VALUE. The flag wins over the variable.\n\n\
                  It ends with status 0 after SIGTERM or SIGINT, 1 when requests had to be cut\n\
                  off, 2 when it could not start, 130 at a second signal."
)]
pub(crate) struct Flags {
    /// Address and port to listen on [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS", env = "DISTCACHE_LISTEN")]
    listen: Option<SocketAddr>,

    /// Port on 127.0.0.1; short for --listen 127.0.0.1:PORT
    #[arg(long, value_name = "PORT", env = "DISTCACHE_PORT")]
    port: Option<u16>,

    /// Data nodes [default: one a core, at least 4]
    #[arg(long, value_name = "NUMBER", env = "DISTCACHE_DATA_NODES")]
    data_nodes: Option<usize>,

    /// Memory for the cache, overhead included, such as 256MiB or 4GiB
    #[arg(long, value_name = "SIZE", env = "DISTCACHE_CAPACITY", default_value = "256MiB",
          value_parser = size)]
    capacity: u64,

    /// Entries at most [default: as many as fit]
    #[arg(long, value_name = "NUMBER", env = "DISTCACHE_MAX_ENTRIES")]
    max_entries: Option<u64>,

    /// Size of one value at most [default: 8MiB, or a quarter of a node's memory if less]
    #[arg(long, value_name = "SIZE", env = "DISTCACHE_MAX_VALUE", value_parser = size)]
    max_value: Option<u64>,

    /// Which entry goes when room is needed: lru, s3-fifo, sieve, w-tinylfu or fifo
    #[arg(long, value_name = "POLICY", env = "DISTCACHE_EVICTION",
          default_value_t = EvictionPolicy::Lru)]
    eviction: EvictionPolicy,

    /// Where a request runs: inline on its own thread, or on the data node's worker
    #[arg(long, value_name = "WHERE", env = "DISTCACHE_DISPATCH", default_value = "inline")]
    dispatch: DispatchName,

    #[arg(long, help = "Which HTTP server: hyper, or tiny_http (threads only, loopback only)", value_name = "SERVER", env = "DISTCACHE_HTTP_SERVER", default_value = DEFAULT_SERVER)]
    http_server: ServerName,

    /// What to log: off, error, warn, info, debug, trace, or target=level,...
    #[arg(long, value_name = "FILTER", env = "DISTCACHE_LOG", default_value = "info",
          value_parser = log_filter)]
    pub(crate) log: String,

    /// A web origin whose pages may write, scheme and host; repeatable
    #[arg(long, value_name = "ORIGIN", env = "DISTCACHE_ALLOW_ORIGIN", value_delimiter = ',')]
    pub(crate) allow_origin: Vec<String>,

    /// A Host name to answer to on a loopback address; repeatable
    #[arg(long, value_name = "HOST", env = "DISTCACHE_ALLOW_HOST", value_delimiter = ',')]
    pub(crate) allow_host: Vec<String>,

    /// A file of tokens, one a line: only who sends one may read and write
    #[arg(long, value_name = "FILE", env = "DISTCACHE_TOKEN_FILE")]
    pub(crate) token_file: Option<PathBuf>,

    /// A file of tokens, one a line: who sends one may read
    #[arg(long, value_name = "FILE", env = "DISTCACHE_READ_TOKEN_FILE")]
    pub(crate) read_token_file: Option<PathBuf>,

    /// Listen where other machines can reach it, without any token
    #[arg(long, env = "DISTCACHE_INSECURE", value_parser = BoolishValueParser::new(),
          action = ArgAction::SetTrue)]
    pub(crate) insecure: bool,

    #[command(flatten)]
    limits: LimitFlags,

    /// Seconds that requests are still taken after a signal, while /readyz says
    /// 503, so that a load balancer can look away
    #[arg(long, value_name = "SECONDS", env = "DISTCACHE_DRAIN_DELAY", default_value = "0",
          value_parser = seconds_or_none)]
    pub(crate) drain_delay: Duration,

    /// Seconds that a shutdown waits for requests in flight
    #[arg(long, value_name = "SECONDS", env = "DISTCACHE_SHUTDOWN_TIMEOUT", default_value = "10",
          value_parser = seconds)]
    pub(crate) shutdown_timeout: Duration,
}

/// What one client may ask of the server.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Limits of one client")]
struct LimitFlags {
    /// Bytes of a request line [default: 8KiB]
    #[arg(long, value_name = "SIZE", env = "DISTCACHE_MAX_REQUEST_LINE", value_parser = size)]
    max_request_line: Option<u64>,

    /// Bytes of all headers together [default: 16KiB]
    #[arg(long, value_name = "SIZE", env = "DISTCACHE_MAX_HEADER_BYTES", value_parser = size)]
    max_header_bytes: Option<u64>,

    /// Headers of one request [default: 100]
    #[arg(long, value_name = "NUMBER", env = "DISTCACHE_MAX_HEADERS")]
    max_headers: Option<usize>,

    /// Connections at once [default: 10000]
    #[arg(long, value_name = "NUMBER", env = "DISTCACHE_MAX_CONNECTIONS")]
    max_connections: Option<usize>,

    /// Requests at once; more are answered 503 [default: 4096]
    #[arg(long, value_name = "NUMBER", env = "DISTCACHE_MAX_IN_FLIGHT")]
    max_in_flight: Option<usize>,

    /// Bytes of bodies and answers in flight, of all clients together
    /// [default: 64MiB, and never less than --max-value]
    #[arg(long, value_name = "SIZE", env = "DISTCACHE_MAX_BUFFERED", value_parser = size)]
    max_buffered: Option<u64>,

    /// Seconds for the headers to arrive [default: 10]
    #[arg(long, value_name = "SECONDS", env = "DISTCACHE_HEADER_TIMEOUT", value_parser = seconds)]
    header_timeout: Option<Duration>,

    /// Seconds for the body to arrive [default: 30]
    #[arg(long, value_name = "SECONDS", env = "DISTCACHE_BODY_TIMEOUT", value_parser = seconds)]
    body_timeout: Option<Duration>,

    /// Seconds that a connection may be idle [default: 75]
    #[arg(long, value_name = "SECONDS", env = "DISTCACHE_IDLE_TIMEOUT", value_parser = seconds)]
    idle_timeout: Option<Duration>,

    /// Seconds that a client may take to read an answer [default: 30]
    #[arg(long, value_name = "SECONDS", env = "DISTCACHE_WRITE_TIMEOUT", value_parser = seconds)]
    write_timeout: Option<Duration>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum DispatchName {
    Inline,
    Worker,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum ServerName {
    Hyper,
    TinyHttp,
}

const DEFAULT_SERVER: &str = if cfg!(feature = "hyper") { "hyper" } else { "tiny_http" };
const DEFAULT_PORT: u16 = 8080;

impl Flags {
    /// Reads flags and environment.
    ///
    /// # Errors
    /// What is wrong, for a person; also the texts of `--help` and `--version`.
    pub(crate) fn read(arguments: impl Iterator<Item = OsString>) -> Result<Self, clap::Error> {
        let matches = Self::command().try_get_matches_from(arguments.map(two_dashes))?;
        Self::from_arg_matches(&matches)?.with_one_address(&matches)
    }

    /// Keeps one of `--listen` and `--port`: a flag wins over a variable, and
    /// two of a kind are a mistake.
    fn with_one_address(self, matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given_as_flag =
            |id| matches.value_source(id).map(|source| source == ValueSource::CommandLine);
        match (given_as_flag("listen"), given_as_flag("port")) {
            (Some(true), Some(false)) => Ok(Self { port: None, ..self }),
            (Some(false), Some(true)) => Ok(Self { listen: None, ..self }),
            (Some(_), Some(_)) => {
                let text = "--listen and --port both say where to listen: give one of them";
                Err(Self::command().error(ErrorKind::ArgumentConflict, text))
            }
            (None, _) | (_, None) => Ok(self),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        let port = self.port.unwrap_or(DEFAULT_PORT);
        self.listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], port)))
    }

    pub(crate) fn server(&self) -> doors::Kind {
        match self.http_server {
            ServerName::Hyper => doors::Kind::Hyper,
            ServerName::TinyHttp => doors::Kind::TinyHttp,
        }
    }

    pub(crate) fn config(&self) -> Config {
        let default = Config::default();
        Config {
            data_nodes: self.data_nodes.unwrap_or(default.data_nodes),
            capacity_bytes: self.capacity,
            entries_max: self.max_entries,
            value_bytes_max: self.max_value,
            eviction: self.eviction.clone(),
            dispatch: match self.dispatch {
                DispatchName::Inline => Dispatch::Inline,
                DispatchName::Worker => Dispatch::Worker,
            },
            ..default
        }
    }

    /// The limits of the door; a body is a value, and no larger.
    pub(crate) fn limits(&self, value_bytes_max: u64) -> Limits {
        let (given, default) = (&self.limits, Limits::default());
        let bytes = |given: Option<u64>, default| given.map_or(default, saturating);
        Limits {
            request_line_bytes: bytes(given.max_request_line, default.request_line_bytes),
            header_bytes: bytes(given.max_header_bytes, default.header_bytes),
            headers: given.max_headers.unwrap_or(default.headers),
            body_bytes: saturating(value_bytes_max),
            buffered_bytes: bytes(
                given.max_buffered,
                default.buffered_bytes.max(saturating(value_bytes_max)),
            ),
            connections: given.max_connections.unwrap_or(default.connections),
            in_flight: given.max_in_flight.unwrap_or(default.in_flight),
            header_timeout: given.header_timeout.unwrap_or(default.header_timeout),
            body_timeout: given.body_timeout.unwrap_or(default.body_timeout),
            idle_timeout: given.idle_timeout.unwrap_or(default.idle_timeout),
            write_timeout: given.write_timeout.unwrap_or(default.write_timeout),
        }
    }
}

fn saturating(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// `-port=8081`, as Go programs take it, becomes `--port=8081`. One dash and
/// one letter stays a short flag.
fn two_dashes(argument: OsString) -> OsString {
    let is_long = argument.to_str().is_some_and(|text| {
        let name = text.strip_prefix('-').unwrap_or("");
        let name = name.split('=').next().unwrap_or("");
        1 < name.len() && name.starts_with(|first: char| first.is_ascii_alphabetic())
    });
    if !is_long {
        return argument;
    }
    let mut long = OsString::from("-");
    long.push(argument);
    long
}

/// A size in bytes: a number and, if wanted, KiB, MiB or GiB.
fn size(text: &str) -> Result<u64, String> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let shift = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kib" => 10,
        "m" | "mib" => 20,
        "g" | "gib" => 30,
        _ => return Err(format!("'{unit}' is no unit; there are KiB, MiB and GiB")),
    };
    let number: u64 =
        number.parse().map_err(|_no_number| "a size is a number, such as 256MiB".to_owned())?;
    number.checked_mul(1 << shift).ok_or_else(|| "that is more than there is".to_owned())
}

/// What `env_logger` reads. It would take a level with a typing error for the
/// name of a module, and say nothing from then on.
fn log_filter(text: &str) -> Result<String, String> {
    let is_level = |level: &str| level.parse::<log::LevelFilter>().is_ok();
    let known = |part: &str| is_level(part.split_once('=').map_or(part, |(_, level)| level));
    match text.split(',').find(|part| !known(part.trim())) {
        None => Ok(text.to_owned()),
        Some(part) => Err(format!(
            "'{part}' names no level; there are off, error, warn, info, debug and trace"
        )),
    }
}

/// A duration in seconds, with a fraction if wanted; not zero.
fn seconds_or_none(text: &str) -> Result<Duration, String> {
    if text == "0" { Ok(Duration::ZERO) } else { seconds(text) }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let wrong = || "a time is a number of seconds greater than 0, such as 10 or 0.5".to_owned();
    let seconds: f64 = text.parse().map_err(|_no_number| wrong())?;
    Duration::try_from_secs_f64(seconds).ok().filter(|time| !time.is_zero()).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<Flags, clap::Error> {
        let program = std::iter::once("cache_manager");
        Flags::read(program.chain(arguments.iter().copied()).map(OsString::from))
    }

    #[test]
    fn one_dash_is_as_good_as_two() {
        let flags = read(&["-port=8081", "--data-nodes", "3"]).unwrap();
        assert_eq!(flags.address().to_string(), "127.0.0.1:8081");
        assert_eq!(flags.config().data_nodes, 3);
    }

    #[test]
    fn listen_and_port_together_are_refused() {
        let error = read(&["--listen", "127.0.0.1:1", "--port", "2"]).unwrap_err();
        assert!(error.to_string().contains("--port"), "{error}");
    }

    #[test]
    fn a_log_filter_is_a_level_or_levels_of_targets() {
        for good in ["off", "INFO", "warn,distcache_http=trace", "a=off, b=debug"] {
            assert!(log_filter(good).is_ok(), "{good}");
        }
        for wrong in ["", "loud", "info,a=loud", "a="] {
            assert!(log_filter(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_numbers_with_a_binary_unit() {
        let cases =
            [("1", 1), ("2KiB", 2_048), ("256MiB", 256 << 20), ("4 GiB", 4 << 30), ("3m", 3 << 20)];
        for (text, bytes) in cases {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for wrong in ["", "-1", "1.5GiB", "MiB", "1TB", "99999999999GiB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_are_seconds_greater_than_zero() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        assert!(["0", "-1", "ten", "1e99", "NaN"].iter().all(|wrong| seconds(wrong).is_err()));
    }

    #[test]
    fn a_wrong_flag_is_named() {
        let error = read(&["--capacty", "1GiB"]).unwrap_err().to_string();
        assert!(error.contains("--capacty") && error.contains("--capacity"), "{error}");
    }

    #[test]
    fn the_help_names_every_environment_variable() {
        let help = read(&["--help"]).unwrap_err().to_string();
        for variable in ["DISTCACHE_LISTEN", "DISTCACHE_CAPACITY", "DISTCACHE_WRITE_TIMEOUT"] {
            assert!(help.contains(variable), "{variable} in {help}");
        }
    }
}
