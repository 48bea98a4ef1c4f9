//! Fresh, early, stale, idle, revoked: what becomes of values as time passes.

use std::time::Duration;

use distcache_node::{
    Cargo, Condition, DataNode, Draft, Entry, KeyspaceSettings, Landed, Landing, Lifetimes, Look,
    PutRefused, Tick,
};

use crate::support::{
    EPOCH, KEYSPACE, delete, get, hash, lead, look, look_fresh, node, node_of, put, settings,
    store, tagged, told_value,
};

const SECOND: Duration = Duration::from_secs(1);

fn node_with(lifetimes: Lifetimes) -> (DataNode, std::sync::Arc<distcache_node::ManualClock>) {
    node_of(&KeyspaceSettings { lifetimes, ..settings() })
}

/// Stores a value that is fresh for ten seconds, and then has its stale window.
fn put_for_ten(node: &mut DataNode, lifetimes: Lifetimes) {
    let end = Tick::from_ms(10_000).after(lifetimes.stale());
    let draft = Draft::new(b"a", b"1", end).expect("a short key").born(Tick::ZERO);
    store(node, draft.entry()).expect("a small value");
}

#[test]
fn a_stale_value_is_served_while_one_caller_loads_it_again() {
    let lifetimes = Lifetimes { stale_while_revalidate: SECOND * 5, ..Lifetimes::default() };
    let (mut node, clock) = node_with(lifetimes);
    put_for_ten(&mut node, lifetimes);
    clock.advance(SECOND * 10);
    let (first, _) = look(&mut node, b"a");
    let Look::Served { value, stale_since, refresh: Some(flight) } = first else {
        panic!("{first:?}")
    };
    assert_eq!((&*value, stale_since), (&b"1"[..], Some(Tick::from_ms(10_000))));
    let (second, _) = look(&mut node, b"a");
    assert!(matches!(second, Look::Served { refresh: None, .. }), "one is enough");
    node.land(EPOCH, KEYSPACE, flight.flight(), Cargo::Failure);
    let (third, _) = look(&mut node, b"a");
    assert!(matches!(third, Look::Served { refresh: Some(_), .. }), "it failed: once more");
    clock.advance(SECOND * 5);
    assert!(matches!(look(&mut node, b"a").0, Look::Follows), "its window is over");
}

#[test]
fn a_value_that_cannot_be_loaded_again_is_served_for_its_window_and_no_longer() {
    let lifetimes = Lifetimes { stale_if_error: SECOND * 5, ..Lifetimes::default() };
    let (mut node, clock) = node_with(lifetimes);
    put_for_ten(&mut node, lifetimes);
    clock.advance(SECOND * 14);
    let (flight, _waiter) = lead(&mut node, b"a");
    assert_eq!(flight.flight().stale().map(|value| value.to_vec()), Some(b"1".to_vec()));
    let landed = node.land(EPOCH, KEYSPACE, flight.flight(), Cargo::Failure);
    assert!(matches!(landed, Landed::Stale(_)));
    clock.advance(SECOND);
    let (flight, _waiter) = lead(&mut node, b"a");
    let landed = node.land(EPOCH, KEYSPACE, flight.flight(), Cargo::Failure);
    assert!(matches!(landed, Landed::Nothing));
}

#[test]
fn a_value_is_not_served_after_an_error_because_it_would_be_while_it_is_loaded_again() {
    let lifetimes = Lifetimes {
        stale_while_revalidate: SECOND * 5,
        stale_if_error: SECOND,
        ..Lifetimes::default()
    };
    let (mut node, clock) = node_with(lifetimes);
    put_for_ten(&mut node, lifetimes);
    clock.advance(SECOND * 10);
    for is_in_window in [true, false] {
        let (flight, _waiter) = match look_fresh(&mut node, b"a") {
            (Look::Leads(lead), waiter) => (lead, waiter),
            (other, _) => panic!("it needs a fresh one: {other:?}"),
        };
        let landed = node.land(EPOCH, KEYSPACE, flight.flight(), Cargo::Failure);
        assert_eq!(matches!(landed, Landed::Stale(_)), is_in_window, "{landed:?}");
        clock.advance(SECOND);
    }
}

