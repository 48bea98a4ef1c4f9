//! The settings of `[limits]`: what one client may ask.

use crate::setting::Kind::{Count, Size, Time};
use crate::setting::Preset::{Fixed, Told};
use crate::setting::{Kind, Preset, Section, Setting};
use crate::value::INSTANT;

const fn setting(name: &'static str, kind: Kind, preset: Preset, meaning: &'static str) -> Setting {
    Setting::new(Section::Limits, name, kind, preset, meaning)
}

pub(super) const SETTINGS: &[Setting] = &[
    setting("max_request_line", Size(64, 64_000), Fixed("8KiB"), "Bytes of a request line")
        .because("keys are short, and large values belong in the body")
        .flag("max-request-line", "SIZE"),
    setting(
        "max_header_bytes",
        Size(256, 1 << 20),
        Fixed("16KiB"),
        "Bytes of all headers together",
    )
    .because("twice what browsers with many cookies send")
    .flag("max-header-bytes", "SIZE"),
    setting("max_headers", Count(1, 1_000), Fixed("100"), "Headers of one request")
        .flag("max-headers", "NUMBER"),
    setting("max_connections", Count(1, 1_000_000), Fixed("10000"), "Connections at once")
        .because("some 10 KiB each when idle")
        .flag("max-connections", "NUMBER"),
    setting(
        "max_in_flight",
        Count(1, 1_000_000),
        Fixed("4096"),
        "Requests that wait at once; more are answered 503",
    )
    .because("enough to keep every data node busy")
    .flag("max-in-flight", "NUMBER"),
    setting(
        "max_buffered",
        Size(1, u64::MAX / 2),
        Told("64MiB, and never less than --max-value"),
        "Bytes of bodies and answers in flight, of all clients together",
    )
    .because("without it slow clients decide how much memory is needed")
    .flag("max-buffered", "SIZE"),
    setting("handshake_timeout", Time(INSTANT), Fixed("5s"), "Time for the handshake of TLS")
        .because("it takes a few ways there and back")
        .flag("handshake-timeout", "TIME"),
    setting("header_timeout", Time(INSTANT), Fixed("10s"), "Time for the headers to arrive")
        .because("an honest client sends them in one packet")
        .flag("header-timeout", "TIME"),
    setting("body_timeout", Time(INSTANT), Fixed("30s"), "Time for the body to arrive")
        .because("8 MiB arrive in that time at 280 KB/s")
        .flag("body-timeout", "TIME"),
    setting("idle_timeout", Time(INSTANT), Fixed("75s"), "Time that a connection may be idle")
        .because("longer than the 60 s of most clients and proxies")
        .flag("idle-timeout", "TIME"),
    setting(
        "write_timeout",
        Time(INSTANT),
        Fixed("30s"),
        "Time that a client may take to read an answer",
    )
    .flag("write-timeout", "TIME"),
];
