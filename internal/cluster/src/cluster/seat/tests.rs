//! What a cache keeps from view to view.

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::time::Duration;

use distcache_bus::{Deadline, reply_slot};
use distcache_manager::{
    Ack, Change as Copy, Config, Copied, Draft, Keyspace, KeyspaceSpec, Parcel, Passage, Territory,
    Tick, Told, Version,
};
use tokio::runtime::Builder;

use super::*;
use crate::cluster::Whose;
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
    let seat = CacheSeat::new(cache, uptime, tenant, Duration::ZERO);
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

pub(in crate::cluster) const THIRD: MemberId = MemberId::from_number(3);

/// The other comes, and a third; then they go, one after the other.
pub(in crate::cluster) fn views_of_three() -> Vec<Arc<View>> {
    views_by(vec![
        Change::Join(member(OTHER)),
        Change::Activate(OTHER),
        Change::Join(member(THIRD)),
        Change::Activate(THIRD),
        Change::Remove { member: OTHER, term: None },
        Change::Remove { member: THIRD, term: None },
    ])
}

fn copy_of(things: &Keyspace, n: u32, version: u64) -> Copied {
    let key = key(n);
    let draft = Draft::new(&key, b"1", Tick::NEVER).unwrap();
    let change = Copy::Put(draft.entry_of(Version::from(version)));
    Copied { keyspace: things.clone(), change }
}

