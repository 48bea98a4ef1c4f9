//! Keyspaces share a node's memory, and nothing else.

use distcache_node::{
    Cause, Condition, DataNode, Draft, Entry, EvictionPolicy, KeyspaceId, KeyspaceSettings, Limits,
    NodeSettings, Selection, Tick,
};

use crate::support::{
    EPOCH, KEYSPACE, LIMITS, delete, get, hash, node, node_of, put, put_until, settings, store,
};

const OTHER: KeyspaceId = KeyspaceId { index: 1, generation: 0 };

fn put_in(node: &mut DataNode, id: KeyspaceId, number: u64, value: &[u8]) {
    let entry = Entry::new(&number.to_le_bytes(), value, Tick::NEVER).expect("a short key");
    let spread = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    node.put(EPOCH, id, spread, entry, Condition::Always).expect("a small value");
}

fn node_of_two(bytes_max: u64, one: Limits, other: Limits) -> DataNode {
    let clock = std::sync::Arc::new(distcache_node::ManualClock::new());
    let mut node = DataNode::new(NodeSettings { bytes_max, clock });
    node.add_keyspace(KEYSPACE, &KeyspaceSettings { limits: one, ..settings() });
    node.add_keyspace(OTHER, &KeyspaceSettings { limits: other, ..settings() });
    node
}

#[test]
fn equal_keys_of_two_keyspaces_share_nothing() {
    let (mut node, _) = node();
    node.add_keyspace(OTHER, &settings());
    put(&mut node, b"a", b"1");
    assert!(node.get(OTHER, hash(b"a"), b"a").is_none());
    let entry = Entry::new(b"a", b"2", Tick::NEVER).unwrap();
    node.put(EPOCH, OTHER, hash(b"a"), entry, Condition::Always).unwrap();
    delete(&mut node, b"a");
    assert_eq!(&*node.get(OTHER, hash(b"a"), b"a").unwrap(), b"2");
    let (one, other) = (node.keyspace_status(KEYSPACE), node.keyspace_status(OTHER));
    assert_eq!((one.unwrap().entries, other.unwrap().entries), (0, 1));
    assert_eq!((one.unwrap().deletes, other.unwrap().deletes), (1, 0));
    node.clear(KEYSPACE);
    assert_eq!(node.len(), 1);
}

#[test]
fn together_they_never_take_more_than_the_node_has() {
    let limits = Limits { bytes: 1 << 20, ..LIMITS };
    let mut node = node_of_two(1 << 20, limits, limits);
    for number in 0..4_000_u64 {
        let id = if number % 3 == 0 { OTHER } else { KEYSPACE };
        put_in(&mut node, id, number, &[7; 700]);
        assert!(node.bytes() <= 1 << 20);
    }
    node.validate();
}

#[test]
fn one_that_comes_later_gets_its_part_from_the_one_that_has_more() {
    let limits = Limits { bytes: 2 << 20, ..LIMITS };
    let mut node = node_of_two(2 << 20, limits, limits);
    (0..4_000).for_each(|number| put_in(&mut node, KEYSPACE, number, &[7; 700]));
    (0..4_000).for_each(|number| put_in(&mut node, OTHER, number, &[7; 700]));
    let entries = |id| node.keyspace_status(id).unwrap().entries;
    let (one, other) = (entries(KEYSPACE), entries(OTHER));
    assert!(one.abs_diff(other) * 10 < one, "{one} and {other} entries");
    node.validate();
}

#[test]
fn a_keyspace_stays_within_its_own_limit_though_the_node_has_room() {
    let small = Limits { bytes: 256 << 10, ..LIMITS };
    let mut node = node_of_two(4 << 20, small, LIMITS);
    (0..4_000).for_each(|number| put_in(&mut node, KEYSPACE, number, &[7; 700]));
    let status = node.keyspace_status(KEYSPACE).unwrap();
    assert!(status.bytes <= 256 << 10 && 0 < status.evictions);
    put_in(&mut node, OTHER, 1, b"1");
    assert_eq!(node.keyspace_status(OTHER).unwrap().evictions, 0);
    node.validate();
}

#[test]
fn a_node_that_shrinks_takes_from_all() {
    let mut node = node_of_two(4 << 20, Limits { bytes: 4 << 20, ..LIMITS }, LIMITS);
    (0..3_000).for_each(|number| put_in(&mut node, KEYSPACE, number, &[7; 700]));
    (0..1_000).for_each(|number| put_in(&mut node, OTHER, number, &[7; 700]));
    node.set_bytes_max(512 << 10);
    node.validate();
    let entries = |id| node.keyspace_status(id).unwrap().entries;
    assert!(0 < entries(KEYSPACE) && 0 < entries(OTHER));
}

