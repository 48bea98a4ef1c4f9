//! The settings of `[server]` and `[log]`.

use std::time::Duration;

use crate::setting::Kind::{Address, Choice, Count, List, LogFilter, Path, Switch, Time};
use crate::setting::Preset::{Fixed, Told};
use crate::setting::{Kind, Preset, Reload, Section, Setting};
use crate::value::INSTANT;

/// The HTTP servers that there are, as the setting names them.
const HYPER: &str = "hyper";
pub(crate) const TINY_HTTP: &str = "tiny_http";

const SERVER: &str = if cfg!(feature = "hyper") { HYPER } else { TINY_HTTP };

const fn setting(name: &'static str, kind: Kind, preset: Preset, meaning: &'static str) -> Setting {
    Setting::new(Section::Server, name, kind, preset, meaning)
}

pub(super) const SETTINGS: &[Setting] = &[
    setting("listen", Address, Told("127.0.0.1:8080"), "Address and port to listen on")
        .because("only programs of this machine reach it")
        .flag("listen", "ADDRESS")
        .group("where to listen"),
    setting(
        "port",
        Count(0, 65_535),
        Told("none"),
        "Port on 127.0.0.1; short for --listen 127.0.0.1:PORT",
    )
    .flag("port", "PORT")
    .group("where to listen"),
    setting(
        "http_server",
        Choice(&[HYPER, TINY_HTTP]),
        Fixed(SERVER),
        "Which HTTP server: hyper, or tiny_http (threads only, loopback only)",
    )
    .because("it keeps hostile clients off")
    .flag("http-server", "SERVER"),
    setting(
        "allow_origin",
        List,
        Told("none"),
        "A web origin whose pages may write, scheme and host; repeatable",
    )
    .flag("allow-origin", "ORIGIN"),
    setting(
        "allow_host",
        List,
        Told("none"),
        "A Host name to answer to on a loopback address; repeatable",
    )
    .flag("allow-host", "HOST"),
    setting(
        "token_file",
        Path,
        Told("none"),
        "A file of tokens, one a line: only who sends one may read and write",
    )
    .flag("token-file", "FILE"),
    setting(
        "read_token_file",
        Path,
        Told("none"),
        "A file of tokens, one a line: who sends one may read",
    )
    .flag("read-token-file", "FILE"),
    setting(
        "tls_cert",
        Path,
        Told("none"),
        "A file with the server's certificate and those between it and its authority, in PEM; \
         with tls_key the server speaks HTTPS",
    )
    .because("SIGHUP reads a new one from the same file")
    .flag("tls-cert", "FILE"),
    setting("tls_key", Path, Told("none"), "A file with the private key of tls_cert, in PEM")
        .flag("tls-key", "FILE"),
    setting(
        "tls_ca",
        Path,
        Told("none"),
        "A file with the certificates of the authority that health, import and export believe, \
         and that the certificates of all nodes of a cluster come from, in PEM; with it a load \
         balancer calls the nodes over HTTPS",
    )
    .flag("tls-ca", "FILE"),
    setting(
        "insecure",
        Switch,
        Fixed("false"),
        "Listen where other machines can reach it, without any token; and for other nodes of a \
         cluster, without TLS",
    )
    .flag("insecure", ""),
    setting(
        "ready_when_warm",
        Switch,
        Fixed("false"),
        "Whether /readyz says 503 until every keyspace has loaded its warm keys",
    )
    .because("a server whose source is down would never be ready")
    .flag("ready-when-warm", ""),
    setting(
        "drain_delay",
        Time(Duration::ZERO),
        Fixed("0s"),
        "How long requests are still taken after a signal, while /readyz says 503, so that a load \
         balancer can look away",
    )
    .flag("drain-delay", "TIME")
    .reloads(Reload::Live),
    setting(
        "shutdown_timeout",
        Time(INSTANT),
        Fixed("10s"),
        "How long a shutdown waits for requests in flight",
    )
    .flag("shutdown-timeout", "TIME")
    .reloads(Reload::Live),
];

pub(super) const LOG: &[Setting] = &[
    Setting::new(
        Section::Log,
        "filter",
        LogFilter,
        Fixed("info"),
        "What to log: off, error, warn, info, debug, trace, or target=level,...",
    )
    .because("no key and no value is logged at info")
    .flag("log", "FILTER"),
    Setting::new(
        Section::Log,
        "slow_after",
        Time(Duration::ZERO),
        Fixed("1s"),
        "How long a request takes that is told of as slow",
    )
    .because("without its key, and ten of them a second at most")
    .flag("slow-after", "TIME"),
];
