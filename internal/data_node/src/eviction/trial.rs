//! Tries an eviction policy out, against a model that knows what it is told.

use std::collections::BTreeMap;
use std::fmt;

use super::{CustomPolicy, Eviction};
use crate::Slot;

/// A policy, and the slots that it has been told of: what a store does with it,
/// by hand, for its author's tests.
///
/// Every step is checked against the contract of [`Eviction`]: a policy that
/// breaks it panics here, with a message that says how, rather than losing
/// somebody's memory later. Slots are given out as a store does it: dense, and
/// again after their entry has gone.
///
/// It takes a policy by value, so that it can be asked for what only it knows:
/// see [`policy`](Self::policy).
pub struct Trial<P> {
    policy: P,
    shares_hits: bool,
    /// The slots in use, and the size of what is in them.
    used: BTreeMap<Slot, u64>,
    /// Slots that were used before, the one that comes next last.
    free: Vec<Slot>,
    steps: u64,
}

impl<P: Eviction> Trial<P> {
    /// A trial of a policy that knows no slot yet.
    ///
    /// # Panics
    /// When it says that it does.
    pub fn new(policy: P) -> Self {
        let shares_hits = policy.shares_hits();
        let trial = Self { policy, shares_hits, used: BTreeMap::new(), free: Vec::new(), steps: 0 };
        trial.policy.validate(0);
        trial
    }

    /// A new entry comes, of a key with this hash. Returns its slot.
    ///
    /// # Panics
    /// When the policy takes more memory for it than it has told of, or does not
    /// add up.
    pub fn insert(&mut self, hash: u64, bytes: u64) -> Slot {
        let slot = self.free.pop().unwrap_or_else(|| Slot::new(self.used.len()));
        let told = self.policy.heap_bytes() + self.policy.growth_bytes(slot.index() + 1);
        self.policy.inserted(slot, hash, bytes);
        self.used.insert(slot, bytes);
        let taken = self.policy.heap_bytes();
        assert!(taken <= told, "{self} takes {taken} bytes after it has told of {told}");
        self.step();
        slot
    }

    /// The entry in a slot is read: as the policy asks for, by
    /// [`hit_shared`](Eviction::hit_shared) or [`hit`](Eviction::hit).
    ///
    /// # Panics
    /// When the slot is not in use, or the policy does not add up.
    pub fn hit(&mut self, slot: Slot) {
        self.must_be_used(slot);
        let before = self.policy.heap_bytes();
        if self.shares_hits {
            self.policy.hit_shared(slot);
        } else {
            self.policy.hit(slot);
        }
        self.must_not_grow(before, "a hit");
        self.step();
    }

    /// The entry in a slot is given another value, of so many bytes.
    ///
    /// # Panics
    /// As of [`hit`](Self::hit).
    pub fn overwrite(&mut self, slot: Slot, bytes: u64) {
        self.must_be_used(slot);
        let before = self.policy.heap_bytes();
        self.policy.hit(slot);
        if self.used.insert(slot, bytes) != Some(bytes) {
            self.policy.resized(slot, bytes);
        }
        self.must_not_grow(before, "an overwrite");
        self.step();
    }

    /// The entry in a slot goes, by no choice of the policy.
    ///
    /// # Panics
    /// As of [`hit`](Self::hit).
    pub fn remove(&mut self, slot: Slot) {
        self.must_be_used(slot);
        let before = self.policy.heap_bytes();
        self.policy.removed(slot);
        self.used.remove(&slot);
        self.free.push(slot);
        self.must_not_grow(before, "a removal");
        self.step();
    }

    /// Which slot the policy would empty next; nothing is removed. A store may
    /// find that it need not.
    ///
    /// # Panics
    /// When the policy names a slot that is not in use, or none although there
    /// are some.
    pub fn victim(&mut self) -> Option<Slot> {
        let before = self.policy.heap_bytes();
        let victim = self.policy.victim();
        match victim {
            Some(slot) if self.used.contains_key(&slot) => {}
            Some(slot) if self.free.contains(&slot) => {
                panic!("{self} names slot {} again, whose entry has gone", slot.get())
            }
            Some(slot) => panic!("{self} names slot {}, which was never used", slot.get()),
            None => assert!(
                self.used.is_empty(),
                "{self} has forgotten entries: it names none, and {} are there, slots {:?}",
                self.used.len(),
                self.used.keys().take(8).map(|slot| slot.get()).collect::<Vec<_>>()
            ),
        }
        self.must_not_grow(before, "naming a victim");
        self.step();
        victim
    }

    /// Room is made for another entry. Returns the slot whose entry went; `None`
    /// if there is no entry.
    ///
    /// # Panics
    /// As of [`victim`](Self::victim).
    pub fn evict(&mut self) -> Option<Slot> {
        let victim = self.victim()?;
        self.remove(victim);
        Some(victim)
    }