#[test]
fn who_needs_a_fresh_value_waits_for_the_load_by_which_others_are_served_stale() {
    let lifetimes = Lifetimes { stale_while_revalidate: SECOND * 5, ..Lifetimes::default() };
    let (mut node, clock) = node_with(lifetimes);
    put_for_ten(&mut node, lifetimes);
    assert!(matches!(look_fresh(&mut node, b"b").0, Look::Leads(_)));
    clock.advance(SECOND * 10);
    let (Look::Served { refresh: Some(flight), .. }, _) = look(&mut node, b"a") else {
        panic!("it is stale, and to be loaded again")
    };
    let (follows, waiter) = look_fresh(&mut node, b"a");
    assert!(matches!(follows, Look::Follows));
    let (other, _) = look(&mut node, b"a");
    assert!(matches!(other, Look::Served { refresh: None, .. }), "others are served");
    let loaded = Entry::new(b"a", b"2", Tick::from_ms(20_000)).unwrap();
    let landed = node.land(EPOCH, KEYSPACE, flight.flight(), Cargo::Entry(loaded));
    let Landed::Stored(value) = landed else { panic!("{landed:?}") };
    flight.flight().land(&Landing::Value(value));
    assert_eq!(told_value(waiter), Some(b"2".to_vec()));
    assert_eq!(get(&mut node, b"a"), Some(b"2".to_vec()));
    node.validate();
}

#[test]
fn what_was_deleted_is_never_served_as_stale() {
    let lifetimes = Lifetimes { stale_if_error: SECOND * 5, ..Lifetimes::default() };
    let (mut node, clock) = node_with(lifetimes);
    put_for_ten(&mut node, lifetimes);
    clock.advance(SECOND * 11);
    let (flight, _waiter) = lead(&mut node, b"a");
    delete(&mut node, b"a");
    let landed = node.land(EPOCH, KEYSPACE, flight.flight(), Cargo::Failure);
    assert!(matches!(landed, Landed::Overtaken));
    let (flight, _waiter) = lead(&mut node, b"a");
    assert!(flight.flight().stale().is_none());
    let landed = node.land(EPOCH, KEYSPACE, flight.flight(), Cargo::Failure);
    assert!(matches!(landed, Landed::Nothing));
}

#[test]
fn a_value_found_unchanged_is_fresh_again() {
    let lifetimes = Lifetimes { stale_if_error: SECOND * 5, ..Lifetimes::default() };
    let (mut node, clock) = node_with(lifetimes);
    put_for_ten(&mut node, lifetimes);
    clock.advance(SECOND * 11);
    let (flight, _waiter) = lead(&mut node, b"a");
    let landed =
        node.land(EPOCH, KEYSPACE, flight.flight(), Cargo::Unchanged(Tick::from_ms(20_000)));
    assert!(matches!(landed, Landed::Stored(_)));
    clock.advance(SECOND * 8);
    assert_eq!(get(&mut node, b"a"), Some(b"1".to_vec()));
    clock.advance(SECOND);
    assert_eq!(get(&mut node, b"a"), None);
}

#[test]
fn a_use_near_its_end_makes_a_value_be_loaded_again_by_one_caller() {
    let lifetimes = Lifetimes { refresh_ahead: SECOND * 2, ..Lifetimes::default() };
    let (mut node, clock) = node_with(lifetimes);
    put_for_ten(&mut node, lifetimes);
    clock.advance(Duration::from_millis(7_999));
    assert!(get(&mut node, b"a").is_some());
    clock.advance(Duration::from_millis(1));
    let (first, _) = look(&mut node, b"a");
    assert!(matches!(first, Look::Served { stale_since: None, refresh: Some(_), .. }));
    let (second, _) = look(&mut node, b"a");
    assert!(matches!(second, Look::Served { stale_since: None, refresh: None, .. }));
    assert_eq!(node.status().hits, 3, "each of them was served");
    assert_eq!(node.status().misses, 0);
}

#[test]
fn a_short_life_is_not_all_spent_being_loaded_again() {
    let lifetimes = Lifetimes { refresh_ahead: SECOND * 60, ..Lifetimes::default() };
    let (mut node, clock) = node_with(lifetimes);
    put_for_ten(&mut node, lifetimes);
    clock.advance(Duration::from_millis(4_999));
    assert!(matches!(look(&mut node, b"a").0, Look::Hit(_)));
    clock.advance(Duration::from_millis(1));
    assert!(matches!(look(&mut node, b"a").0, Look::Served { .. }));
}

