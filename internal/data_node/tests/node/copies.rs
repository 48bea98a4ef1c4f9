//! What is done to a node is written down, and done again elsewhere comes to the same.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use distcache_node::{
    Cargo, Change, Condition, DataNode, Draft, Entry, Journal, KeyspaceId, KeyspaceSettings,
    Limits, ManualClock, Record, Seeding, Selection, Tick, Version,
};
use proptest::prelude::*;

use crate::support::{
    EPOCH, KEYSPACE, LIMITS, delete, get, hash, lead, node_of, put, put_until, settings, store,
    tagged,
};

/// Where copies lie.
const COPIES: KeyspaceId = KeyspaceId { index: 1, generation: 0 };

struct Owner {
    node: DataNode,
    clock: Arc<ManualClock>,
    journal: Arc<Journal>,
}

fn owner() -> Owner {
    let journal = Arc::new(Journal::default());
    journal.begin(Arc::new(|| {}));
    let settings =
        KeyspaceSettings { journal: Some(journal.clone()), is_copied: true, ..settings() };
    let (node, clock) = node_of(&settings);
    Owner { node, clock, journal }
}

impl Owner {
    fn records(&self, after: u64) -> Vec<Record> {
        self.journal.after(after, u64::MAX, |_| true).expect("nothing was committed").records
    }
}

fn keeper() -> DataNode {
    let (mut node, _) = node_of(&settings());
    node.add_keyspace(COPIES, &settings());
    node
}

fn apply(keeper: &mut DataNode, record: &Record) {
    match &record.change {
        Change::Put(entry) => keeper.copy(COPIES, hash(entry.key()), entry.clone()),
        Change::Forget(key) => keeper.drop_copy(COPIES, hash(key), key),
        Change::Clear => keeper.drop_copies(COPIES),
        Change::Revoke(tags, version) => keeper.revoke_copies(COPIES, tags, *version),
        Change::Remove(selection) => {
            let mut next = Some(0);
            while let Some(at) = next {
                next = keeper.remove_copies(COPIES, at, 1, selection);
            }
        }
    }
}

/// What can be read of a keyspace: of each key, its value and its version.
fn all_of(node: &DataNode, id: KeyspaceId) -> BTreeMap<Vec<u8>, (Vec<u8>, Version)> {
    let (mut found, mut next) = (Vec::new(), Some(0));
    while let Some(at) = next {
        next = node.scan(id, at, 16, b"", &mut found);
    }
    let told = |value: &distcache_node::Value| {
        (value.entry().key().to_vec(), (value.to_vec(), value.version()))
    };
    found.iter().map(told).collect()
}

fn copied(keeper: &mut DataNode, owner: &Owner, after: u64) {
    for record in owner.records(after) {
        apply(keeper, &record);
    }
}

#[test]
fn what_nobody_follows_is_not_written_down() {
    let (mut node, journal) = (owner().node, Arc::new(Journal::default()));
    let settings =
        KeyspaceSettings { journal: Some(journal.clone()), is_copied: true, ..settings() };
    node.change_keyspace(KEYSPACE, &settings, false);
    put(&mut node, b"a", b"1");
    assert_eq!(journal.head(), 0);
    node.change_keyspace(KEYSPACE, &KeyspaceSettings { journal: None, ..settings }, false);
    journal.begin(Arc::new(|| {}));
    put(&mut node, b"a", b"2");
    assert_eq!(journal.head(), 0, "of this keyspace nobody keeps copies");
}

#[test]
fn a_delete_of_what_was_evicted_is_written_down() {
    let mut owner = owner();
    assert!(!delete(&mut owner.node, b"a"));
    assert!(matches!(&owner.records(0)[..], [Record { change: Change::Forget(key), .. }]
        if **key == *b"a"));
}

#[test]
fn a_value_that_is_written_over_in_its_place_leaves_the_record_of_before_as_it_was() {
    let mut owner = owner();
    for value in [b"1", b"2", b"3"] {
        let draft = Draft::new(b"a", value, Tick::NEVER).unwrap();
        let put = owner.node.put_draft(EPOCH, KEYSPACE, hash(b"a"), &draft, Condition::Always);
        put.expect("a small value");
    }
    let value = |record: &Record| match &record.change {
        Change::Put(entry) => entry.value().to_vec(),
        other => panic!("{other:?}"),
    };
    assert_eq!(owner.records(0).iter().map(value).collect::<Vec<_>>(), [b"1", b"2", b"3"]);
}

