//! Entries pass from one process to another, and never come too late.

use std::sync::Arc;
use std::time::Duration;

use distcache_manager::{
    CacheManager, Cargo, Config, Draft, Entry, Error, Look, ManualClock, Parcel, Passage,
    Selection, TAG_RECORDS_MAX, Tick, Version, Write,
};

use crate::fields::{Fields, HEIR, OURS, THEIRS};

/// Bytes with which every key of these tests begins.
const ALL: &[u8] = b"ot";

fn start(data_nodes: usize) -> CacheManager {
    let config = Config { data_nodes, capacity_bytes: 16 << 20, ..Config::default() };
    CacheManager::start(config).expect("good settings")
}

/// One that answers for every key, by view 1.
fn owner(data_nodes: usize) -> CacheManager {
    let cache = start(data_nodes);
    cache.settle(1, Some(Arc::new(Fields::of(ALL)))).expect("a first view");
    cache
}

/// The view by which these tests give keys to another process.
const MOVED: u64 = 2;

/// Everything that a process has for another, in as many steps as it takes.
fn given(cache: &CacheManager, heir: u64) -> Vec<Entry> {
    let (mut parcel, mut next) = (Parcel::new(u64::MAX), Some(Passage::default()));
    while let Some(from) = next {
        let space = cache.default_keyspace();
        next = cache.give(MOVED, space, heir, from, &mut parcel).expect("it is its tenure");
    }
    parcel.into_entries()
}

/// What a wire makes of an entry.
fn sent(entry: &Entry) -> Entry {
    let tags: Vec<_> = entry.tags().collect();
    let draft = Draft::new(entry.key(), entry.value(), entry.expires()).expect("a short key");
    let draft = draft.labelled(entry.label()).tagged(&tags).expect("few tags");
    draft.entry_of(entry.version())
}

fn value(cache: &CacheManager, key: &[u8]) -> Option<Vec<u8>> {
    cache.get(key).expect("it is ours").map(|hit| hit.value.to_vec())
}

fn key(number: u32) -> Vec<u8> {
    format!("{}{number}", if number.is_multiple_of(2) { "o" } else { "t" }).into_bytes()
}

#[test]
fn an_heir_gets_all_of_its_entries_and_none_of_those_that_stay() {
    let (old, new) = (owner(3), start(2));
    let versions: Vec<Version> =
        (0..2_000).map(|n| old.put(&key(n), b"1", None).unwrap().version).collect();
    old.settle(2, Some(Arc::new(Fields::of(b"o")))).unwrap();
    new.settle(2, Some(Arc::new(Fields::of(b"t")))).unwrap();
    assert!(given(&old, HEIR + 1).is_empty(), "somebody else");
    let entries: Vec<_> = given(&old, HEIR).iter().map(sent).collect();
    assert_eq!(entries.len(), 1_000);
    assert_eq!(new.absorb(MOVED, new.default_keyspace(), entries).unwrap(), 1_000);
    assert!(given(&old, HEIR).is_empty(), "they have gone");
    for (n, version) in (0..2_000_u32).zip(versions) {
        let (here, there) = if n.is_multiple_of(2) { (&old, &new) } else { (&new, &old) };
        let hit = here.get(&key(n)).unwrap().expect("nothing was evicted");
        assert_eq!(hit.value.version(), version);
        assert_eq!(there.get(&key(n)).unwrap_err(), Error::Elsewhere);
    }
    let after = new.put(THEIRS, b"2", None).unwrap().version;
    assert!(
        (0..2_000)
            .filter(|n| n % 2 == 1)
            .all(|n| { new.get(&key(n)).unwrap().expect("it is there").value.version() < after })
    );
}

#[test]
fn an_entry_that_passes_keeps_its_end_its_tags_and_what_is_said_of_it() {
    let clock = Arc::new(ManualClock::new());
    let config = || Config { clock: clock.clone(), ..Config::default() };
    let (old, new) =
        (CacheManager::start(config()).unwrap(), CacheManager::start(config()).unwrap());
    let tags = [old.tag_hash("t")];
    let expires = old.now().after(Duration::from_secs(9));
    let content_type = Some("text/plain");
    let write = Write { expires, tags: &tags, content_type, ..Write::new(THEIRS, b"1") };
    old.put_in(old.default_keyspace(), &write).unwrap();
    old.settle(2, Some(Arc::new(Fields::none()))).unwrap();
    new.settle(2, Some(Arc::new(Fields::of(ALL)))).unwrap();
    let entries = given(&old, HEIR).iter().map(sent).collect();
    assert_eq!(new.absorb(MOVED, new.default_keyspace(), entries).unwrap(), 1);
    let hit = new.get(THEIRS).unwrap().unwrap();
    assert_eq!((hit.value.expires(), hit.value.label().content_type()), (expires, content_type));
    // The tag is the same one in both processes, whatever keys they hash by.
    new.revoke_in(new.default_keyspace(), &[new.tag_hash("t")]).unwrap();
    assert_eq!(value(&new, THEIRS), None);
}

