//! What all connections of the door share.

use std::sync::Arc;

use hyper::server::conn::http1::Builder;
use tokio::sync::Semaphore;

use super::budget::Budget;
use super::drain::Drain;
use crate::doors::Tls;
use crate::observe::Gauge;
use crate::{DoorWatch, Limits};

/// Connections over the limit that are being told so. Beyond these they are
/// closed without a word.
const REFUSALS: usize = 64;

/// hyper's read buffer: what it needs beyond a head so that bodies come in
/// pieces worth a system call.
const READ_BYTES: usize = 64 << 10;

pub(super) struct Shared<S> {
    pub(super) service: S,
    pub(super) limits: Limits,
    pub(super) drain: Arc<Drain>,
    /// None for a door in the clear.
    pub(super) tls: Option<Tls>,
    pub(super) http: Builder,
    /// One permit a connection.
    pub(super) connections: Arc<Semaphore>,
    /// One permit a refused connection.
    pub(super) refusals: Arc<Semaphore>,
    /// Bodies and long answers.
    pub(super) buffers: Budget,
    pub(super) watch: Arc<DoorWatch>,
}

impl<S> Shared<S> {
    pub(super) fn new(
        service: S,
        limits: Limits,
        drain: Arc<Drain>,
        tls: Option<Tls>,
        watch: Arc<DoorWatch>,
    ) -> Self {
        Self {
            service,
            drain,
            tls,
            http: http(&limits),
            connections: Arc::new(Semaphore::new(limits.connections)),
            refusals: Arc::new(Semaphore::new(REFUSALS)),
            buffers: Budget::new(limits.buffered_bytes, Arc::clone(&watch)),
            watch,
            limits,
        }
    }

    /// Whether as many requests wait as may.
    pub(super) fn is_full(&self) -> bool {
        let gauge = &self.watch.in_flight;
        let is_full = self.limits.in_flight as u64 <= gauge.now();
        if is_full {
            gauge.mark.reach();
        }
        is_full
    }

    /// Counts in a request that begins to wait. Each of the door's threads may count one
    /// in that came before there were too many.
    pub(super) fn enter(&self) -> InFlight<'_> {
        let gauge = &self.watch.in_flight;
        gauge.mark.note(gauge.add(1));
        InFlight(gauge)
    }
}

/// A request that waits, counted out on drop.
pub(super) struct InFlight<'a>(&'a Gauge);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.sub(1);
    }
}

/// hyper with no limit under the guard's, so that whatever the guard lets
/// through is answered by a handler.
fn http(limits: &Limits) -> Builder {
    let head_bytes = limits.request_line_bytes + limits.header_bytes + 8;
    let mut http = Builder::new();
    // A client that has shut its sending side still gets its answers; so does
    // one whose next request the guard refuses, which hyper sees as the end.
    http.half_close(true);
    // The guard keeps the time; hyper's own would end without a 408.
    http.header_read_timeout(None);
    http.max_header_size(head_bytes);
    http.max_buf_size(head_bytes.max(READ_BYTES));
    if 100 < limits.headers {
        // Up to 100 hyper keeps them on the stack.
        http.max_headers(limits.headers);
    }
    // Not `pipeline_flush`: it holds answers back, without bound, for as long as
    // the client has sent more requests than it has read answers.
    http
}