#[test]
fn what_a_load_brings_is_written_down_and_that_it_has_brought_nothing() {
    let mut owner = owner();
    let (one, _) = lead(&mut owner.node, b"a");
    let cargo = Cargo::Entry(Entry::new(b"a", b"1", Tick::NEVER).unwrap());
    owner.node.land(EPOCH, KEYSPACE, one.flight(), cargo);
    let (other, _) = lead(&mut owner.node, b"b");
    owner.node.land(EPOCH, KEYSPACE, other.flight(), Cargo::Nothing);
    let records = owner.records(0);
    assert!(matches!(&records[0].change, Change::Put(entry) if entry.value() == b"1"));
    assert!(matches!(&records[1].change, Change::Forget(key) if **key == *b"b"));
}

#[test]
fn another_end_reaches_the_copies() {
    let (mut owner, mut keeper) = (owner(), keeper());
    let end = |seconds| Tick::ZERO.after(Duration::from_secs(seconds));
    put_until(&mut owner.node, b"a", b"1", end(10));
    assert!(owner.node.set_expires(KEYSPACE, hash(b"a"), b"a", end(5)));
    copied(&mut keeper, &owner, 0);
    let (copy, _) = keeper.peek(COPIES, hash(b"a"), b"a").expect("a copy");
    assert_eq!(copy.expires(), end(5));
}

#[test]
fn a_copy_is_never_replaced_by_an_older_one() {
    let (mut owner, mut keeper) = (owner(), keeper());
    put(&mut owner.node, b"a", b"1");
    put(&mut owner.node, b"a", b"2");
    let records = owner.records(0);
    apply(&mut keeper, &records[1]);
    apply(&mut keeper, &records[0]);
    assert_eq!(&*keeper.peek(COPIES, hash(b"a"), b"a").unwrap().0, b"2");
}

#[test]
fn a_version_that_has_no_room_takes_the_older_copy_with_it() {
    let (mut owner, mut keeper) = (owner(), keeper());
    let limits = Limits { value_bytes: 8, ..LIMITS };
    keeper.change_keyspace(COPIES, &KeyspaceSettings { limits, ..settings() }, false);
    put(&mut owner.node, b"a", b"short");
    put(&mut owner.node, b"a", b"longer than eight");
    copied(&mut keeper, &owner, 0);
    assert!(keeper.peek(COPIES, hash(b"a"), b"a").is_none());
}

#[test]
fn copies_become_own_entries_but_not_of_keys_that_were_used() {
    let (mut owner, mut keeper) = (owner(), keeper());
    for key in [b"a", b"b", b"c"] {
        put(&mut owner.node, key, b"1");
    }
    copied(&mut keeper, &owner, 0);
    keeper.expect_arrivals();
    // Deleted by who owns it now, and so not to come back.
    delete(&mut keeper, b"b");
    let (mut adopted, mut next) = (0, Some(0));
    while let Some(at) = next {
        let is_ours = |key: &[u8]| key != b"c";
        let (some, later) =
            keeper.adopt_some((COPIES, KEYSPACE), at, 1, is_ours, |key| Some(hash(key)), |_| false);
        (adopted, next) = (adopted + some, later);
    }
    assert_eq!(adopted, 1);
    assert_eq!(all_of(&keeper, KEYSPACE), {
        let mut all = all_of(&owner.node, KEYSPACE);
        all.retain(|key, _| key == b"a");
        all
    });
    assert!(keeper.peek(COPIES, hash(b"c"), b"c").is_some(), "it stays a copy");
    assert_eq!(get(&mut keeper, b"b"), None);
    keeper.validate();
}

#[test]
fn what_is_read_off_comes_in_parts_with_everything_once() {
    let mut owner = owner();
    for number in 0..1_000_u64 {
        let entry = Entry::new(&number.to_le_bytes(), &[7; 100], Tick::NEVER).unwrap();
        let spread = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        owner.node.put(EPOCH, KEYSPACE, spread, entry, Condition::Always).unwrap();
    }
    let (mut all, mut next) = (Vec::new(), Some(Seeding::default()));
    while let Some(from) = next {
        let mut part = Vec::new();
        let odd = |key: &[u8]| key[0] % 2 == 1;
        next = owner.node.read_off(KEYSPACE, from, 1_000, odd, &mut part);
        assert!(part.len() <= 1_000 / 100, "{}", part.len());
        all.extend(part.iter().map(|entry| entry.key().to_vec()));
    }
    all.sort_unstable();
    let expected = all_of(&owner.node, KEYSPACE).into_keys().filter(|key| key[0] % 2 == 1);
    assert_eq!(all, expected.collect::<Vec<_>>());
    let mut one = Vec::new();
    owner.node.read_off(KEYSPACE, Seeding::default(), 1, |_| true, &mut one);
    assert_eq!(one.len(), 1, "one has room always");
}

