//! What a cache keeps from view to view.

use std::num::NonZeroU32;
use std::time::Duration;

use distcache_bus::{Deadline, reply_slot};
use distcache_manager::{
    Change as Copy, Config, Copied, Draft, KeyspaceSpec, Parcel, Passage, Territory, Tick,
};
use tokio::runtime::Builder;

use super::*;
use crate::lease::BootTime;
use crate::links::{Serve, Serving};
use crate::proto::Request;
use crate::view::{Change, ClusterId, Member, MemberState, Roster};
use crate::wire;

pub(in crate::cluster) const ME: MemberId = MemberId::from_number(1);
pub(in crate::cluster) const OTHER: MemberId = MemberId::from_number(2);

fn member(id: MemberId) -> Member {
    Member {
        id,
        address: format!("{id}:1").into(),
        weight: NonZeroU32::MIN,
        zone: None,
        seen: 0,
        state: MemberState::Active,
    }
}

/// The log's entries, from 1 on: the other joins, owns, and goes again. Then nobody's keys
/// move.
pub(in crate::cluster) fn views() -> Vec<Arc<View>> {
    let settings = serde_json::Value::Null;
    views_by(vec![
        Change::Join(member(OTHER)),
        Change::Activate(OTHER),
        Change::Remove { member: OTHER, term: None },
        Change::SetKeyspace { name: "k".into(), settings },
    ])
}

/// The view of a cluster that was founded by this one, and those by what came then.
fn views_by(changes: Vec<Change>) -> Vec<Arc<View>> {
    let (cluster, members) = (ClusterId::from_number(7), vec![member(ME)]);
    let founded = Change::Found { cluster, hash_key: [1; 16], members, complete: true };
    let changes = std::iter::once(founded).chain(changes);
    let mut roster = Roster::default();
    let view = |(index, change)| {
        roster.apply(index, 1, change);
        Arc::new(View::new(roster.clone()).expect("it is founded"))
    };
    (1..).zip(changes).map(view).collect()
}

/// Works with no cache.
struct Nobody;

impl Serve for Nobody {
    fn serve(&self, from: &wire::Address, _: Request) -> Serving {
        panic!("{from} asks nobody")
    }
}

impl Tenant for Nobody {
    fn settled(&self, _: &Arc<View>) {}
}

fn key(number: u32) -> Vec<u8> {
    format!("key-{number}").into_bytes()
}

const KEYS: u32 = 200;

/// A seat that has taken the first view, and has put all keys that are its own. No view
/// stays unsettled.
pub(in crate::cluster) fn seat(views: &[Arc<View>]) -> CacheSeat {
    let seat = empty_seat(Arc::new(Nobody));
    seat.begin_anew(&views[0], ME).unwrap();
    for n in 0..KEYS {
        let stored = seat.cache.put(&key(n), b"1", None).map(drop);
        assert!(matches!(stored, Ok(()) | Err(Error::Elsewhere)), "{stored:?}");
    }
    seat
}

/// A seat that has taken no view.
fn empty_seat(tenant: Arc<dyn Tenant>) -> CacheSeat {
    let config = Config { data_nodes: 2, capacity_bytes: 16 << 20, ..Config::default() };
    let cache = Arc::new(CacheManager::start(config).unwrap());
    let standing = Arc::<Standing>::default();
    let uptime = Arc::new(BootTime);
    standing.extend(uptime.now() + Duration::from_hours(1), u64::MAX);
    let seat = CacheSeat::new(cache, uptime, tenant);
    seat.stand(standing);
    seat
}

/// How many of the keys it answers for, and has.
fn held(seat: &CacheSeat) -> usize {
    (0..KEYS).filter(|n| seat.cache.get(&key(*n)).is_ok_and(|hit| hit.is_some())).count()
}

#[test]
fn what_is_ours_by_one_view_after_the_other_is_kept() {
    let views = views();
    let seat = seat(&views);
    seat.take(&views[1]).unwrap();
    assert_eq!(held(&seat), 200, "the other owns nothing yet");
    seat.take(&views[2]).unwrap();
    let kept = held(&seat);
    assert!(0 < kept && kept < 200, "{kept}");
    seat.take(&views[3]).unwrap();
    assert_eq!(held(&seat), kept, "what was the other's meanwhile does not come back");
    seat.take(&views[4]).unwrap();
    assert_eq!(held(&seat), kept);
}

/// The other may have changed anything by view 3, of which this one knows nothing.
#[test]
fn who_missed_that_its_keys_were_another_s_keeps_nothing() {
    for next in [3, 4] {
        let views = views();
        let seat = seat(&views);
        seat.take(&views[next]).unwrap();
        assert_eq!(held(&seat), 0);
        assert_eq!(seat.cache.put(&key(1), b"2", None).map(drop), Ok(()), "it goes on");
    }
}

/// How many keys of the other it has when that is gone, of all of which it had copies,
/// if it never hears of one view. A third has come before the other goes.
fn adopted(skipped: Option<usize>) -> usize {
    const THIRD: MemberId = MemberId::from_number(3);
    let views = views_by(vec![
        Change::Join(member(OTHER)),
        Change::Activate(OTHER),
        Change::Join(member(THIRD)),
        Change::Activate(THIRD),
        Change::Remove { member: OTHER, term: None },
        Change::Remove { member: THIRD, term: None },
    ]);
    let seat = seat(&views);
    let spec = KeyspaceSpec { replicas: 2, ..KeyspaceSpec::default() };
    let things = seat.cache.add_keyspace("things", &spec).unwrap();
    views[1..=2].iter().for_each(|view| seat.take(view).unwrap());
    let copy = |n| Copied {
        keyspace: things.clone(),
        change: Copy::Put(Draft::new(&key(n), b"1", Tick::NEVER).unwrap().entry()),
    };
    seat.cache.keep_copies(views[2].placed(), (0..KEYS).map(copy).collect()).unwrap();
    let next = (3..views.len()).filter(|at| Some(*at) != skipped);
    next.for_each(|at| seat.take(&views[at]).unwrap());
    let is_there = |n: &u32| seat.cache.get_in(&things, &key(*n)).unwrap().is_some();
    (0..KEYS).filter(is_there).count()
}

