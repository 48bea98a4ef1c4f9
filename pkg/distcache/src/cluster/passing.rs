//! Reads that pass this process's cache by: it may not answer for their keys, so what is
//! loaded is handed to those who ask, and not kept.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use distcache_bus::{Deadline, Waiter, Watermark};
use distcache_manager::{Bound, Flight, Landing, Lead, Stopwatch, WAITERS_MAX};
use parking_lot::Mutex;

use crate::load::LoadError;
use crate::{Error, Found, Keyspace};

/// Keys of a keyspace that are loaded so at once.
const PASSING_MAX: usize = 4_096;

/// The loads of a keyspace that keep nothing.
pub(crate) struct Passing {
    /// What a load's begin is measured by.
    clock: Stopwatch,
    flights: Mutex<HashMap<Box<[u8]>, Pass>>,
    mark: Watermark,
}

/// A load on its way.
#[derive(Clone)]
struct Pass {
    began: Duration,
    flight: Arc<Flight>,
}

/// What a caller does next.
enum Boarded {
    /// It sees to the load.
    Leads(Lead, Waiter<Landing>),
    /// It waits for the load.
    Follows(Waiter<Landing>),
    /// It waits until this load is over, and looks again.
    Queues(Waiter<Landing>),
    Crowded,
}

impl Default for Passing {
    fn default() -> Self {
        let (flights, mark) = (Mutex::default(), Watermark::default());
        Self { clock: Stopwatch::start(), flights, mark }
    }
}

impl Passing {
    /// Lets a read wait that has begun at `began`.
    ///
    /// 1. A load reads version 1 from the source, and takes its time.
    /// 2. The owner, whom others reach, acknowledges version 2.
    /// 3. A read begins here. If it shared that load, it would get version 1.
    ///
    /// So a read shares a load that began after it. There is one at a time: those who come
    /// later wait for its end, and share the next.
    fn board(&self, key: &[u8], began: Duration, depart: impl FnOnce() -> Lead) -> Boarded {
        let mut flights = self.flights.lock();
        if let Some(pass) = flights.get(key)
            && let Some(waiter) = pass.flight.wait_apart()
        {
            let shares = began <= pass.began;
            return if shares { Boarded::Follows(waiter) } else { Boarded::Queues(waiter) };
        }
        if PASSING_MAX <= flights.len() && !flights.contains_key(key) {
            self.mark.reach();
            return Boarded::Crowded;
        }
        let lead = depart();
        let Some(waiter) = lead.flight().wait_apart() else { return Boarded::Crowded };
        let pass = Pass { began: self.clock.elapsed(), flight: lead.flight().clone() };
        flights.insert(key.into(), pass);
        self.mark.note(flights.len() as u64);
        Boarded::Leads(lead, waiter)
    }

    /// How many there may be, are, and have been.
    pub(crate) fn bound(&self) -> Bound {
        let loads = self.flights.lock().len() as u64;
        Bound::new("passing_loads", "loads", PASSING_MAX as u64).marked(loads, &self.mark)
    }

    /// A load is over, or nobody waits for it any more.
    fn end(&self, flight: &Arc<Flight>) {
        let mut flights = self.flights.lock();
        if flights.get(flight.key()).is_some_and(|pass| Arc::ptr_eq(&pass.flight, flight)) {
            flights.remove(flight.key());
        }
    }
}

/// Takes a load out of the table when its leader is done with it, or dropped.
struct Led<'a> {
    passing: &'a Passing,
    flight: Arc<Flight>,
}

impl Drop for Led<'_> {
    fn drop(&mut self) {
        self.passing.end(&self.flight);
    }
}

impl Keyspace {
    /// The value of a key from the source, for a read that has begun so long ago.
    pub(super) async fn pass(
        &self,
        key: &[u8],
        began_ago: Duration,
        ends_at: Instant,
    ) -> Result<Option<Found>, Error> {
        let (inner, timeout) = (&self.inner, Deadline::at(ends_at).remaining());
        let setup = inner.setup.load_full();
        let began = inner.passing.clock.elapsed().saturating_sub(began_ago);
        let depart = || {
            let overdue = inner.manager.now().after(setup.config.load_timeout);
            Flight::apart(key, inner.manager.key_hash(&inner.cache, key), overdue)
        };
        loop {
            let (waiter, led, queues) = match inner.passing.board(key, began, depart) {
                Boarded::Leads(lead, waiter) => {
                    let flight = lead.flight().clone();
                    inner.start_async(&setup, vec![lead]).await;
                    (waiter, Some(Led { passing: &inner.passing, flight }), false)
                }
                Boarded::Follows(waiter) => (waiter, None, false),
                Boarded::Queues(waiter) => (waiter, None, true),
                Boarded::Crowded => return Err(LoadError::Busy.into()),
            };
            if !inner.manager.timer().keep(ends_at, &waiter.expiry()) {
                return Err(distcache_manager::Error::Busy.into());
            }
            let landing = waiter.await;
            if queues && landing.is_some() {
                continue;
            }
            if let Some(answer) = inner.landed(landing, led.is_some(), timeout) {
                return answer;
            }
        }
    }
}

const _: () = assert!(PASSING_MAX <= WAITERS_MAX, "whoever passes waits somewhere");
