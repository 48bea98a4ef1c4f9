//! What was loaded before a key was changed or forgotten is not served after.
//!
//! The public story of this fault: a service asks a cache for a user's roles;
//! the load reads them from the database; a role is revoked there, and the
//! cache's entry invalidated; the load returns, and fills the cache with the
//! roles of before. Whoever asks is granted what was revoked, until the entry's
//! time is over.

use distcache::{Answer, KeyspaceConfig, Loaded};

use crate::support::{LONG, Origin, keyspace, over, text};

/// One way to forget a key, through the engine.
type Forget = fn(&distcache::Keyspace);

const FORGETS: [(&str, Forget); 5] = [
    ("delete", |things| _ = things.delete(b"a").expect("an answer")),
    ("invalidate", |things| _ = things.invalidate(b"a").expect("an answer")),
    ("tag", |things| things.invalidate_tags(&["roles"]).expect("an answer")),
    ("prefix", |things| _ = things.invalidate_prefix(b"a").expect("an answer")),
    ("clear", |things| _ = things.clear().expect("an answer")),
];

fn roles(value: &str) -> Answer {
    Loaded::new(value).tag("roles").into()
}

#[test]
fn a_revoked_role_does_not_come_back_with_a_load_that_began_before() {
    for (name, forget) in FORGETS {
        for entries_max in [u64::MAX, 4] {
            let origin = Origin::new("");
            origin.set(roles("admin"));
            let (_engine, things, _) = keyspace(over(&origin).entries_max(entries_max));
            origin.close_gate();
            std::thread::scope(|scope| {
                let early = scope.spawn(|| things.get(b"a"));
                origin.wait_for_calls_at_gate(1);
                // The role is revoked in the database, and then here.
                origin.set(roles("reader"));
                forget(&things);
                let late = scope.spawn(|| things.get(b"a"));
                if name == "tag" {
                    // Nobody knows yet which tags the value bears: it waits too.
                    while things.stats().expect("an answer").collapsed == 0 {
                        std::thread::yield_now();
                    }
                } else {
                    origin.wait_for_calls_at_gate(2);
                }
                origin.open_gate();
                let early = early.join().expect("no panic").unwrap().unwrap();
                assert_eq!(text(&early), "admin", "it asked before the role was revoked");
                let late = late.join().expect("no panic").unwrap().unwrap();
                assert_eq!(text(&late), "reader", "{name}");
            });
            assert_eq!(text(&things.get(b"a").unwrap().unwrap()), "reader", "{name}");
        }
    }
}

#[test]
fn a_put_is_not_overwritten_by_a_load_that_began_before_it() {
    let origin = Origin::new("loaded");
    let (_engine, things, _) = keyspace(over(&origin));
    origin.close_gate();
    std::thread::scope(|scope| {
        let early = scope.spawn(|| things.get(b"a"));
        origin.wait_for_calls_at_gate(1);
        things.put(b"a", b"put").unwrap();
        let early = early.join().expect("no panic").unwrap().unwrap();
        assert_eq!(text(&early), "put", "whoever waited gets it at once");
        origin.open_gate();
        things.within(LONG).get(b"b").unwrap();
    });
    assert_eq!(text(&things.get(b"a").unwrap().unwrap()), "put");
}

#[test]
fn a_lease_is_lost_though_what_it_is_for_was_evicted_meanwhile() {
    let origin = Origin::new("old");
    let (_engine, things, _) = keyspace(over(&origin).entries_max(4));
    origin.close_gate();
    std::thread::scope(|scope| {
        let early = scope.spawn(|| things.get(b"a"));
        origin.wait_for_calls_at_gate(1);
        origin.set(Answer::from("new"));
        things.put(b"a", b"new").unwrap();
        for key in 0..=255_u8 {
            things.put(&[key, key], b"flood").unwrap();
        }
        assert!(things.peek(b"a").unwrap().is_none(), "it was evicted");
        origin.open_gate();
        early.join().expect("no panic").unwrap();
        // The other load was held at the gate with it, and has ended as well.
        while things.stats().expect("an answer").loads == 0 {
            std::thread::yield_now();
        }
    });
    assert_eq!(text(&things.get(b"a").unwrap().unwrap()), "new");
}

#[test]
fn not_found_does_not_hide_a_value_that_was_created_meanwhile() {
    let origin = Origin::new("");
    origin.set(Answer::NotFound);
    let config = over(&origin).negative_ttl(LONG);
    let (_engine, things, _) = keyspace(config);
    origin.close_gate();
    std::thread::scope(|scope| {
        let early = scope.spawn(|| things.get(b"a"));
        origin.wait_for_calls_at_gate(1);
        origin.set(Answer::from("created"));
        things.invalidate(b"a").unwrap();
        origin.open_gate();
        assert!(early.join().expect("no panic").unwrap().is_none());
    });
    assert_eq!(text(&things.get(b"a").unwrap().unwrap()), "created");
}

#[test]
fn every_invalidation_counts_though_another_is_being_made() {
    let (_engine, things, _) = keyspace(KeyspaceConfig::new("things"));
    for round in 0..200_u32 {
        let value = round.to_string();
        std::thread::scope(|scope| {
            let put = scope.spawn(|| things.put(b"a", value.as_bytes()));
            let deletes = [0; 2].map(|_| scope.spawn(|| things.delete(b"a")));
            put.join().expect("no panic").unwrap();
            for delete in deletes {
                delete.join().expect("no panic").unwrap();
            }
        });
        things.delete(b"a").unwrap();
        assert!(things.get(b"a").unwrap().is_none());
    }
}

#[test]
fn both_of_two_puts_are_told_the_truth() {
    let (_engine, things, _) = keyspace(KeyspaceConfig::new("things"));
    for _ in 0..200 {
        let (one, other) = std::thread::scope(|scope| {
            let one = scope.spawn(|| things.put(b"a", b"1"));
            let other = scope.spawn(|| things.put(b"a", b"2"));
            (one.join().expect("no panic").unwrap(), other.join().expect("no panic").unwrap())
        });
        let found = things.get(b"a").unwrap().unwrap();
        assert_eq!(found.version(), one.max(other));
        assert_eq!(text(&found), if one < other { "2" } else { "1" });
    }
}