#[test]
fn what_nobody_uses_goes_and_what_is_used_stays() {
    let lifetimes = Lifetimes { idle: Some(SECOND * 10), ..Lifetimes::default() };
    let (mut node, clock) = node_with(lifetimes);
    put(&mut node, b"a", b"1");
    put(&mut node, b"b", b"1");
    for _ in 0..3 {
        clock.advance(SECOND * 6);
        assert!(get(&mut node, b"a").is_some());
        while node.sweep() {}
    }
    assert_eq!(node.len(), 1, "b was swept though nobody asked for it");
    clock.advance(SECOND * 10);
    assert_eq!(get(&mut node, b"a"), None);
    node.validate();
}

#[test]
fn a_tag_takes_with_it_what_bears_it_and_nothing_else() {
    let (mut node, _) = node();
    store(&mut node, tagged(b"a", b"1", &[1])).unwrap();
    store(&mut node, tagged(b"b", b"1", &[2, 1])).unwrap();
    store(&mut node, tagged(b"c", b"1", &[2])).unwrap();
    put(&mut node, b"d", b"1");
    node.revoke(EPOCH, KEYSPACE, &[1]);
    assert_eq!((get(&mut node, b"a"), get(&mut node, b"b")), (None, None));
    assert!(get(&mut node, b"c").is_some() && get(&mut node, b"d").is_some());
    store(&mut node, tagged(b"a", b"2", &[1])).unwrap();
    assert_eq!(get(&mut node, b"a"), Some(b"2".to_vec()), "what comes after it stays");
    while node.sweep() {}
    assert_eq!(node.len(), 3);
    node.validate();
}

#[test]
fn what_went_with_its_tag_is_not_moved_to_a_node_that_does_not_know_of_it() {
    let (mut node, _) = node();
    store(&mut node, tagged(b"a", b"1", &[1])).unwrap();
    store(&mut node, tagged(b"b", b"1", &[1])).unwrap();
    node.revoke(EPOCH, KEYSPACE, &[1]);
    assert!(node.hand_over(KEYSPACE, hash(b"a"), b"a").is_none());
    let mut moved = Vec::new();
    node.hand_over_some(KEYSPACE, 0, 100, |_| true, &mut moved);
    assert!(moved.is_empty());
    node.validate();
}

#[test]
fn another_end_is_given_to_fresh_values_only() {
    let (mut node, clock) = node();
    put(&mut node, b"a", b"1");
    let set = |node: &mut DataNode, end| node.set_expires(KEYSPACE, hash(b"a"), b"a", end);
    assert!(set(&mut node, Tick::from_ms(5_000)));
    clock.advance(SECOND * 4);
    assert!(set(&mut node, Tick::from_ms(8_000)));
    clock.advance(SECOND * 3);
    assert!(get(&mut node, b"a").is_some());
    clock.advance(SECOND);
    assert!(!set(&mut node, Tick::NEVER), "it is over");
    while node.sweep() {}
    assert!(node.is_empty());
}

#[test]
fn a_stale_value_does_not_become_fresh_by_another_end() {
    let lifetimes = Lifetimes { stale_if_error: SECOND * 5, ..Lifetimes::default() };
    let (mut node, clock) = node_with(lifetimes);
    put_for_ten(&mut node, lifetimes);
    clock.advance(SECOND * 10);
    assert!(!node.set_expires(KEYSPACE, hash(b"a"), b"a", Tick::NEVER));
}

#[test]
fn values_keep_their_time_when_the_stale_window_changes() {
    let (mut node, clock) = node();
    put_for_ten(&mut node, Lifetimes::default());
    let change = |node: &mut DataNode, window| {
        let lifetimes = Lifetimes { stale_if_error: window, ..Lifetimes::default() };
        node.change_keyspace(KEYSPACE, &KeyspaceSettings { lifetimes, ..settings() }, false);
    };
    change(&mut node, SECOND * 5);
    clock.advance(Duration::from_millis(9_999));
    assert!(get(&mut node, b"a").is_some());
    change(&mut node, SECOND);
    assert!(get(&mut node, b"a").is_some());
    clock.advance(Duration::from_millis(1));
    assert_eq!(get(&mut node, b"a"), None);
    node.validate();
}

