//! Requests of one who knows an old view, or says so.

use bytes::Bytes;
use distcache_cluster::proto::reply::Outcome;
use distcache_cluster::proto::request::Operation;
use distcache_cluster::proto::{GetMany, Reply, Request, Scan, TakePage, many_read};

use super::stranger::{Stranger, delete, found, get, put, request};
use super::{KEYSPACE, address, entries, plain};
use crate::fleet::{Fleet, members};

/// Epochs that are none, are over, or are yet to come.
fn other_epochs(epoch: u64) -> impl Iterator<Item = u64> {
    [0, 1, epoch - 1, epoch + 1, u64::MAX].into_iter()
}

fn is_moved(reply: &Reply) -> bool {
    matches!(reply.outcome, Some(Outcome::Moved(_)))
}

/// Two members; a third comes, and has keys of theirs.
#[test]
fn who_asks_an_old_owner_by_an_old_view_is_told_that_it_moved_and_nothing_has_changed() {
    let mut fleet = Fleet::of(2, plain);
    let space = fleet.engines[0].keyspace(KEYSPACE).unwrap();
    let keys: Vec<_> = (0..64).map(|n| format!("key-{n}").into_bytes()).collect();
    for key in &keys {
        space.put(key, b"secret").unwrap();
    }
    let old = members(&fleet.engines[0]).epoch;
    let owners: Vec<_> = keys.iter().map(|key| fleet.owner(KEYSPACE, key)).collect();
    let joined = fleet.start(plain());
    fleet.engines.push(joined);
    fleet.settle();
    let moved = keys.iter().zip(owners).filter(|(key, _)| fleet.owner(KEYSPACE, key) == 2);
    let moved: Vec<_> = moved.collect();
    assert!(!moved.is_empty(), "some keys have moved");
    let before = entries(&space);
    for (key, was) in moved {
        let mut stranger = Stranger::linked(&address(&fleet.engines[was]));
        for epoch in [old, old - 1, 0] {
            for operation in [get(key), put(key, b"of the stranger"), delete(key)] {
                let reply = stranger.asks(Request { epoch, ..request(operation) });
                assert!(is_moved(&reply), "{reply:?}");
                assert!(old < reply.epoch, "it says by which view");
            }
            let (keyspace, keys) = (KEYSPACE.to_owned(), vec![Bytes::copy_from_slice(key)]);
            let operation = Operation::GetMany(GetMany { keyspace, keys, ..GetMany::default() });
            let reply = stranger.asks(Request { epoch, ..request(operation) });
            let Some(Outcome::GetMany(many)) = reply.outcome else { panic!("{reply:?}") };
            let [many_read::Result { result }] = &many.results[..] else { panic!("{many:?}") };
            assert!(matches!(result, Some(many_read::result::Result::Moved(_))), "{result:?}");
        }
    }
    assert_eq!(entries(&space), before);
}

/// What counts is who has the key: whatever epoch a read bears, it is answered by the view
/// that there is, and says so.
#[test]
fn the_owner_answers_reads_by_its_own_view_whatever_epoch_they_bear() {
    let fleet = Fleet::of(2, plain);
    let space = fleet.engines[0].keyspace(KEYSPACE).unwrap();
    let keys = fleet.a_key_of_each(KEYSPACE);
    for key in &keys {
        space.put(key, b"secret").unwrap();
    }
    let (before, epoch) = (entries(&space), members(&fleet.engines[0]).epoch);
    let mut stranger = Stranger::linked(&address(&fleet.engines[0]));
    for epoch_said in other_epochs(epoch) {
        let asks = |operation| Request { epoch: epoch_said, ..request(operation) };
        let own = stranger.asks(asks(get(&keys[0])));
        assert_eq!((found(&own).unwrap().as_ref(), own.epoch), (&b"secret"[..], epoch));
        let other = stranger.asks(asks(get(&keys[1])));
        assert!(is_moved(&other) && other.epoch == epoch, "{other:?}");
        let other = stranger.asks(asks(put(&keys[1], b"of the stranger")));
        assert!(is_moved(&other), "{other:?}");
    }
    assert_eq!(entries(&space), before);
}

/// A page is given to the heir of this tenure only, and of what is not the member's own.
#[test]
fn who_asks_for_entries_of_another_tenure_is_told_that_it_moved_and_none_is_given() {
    let fleet = Fleet::of(2, plain);
    let space = fleet.engines[0].keyspace(KEYSPACE).unwrap();
    for n in 0..64 {
        space.put(format!("key-{n}").as_bytes(), b"secret").unwrap();
    }
    let (before, told) = (entries(&space), members(&fleet.engines[0]));
    let heirs = told.members.iter().map(|member| member.id.number());
    let mut stranger = Stranger::linked(&address(&fleet.engines[0]));
    for heir in heirs.chain([0, 7]) {
        let mut given = 0;
        for tenure in (0..=told.epoch + 2).chain([u64::MAX]) {
            let keyspace = KEYSPACE.to_owned();
            let ask = TakePage { keyspace, heir, tenure, ..TakePage::default() };
            let reply = stranger.asks(request(Operation::TakePage(ask)));
            match &reply.outcome {
                Some(Outcome::TakePage(page)) => {
                    assert!(page.entries.is_empty(), "{tenure}: {} entries", page.entries.len());
                    given += 1;
                }
                _ => assert!(is_moved(&reply), "{tenure}: {reply:?}"),
            }
        }
        assert!(given <= 1, "one tenure is this one");
    }
    assert_eq!(entries(&space), before);
}

/// However much is asked for: the answer is one page.
#[test]
fn a_scan_for_another_member_looks_at_so_many_entries_at_once() {
    let fleet = Fleet::of(1, plain);
    let space = fleet.engines[0].keyspace(KEYSPACE).unwrap();
    let keys: Vec<_> = (0..12_000).map(|n| format!("key-{n}")).collect();
    for key in &keys {
        space.put(key.as_bytes(), b"v").unwrap();
    }
    let mut stranger = Stranger::linked(&address(&fleet.engines[0]));
    let scan = Scan { keyspace: KEYSPACE.to_owned(), entries: u32::MAX, ..Scan::default() };
    let reply = stranger.asks(request(Operation::Scan(scan)));
    let Some(Outcome::Scan(page)) = reply.outcome else { panic!("no page") };
    assert!(page.keys.len() <= 11_000 && page.next.is_some(), "{} keys", page.keys.len());
}
