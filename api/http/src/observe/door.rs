//! The bounds of a door, and how far they were ever filled.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

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
    pub(crate) fn add(&self, part: u64) -> u64 {
        // Relaxed: a count that guards no other memory.
        self.now.fetch_add(part, Ordering::Relaxed) + part
    }

    /// Gives a part back.
    pub(crate) fn sub(&self, part: u64) {
        self.now.fetch_sub(part, Ordering::Relaxed);
    }

    pub(crate) fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }
}

/// Who is refused before it has said anything in HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stranger {
    /// It speaks neither HTTP nor, where that is spoken, TLS first.
    NotHttp,
    /// It speaks in the clear where TLS is spoken.
    ClearText,
    /// Its handshake failed.
    Handshake,
}

impl Stranger {
    /// Each, as metrics call it.
    const ALL: [(Self, &'static str); 3] = [
        (Self::NotHttp, "not_http"),
        (Self::ClearText, "clear_text"),
        (Self::Handshake, "handshake"),
    ];
}

/// Which of the limits a door keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// Every one, and that of the handshake.
    Secured,
    /// Every one of HTTP.
    #[cfg_attr(not(feature = "hyper"), expect(dead_code, reason = "the hyper door keeps all"))]
    All,
    /// Only that of a request's body; and so many streams at a time.
    Body { streams_max: u64 },
}

/// What a door tells of its bounds: the present use, the peak, and how often each
/// was reached. The service that it serves hands it in, and can tell others.
#[derive(Debug, Default)]
pub struct DoorWatch {
    limits: OnceLock<(Limits, Kept)>,
    pub(crate) connections: Gauge,
    pub(crate) in_flight: Gauge,
    pub(crate) buffered: Gauge,
    /// Bodies that are made while they are sent, where that takes a thread each.
    pub(crate) streams: Gauge,
    request_lines: Watermark,
    header_bytes: Watermark,
    headers: Watermark,
    bodies: Watermark,
    late: Watermark,
    late_handshakes: Watermark,
    /// One count for each of [`Stranger::ALL`].
    strangers: [AtomicU64; Stranger::ALL.len()],
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
            Violation::NotHttp => self.met(Stranger::NotHttp),
            _ => {}
        }
    }

    /// A request did not come in time.
    #[cfg_attr(not(feature = "hyper"), expect(dead_code, reason = "tiny_http keeps no time"))]
    pub(crate) fn late(&self) {
        self.late.reach();
    }

    /// A handshake did not end in time.
    #[cfg_attr(not(feature = "hyper"), expect(dead_code, reason = "hyper alone speaks TLS"))]
    pub(crate) fn late_to_shake(&self) {
        self.late_handshakes.reach();
    }

    /// A connection was refused before any request.
    pub(crate) fn met(&self, stranger: Stranger) {
        // Relaxed: a count that guards no other memory.
        self.strangers[stranger as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How many connections were refused before any request, and why.
    pub(crate) fn strangers(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let count = |stranger| self.strangers[stranger as usize].load(Ordering::Relaxed);
        Stranger::ALL.into_iter().map(move |(stranger, name)| (name, count(stranger)))
    }

    /// Every bound that the door keeps; none before it is open.
    pub fn bounds(&self) -> Vec<Bound> {
        let Some((limits, kept)) = self.limits.get() else { return Vec::new() };
        let one = |name, unit, max: usize, mark: &Watermark| {
            Bound::new(name, unit, max as u64).reached(mark.reached())
        };
        let body = one("body_bytes", "bytes", limits.body_bytes, &self.bodies);
        if let Kept::Body { streams_max } = *kept {
            let streams = Bound::new("door_streams", "streams", streams_max);
            return vec![body, streams.marked(self.streams.now(), &self.streams.mark)];
        }
        let many = |name, unit, max: usize, gauge: &Gauge| {
            Bound::new(name, unit, max as u64).marked(gauge.now(), &gauge.mark)
        };
        let time = |name, max: Duration, mark: &Watermark| {
            let max_ms = u64::try_from(max.as_millis()).unwrap_or(u64::MAX);
            Bound::new(name, "ms", max_ms).reached(mark.reached())
        };
        let mut bounds = vec![
            many("connections", "connections", limits.connections, &self.connections),
            many("in_flight", "requests", limits.in_flight, &self.in_flight),
            many("buffered_bytes", "bytes", limits.buffered_bytes, &self.buffered),
            one("request_line_bytes", "bytes", limits.request_line_bytes, &self.request_lines),
            one("headers", "headers", limits.headers, &self.headers),
            one("header_bytes", "bytes", limits.header_bytes, &self.header_bytes),
            body,
            time("request_time", limits.header_timeout, &self.late),
        ];
        if *kept == Kept::Secured {
            let max = limits.handshake_timeout;
            bounds.push(time("handshake_time", max, &self.late_handshakes));
        }
        bounds
    }
}