#[test]
fn conditions_compare_with_what_a_read_would_see() {
    let (mut node, clock) = node();
    let put_if = |node: &mut DataNode, value: &[u8], condition| {
        let entry = Entry::new(b"a", value, Tick::from_ms(10_000)).unwrap();
        node.put(EPOCH, KEYSPACE, hash(b"a"), entry, condition).map(|stored| stored.version)
    };
    assert_eq!(put_if(&mut node, b"1", Condition::Present), Err(PutRefused::Unmet(None)));
    let first = put_if(&mut node, b"1", Condition::Absent).unwrap();
    let unmet = PutRefused::Unmet(Some(first));
    assert_eq!(put_if(&mut node, b"2", Condition::Absent), Err(unmet));
    let second = put_if(&mut node, b"2", Condition::Version(first)).unwrap();
    let unmet = PutRefused::Unmet(Some(second));
    assert_eq!(put_if(&mut node, b"3", Condition::Version(first)), Err(unmet));
    assert_eq!(get(&mut node, b"a"), Some(b"2".to_vec()));
    put_if(&mut node, b"3", Condition::Present).unwrap();
    clock.advance(SECOND * 10);
    put_if(&mut node, b"4", Condition::Absent).expect("what has expired is absent");
}

#[test]
fn numbers_are_added_to_and_keep_their_end_and_their_tags() {
    use distcache_node::NotAdded;
    let (mut node, clock) = node();
    let add = |node: &mut DataNode, by, until| {
        node.add(EPOCH, KEYSPACE, (hash(b"a"), b"a"), by, until).map(|added| added.sum)
    };
    assert_eq!(add(&mut node, 1, None), Err(NotAdded::Missing));
    assert_eq!(add(&mut node, 5, Some(Tick::from_ms(1_000))), Ok(5));
    assert_eq!(add(&mut node, -7, Some(Tick::NEVER)), Ok(-2));
    assert_eq!(get(&mut node, b"a"), Some(b"-2".to_vec()));
    clock.advance(SECOND);
    assert_eq!(get(&mut node, b"a"), None, "adding did not prolong it");
    store(&mut node, tagged(b"a", b"9223372036854775807", &[1])).unwrap();
    assert_eq!(add(&mut node, 1, None), Err(NotAdded::Overflow));
    assert_eq!(add(&mut node, -1, None), Ok(i64::MAX - 1));
    node.revoke(EPOCH, KEYSPACE, &[1]);
    assert_eq!(add(&mut node, 1, None), Err(NotAdded::Missing));
    put(&mut node, b"a", b"1.5");
    assert_eq!(add(&mut node, 1, None), Err(NotAdded::NoNumber));
}

#[test]
fn what_lands_is_stale_by_the_window_of_that_time_and_not_of_when_its_load_began() {
    let hour = Duration::from_hours(1);
    for (before, after) in [(hour, Duration::ZERO), (Duration::ZERO, hour), (hour, SECOND)] {
        let window = |stale_if_error| Lifetimes { stale_if_error, ..Lifetimes::default() };
        let (mut node, clock) = node_with(window(before));
        let (flight, _waiter) = lead(&mut node, b"a");
        let lifetimes = window(after);
        node.change_keyspace(KEYSPACE, &KeyspaceSettings { lifetimes, ..settings() }, false);
        let loaded = Entry::new(b"a", b"1", Tick::from_ms(10_000)).unwrap();
        node.land(EPOCH, KEYSPACE, flight.flight(), Cargo::Entry(loaded));
        clock.advance(Duration::from_millis(9_999));
        assert!(get(&mut node, b"a").is_some());
        clock.advance(Duration::from_millis(1));
        assert_eq!(get(&mut node, b"a"), None, "it is not fresh any more");
        let peek = |node: &DataNode| node.peek(KEYSPACE, hash(b"a"), b"a").is_some();
        assert_eq!(peek(&node), after != Duration::ZERO);
        clock.advance(after);
        assert!(!peek(&node), "its window is over");
    }
}