    /// Every entry goes, one after the other, by the policy's choice. Returns
    /// their slots in that order: each of them once.
    ///
    /// # Panics
    /// As of [`victim`](Self::victim).
    pub fn drain(&mut self) -> Vec<Slot> {
        std::iter::from_fn(|| self.evict()).collect()
    }

    /// Every entry goes at once.
    ///
    /// # Panics
    /// When the policy does not add up.
    pub fn clear(&mut self) {
        self.policy.clear();
        self.used.clear();
        self.free.clear();
        self.step();
        assert_eq!(self.policy.victim(), None, "{self} names a slot after it was cleared");
    }

    /// Entries that there are.
    pub fn len(&self) -> usize {
        self.used.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.used.is_empty()
    }

    /// The policy itself.
    pub fn policy(&self) -> &P {
        &self.policy
    }

    fn must_be_used(&self, slot: Slot) {
        assert!(self.used.contains_key(&slot), "{self}: slot {} is not in use", slot.get());
    }

    /// Only a new entry is a reason to take memory: the store asks for it then.
    fn must_not_grow(&self, before: u64, reason: &str) {
        let after = self.policy.heap_bytes();
        assert!(after <= before, "{self} takes {} bytes more for {reason}", after - before);
    }

    fn step(&mut self) {
        self.steps += 1;
        let shares_hits = self.policy.shares_hits();
        assert_eq!(shares_hits, self.shares_hits, "{self} has changed whether it shares hits");
        self.policy.validate(self.used.len());
    }

    /// The slot in use at this place of their order, counted round and round.
    fn used_at(&self, place: usize) -> Option<Slot> {
        self.used.keys().nth(place.checked_rem(self.used.len())?).copied()
    }
}

/// What messages begin with.
impl<P> fmt::Display for Trial<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "after {} steps the policy", self.steps)
    }
}

impl<P: fmt::Debug> fmt::Debug for Trial<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trial")
            .field("policy", &self.policy)
            .field("used", &self.used.len())
            .field("steps", &self.steps)
            .finish_non_exhaustive()
    }
}

/// Slots in use at once at most: more than one segment of the policies here, and
/// few enough that each of them is used again and again.
const SLOTS_MAX: [usize; 4] = [1, 7, 60, 1_500];
/// Random steps for each of these.
const STEPS: usize = 5_000;

/// Tries a policy out with entries that come, are used, change their size and go,
/// evicted or not, in any order; always in the same one, so that what fails once
/// fails again. [`Trial`] is for steps of one's own.
///
/// # Panics
/// When it breaks the contract of [`Eviction`]: it names a slot that is not in
/// use, or one again whose entry has gone; it forgets entries; it takes memory
/// that it has not told of; its [`validate`](Eviction::validate) panics.
pub fn check(policy: &CustomPolicy) {
    for (seed, slots_max) in (1..).zip(SLOTS_MAX) {
        check_round(policy, slots_max, STEPS, seed);
    }
}

fn check_round(policy: &CustomPolicy, slots_max: usize, steps: usize, seed: u64) {
    let mut trial = Trial::new(policy.make());
    assert_eq!(trial.shares_hits, policy.shares_hits, "all of them share hits, or none does");
    let mut random = Random(seed);
    for _ in 0..steps {
        random_step(&mut trial, slots_max, &mut random);
    }
    // Full, and no step but evictions any more.
    while trial.len() < slots_max {
        trial.insert(random.next(), 100);
    }
    let drained = trial.drain();
    assert_eq!(drained.len(), slots_max, "{trial} names each entry once");
    trial.insert(random.next(), 100);
    trial.clear();
    let slot = trial.insert(random.next(), 100);
    assert_eq!(trial.evict(), Some(slot), "{trial} knows the entries that come after a clear");
}

fn random_step(trial: &mut Trial<Box<dyn Eviction>>, slots_max: usize, random: &mut Random) {
    let bytes = random.below(4_000) as u64;
    let slot = trial.used_at(random.below(slots_max));
    match (random.below(100), slot) {
        (0..35, _) => {
            if slots_max <= trial.len() {
                trial.evict();
            }
            // Another key each time.
            trial.insert(random.next(), bytes);
        }
        (35..65, Some(slot)) => trial.hit(slot),
        (65..75, Some(slot)) => trial.overwrite(slot, bytes),
        (75..85, Some(slot)) => trial.remove(slot),
        (85..90, _) => _ = trial.victim(),
        (90..99, _) => _ = trial.evict(),
        // Seldom: what is forgotten all the time never grows old.
        (99, _) if random.below(20) == 0 => trial.clear(),
        _ => {}
    }
}

