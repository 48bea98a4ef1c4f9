//! Many keys looked for together.

use super::Store;
use crate::index::TOGETHER;
use crate::{Eviction, Slot, Tick, Value};

/// A hash, and the key that has it.
type Asked<K> = (u64, K);

/// What was found of at most [`TOGETHER`] keys, beside their values.
struct Served<'a, K> {
    hits: [Slot; TOGETHER],
    hit_count: usize,
    /// Whose entries could not be served: they may be dead.
    refused: Vec<&'a Asked<K>>,
}

impl<K> Served<'_, K> {
    fn hits(&self) -> &[Slot] {
        &self.hits[..self.hit_count]
    }
}

impl<P: Eviction> Store<P> {
    /// What [`get`](Self::get) says of each of many keys, in their order.
    pub(crate) fn get_many<K: AsRef<[u8]>>(
        &mut self,
        asked: &[Asked<K>],
        now: impl Fn() -> Tick,
    ) -> Vec<Option<Value>> {
        let mut values = Vec::with_capacity(asked.len());
        let mut hits = 0;
        for asked in asked.chunks(TOGETHER) {
            let served = self.serve(asked, &now, &mut values);
            hits += served.hit_count;
            for &slot in served.hits() {
                self.policy.hit(slot);
            }
            for (hash, key) in served.refused {
                self.bury_if_dead(*hash, key.as_ref(), now());
            }
        }
        self.counters.hits.add(hits as u64);
        self.counters.misses.add((asked.len() - hits) as u64);
        values
    }

    /// What [`get_shared`](Self::get_shared) says of each of many keys.
    pub(crate) fn get_many_shared<K: AsRef<[u8]>>(
        &self,
        asked: &[Asked<K>],
        now: impl Fn() -> Tick,
    ) -> Vec<Option<Value>> {
        let mut values = Vec::with_capacity(asked.len());
        let mut hits = 0;
        for asked in asked.chunks(TOGETHER) {
            let served = self.serve(asked, &now, &mut values);
            hits += served.hit_count;
            // See `get_shared`.
            if self.policy.shares_hits() {
                for &slot in served.hits() {
                    self.policy.hit_shared(slot);
                }
            }
        }
        self.counters.hits.add_shared(hits as u64);
        self.counters.misses.add_shared((asked.len() - hits) as u64);
        values
    }

    /// Adds the values of at most [`TOGETHER`] keys to `values`. What the policy
    /// is to know of them is left to the caller.
    #[inline]
    fn serve<'a, K: AsRef<[u8]>>(
        &self,
        asked: &'a [Asked<K>],
        now: impl Fn() -> Tick,
        values: &mut Vec<Option<Value>>,
    ) -> Served<'a, K> {
        let near = self.index.near(asked.iter().map(|(hash, _)| *hash));
        let (hits, refused) = ([Slot::new(0); TOGETHER], Vec::new());
        let mut served = Served { hits, hit_count: 0, refused };
        values.extend(asked.iter().zip(near).map(|(asked, near)| {
            let (hash, key) = (asked.0, asked.1.as_ref());
            let held = match near {
                Some((_, entry)) if entry.key() != key => self.peek(hash, key),
                near => near,
            };
            let (slot, entry) = held?;
            if self.is_plain(slot, entry, &now) {
                served.hits[served.hit_count] = slot;
                served.hit_count += 1;
                Some(Value::from(entry.clone()))
            } else {
                served.refused.push(asked);
                None
            }
        }));
        served
    }
}
