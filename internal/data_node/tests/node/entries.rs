//! Entries: stored, read, expired, evicted, moved.

use std::time::Duration;

use crate::support::{EPOCH, KEYSPACE, delete, get, hash, node, put, put_until, settings, store};
use distcache_node::{
    Condition, DataNode, Draft, Entry, EvictionPolicy, KeyspaceSettings, Label, Limits,
    ManualClock, PutRefused, Refused, STRUCTURE_BYTES_MIN, Tick,
};

fn node_of(policy: EvictionPolicy, limits: Limits) -> (DataNode, std::sync::Arc<ManualClock>) {
    crate::support::node_of(&KeyspaceSettings { policy, limits, ..settings() })
}

#[test]
fn a_put_is_read_back_and_a_delete_forgets_it() {
    let (mut node, _) = node();
    put(&mut node, b"a", b"1");
    assert_eq!(get(&mut node, b"a"), Some(b"1".to_vec()));
    put(&mut node, b"a", b"2");
    assert_eq!(get(&mut node, b"a"), Some(b"2".to_vec()));
    assert!(delete(&mut node, b"a"));
    assert!(!delete(&mut node, b"a"));
    assert_eq!(get(&mut node, b"a"), None);
    node.validate();
}

#[test]
fn nothing_is_served_from_its_expiry_on_and_the_sweep_frees_it_untouched() {
    let (mut node, clock) = node();
    put_until(&mut node, b"a", b"1", Tick::from_ms(10));
    put_until(&mut node, b"b", b"1", Tick::from_ms(10));
    clock.advance(Duration::from_millis(9));
    assert!(get(&mut node, b"a").is_some());
    assert!(!node.sweep(), "nothing has expired yet");
    assert_eq!(node.len(), 2);
    clock.advance(Duration::from_millis(1));
    assert_eq!(get(&mut node, b"a"), None);
    while node.sweep() {}
    assert_eq!(node.len(), 0, "b was never touched");
    assert_eq!(node.status().expirations, 2);
    node.validate();
}

#[test]
fn a_sweep_meets_what_was_put_behind_it() {
    let (mut node, clock) = node();
    // Two segments of slots; the sweep looks at one at a time.
    for number in 0..1_500_u16 {
        let (key, spread) = (number.to_le_bytes(), u64::from(number) << 40);
        let entry = Entry::new(&key, b"", Tick::from_ms(10 + u64::from(number == 1_499))).unwrap();
        node.put(EPOCH, KEYSPACE, spread, entry, Condition::Always).unwrap();
    }
    clock.advance(Duration::from_millis(10));
    assert!(node.sweep(), "half of the slots are left");
    put_until(&mut node, b"zzz", b"", Tick::from_ms(12));
    clock.advance(Duration::from_millis(5));
    for _ in 0..4 {
        node.sweep();
        node.validate();
    }
    assert!(node.is_empty());
}

#[test]
fn one_value_too_large_evicts_nothing_and_leaves_the_old_one() {
    let limits = Limits { bytes: 1 << 20, entries: u64::MAX, value_bytes: 100 };
    let (mut node, _) = node_of(EvictionPolicy::Lru, limits);
    put(&mut node, b"a", b"old");
    put(&mut node, b"b", b"other");
    let entry = Entry::new(b"a", &[0; 101], Tick::NEVER).unwrap();
    let refused = store(&mut node, entry).unwrap_err();
    assert_eq!(refused, PutRefused::TooLarge(Refused { bytes: 101, max: 100 }));
    assert_eq!(get(&mut node, b"a"), Some(b"old".to_vec()));
    assert_eq!(get(&mut node, b"b"), Some(b"other".to_vec()));
    assert_eq!(node.status().refusals, 1);
}

#[test]
fn the_least_recently_used_goes_first() {
    let limits = Limits { bytes: 1 << 20, entries: 3, value_bytes: 100 };
    let (mut node, _) = node_of(EvictionPolicy::Lru, limits);
    for key in [b"a", b"b", b"c"] {
        put(&mut node, key, b"");
    }
    get(&mut node, b"a"); //     a c b
    put(&mut node, b"b", b""); // b a c
    put(&mut node, b"d", b""); // d b a
    assert_eq!(get(&mut node, b"c"), None);
    assert!([b"a", b"b", b"d"].iter().all(|key| get(&mut node, *key).is_some()));
    assert_eq!(node.status().evictions, 1);
}

/// Of 22 entries of one size, three are in the small queue of S3-FIFO, which is
/// drained first; but not if they are less than a tenth of the bytes.
#[test]
fn a_policy_knows_the_size_of_a_value_that_was_replaced() {
    let limits = Limits { bytes: 1 << 20, entries: 22, value_bytes: 1_000 };
    let (mut node, _) = node_of(EvictionPolicy::S3Fifo, limits);
    (0..22).for_each(|key| _ = put(&mut node, &[key], &[7; 1_000]));
    for small in [0, 10, 20] {
        put(&mut node, &[small], b"");
    }
    put(&mut node, &[22], b"");
    assert!([0, 10, 20].iter().all(|small| get(&mut node, &[*small]).is_some()));
    assert_eq!(get(&mut node, &[1]), None);
    node.validate();
}