/// How many keys of the other it has when that is gone, of all of which it had copies,
/// if it never hears of one view. A third has come before the other goes.
fn adopted(skipped: Option<usize>) -> usize {
    let views = views_of_three();
    let seat = seat(&views);
    let spec = KeyspaceSpec { replicas: 2, ..KeyspaceSpec::default() };
    let things = seat.cache.add_keyspace("things", &spec).unwrap();
    views[1..=2].iter().for_each(|view| seat.take(view).unwrap());
    let told = Told { owner: OTHER.number(), number: 1 };
    let copies = (0..KEYS).map(|n| copy_of(&things, n, 5)).collect();
    seat.cache.keep_copies(views[2].placed(), told, copies).unwrap();
    let next = (3..views.len()).filter(|at| Some(*at) != skipped);
    next.for_each(|at| seat.take(&views[at]).unwrap());
    // Nobody gives anything, and nobody waits for it.
    seat.cache.end_arrivals(seat.cache.tenure()).unwrap();
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

/// One of three that keep all of a keyspace, and what it was told by the other: of the
/// first hundred keys all that is committed, of the rest what is not.
fn told_by_the_other(views: &[Arc<View>]) -> (CacheSeat, Keyspace) {
    let seat = seat(views);
    let spec = KeyspaceSpec { replicas: 3, ..KeyspaceSpec::default() };
    let things = seat.cache.add_keyspace("things", &spec).unwrap();
    seat.cache.journal().begin(Arc::new(|| ()));
    views[1..=4].iter().for_each(|view| seat.take(view).unwrap());
    let told = |number| Told { owner: OTHER.number(), number };
    let copies = |from, to| (from..to).map(|n| copy_of(&things, n, 5)).collect();
    let tenure = views[4].placed();
    seat.cache.keep_copies(tenure, told(1), copies(0, 100)).unwrap();
    seat.cache.keep_copies(tenure, told(2), copies(100, KEYS)).unwrap();
    seat.cache.commit_copies(told(1));
    (seat, things)
}

/// The other dies: B of the interleaving above `DataNode::adopt_some`.
#[test]
fn of_copies_that_may_not_be_committed_others_are_told_before_anybody_who_asks() {
    let views = views_of_three();
    let (seat, things) = told_by_the_other(&views);
    seat.take(&views[5]).unwrap();
    let journal = seat.cache.journal();
    let noted: Vec<u32> =
        (0..KEYS).filter(|n| 0 < journal.latest(seat.cache.key_hash(&things, &key(*n)))).collect();
    let has = |n: &u32| seat.cache.get_in(&things, &key(*n)).is_ok_and(|hit| hit.is_some());
    let adopted: Vec<u32> = (100..KEYS).filter(has).collect();
    assert!(!adopted.is_empty(), "some are its own");
    assert!(adopted.iter().all(|n| noted.contains(n)), "{noted:?}, but {adopted:?}");
    let certain = (0..100).filter(has).filter(|n| !noted.contains(n)).count();
    assert!(10 < certain, "what is committed is not told again, but for what shares a place");
}

/// The other dies: C, which keeps copies of what B owns now, which may not have heard of
/// what C has.
#[test]
fn a_copy_whose_owner_has_gone_before_it_was_committed_is_not_read_unless_the_next_one_says_so() {
    let views = views_of_three();
    let (seat, things) = told_by_the_other(&views);
    seat.take(&views[5]).unwrap();
    let version = |n: u32| {
        let copy = seat.cache.get_copy(&things, &key(n)).ok().flatten();
        copy.map(|hit| hit.value.version())
    };
    let is_theirs = |n: &u32| seat.cache.answers_for(&things, &key(*n)).is_err();
    let theirs: Vec<u32> = (0..KEYS).filter(is_theirs).collect();
    let readable: Vec<u32> = theirs.iter().copied().filter(|n| version(*n).is_some()).collect();
    assert!(readable.iter().all(|n| *n < 100), "{readable:?}");
    assert!(10 < readable.len(), "those that are committed are read, but for what shares a place");
    // The third has never heard of version 5.
    let told = Told { owner: THIRD.number(), number: 1 };
    let orphan = *theirs.last().unwrap();
    let tenure = views[5].placed();
    seat.cache.keep_copies(tenure, told, vec![copy_of(&things, orphan, 4)]).unwrap();
    assert_eq!(version(orphan), None, "it is not committed yet");
    seat.cache.commit_copies(told);
    assert_eq!(version(orphan), Some(Version::from(4)));
}

/// The other dies, and the third at once: what both had acknowledged is here.
#[test]
fn what_nobody_has_told_otherwise_is_adopted_when_the_next_owner_dies_too() {
    let views = views_of_three();
    let (seat, things) = told_by_the_other(&views);
    let before = (0..KEYS).filter(|n| seat.cache.answers_for(&things, &key(*n)).is_err());
    let theirs: Vec<u32> = before.collect();
    views[5..].iter().for_each(|view| seat.take(view).unwrap());
    let journal = seat.cache.journal();
    for n in theirs {
        assert!(seat.cache.get_in(&things, &key(n)).unwrap().is_some(), "{n}");
        let latest = journal.latest(seat.cache.key_hash(&things, &key(n)));
        assert!(n < 100 || 0 < latest, "others are told of {n}");
    }
}

/// More changes than are noted: of no copy it is known whether it is committed.
#[test]
fn of_more_copies_than_are_noted_none_is_kept_but_its_own_when_their_owner_has_gone() {
    let views = views_of_three();
    let (seat, things) = told_by_the_other(&views);
    let told = |number| Told { owner: OTHER.number(), number };
    for number in 3..=(1 << 16) + 3 {
        let again = vec![copy_of(&things, KEYS, 5)];
        seat.cache.keep_copies(views[4].placed(), told(number), again).unwrap();
    }
    let theirs = |n: &u32| seat.cache.answers_for(&things, &key(*n)).is_err();
    let before: Vec<u32> = (0..KEYS).filter(theirs).collect();
    seat.take(&views[5]).unwrap();
    let has = |n: &u32| {
        let own = seat.cache.get_in(&things, &key(*n)).ok().flatten();
        own.or_else(|| seat.cache.get_copy(&things, &key(*n)).ok().flatten()).is_some()
    };
    let (still_theirs, adopted): (Vec<u32>, Vec<u32>) = before.iter().partition(|n| theirs(n));
    assert!(!adopted.is_empty() && adopted.iter().all(has), "{adopted:?}");
    assert!(!still_theirs.is_empty() && !still_theirs.iter().any(has), "{still_theirs:?}");
}

#[test]
fn a_copy_is_read_when_it_is_known_to_be_committed_and_under_a_lease() {
    let views = views_of_three();
    let (seat, things) = told_by_the_other(&views);
    let copy_of = |n: u32| seat.cache.get_copy(&things, &key(n));
    let is_read = |n: &u32| matches!(copy_of(*n), Ok(Some(_)));
    let readable = || (0..KEYS).filter(is_read).collect::<Vec<_>>();
    let theirs = |n: &u32| seat.cache.answers_for(&things, &key(*n)).is_err();
    let certain = readable();
    assert!(certain.iter().all(|n| *n < 100 && theirs(n)), "{certain:?}");
    assert!(10 < certain.len(), "all that are committed, but for what shares a place");
    seat.cache.commit_copies(Told { owner: THIRD.number(), number: 2 });
    assert_eq!(readable(), certain, "a third says nothing of the other's changes");
    seat.cache.commit_copies(Told { owner: OTHER.number(), number: 2 });
    assert_eq!(readable(), (0..KEYS).filter(theirs).collect::<Vec<_>>());
    seat.standing.get().unwrap().end();
    assert_eq!(readable(), [0_u32; 0]);
    assert_eq!(copy_of(1).map(drop), Err(Error::Elsewhere));
}

/// The other is in zone `b`, a third and a fourth in `a`, as this one is: of two that hold
/// an entry one is there.
#[test]
fn a_key_of_which_others_keep_copies_is_read_from_one_of_them_in_the_own_zone() {
    const FOURTH: MemberId = MemberId::from_number(4);
    let zoned = |id, zone: &str| Member { zone: Some(zone.into()), ..member(id) };
    let (cluster, members) = (ClusterId::from_number(7), vec![zoned(ME, "a")]);
    let comers = [zoned(OTHER, "b"), zoned(THIRD, "a"), zoned(FOURTH, "a")];
    let founded = Change::Found { cluster, hash_key: [1; 16], members, complete: true };
    let come = |member: Member| [Change::Join(member.clone()), Change::Activate(member.id)];
    let changes = std::iter::once(founded).chain(comers.into_iter().flat_map(come));
    let mut roster = Roster::default();
    let views = (1..).zip(changes).map(|(index, change)| {
        roster.apply(index, 1, change);
        Arc::new(View::new(roster.clone()).unwrap())
    });
    let views: Vec<_> = views.collect();
    let seat = seat(&views);
    views[1..].iter().for_each(|view| seat.take(view).unwrap());
    let spec = KeyspaceSpec { replicas: 2, ..KeyspaceSpec::default() };
    let things = seat.cache.add_keyspace("things", &spec).unwrap();
    let holding = seat.holding().unwrap();
    let (mut own, mut near) = (0, HashSet::new());
    for n in 0..KEYS {
        match holding.reader(&things, &key(n)) {
            Whose::Ours => own += 1,
            Whose::Theirs(address) => _ = near.insert(address.to_string()),
            Whose::Nobody => panic!("{n} has holders"),
        }
    }
    assert!(0 < own, "what it keeps itself it asks nobody for");
    assert_eq!(near, HashSet::from([format!("{THIRD}:1"), format!("{FOURTH}:1")]));
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
fn many_keys_are_claimed_as_each_of_them_is() {
    let views = views();
    let seat = seat(&views);
    seat.take(&views[2]).unwrap();
    let holding = seat.holding().unwrap();
    let space = seat.cache.default_keyspace();
    let keys: Vec<_> = (0..100).map(|number| format!("key {number}")).collect();
    let each = || keys.iter().map(String::as_bytes);
    let alike = |wanted: fn(usize) -> bool| {
        let many = holding.claims(space, &mut each());
        assert!(each().map(|key| holding.claim(space, key)).eq(many.iter().copied()));
        assert!(wanted(many.iter().flatten().count()), "{many:?}");
    };
    alike(|count| 0 < count && count < 100);
    seat.standing.get().unwrap().end();
    alike(|count| count == 0);
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

/// 1. The other leaves. A put of one of its keys is not acknowledged, and asked here.
/// 2. The copy here is not adopted yet: nobody knows whether the put was made.
#[test]
fn where_others_are_asked_first_nobody_answers_for_a_key_that_was_gained_before_that() {
    let views = views_of_three();
    let seat = seat(&views);
    let spec = KeyspaceSpec { replicas: 3, ack: Ack::Quorum, ..KeyspaceSpec::default() };
    let things = seat.cache.add_keyspace("things", &spec).unwrap();
    let answered = || -> HashSet<u32> {
        let is_ours = |n: &u32| seat.cache.answers_for(&things, &key(*n)).is_ok();
        (0..KEYS).filter(is_ours).collect()
    };
    views[1..=4].iter().for_each(|view| seat.take(view).unwrap());
    seat.note_adopted(views[4].placed());
    let before = answered();
    seat.take(&views[5]).unwrap();
    assert_eq!(answered(), before, "of its own it knows all");
    seat.note_adopted(views[5].placed());
    let after = answered();
    assert!(before.is_subset(&after) && before.len() < after.len(), "{}", after.len());
}
