//! What the doors and the process tell.

use super::Family;
use crate::observe::{Observer, Outcome};

pub(super) fn families(observer: &Observer) -> Vec<Family> {
    let mut requests = Family::counter("http_requests", "Requests that were answered");
    let mut times = Family::histogram("http_request_duration_seconds", "From request to answer");
    for metered in observer.meter.read() {
        let operation = || ("operation", metered.operation.name().to_owned());
        for (outcome, count) in Outcome::ALL.into_iter().zip(metered.counts) {
            requests.count(vec![operation(), ("result", outcome.name().to_owned())], count);
        }
        times.times(vec![operation()], &metered.times);
    }
    let mut refused =
        Family::counter("http_connections_refused", "Connections refused before any request");
    for (reason, count) in observer.door.strangers() {
        refused.count(vec![("reason", reason.to_owned())], count);
    }
    let mut up = Family::gauge("uptime_seconds", "Since the routes were made");
    up.measure(Vec::new(), observer.begun.elapsed().as_secs());
    let mut build = Family::gauge("build", "Always 1; its labels tell what runs");
    build.measure(vec![("version", env!("CARGO_PKG_VERSION").to_owned())], 1);
    vec![requests, times, refused, up, build]
}