#[test]
fn versions_grow_across_deletion_and_eviction_and_carry_the_epoch() {
    let (mut node, _) = node();
    let first = put(&mut node, b"a", b"1");
    delete(&mut node, b"a");
    let second = put(&mut node, b"a", b"1");
    assert!(first < second);
    let entry = Entry::new(b"a", b"1", Tick::NEVER).unwrap();
    let third = node
        .put(EPOCH.next().unwrap(), KEYSPACE, hash(b"a"), entry, Condition::Always)
        .unwrap()
        .version
        .get();
    assert!(second + (1 << 31) < third, "a new epoch leaps over every sequence of the old one");
}

#[test]
fn an_entry_handed_over_keeps_version_and_expiry() {
    let ((mut old, _), (mut new, _)) = (node(), node());
    let version = put_until(&mut old, b"a", b"1", Tick::from_ms(50));
    let entry = old.hand_over(KEYSPACE, hash(b"a"), b"a").unwrap();
    assert!(old.is_empty());
    new.take_over(KEYSPACE, hash(b"a"), entry);
    let value = new.get(KEYSPACE, hash(b"a"), b"a").unwrap();
    assert_eq!((value.version().get(), value.expires()), (version, Tick::from_ms(50)));
    assert_eq!((old.status().moved_out, new.status().moved_in), (1, 1));
    old.validate();
    new.validate();
}

#[test]
fn an_entry_taken_over_never_replaces_one_that_is_there() {
    let ((mut old, _), (mut new, _)) = (node(), node());
    put(&mut old, b"a", b"old");
    put(&mut new, b"a", b"new");
    let entry = old.hand_over(KEYSPACE, hash(b"a"), b"a").unwrap();
    new.take_over(KEYSPACE, hash(b"a"), entry);
    assert_eq!(get(&mut new, b"a"), Some(b"new".to_vec()));
}

#[test]
fn a_value_outlives_its_entry() {
    let (mut node, _) = node();
    put(&mut node, b"a", b"1");
    let value = node.get(KEYSPACE, hash(b"a"), b"a").unwrap();
    node.clear(KEYSPACE);
    assert_eq!(&*value, b"1");
    assert_eq!(get(&mut node, b"a"), None);
    node.validate();
}

#[test]
fn bytes_never_pass_the_limit_under_a_flood_of_ten_times_its_size() {
    for policy in EvictionPolicy::ALL {
        let limits = Limits { bytes: 1 << 20, entries: u64::MAX, value_bytes: 1 << 18 };
        let (mut node, _) = node_of(policy.clone(), limits);
        for number in 0..10_240_u64 {
            let entry = Entry::new(&number.to_le_bytes(), &[7; 1_000], Tick::NEVER).unwrap();
            let spread = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            node.put(EPOCH, KEYSPACE, spread, entry, Condition::Always).unwrap();
            assert!(node.bytes() <= limits.bytes);
        }
        node.validate();
        let (held, bytes) = (node.len() as u64 * 1_008, node.bytes());
        assert!(bytes * 3 / 4 < held, "{policy}: {held} bytes of data in {bytes} accounted");
    }
}

#[test]
fn a_limit_below_what_empty_tables_take_empties_the_node_and_no_more() {
    let (mut node, _) = node();
    (0..=255_u8).for_each(|key| _ = put(&mut node, &[key], b"value"));
    let least = Limits { bytes: STRUCTURE_BYTES_MIN + 512, entries: 1, value_bytes: 10 };
    node.set_limits(KEYSPACE, least);
    node.validate();
    put(&mut node, b"a", b"1");
    assert_eq!(get(&mut node, b"a"), Some(b"1".to_vec()));
}

#[test]
fn a_value_that_a_lower_limit_forbids_is_refused_though_its_memory_is_there() {
    let (mut node, _) = node();
    put(&mut node, b"a", b"12345");
    let before = node.limits(KEYSPACE).unwrap();
    node.set_limits(KEYSPACE, Limits { value_bytes: 4, ..before });
    let draft = Draft::new(b"a", b"54321", Tick::NEVER).unwrap();
    let refused =
        node.put_draft(EPOCH, KEYSPACE, hash(b"a"), &draft, Condition::Always).unwrap_err();
    assert_eq!(refused, PutRefused::TooLarge(Refused { bytes: 5, max: 4 }));
    assert_eq!(get(&mut node, b"a"), Some(b"12345".to_vec()));
    node.set_limits(KEYSPACE, before);
    assert!(
        !node.put_draft(EPOCH, KEYSPACE, hash(b"a"), &draft, Condition::Always).unwrap().is_new
    );
    assert_eq!(get(&mut node, b"a"), Some(b"54321".to_vec()));
    node.validate();
}

#[test]
fn a_sum_keeps_the_content_type_and_not_the_validator() {
    let (mut node, _) = node();
    let label = Label::new(Some("text/plain"), Some("\"1\"")).unwrap();
    let draft = Draft::new(b"n", b"41", Tick::NEVER).unwrap().labelled(label);
    store(&mut node, draft.entry()).unwrap();
    assert_eq!(node.add(EPOCH, KEYSPACE, (hash(b"n"), b"n"), 1, None).unwrap().sum, 42);
    let sum = node.get(KEYSPACE, hash(b"n"), b"n").unwrap();
    assert_eq!((&*sum, sum.label()), (&b"42"[..], Label::new(Some("text/plain"), None).unwrap()));
    node.validate();
}
