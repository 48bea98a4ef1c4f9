//! Reads of near copies, and what becomes of them.

use std::time::Duration;

use distcache_node::{Change, Value};

use crate::manager::Shared;
use crate::near::NearAsk;
use crate::{CacheManager, Keyspace};

/// How long a near copy is read, at most, since its owner was asked for it.
pub const NEAR_LASTS: Duration = Duration::from_secs(2);

/// How long its owner counts on it. Longer: clocks do not go alike, and this one stands
/// while the machine sleeps.
const GRANT_LASTS: Duration = Duration::from_millis(2500);

impl CacheManager {
    /// The near copy of a key that another process owns, if there is one that may be read:
    /// then it is the latest value. `None` says nothing of the key.
    pub fn get_near(&self, keyspace: &Keyspace, key: &[u8]) -> Option<Value> {
        if self.shared.near.is_off() {
            return None;
        }
        let routing = self.shared.routing.load();
        let territory = routing.territory.as_ref()?;
        let (claim, now) = territory.lease()?;
        let about = (self.shared.hash(keyspace, key), key);
        let value = self.shared.near.get(territory.tenure(), now, keyspace.id(), about)?;
        // Its owner waits for this process as long as that has a lease.
        (!territory.is_over(claim)).then_some(value)
    }

    /// A read of the key goes to its owner: how to ask for a near copy with it, if this
    /// process reads it so often that it should have one.
    pub fn ask_near(&self, keyspace: &Keyspace, key: &[u8]) -> Option<NearAsk> {
        if self.shared.near.is_off() {
            return None;
        }
        let routing = self.shared.routing.load();
        let territory = routing.territory.as_ref()?;
        let (_, now) = territory.lease()?;
        let about = (self.shared.hash(keyspace, key), key);
        self.shared.near.ask(territory.tenure(), now, keyspace.id(), about)
    }

    /// Keeps what the owner has granted, unless the key was changed meanwhile. It is not
    /// read any more when it was asked for so long ago.
    pub fn keep_near(&self, keyspace: &Keyspace, ask: NearAsk, value: Value, lasts: Duration) {
        self.shared.near.keep(keyspace.id(), ask, value, lasts.min(NEAR_LASTS));
    }

    /// Lets another process have a near copy of a key of this one's, if that is of the same
    /// tenure. To be called before the value is read.
    ///
    /// 1. A keyspace waits for a majority alone. Somebody has a near copy of one of its keys.
    /// 2. The key is put: two of three replicas have it, and that is acknowledged.
    /// 3. Who has the near copy has not heard of it.
    ///
    /// So nobody has any of such a keyspace.
    pub fn grant_near(&self, tenure: u64, keyspace: &Keyspace, key: &[u8]) -> bool {
        keyspace.laggards() == 0
            && self.shared.journal.grant(tenure, self.shared.hash(keyspace, key), GRANT_LASTS)
    }

    /// Near copies are granted in this tenure from now on; those of earlier ones are counted
    /// on until they are over, or all others have [dropped](distcache_node::Journal::drop_near)
    /// them.
    pub fn grant_near_in(&self, tenure: u64) {
        self.shared.journal.begin_near(tenure, GRANT_LASTS);
    }

    /// Drops all near copies: it is not known any more what was changed.
    pub fn drop_near(&self) {
        self.shared.near.clear();
    }
}

impl Shared {
    /// Drops the near copies that there are of what was changed at its owner.
    pub(crate) fn change_near(&self, keyspace: &Keyspace, change: &Change) {
        match change.key() {
            Some(key) => self.near.change(keyspace.id(), (self.hash(keyspace, key), key)),
            None => self.near.clear(),
        }
    }
}
