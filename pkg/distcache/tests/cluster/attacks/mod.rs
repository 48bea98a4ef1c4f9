//! One who speaks the members' language and means harm, at the port of a real member: it is
//! refused or cut off, and every entry stays as it was.

mod flips;
mod frames;
mod sessions;
mod stranger;
mod views;

use std::collections::BTreeMap;
use std::time::Duration;

use distcache::{Engine, Keyspace, KeyspaceConfig};

use crate::fleet::{Fleet, members};

const KEYSPACE: &str = "plain";

/// Each key with its value and version.
type Entries = BTreeMap<Vec<u8>, (Vec<u8>, u64)>;

/// Without a source: a read that misses adds nothing.
fn plain() -> Vec<KeyspaceConfig> {
    vec![KeyspaceConfig::new(KEYSPACE).ttl(Duration::from_hours(1))]
}

/// A member that has entries.
fn filled() -> (Fleet, Keyspace) {
    let fleet = Fleet::of(1, plain);
    let space = fleet.engines[0].keyspace(KEYSPACE).expect("it was set up");
    for n in 0..8 {
        space.put(format!("key-{n}").as_bytes(), format!("secret {n}").as_bytes()).expect("room");
    }
    (fleet, space)
}

fn address(engine: &Engine) -> String {
    members(engine).address
}

/// All entries of a keyspace, as whoever reads them finds them.
fn entries(space: &Keyspace) -> Entries {
    let mut entries = Entries::new();
    let mut from = None;
    loop {
        let page = space.scan(b"*", from, 1_000).expect("it has a lease");
        for key in page.keys {
            let Some(found) = space.peek(&key).expect("it has a lease") else { continue };
            entries.insert(key.into(), (found.to_vec(), found.version().get()));
        }
        from = page.next;
        if from.is_none() {
            return entries;
        }
    }
}