#[test]
fn values_stay_when_the_policy_changes() {
    for policy in EvictionPolicy::ALL {
        let limits = Limits { entries: 3, ..LIMITS };
        let (mut node, _) = node_of(&KeyspaceSettings { limits, ..settings() });
        for key in [b"a", b"b", b"c"] {
            put(&mut node, key, b"1");
        }
        get(&mut node, b"a"); // a c b
        let changed = KeyspaceSettings { policy: policy.clone(), limits, ..settings() };
        node.change_keyspace(KEYSPACE, &changed, true);
        node.validate();
        put(&mut node, b"d", b"1");
        node.validate();
        assert!((node.len(), node.status().evictions) == (3, 1) && get(&mut node, b"d").is_some());
        if policy == EvictionPolicy::Fifo {
            assert_eq!(get(&mut node, b"b"), None, "the order of their use is the order of age");
        }
    }
}

#[test]
fn what_goes_is_told_with_its_cause_to_those_who_listen() {
    let limits = Limits { entries: 2, ..LIMITS };
    let listening = KeyspaceSettings { limits, listens: true, ..settings() };
    let (mut node, clock) = node_of(&listening);
    let gone = |node: &mut DataNode| -> Vec<(Vec<u8>, Cause)> {
        let departed = node.take_departed().into_iter();
        departed.map(|(_, one)| (one.entry.value().to_vec(), one.cause)).collect()
    };
    put(&mut node, b"a", b"1");
    assert_eq!(gone(&mut node), []);
    let draft = Draft::new(b"a", b"2", Tick::NEVER).unwrap();
    node.put_draft(EPOCH, KEYSPACE, hash(b"a"), &draft, Condition::Always).unwrap();
    assert_eq!(gone(&mut node), [(b"1".to_vec(), Cause::Replaced)]);
    put_until(&mut node, b"b", b"3", Tick::from_ms(10));
    put(&mut node, b"c", b"4");
    assert_eq!(gone(&mut node), [(b"2".to_vec(), Cause::Evicted)]);
    clock.advance(std::time::Duration::from_millis(10));
    assert_eq!(get(&mut node, b"b"), None);
    while node.sweep() {}
    assert_eq!(gone(&mut node), [(b"3".to_vec(), Cause::Expired)], "once, and by the sweep");
    delete(&mut node, b"c");
    assert_eq!(gone(&mut node), [(b"4".to_vec(), Cause::Deleted)]);
    store(&mut node, crate::support::tagged(b"d", b"5", &[1])).unwrap();
    node.revoke(EPOCH, KEYSPACE, &[1]);
    while node.sweep() {}
    assert_eq!(gone(&mut node), [(b"5".to_vec(), Cause::Invalidated)]);
    put(&mut node, b"e", b"6");
    node.clear(KEYSPACE);
    assert_eq!(gone(&mut node), [(b"6".to_vec(), Cause::Deleted)]);
}

fn scan(node: &DataNode, pattern: &[u8]) -> Vec<Vec<u8>> {
    let selection = Selection::pattern(pattern);
    let (mut found, mut next) = (Vec::new(), Some(0));
    while let Some(at) = next {
        next = node.scan(KEYSPACE, at, 10, selection.beginning(), &mut found);
    }
    let keys = found.iter().map(|found| found.entry().key()).filter(|key| selection.has(key));
    let mut keys: Vec<_> = keys.map(<[u8]>::to_vec).collect();
    keys.sort();
    keys
}

#[test]
fn a_scan_finds_every_key_that_has_a_value() {
    let (mut node, clock) = node();
    for number in 0..1_000_u16 {
        put(&mut node, format!("{number:04}").as_bytes(), b"");
    }
    put_until(&mut node, b"0000", b"", Tick::from_ms(10));
    let absent = Draft::absent(b"0001", Tick::NEVER).unwrap().entry();
    store(&mut node, absent).unwrap();
    clock.advance(std::time::Duration::from_millis(10));
    assert_eq!(scan(&node, b"*").len(), 998);
    assert_eq!(scan(&node, b"000?").len(), 8);
    assert_eq!(scan(&node, b"09[0-1]5"), [b"0905".to_vec(), b"0915".to_vec()]);
}

#[test]
fn a_prefix_takes_with_it_what_begins_with_it_and_nothing_else() {
    let (mut node, _) = node();
    for number in 0..1_000_u16 {
        put(&mut node, format!("{number:04}").as_bytes(), b"");
    }
    let selection = Selection::Prefix(b"03".as_slice().into());
    let (mut removed, mut next) = (0, Some(0));
    while let Some(at) = next {
        next = node.invalidate_some(KEYSPACE, at, 10, &selection, &mut removed);
    }
    assert_eq!((removed, node.len()), (100, 900));
    assert_eq!(scan(&node, b"03*"), [[]; 0]);
    node.validate();
}