/// One step of an owner, or of who copies from it.
#[derive(Debug, Clone)]
enum Step {
    Put(u8, u8),
    PutTagged(u8, u64),
    Delete(u8),
    Clear,
    Revoke(u64),
    RemovePrefix(u8),
    PassTime(u64),
    PutFor(u8, u64),
    /// Some of the records that are still to come.
    Follow(usize),
    /// Some entries as they are now, ahead of the records that are still to come.
    ReadOff,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = 0..6_u8;
    prop::collection::vec(
        prop_oneof![
            6 => (key.clone(), any::<u8>()).prop_map(|(key, value)| Step::Put(key, value)),
            2 => (key.clone(), 0..3_u64).prop_map(|(key, tag)| Step::PutTagged(key, tag)),
            2 => key.clone().prop_map(Step::Delete),
            1 => Just(Step::Clear),
            1 => (0..3_u64).prop_map(Step::Revoke),
            1 => key.clone().prop_map(Step::RemovePrefix),
            1 => (1..5_u64).prop_map(Step::PassTime),
            1 => (key, 1..8_u64).prop_map(|(key, ttl)| Step::PutFor(key, ttl)),
            4 => (0..8_usize).prop_map(Step::Follow),
            2 => Just(Step::ReadOff),
        ],
        1..80,
    )
}

/// Does a step at the owner.
fn act(owner: &mut Owner, step: &Step) {
    let node = &mut owner.node;
    match *step {
        Step::Put(key, value) => _ = put(node, &[key, 0], &[value]),
        Step::PutTagged(key, tag) => _ = store(node, tagged(&[key, 0], b"tagged", &[tag])),
        Step::Delete(key) => _ = delete(node, &[key, 0]),
        Step::Clear => _ = node.clear(KEYSPACE),
        Step::Revoke(tag) => node.revoke(EPOCH, KEYSPACE, &[tag]),
        Step::RemovePrefix(key) => {
            let (selection, mut next) = (Selection::Prefix([key].into()), Some(0));
            while let Some(at) = next {
                next = node.invalidate_some(KEYSPACE, at, 1, &selection, &mut 0);
            }
        }
        Step::PassTime(seconds) => owner.clock.advance(Duration::from_secs(seconds)),
        Step::PutFor(key, ttl) => {
            let end = owner.node_now().after(Duration::from_secs(ttl));
            put_until(&mut owner.node, &[key, 0], b"ends", end);
        }
        Step::Follow(_) | Step::ReadOff => {}
    }
}

impl Owner {
    fn node_now(&self) -> Tick {
        use distcache_node::Clock;
        self.clock.now()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    /// Whoever has all records up to the last change of a key has that or nothing of it,
    /// and nothing older, whatever was read off in between; with all records, everything.
    #[test]
    fn whoever_follows_has_what_the_owner_has(steps in steps()) {
        let (mut owner, mut keeper) = (owner(), keeper());
        let (mut done, mut seeding) = (0, Seeding::default());
        for step in &steps {
            act(&mut owner, step);
            match step {
                Step::Follow(count) => {
                    for record in owner.records(done).iter().take(*count) {
                        apply(&mut keeper, record);
                        done = record.number;
                    }
                }
                Step::ReadOff => {
                    let mut read = Vec::new();
                    let next = owner.node.read_off(KEYSPACE, seeding, 200, |_| true, &mut read);
                    seeding = next.unwrap_or_default();
                    for entry in read {
                        keeper.copy(COPIES, hash(entry.key()), entry);
                    }
                }
                _ => {}
            }
            let now = all_of(&owner.node, KEYSPACE);
            let copies = all_of(&keeper, COPIES);
            for key in (0..6_u8).map(|key| vec![key, 0]) {
                let is_committed = owner.journal.latest(hash(&key)) <= done;
                if let Some(copy) = copies.get(&key).filter(|_| is_committed) {
                    // By the owner's clock it may have ended: the copy ends with it.
                    let is_over = !now.contains_key(&key)
                        && copy.0 == b"ends";
                    prop_assert!(is_over || now.get(&key) == Some(copy), "{key:?}: {copy:?}");
                }
            }
        }
        for record in owner.records(done) {
            apply(&mut keeper, &record);
        }
        let mut copies = all_of(&keeper, COPIES);
        let now = all_of(&owner.node, KEYSPACE);
        copies.retain(|key, copy| now.contains_key(key) || copy.0 != b"ends");
        prop_assert_eq!(copies, now);
        keeper.validate();
        owner.node.validate();
    }
}
