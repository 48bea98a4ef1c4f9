//! The settings of `[otel]`: where spans and numbers go.

use crate::setting::Kind::{Choice, Count, Headers, Part, Path, Text, Time};
use crate::setting::Preset::{Fixed, Told};
use crate::setting::{Kind, Preset, Section, Setting};
use crate::value::INSTANT;

/// The one protocol that is spoken, as OpenTelemetry names it.
const HTTP_PROTOBUF: &str = "http/protobuf";

const HEADERS: &str = "the headers";

const fn setting(name: &'static str, kind: Kind, preset: Preset, meaning: &'static str) -> Setting {
    Setting::new(Section::Otel, name, kind, preset, meaning)
}

pub(super) const SETTINGS: &[Setting] = &[
    setting(
        "endpoint",
        Text,
        Told("none"),
        "The collector that spans and numbers go to, by OTLP; such as http://127.0.0.1:4318",
    )
    .because("/v1/traces and /v1/metrics are put behind it")
    .flag("otel-endpoint", "URL"),
    setting("protocol", Choice(&[HTTP_PROTOBUF]), Fixed(HTTP_PROTOBUF), "How OTLP is spoken"),
    setting("service_name", Text, Fixed("cache_manager"), "Whose spans and numbers they are"),
    setting(
        "sample",
        Part,
        Fixed("1"),
        "The part of the requests whose spans are told, of those that come without a trace",
    )
    .because("a request with a traceparent is told if its client says so"),
    setting("export_interval", Time(INSTANT), Fixed("60s"), "How often numbers are sent"),
    setting("span_interval", Time(INSTANT), Fixed("5s"), "How often spans are sent at least")
        .because("512 of them are sent at once, whenever they have come"),
    setting(
        "export_timeout",
        Time(INSTANT),
        Fixed("10s"),
        "Time for one export, all tries included",
    ),
    setting(
        "spans_waiting_max",
        Count(1, 1_000_000),
        Fixed("2048"),
        "Spans that wait to be sent; more are dropped",
    )
    .because("a collector that is away costs no request anything"),
    setting("headers", Headers, Told("none"), "Headers that are sent with each export")
        .because("their values are never printed")
        .group(HEADERS),
    setting("headers_file", Path, Told("none"), "A file with such headers, one a line")
        .group(HEADERS),
    setting("headers_env", Text, Told("none"), "The variable with such headers, one a line")
        .group(HEADERS),
];