#[test]
fn copies_are_answered_with_when_their_owner_is_gone_unless_a_view_was_missed() {
    let all = adopted(None);
    assert!(0 < all && all < 200, "{all}");
    assert_eq!(adopted(Some(3)), all, "no key moved by it");
    assert_eq!(adopted(Some(4)), 0);
}

/// How many keys it answers for that have been its own since a tenure.
fn kept_since(seat: &CacheSeat, tenure: u64) -> usize {
    let space = seat.cache.default_keyspace();
    (0..KEYS).filter(|n| seat.cache.answers_since(tenure, space, &key(*n))).count()
}

/// The other owned some by view 3, and is gone by view 4.
#[test]
fn who_owns_a_key_again_has_not_answered_for_it_since() {
    let views = views();
    let seat = seat(&views);
    seat.take(&views[1]).unwrap();
    assert_eq!((seat.cache.tenure(), kept_since(&seat, 1)), (1, 200));
    seat.take(&views[2]).unwrap();
    let kept = kept_since(&seat, 1);
    assert!(0 < kept && kept < 200, "{kept}");
    assert_eq!((seat.cache.tenure(), kept_since(&seat, 3)), (3, kept));
    seat.take(&views[3]).unwrap();
    assert_eq!((seat.cache.tenure(), kept_since(&seat, 4)), (4, 200));
    assert_eq!(kept_since(&seat, 3), kept);
    seat.standing.get().unwrap().end();
    assert_eq!(kept_since(&seat, 4), 0, "it has no lease");
}

#[test]
fn who_missed_a_view_by_which_no_key_moved_keeps_everything() {
    let views = views();
    let seat = seat(&views);
    seat.take(&views[2]).unwrap();
    assert_ne!(held(&seat), 0);
}

/// It took view 5 after 3, and gives what it has as one that took 4 would.
#[test]
fn a_tenure_has_its_number_also_where_its_first_view_was_missed() {
    let views = views();
    let seat = seat(&views);
    seat.take(&views[2]).unwrap();
    seat.take(&views[4]).unwrap();
    let ask = |tenure| {
        let (space, mut parcel) = (seat.cache.default_keyspace(), Parcel::new(u64::MAX));
        seat.cache.give(tenure, space, OTHER.number(), Passage::default(), &mut parcel)
    };
    assert_eq!((ask(3), ask(5)), (Err(Error::Elsewhere), Err(Error::Elsewhere)));
    assert!(ask(4).is_ok());
}

/// See [`Standing::is_over`]: it leaves, and has not taken the view without it yet.
#[test]
fn a_claim_is_over_when_the_lease_is_given_up_though_its_time_is_not() {
    let views = views();
    let seat = seat(&views);
    let holding = seat.holding().unwrap();
    let claim = holding.claim(seat.cache.default_keyspace(), b"key").unwrap();
    assert!(!holding.is_over(claim));
    seat.standing.get().unwrap().end();
    assert!(holding.is_over(claim));
}

#[test]
fn a_seat_takes_the_view_without_it_and_answers_for_nothing_by_it() {
    let mut roster = Roster::default();
    let cluster = ClusterId::from_number(7);
    let members = vec![member(ME), member(OTHER)];
    let changes = [
        Change::Found { cluster, hash_key: [1; 16], members, complete: true },
        Change::Remove { member: ME, term: None },
    ];
    let [first, last] = changes.map(|change| {
        roster.apply(roster.epoch + 1, 1, change);
        Arc::new(View::new(roster.clone()).unwrap())
    });
    let seat = seat(&[first]);
    assert_ne!(held(&seat), 0);
    seat.take(&last).unwrap();
    assert_eq!(held(&seat), 0);
    let tenure = seat.tenures().borrow().clone().unwrap();
    assert!(!tenure.is_member());
    let (space, mut parcel) = (seat.cache.default_keyspace(), Parcel::new(u64::MAX));
    let from = Passage::default();
    seat.cache.give(last.placed(), space, OTHER.number(), from, &mut parcel).unwrap();
    assert!(!parcel.entries().is_empty(), "it gives what it has");
}

/// Waits, with each view, for a task of the runtime on which it is told.
struct Waits;

impl Serve for Waits {
    fn serve(&self, from: &wire::Address, _: Request) -> Serving {
        panic!("{from} asks nobody")
    }
}

impl Tenant for Waits {
    fn settled(&self, _: &Arc<View>) {
        let (replier, waiter) = reply_slot();
        tokio::spawn(async move { replier.answer(7) });
        let told = waiter.wait(&Deadline::within(Duration::from_mins(1)));
        assert_eq!(told, Some(Ok(7)), "the other task goes on");
    }
}

#[test]
fn while_a_view_is_taken_the_only_worker_s_other_tasks_go_on() {
    let views = views();
    let seat = Arc::new(empty_seat(Arc::new(Waits)));
    let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let (first, second) = (views[0].clone(), views[1].clone());
    let begins = seat.clone();
    let begun = runtime.spawn(async move { begins.begin_anew(&first, ME) });
    assert_eq!(runtime.block_on(begun).unwrap(), Ok(()));
    // Another task: the first may have gone on without the worker.
    let taken = runtime.spawn(async move { seat.take(&second) });
    assert_eq!(runtime.block_on(taken).unwrap(), Ok(()));
}
