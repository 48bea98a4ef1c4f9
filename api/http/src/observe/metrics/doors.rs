//! What the doors and the process tell.

use distcache::Bound;

use super::{Family, Labels};
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

pub(super) fn of_bounds(bounds: impl Iterator<Item = Bound>) -> [Family; 4] {
    let mut max = Family::gauge("limit", "A bound");
    let mut used = Family::gauge("limit_used", "How much of a bound is used");
    let mut peak = Family::gauge("limit_peak", "The most that was used of a bound");
    let mut reached = Family::counter("limit_reached", "How often a bound was reached");
    for bound in bounds {
        let labels = || -> Labels {
            let keyspace = bound.keyspace.iter().map(|name| ("keyspace", name.clone()));
            [("limit", bound.name.to_owned())].into_iter().chain(keyspace).collect()
        };
        max.measure(labels(), bound.max);
        bound.used.into_iter().for_each(|amount| used.measure(labels(), amount));
        bound.peak.into_iter().for_each(|amount| peak.measure(labels(), amount));
        reached.count(labels(), bound.reached);
    }
    [max, used, peak, reached]
}
