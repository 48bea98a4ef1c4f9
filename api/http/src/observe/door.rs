//! The bounds of a door, and how far they were ever filled.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use distcache::{Bound, Watermark};

use crate::Limits;
use crate::guard::Violation;

/// Something with a bound that many hold a part of.
#[derive(Debug, Default)]
pub(crate) struct Gauge {
    now: AtomicU64,
    pub(crate) mark: Watermark,
}

impl Gauge {
    /// Adds a part, and returns how much there is with it: to be noted, if that may
    /// be, or given back.
    #[cfg_attr(not(feature = "hyper"), expect(dead_code, reason = "the hyper door keeps all"))]
    pub(crate) fn add(&self, part: u64) -> u64 {
        // Relaxed: a count that guards no other memory.
        self.now.fetch_add(part, Ordering::Relaxed) + part
    }

    /// Gives a part back.
    #[cfg_attr(not(feature = "hyper"), expect(dead_code, reason = "the hyper door keeps all"))]
    pub(crate) fn sub(&self, part: u64) {
        self.now.fetch_sub(part, Ordering::Relaxed);
    }

    pub(crate) fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }
}

/// Which of the limits a door keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// Every one.
    #[cfg_attr(not(feature = "hyper"), expect(dead_code, reason = "the hyper door keeps all"))]
    All,
    /// Only that of a request's body.
    Body,
}

/// What a door tells of its bounds: the present use, the peak, and how often each
/// was reached. The service that it serves hands it in, and can tell others.
#[derive(Debug, Default)]
pub struct DoorWatch {
    limits: OnceLock<(Limits, Kept)>,
    pub(crate) connections: Gauge,
    pub(crate) in_flight: Gauge,
    pub(crate) buffered: Gauge,
    request_lines: Watermark,
    header_bytes: Watermark,
    headers: Watermark,
    bodies: Watermark,
    late: Watermark,
}

impl DoorWatch {
    /// The door opens, with these limits.
    pub(crate) fn open(&self, limits: &Limits, kept: Kept) {
        // A service stands behind one door.
        let _ = self.limits.set((limits.clone(), kept));
    }

    /// A request was refused because it is over a limit, or malformed.
    pub(crate) fn refused(&self, violation: Violation) {
        match violation {
            Violation::RequestLineTooLong { .. } => self.request_lines.reach(),
            Violation::TooManyHeaders { .. } => self.headers.reach(),
            Violation::HeadersTooLarge { .. } => self.header_bytes.reach(),
            Violation::BodyTooLarge { .. } => self.bodies.reach(),
            _ => {}
        }
    }

    /// A request did not come in time.
    #[cfg_attr(not(feature = "hyper"), expect(dead_code, reason = "tiny_http keeps no time"))]
    pub(crate) fn late(&self) {
        self.late.reach();
    }

    /// Every bound that the door keeps; none before it is open.
    pub fn bounds(&self) -> Vec<Bound> {
        let Some((limits, kept)) = self.limits.get() else { return Vec::new() };
        let one = |name, unit, max: usize, mark: &Watermark| {
            Bound::new(name, unit, max as u64).reached(mark.reached())
        };
        let body = one("body_bytes", "bytes", limits.body_bytes, &self.bodies);
        if *kept == Kept::Body {
            return vec![body];
        }
        let many = |name, unit, max: usize, gauge: &Gauge| {
            Bound::new(name, unit, max as u64).marked(gauge.now(), &gauge.mark)
        };
        let header_ms = u64::try_from(limits.header_timeout.as_millis()).unwrap_or(u64::MAX);
        vec![
            many("connections", "connections", limits.connections, &self.connections),
            many("in_flight", "requests", limits.in_flight, &self.in_flight),
            many("buffered_bytes", "bytes", limits.buffered_bytes, &self.buffered),
            one("request_line_bytes", "bytes", limits.request_line_bytes, &self.request_lines),
            one("headers", "headers", limits.headers, &self.headers),
            one("header_bytes", "bytes", limits.header_bytes, &self.header_bytes),
            body,
            Bound::new("request_time", "ms", header_ms).reached(self.late.reached()),
        ]
    }
}
