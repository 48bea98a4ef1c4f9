//! What concerns the keys of all members.

use std::collections::BTreeSet;

use distcache::{CacheError, Engine, Error, Item, Keyspace, KeyspaceConfig};

use crate::fleet::Fleet;

fn plain() -> Vec<KeyspaceConfig> {
    vec![KeyspaceConfig::new("plain")]
}

fn key(n: u32) -> Vec<u8> {
    format!("{}-{n}", if n.is_multiple_of(2) { "even" } else { "odd" }).into_bytes()
}

fn filled(fleet: &Fleet) -> Vec<Keyspace> {
    let spaces: Vec<_> = fleet
        .engines
        .iter()
        .map(|engine: &Engine| engine.keyspace("plain").expect("it is there"))
        .collect();
    for n in 0..600 {
        let tag = if n % 3 == 0 { "third" } else { "other" };
        let space = &spaces[(n % 3) as usize];
        space.put_item(&Item::new(&key(n), b"1").tag(tag)).expect("it is put");
    }
    spaces
}

fn held(space: &Keyspace) -> Vec<u32> {
    (0..600).filter(|&n| space.get(&key(n)).expect("it is read").is_some()).collect()
}

#[test]
fn a_clear_a_tag_and_a_prefix_reach_every_member() {
    let fleet = Fleet::of(3, plain);
    let spaces = filled(&fleet);
    spaces[0].invalidate_tags(&["third"]).unwrap();
    let left: Vec<u32> = (0..600).filter(|n| n % 3 != 0).collect();
    assert!(spaces.iter().all(|space| held(space) == left));
    assert_eq!(spaces[1].invalidate_prefix(b"even").unwrap(), 200, "of each member's");
    let left: Vec<u32> = left.into_iter().filter(|n| n % 2 != 0).collect();
    assert!(spaces.iter().all(|space| held(space) == left));
    assert!(left.len() <= spaces[2].clear().unwrap());
    assert!(spaces.iter().all(|space| held(space).is_empty()));
}

#[test]
fn a_scan_finds_the_keys_of_all_members_from_each() {
    let fleet = Fleet::of(3, plain);
    for space in filled(&fleet) {
        let (mut found, mut from) = (BTreeSet::new(), None);
        loop {
            let page = space.scan(b"odd-*", from, 50).unwrap();
            found.extend(page.keys.into_iter().map(Vec::from));
            // As a client would hand it back.
            from = page.next.map(|next| next.to_string().parse().unwrap());
            if from.is_none() {
                break;
            }
        }
        let odd: BTreeSet<_> = (0..600).filter(|n| n % 2 == 1).map(key).collect();
        assert_eq!(found, odd);
    }
}

/// More than a value may have, and more than members tell each other at once.
#[test]
fn however_many_tags_are_named_the_answer_is_the_same_everywhere() {
    let fleet = Fleet::of(3, plain);
    let spaces = filled(&fleet);
    let names: Vec<String> = (0..70_000).map(|n| format!("tag-{n}")).collect();
    for key in fleet.a_key_of_each("plain") {
        for space in &spaces {
            let item = names[..100].iter().fold(Item::new(&key, b"2"), |item, tag| item.tag(tag));
            let of_one = space.put_item(&item).unwrap_err();
            let of_many = space.put_many(&[item]).pop().expect("one answer").unwrap_err();
            for error in [of_one, of_many] {
                let is_told = matches!(error, Error::Cache(CacheError::TooManyTags { tags: 100 }));
                assert!(is_told, "{error}");
            }
        }
    }
    let all: Vec<&str> = names.iter().map(String::as_str).chain(["third"]).collect();
    spaces[0].invalidate_tags(&all).unwrap();
    // More than are remembered: others may have gone, too.
    assert!(spaces.iter().all(|space| held(space).iter().all(|n| n % 3 != 0)));
}
