//! Where spans and numbers go, as `[otel]` says.

use std::time::Duration;

use crate::config::{Config, saturating};
use crate::fault::Fault;
use crate::recipe::unreadable;
use crate::secret::Secret;
use crate::setting::Section;
use crate::source::secret;
use crate::tables::View;
use crate::value;

/// A collector, and how it is told.
#[derive(Debug, Clone, PartialEq)]
pub struct OtelSettings {
    /// Its address; `/v1/traces` and `/v1/metrics` are put behind it.
    pub endpoint: String,
    /// Whose spans and numbers they are.
    pub service_name: String,
    /// The part of the requests that are told, from 0 to 1.
    pub sample: f64,
    /// How often numbers are sent.
    pub export_interval: Duration,
    /// How often spans are sent at least.
    pub span_interval: Duration,
    /// Time for one export.
    pub export_timeout: Duration,
    /// Spans that wait to be sent.
    pub spans_waiting_max: usize,
    /// What is sent with each export.
    pub headers: Vec<(String, Secret)>,
}

impl Config {
    /// Where spans and numbers go; `None` for nowhere.
    ///
    /// # Errors
    /// When the headers cannot be read.
    pub fn otel(&self) -> Result<Option<OtelSettings>, Fault> {
        let view = self.common(Section::Otel);
        let Some(endpoint) = view.text("endpoint") else { return Ok(None) };
        Ok(Some(OtelSettings {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            service_name: view.fixed_text("service_name"),
            sample: view.number("sample").unwrap_or(1.0),
            export_interval: view.fixed_time("export_interval"),
            span_interval: view.fixed_time("span_interval"),
            export_timeout: view.fixed_time("export_timeout"),
            spans_waiting_max: saturating(view.fixed_count("spans_waiting_max")),
            headers: headers(view)?,
        }))
    }
}

/// Those of the setting, or those of the file or variable, one a line. Of what is
/// wrong nothing is repeated: it may be a part of a secret.
fn headers(view: View<'_>) -> Result<Vec<(String, Secret)>, Fault> {
    let ways = ["headers", "headers_file", "headers_env"];
    let Some(name) = ways.into_iter().find(|name| view.is_given(name)) else {
        return Ok(Vec::new());
    };
    let wrong = |what: &str| unreadable(&view.origin(name), name, what);
    let headers = if let Some(headers) = view.headers("headers") {
        headers
    } else {
        let lines = secret(view, "headers")?.unwrap_or_else(|| Secret::new(""));
        let lines = lines.reveal().lines().map(str::trim).filter(|line| !line.is_empty());
        lines.map(value::header).collect::<Result<_, _>>().map_err(|what| wrong(&what))?
    };
    let are_right = headers.iter().all(|(name, value)| is_header(name, value.reveal()));
    if are_right { Ok(headers) } else { Err(wrong("one of them is no header of HTTP")) }
}

/// RFC 9110, 5.1 and 5.5; of the values those that everybody takes.
fn is_header(name: &str, value: &str) -> bool {
    let is_of_a_name = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let is_visible = |c: char| c == ' ' || c.is_ascii_graphic();
    !name.is_empty() && name.chars().all(is_of_a_name) && value.chars().all(is_visible)
}
