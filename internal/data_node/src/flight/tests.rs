//! Loads, and who waits for them.

use distcache_bus::{Waiter, reply_slot};

use super::*;
use crate::Draft;

const NOW: Tick = Tick::ZERO;

fn departure(key: &[u8], lease: u64) -> Departure<'_> {
    let (lease, overdue) = (Version::from(lease), Tick::from_ms(10));
    Departure { hash: 1, key, lease, overdue, stale: None }
}

fn board(flights: &mut Flights, key: &[u8], lease: u64) -> (Boarded, Waiter<Landing>) {
    let (replier, waiter) = reply_slot();
    (flights.board(departure(key, lease), NOW, 2, replier), waiter)
}

fn leads(boarded: Boarded) -> Lead {
    match boarded {
        Boarded::Leads(flight) => flight,
        Boarded::Follows | Boarded::Crowded => panic!("another load is on its way"),
    }
}

fn told(waiter: Waiter<Landing>) -> Option<Landing> {
    let deadline = distcache_bus::Deadline::within(std::time::Duration::ZERO);
    waiter.wait(&deadline)?.ok()
}

fn value(tags: &[u64]) -> Landing {
    let draft = Draft::new(b"k", b"v", Tick::NEVER).expect("a short key");
    let draft = draft.tagged(tags).expect("few tags");
    Landing::Value(Value::from(draft.entry()))
}

fn has_value(waiter: Waiter<Landing>) -> bool {
    matches!(told(waiter), Some(Landing::Value(_)))
}

#[test]
fn one_leads_others_follow_and_all_are_told() {
    let mut flights = Flights::default();
    let (first, first_waiter) = board(&mut flights, b"k", 1);
    let flight = leads(first);
    let (second, second_waiter) = board(&mut flights, b"k", 2);
    assert!(matches!(second, Boarded::Follows));
    assert!(flights.end(flight.flight()));
    flight.flight().land(&value(&[]));
    assert!(has_value(first_waiter) && has_value(second_waiter));
    assert!(flights.is_empty());
    flights.validate();
}

#[test]
fn keys_of_one_hash_have_a_flight_each() {
    let mut flights = Flights::default();
    let (a, b) = (leads(board(&mut flights, b"a", 1).0), leads(board(&mut flights, b"b", 2).0));
    assert!(flights.end(a.flight()) && !flights.end(a.flight()));
    assert!(flights.has(1, b"b", NOW) && flights.end(b.flight()));
    flights.validate();
}

#[test]
fn a_flight_that_was_taken_off_has_lost_its_lease_and_nobody_joins_it() {
    let mut flights = Flights::default();
    let (early, early_waiter) = board(&mut flights, b"k", 1);
    let early = leads(early);
    flights.detach(1, b"k");
    let (late, late_waiter) = board(&mut flights, b"k", 2);
    let late = leads(late);
    assert!(!flights.end(early.flight()), "what it brings is not stored");
    early.flight().land(&value(&[]));
    assert!(has_value(early_waiter), "who came before gets it");
    assert!(told(late_waiter).is_none(), "who came after waits for the other load");
    assert!(flights.end(late.flight()));
}

#[test]
fn an_overdue_flight_is_given_up() {
    let mut flights = Flights::default();
    let first = leads(board(&mut flights, b"k", 1).0);
    let (replier, _waiter) = reply_slot();
    let second = flights.board(departure(b"k", 2), Tick::from_ms(10), 2, replier);
    assert!(flights.end(leads(second).flight()) && !flights.end(first.flight()));
}

#[test]
fn a_flight_that_landed_without_its_node_being_told_is_given_up() {
    let mut flights = Flights::default();
    leads(board(&mut flights, b"k", 1).0).flight().land(&value(&[]));
    let _next = leads(board(&mut flights, b"k", 2).0);
    assert_eq!(flights.len(), 1);
}

#[test]
fn a_lead_that_is_dropped_makes_the_others_look_again_and_one_of_them_lead() {
    let mut flights = Flights::default();
    let (first, first_waiter) = board(&mut flights, b"k", 1);
    let (_, second_waiter) = board(&mut flights, b"k", 2);
    drop(leads(first));
    for waiter in [first_waiter, second_waiter] {
        assert!(matches!(told(waiter), Some(Landing::LookAgain)));
    }
    assert!(matches!(board(&mut flights, b"k", 3).0, Boarded::Leads(_)));
    flights.validate();
}

#[test]
fn there_is_a_bound_to_flights() {
    let mut flights = Flights::default();
    let _both = (board(&mut flights, b"a", 1), board(&mut flights, b"b", 2));
    assert!(matches!(board(&mut flights, b"c", 3).0, Boarded::Crowded));
    assert!(matches!(board(&mut flights, b"a", 4).0, Boarded::Follows));
}

#[test]
fn there_is_a_bound_to_those_who_wait_and_who_has_left_makes_room() {
    let mut flights = Flights::default();
    let mut all: Vec<_> = (0..WAITERS_MAX).map(|_| board(&mut flights, b"a", 1)).collect();
    assert!(matches!(board(&mut flights, b"a", 1).0, Boarded::Crowded));
    drop(all.pop());
    assert!(matches!(board(&mut flights, b"a", 1).0, Boarded::Follows));
}

#[test]
fn who_comes_after_a_tag_was_invalidated_does_not_get_a_value_that_bears_it() {
    let mut flights = Flights::default();
    let (first, early) = board(&mut flights, b"k", 1);
    let flight = leads(first);
    flights.revoke(&[7]);
    let (_, late) = board(&mut flights, b"k", 2);
    let Landing::Value(tagged) = value(&[7]) else { unreachable!() };
    assert!(flight.flight().has_revoked(tagged.entry()));
    flight.flight().land(&Landing::Value(tagged));
    assert!(has_value(early));
    assert!(matches!(told(late), Some(Landing::LookAgain)));
}

#[test]
fn a_value_without_that_tag_is_for_everybody() {
    let mut flights = Flights::default();
    let (first, early) = board(&mut flights, b"k", 1);
    flights.revoke(&[7]);
    let (_, late) = board(&mut flights, b"k", 2);
    leads(first).flight().land(&value(&[8]));
    assert!(has_value(early) && has_value(late));
}

#[test]
fn with_too_many_invalidated_tags_any_tagged_value_is_one_of_them() {
    let mut flights = Flights::default();
    let (first, early) = board(&mut flights, b"k", 1);
    flights.revoke(&(0..=REVOKED_MAX as u64).collect::<Vec<_>>());
    let (_, late) = board(&mut flights, b"k", 2);
    leads(first).flight().land(&value(&[9_999]));
    assert!(has_value(early));
    assert!(matches!(told(late), Some(Landing::LookAgain)));
}
