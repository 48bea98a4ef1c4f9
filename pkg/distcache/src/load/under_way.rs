//! The loads that are under way, so that they can be called off.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use distcache_bus::Expire;
use distcache_manager::{Flight, Landing, Lead};
use parking_lot::Mutex;

use super::LoadError;

/// Every load of a keyspace that waits for its turn or is being made.
///
/// Who calls them off tells those who wait for them. If that were left to the
/// loads:
///
/// 1. A caller leads a load, and its source hangs.
/// 2. The engine shuts down. The load's thread is in the source, or its runtime
///    has no turn for it: it tells nobody.
/// 3. Those who wait for it wait to their own deadlines, for nothing.
#[derive(Default)]
pub(crate) struct UnderWay {
    /// What the loads' contexts show. Changed under the lock of `loads`.
    is_called_off: Arc<AtomicBool>,
    /// As many as run and wait: the keyspace's settings bound both.
    loads: Mutex<Loads>,
}

#[derive(Default)]
struct Loads {
    by_number: HashMap<u64, OneLoad>,
    next_number: u64,
}

struct OneLoad {
    flights: Vec<Arc<Flight>>,
    /// What the load waits for meanwhile, if it can be told.
    wait: Option<Arc<dyn Expire>>,
}

/// One load's place among them, which it leaves when it is dropped.
pub(crate) struct Place {
    under_way: Arc<UnderWay>,
    number: u64,
}

impl UnderWay {
    /// A place for a load of these flights. After all were called off, theirs are
    /// told so at once.
    pub(crate) fn enter(self: &Arc<Self>, flights: &[Lead]) -> Place {
        let flights: Vec<_> = flights.iter().map(|lead| lead.flight().clone()).collect();
        let mut loads = self.loads.lock();
        let number = loads.next_number;
        loads.next_number += 1;
        let load = OneLoad { flights, wait: None };
        if self.is_called_off() {
            drop(loads);
            load.call_off();
        } else {
            loads.by_number.insert(number, load);
        }
        Place { under_way: self.clone(), number }
    }

    /// Tells everybody who waits for a load that it is cancelled, and every load
    /// that nobody wants it: those that are under way, and those that come.
    pub(crate) fn call_off(&self) {
        let mut loads = self.loads.lock();
        self.is_called_off.store(true, Ordering::Release);
        let called_off = std::mem::take(&mut loads.by_number);
        drop(loads);
        called_off.into_values().for_each(OneLoad::call_off);
    }

    pub(crate) fn is_called_off(&self) -> bool {
        self.is_called_off.load(Ordering::Acquire)
    }

    /// What becomes true when the loads are called off.
    pub(crate) fn flag(&self) -> Arc<AtomicBool> {
        self.is_called_off.clone()
    }
}

impl OneLoad {
    /// With no lock held: whoever is told may call the cache.
    fn call_off(self) {
        let cancelled = Landing::Failed(Arc::new(LoadError::Cancelled));
        self.flights.iter().for_each(|flight| flight.land(&cancelled));
        if let Some(wait) = self.wait {
            wait.expire();
        }
    }
}

impl Place {
    pub(crate) fn is_called_off(&self) -> bool {
        self.under_way.is_called_off()
    }

    /// Lets a wait of the load end when the load is called off; at once if it was.
    pub(crate) fn ends(&self, wait: Arc<dyn Expire>) {
        let mut loads = self.under_way.loads.lock();
        if let Some(load) = loads.by_number.get_mut(&self.number) {
            load.wait = Some(wait);
            return;
        }
        drop(loads);
        wait.expire();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let left = self.under_way.loads.lock().by_number.remove(&self.number);
        // The last handle to a flight frees the value that it holds: no lock then.
        drop(left);
    }
}

impl fmt::Debug for UnderWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let called_off = self.is_called_off();
        f.debug_struct("UnderWay").field("is_called_off", &called_off).finish_non_exhaustive()
    }
}