/// A way to use a key, and what is there afterwards.
type Use = (&'static str, fn(&CacheManager));

/// Each leaves nothing behind that would stand in an old entry's way.
const USES: &[Use] = &[
    ("a delete", |cache| _ = cache.delete(THEIRS).expect("it is ours")),
    ("a put, and its end", |cache| {
        cache.put(THEIRS, b"2", None).expect("it is ours");
        evict(cache);
    }),
    ("a condition that is not met", |cache| {
        cache
            .delete_if_in(cache.default_keyspace(), THEIRS, Version::from(1))
            .expect_err("it has no value");
    }),
    ("another end", |cache| {
        let space = cache.default_keyspace();
        assert!(!cache.set_expires_in(space, THEIRS, Tick::NEVER).expect("it is ours"));
    }),
    ("a sum, and its end", |cache| {
        cache.add_in(cache.default_keyspace(), THEIRS, 1, Some(Tick::NEVER)).expect("it is ours");
        evict(cache);
    }),
    ("a clear", |cache| _ = cache.clear().expect("it is ours")),
    ("a tag", |cache| {
        cache.revoke_in(cache.default_keyspace(), &[cache.tag_hash("t")]).expect("it is ours");
    }),
    ("a prefix", |cache| {
        let selection = Selection::Prefix(THEIRS.into());
        cache.invalidate_in(cache.default_keyspace(), &selection).expect("it is ours");
    }),
    ("a load, and its end", |cache| {
        land(cache, &Cargo::Entry(Entry::new(THEIRS, b"2", Tick::NEVER).expect("it is ours")));
        evict(cache);
    }),
    ("a load of what cannot be kept", |cache| {
        land(
            cache,
            &Cargo::Entry(Entry::new(THEIRS, &vec![0; 12 << 20], Tick::NEVER).expect("it is ours")),
        );
    }),
    ("a data node more", |cache| _ = cache.add_node().expect("it is ours")),
    ("a delete, and then a data node less", |cache| {
        let owner = cache.owner(THEIRS);
        cache.delete(THEIRS).expect("it is ours");
        cache.remove_node(owner).expect("there is another one");
    }),
];

/// Makes room for others where the entry was.
fn evict(cache: &CacheManager) {
    let owner = cache.owner(THEIRS);
    let (id, hash) =
        (cache.default_keyspace().id(), cache.key_hash(cache.default_keyspace(), THEIRS));
    // As an eviction does it: nobody is told, nothing is noted.
    let gone = cache.on_node(owner, |state| state.hand_over(id, hash, THEIRS)).expect("it is ours");
    assert!(gone.is_some());
}

fn land(cache: &CacheManager, cargo: &Cargo) {
    let space = cache.default_keyspace();
    let (look, _waiter) = cache.look_in(space, THEIRS, Duration::from_mins(1)).expect("it is ours");
    let Look::Leads(lead) = look else { panic!("nobody else loads it") };
    cache.land_in(space, lead.flight(), cargo).expect("it is ours");
}

#[test]
fn what_arrives_after_its_key_was_used_is_not_taken_over() {
    for (what, make_use) in USES {
        let (old, new) = (owner(1), start(2));
        old.put(THEIRS, b"1", None).unwrap();
        old.put(b"t-other", b"1", None).unwrap();
        old.settle(2, Some(Arc::new(Fields::of(b"o")))).unwrap();
        new.settle(2, Some(Arc::new(Fields::of(b"t")))).unwrap();
        let entries: Vec<_> = given(&old, HEIR).iter().map(sent).collect();
        assert_eq!(entries.len(), 2);
        make_use(&new);
        let absorbed = new.absorb(MOVED, new.default_keyspace(), entries).unwrap();
        assert!(absorbed < 2, "{what}");
        assert_eq!(value(&new, THEIRS), None, "{what}");
    }
}

/// 1. A has given more versions of view 1 than B. Its entry's is higher than the one that
///    B notes when a tag is invalidated at both.
/// 2. View 2 gives the key to B, and A its entry, though its tag was invalidated there.
/// 3. By what B has noted, it is younger than that. A reader gets it.
///
/// The same when A has forgotten the tag, and holds all tagged entries of before for gone.
#[test]
fn an_entry_whose_tag_was_invalidated_on_its_way_does_not_arrive() {
    let (stays, tag) = (b"t-other".as_slice(), "t");
    for others in [0, TAG_RECORDS_MAX] {
        let (old, new) = (owner(1), start(1));
        new.settle(1, Some(Arc::new(Fields::none()))).unwrap();
        (0..2 * TAG_RECORDS_MAX).for_each(|_| _ = old.put(OURS, b"1", None).unwrap());
        let tags = [old.tag_hash(tag)];
        let tagged = Write { tags: &tags, ..Write::new(THEIRS, b"1") };
        old.put_in(old.default_keyspace(), &tagged).unwrap();
        old.put(stays, b"1", None).unwrap();
        for cache in [&old, &new] {
            let revoke = |tag: &str| {
                cache.revoke_in(cache.default_keyspace(), &[cache.tag_hash(tag)]).unwrap();
            };
            revoke(tag);
            (0..others).for_each(|other| revoke(&other.to_string()));
        }
        old.settle(2, Some(Arc::new(Fields::of(b"o")))).unwrap();
        new.settle(2, Some(Arc::new(Fields::of(b"t")))).unwrap();
        let entries = given(&old, HEIR).iter().map(sent).collect();
        assert_eq!(new.absorb(MOVED, new.default_keyspace(), entries), Ok(1), "{others}");
        assert_eq!(value(&new, THEIRS), None, "{others}");
        assert_eq!(value(&new, stays).as_deref(), Some(&b"1"[..]), "{others}");
    }
}

#[test]
fn a_key_that_was_only_missed_is_taken_over_when_its_entry_arrives() {
    let (old, new) = (owner(1), start(2));
    old.put(THEIRS, b"1", None).unwrap();
    old.settle(2, Some(Arc::new(Fields::of(b"o")))).unwrap();
    new.settle(2, Some(Arc::new(Fields::of(b"t")))).unwrap();
    assert_eq!(value(&new, THEIRS), None);
    let entries = given(&old, HEIR).iter().map(sent).collect();
    assert_eq!(new.absorb(MOVED, new.default_keyspace(), entries).unwrap(), 1);
    assert_eq!(value(&new, THEIRS).as_deref(), Some(&b"1"[..]));
}

#[test]
fn nothing_is_taken_over_that_is_not_ours_comes_too_late_or_has_a_version_of_this_view() {
    let new = start(1);
    let entry = |key: &[u8], version| {
        Draft::new(key, b"1", Tick::NEVER).unwrap().entry_of(Version::from(version))
    };
    let space = new.default_keyspace().clone();
    let error = new.absorb(MOVED, &space, vec![entry(THEIRS, 1)]);
    assert_eq!(error, Err(Error::Elsewhere), "it shares its keys with nobody");
    new.settle(2, Some(Arc::new(Fields::of(b"t")))).unwrap();
    let of_this_view = new.put(b"t", b"1", None).unwrap().version.get();
    assert_eq!(new.absorb(MOVED, &space, vec![entry(OURS, 1)]), Ok(0), "it is another's");
    assert_eq!(new.absorb(MOVED, &space, vec![entry(b"t-1", of_this_view)]), Ok(0), "it cannot be");
    assert_eq!(new.absorb(MOVED, &space, vec![entry(b"t-2", 1)]), Ok(1));
    new.end_arrivals(MOVED).unwrap();
    assert_eq!(new.absorb(MOVED, &space, vec![entry(b"t-3", 1)]), Ok(0), "it comes too late");
}

/// 1. View 2 gives a key to another process. Nobody asks for its entry.
/// 2. It is put there; the other process dies.
/// 3. View 3 gives the key back.
#[test]
fn what_nobody_has_asked_for_does_not_come_back_with_its_key() {
    let cache = owner(2);
    (0..2_000).for_each(|n| _ = cache.put(&key(n), b"1", None).unwrap());
    cache.settle(2, Some(Arc::new(Fields::of(b"o")))).unwrap();
    cache.settle(3, Some(Arc::new(Fields::of(ALL)))).unwrap();
    for n in 0..2_000_u32 {
        assert_eq!(value(&cache, &key(n)).is_some(), n.is_multiple_of(2), "{n}");
    }
}

/// 1. A load of a key is on its way when the key goes to another process.
/// 2. It is put there; the key comes back.
/// 3. The load lands.
#[test]
fn a_load_that_was_on_its_way_while_its_key_was_away_is_neither_kept_nor_joined() {
    let cache = owner(2);
    let (space, patience) = (cache.default_keyspace(), Duration::from_mins(1));
    let (look, _waiter) = cache.look_in(space, THEIRS, patience).unwrap();
    let Look::Leads(lead) = look else { panic!("nobody else loads it") };
    cache.settle(2, Some(Arc::new(Fields::of(b"o")))).unwrap();
    cache.settle(3, Some(Arc::new(Fields::of(ALL)))).unwrap();
    let draft = Draft::new(THEIRS, b"of before", Tick::NEVER).unwrap();
    cache.land_in(space, lead.flight(), &Cargo::Entry(draft.entry())).unwrap();
    assert_eq!(value(&cache, THEIRS), None);
    let (look, _waiter) = cache.look_in(space, THEIRS, patience).unwrap();
    assert!(matches!(look, Look::Leads(_)), "{look:?}");
}

#[test]
fn strays_that_are_dropped_free_their_memory() {
    let cache = owner(2);
    let bytes = || cache.statuses().unwrap().iter().map(|(_, status)| status.bytes).sum::<u64>();
    let entries =
        || cache.statuses().unwrap().iter().map(|(_, status)| status.entries).sum::<u64>();
    (0..2_000).for_each(|n| _ = cache.put(&key(n), &[7; 1_000], None).unwrap());
    cache.settle(2, Some(Arc::new(Fields::of(b"o")))).unwrap();
    let before = bytes();
    cache.drop_strays(MOVED).unwrap();
    assert_eq!(entries(), 1_000);
    assert!(bytes() + 1_000 * 1_000 <= before);
}

#[test]
fn a_node_that_is_full_stays_within_its_limit_while_it_notes_what_is_used() {
    let config = Config { data_nodes: 1, capacity_bytes: 1 << 20, ..Config::default() };
    let cache = CacheManager::start(config).unwrap();
    (0..4_000).for_each(|n| _ = cache.put(&key(n), &[7; 500], None).unwrap());
    cache.settle(1, Some(Arc::new(Fields::of(ALL)))).unwrap();
    let node = cache.owner(OURS);
    cache.on_node(node, |state| state.validate()).unwrap();
    (0..4_000).for_each(|n| _ = cache.put(&key(n), &[7; 500], None).unwrap());
    cache.on_node(node, |state| state.validate()).unwrap();
    cache.end_arrivals(1).unwrap();
    cache.on_node(node, |state| state.validate()).unwrap();
}

/// 1. In tenure 2 an entry is on its way to its heir.
/// 2. There its key is deleted, which is noted.
/// 3. Tenure 3 begins: what was noted is forgotten.
/// 4. The entry arrives.
#[test]
fn what_arrives_in_a_later_tenure_is_not_taken_over() {
    let (old, new) = (owner(1), start(2));
    old.put(THEIRS, b"1", None).unwrap();
    old.settle(2, Some(Arc::new(Fields::of(b"o")))).unwrap();
    new.settle(2, Some(Arc::new(Fields::of(b"t")))).unwrap();
    let entries: Vec<_> = given(&old, HEIR).iter().map(sent).collect();
    assert_eq!(entries.len(), 1);
    assert!(!new.delete(THEIRS).unwrap());
    new.settle(3, Some(Arc::new(Fields::of(b"t")))).unwrap();
    let late = new.absorb(MOVED, new.default_keyspace(), entries);
    assert_eq!(late, Err(Error::Elsewhere));
    assert_eq!(value(&new, THEIRS), None);
    // Nor does a task of the tenure before end what the next one has begun.
    assert_eq!(new.end_arrivals(MOVED), Err(Error::Elsewhere));
    let entry = Draft::new(b"t-2", b"1", Tick::NEVER).unwrap().entry_of(Version::from(1));
    assert_eq!(new.absorb(3, new.default_keyspace(), vec![entry]), Ok(1));
}

#[test]
fn nothing_is_given_in_another_tenure_than_it_is_asked_for_in() {
    let old = owner(1);
    old.put(THEIRS, b"1", None).unwrap();
    let ask = |tenure| {
        let mut parcel = Parcel::new(u64::MAX);
        let space = old.default_keyspace();
        let next = old.give(tenure, space, HEIR, Passage::default(), &mut parcel);
        next.map(|_| parcel.entries().len())
    };
    assert_eq!(ask(2), Err(Error::Elsewhere), "it answers for the key");
    old.settle(2, Some(Arc::new(Fields::of(b"o")))).unwrap();
    assert_eq!((ask(1), ask(3)), (Err(Error::Elsewhere), Err(Error::Elsewhere)));
    assert_eq!(ask(2), Ok(1));
}

/// What is given, taken and noted goes on while views come by which no key moves.
#[test]
fn a_view_by_which_no_key_moves_changes_nothing_for_entries_on_their_way() {
    let (old, new) = (owner(1), start(2));
    for key in [THEIRS, b"t-1", b"t-2"] {
        old.put(key, b"1", None).unwrap();
    }
    old.settle(2, Some(Arc::new(Fields::of(b"o")))).unwrap();
    new.settle(2, Some(Arc::new(Fields::of(b"t")))).unwrap();
    new.delete(THEIRS).unwrap();
    old.settle_alike(3, Arc::new(Fields::of(b"o"))).unwrap();
    let entries: Vec<_> = given(&old, HEIR).iter().map(sent).collect();
    assert_eq!(entries.len(), 3);
    new.settle_alike(3, Arc::new(Fields::of(b"t"))).unwrap();
    new.put(b"t-1", b"2", None).unwrap();
    assert_eq!(new.absorb(MOVED, new.default_keyspace(), entries), Ok(1));
    assert_eq!(value(&new, THEIRS), None, "it was deleted before");
    assert_eq!(value(&new, b"t-1").as_deref(), Some(&b"2"[..]));
    assert_eq!(value(&new, b"t-2").as_deref(), Some(&b"1"[..]));
}

#[test]
fn a_parcel_takes_what_it_has_room_for_and_leaves_the_rest_for_the_next() {
    const PARCEL_BYTES: u64 = 100 << 10;
    // All of them have room at one node, wherever the hash puts them.
    let value = vec![7; 30 << 10];
    let old = owner(2);
    (0..40).for_each(|n| _ = old.put(&key(n), &value, None).unwrap());
    old.settle(2, Some(Arc::new(Fields::of(b"o")))).unwrap();
    let (mut parcels, mut next) = (Vec::new(), Some(Passage::default()));
    while let Some(from) = next {
        let mut parcel = Parcel::new(PARCEL_BYTES);
        next = old.give(MOVED, old.default_keyspace(), HEIR, from, &mut parcel).unwrap();
        assert!(parcel.bytes() <= PARCEL_BYTES, "{} bytes", parcel.bytes());
        parcels.push(parcel.entries().len());
    }
    assert_eq!(parcels.iter().sum::<usize>(), 20, "{parcels:?}");
    assert!(parcels.contains(&3), "three have room: {parcels:?}");
    let mut small = Parcel::new(1);
    old.settle(3, Some(Arc::new(Fields::none()))).unwrap();
    old.give(3, old.default_keyspace(), HEIR, Passage::default(), &mut small).unwrap();
    assert_eq!(small.entries().len(), 1, "one that is longer goes alone");
}

#[test]
fn single_keys_are_given_as_far_as_there_is_room_and_to_their_heir_alone() {
    let old = owner(2);
    let keys: Vec<_> = (0..8).map(key).collect();
    keys[..6].iter().for_each(|key| _ = old.put(key, &[7; 1 << 10], None).unwrap());
    let give = |tenure, heir, bytes_max| {
        let mut parcel = Parcel::new(bytes_max);
        let (space, keys) = (old.default_keyspace(), keys.iter().map(Vec::as_slice));
        let has_room = old.give_keys(tenure, space, heir, keys, &mut parcel);
        let given: Vec<_> = parcel.entries().iter().map(|entry| entry.key().to_vec()).collect();
        has_room.map(|has_room| (has_room, given))
    };
    assert_eq!(give(MOVED, HEIR, u64::MAX), Err(Error::Elsewhere), "it answers for them");
    old.settle(MOVED, Some(Arc::new(Fields::of(b"o")))).unwrap();
    assert_eq!(give(MOVED, HEIR + 1, u64::MAX), Ok((true, vec![])), "somebody else");
    assert_eq!(give(1, HEIR, u64::MAX), Err(Error::Elsewhere), "another tenure");
    assert_eq!(give(MOVED, HEIR, 1), Ok((false, vec![keys[1].clone()])));
    let rest = vec![keys[3].clone(), keys[5].clone()];
    assert_eq!(give(MOVED, HEIR, u64::MAX), Ok((true, rest)));
    assert_eq!(give(MOVED, HEIR, u64::MAX), Ok((true, vec![])), "they have gone");
    assert!(keys[..6].iter().step_by(2).all(|key| value(&old, key).is_some()), "its own stay");
}