/// Xorshift (G. Marsaglia, "Xorshift RNGs", 2003).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() >> 33).expect("31 bits") % bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eviction::{EvictionPolicy, Fifo, Lru, S3Fifo, Sieve, TinyLfu};

    /// A list, and a fault.
    #[derive(Debug)]
    struct Faulty {
        fault: Fault,
        slots: Vec<Slot>,
        heap_bytes: u64,
    }

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Fault {
        None,
        /// Every hundredth entry is not noted.
        ForgetsSome,
        /// What goes by itself is not taken from the list.
        KeepsWhatGoes,
        NamesAnySlot,
        GrowsInSecret,
        GrowsByHits,
        KeepsAllWhenCleared,
        ChangesItsMind,
    }

    impl Eviction for Faulty {
        fn shares_hits(&self) -> bool {
            self.fault == Fault::ChangesItsMind && 3 < self.slots.len()
        }

        fn inserted(&mut self, slot: Slot, hash: u64, _: u64) {
            if self.fault == Fault::GrowsInSecret {
                self.heap_bytes += 1;
            }
            if self.fault != Fault::ForgetsSome || !hash.is_multiple_of(100) {
                self.slots.push(slot);
            }
        }

        fn hit(&mut self, _: Slot) {
            if self.fault == Fault::GrowsByHits {
                self.heap_bytes += 1;
            }
        }

        fn hit_shared(&self, _: Slot) {}

        fn removed(&mut self, slot: Slot) {
            if self.fault != Fault::KeepsWhatGoes {
                self.slots.retain(|held| *held != slot);
            }
        }

        fn victim(&mut self) -> Option<Slot> {
            let first = self.slots.first().copied()?;
            Some(if self.fault == Fault::NamesAnySlot { Slot::new(1_234_567) } else { first })
        }

        fn heap_bytes(&self) -> u64 {
            self.heap_bytes
        }

        fn growth_bytes(&self, _: usize) -> u64 {
            0
        }

        fn clear(&mut self) {
            if self.fault != Fault::KeepsAllWhenCleared {
                self.slots.clear();
            }
        }

        /// Leaves everything to the trial.
        fn validate(&self, _: usize) {}
    }

    fn check_with(fault: Fault) {
        let make = move || Faulty { fault, slots: Vec::new(), heap_bytes: 0 };
        check(&CustomPolicy::new("faulty", make));
    }

    #[test]
    fn the_policies_that_come_with_the_cache_pass() {
        let policies: [CustomPolicy; EvictionPolicy::ALL.len()] = [
            CustomPolicy::new("lru", Lru::new),
            CustomPolicy::new("s3-fifo", S3Fifo::new),
            CustomPolicy::new("sieve", Sieve::new),
            CustomPolicy::new("w-tinylfu", TinyLfu::new),
            CustomPolicy::new("fifo", Fifo::new),
        ];
        for (seed, policy) in (1..).zip(&policies) {
            check(policy);
            check_round(policy, 50, 50_000, seed);
        }
    }

    #[test]
    fn a_policy_without_a_fault_passes() {
        check_with(Fault::None);
    }

    #[test]
    #[should_panic(expected = "has forgotten entries: it names none")]
    fn a_policy_that_forgets_entries_fails() {
        check_with(Fault::ForgetsSome);
    }

    #[test]
    #[should_panic(expected = "again, whose entry has gone")]
    fn a_policy_that_names_an_entry_twice_fails() {
        check_with(Fault::KeepsWhatGoes);
    }

    #[test]
    #[should_panic(expected = "names slot 1234567, which was never used")]
    fn a_policy_that_names_a_slot_of_its_own_making_fails() {
        check_with(Fault::NamesAnySlot);
    }

    #[test]
    #[should_panic(expected = "takes 1 bytes after it has told of 0")]
    fn a_policy_that_takes_memory_without_a_word_fails() {
        check_with(Fault::GrowsInSecret);
    }

    #[test]
    #[should_panic(expected = "takes 1 bytes more for")]
    fn a_policy_that_takes_memory_for_hits_fails() {
        check_with(Fault::GrowsByHits);
    }

    #[test]
    #[should_panic(expected = "after it was cleared")]
    fn a_policy_that_is_not_cleared_fails() {
        check_with(Fault::KeepsAllWhenCleared);
    }

    #[test]
    #[should_panic(expected = "has changed whether it shares hits")]
    fn a_policy_that_changes_its_mind_about_hits_fails() {
        check_with(Fault::ChangesItsMind);
    }

    #[test]
    fn a_trial_by_hand_shows_the_order_of_a_policy() {
        let mut trial = Trial::new(Lru::new());
        let slots = [1, 2, 3].map(|hash| trial.insert(hash, 100));
        trial.hit(slots[0]);
        assert_eq!(trial.evict(), Some(slots[1]));
        assert_eq!(trial.insert(4, 100), slots[1], "its slot is used again");
        assert_eq!(trial.drain(), [slots[2], slots[0], slots[1]]);
        assert!(trial.is_empty() && trial.victim().is_none());
    }
}
