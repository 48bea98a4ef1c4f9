//! Changes as they travel.

use std::sync::Arc;

use distcache_manager::{
    CacheManager, Change, Copied, Entry, Keyspace, Record, Seeds, Selection, Tick, Version,
};

use super::super::Holding;
use super::super::handover::page;
use crate::proto::follow::Place;
use crate::proto::followed::change::Kind;
use crate::proto::followed::{Change as Sent, Revoke};
use crate::proto::{Followed, Nothing};

/// The keyspaces that a message names, each once.
#[derive(Default)]
pub(super) struct Names(Vec<String>);

impl Names {
    fn place(&mut self, name: &str) -> u32 {
        let at = self.0.iter().position(|held| held == name).unwrap_or_else(|| {
            self.0.push(name.to_owned());
            self.0.len() - 1
        });
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    pub(super) fn into_vec(self) -> Vec<String> {
        self.0
    }
}

/// What was done, as it is sent: to who keeps copies, or may have a near copy to drop. `now`
/// is by the clock of the entries.
pub(super) fn sent(
    record: &Record,
    keyspace: &Keyspace,
    keeps: bool,
    names: &mut Names,
    now: Tick,
) -> Sent {
    let kind = match &record.change {
        Change::Put(entry) if keeps => put(entry, now),
        Change::Put(entry) => Kind::Forget(entry.key().to_vec().into()),
        Change::Forget(key) => Kind::Forget(key.to_vec().into()),
        Change::Clear => Kind::Clear(Nothing {}),
        Change::Revoke(tags, version) => {
            Kind::Revoke(Revoke { tags: tags.to_vec(), version: version.get() })
        }
        Change::Remove(selection @ Selection::Prefix(_)) => {
            Kind::Prefix(selection.text().to_vec().into())
        }
        Change::Remove(selection @ Selection::Pattern(_)) => {
            Kind::Pattern(selection.text().to_vec().into())
        }
    };
    let number = if keyspace.laggards() == 0 { 0 } else { record.number };
    Sent { keyspace: names.place(keyspace.name()), kind: Some(kind), number }
}

/// An entry that was read off, as it is sent; nothing of one whose time is over.
pub(super) fn seed(
    entry: &Entry,
    keyspace: &Keyspace,
    names: &mut Names,
    now: Tick,
) -> Option<Sent> {
    let kind = Some(Kind::Put(page::sent(entry, now)?));
    Some(Sent { keyspace: names.place(keyspace.name()), kind, number: 0 })
}

/// That a key has an entry; or none, if that has ended by now.
fn put(entry: &Entry, now: Tick) -> Kind {
    page::sent(entry, now).map_or_else(|| Kind::Forget(entry.key().to_vec().into()), Kind::Put)
}

/// The changes that were sent, of keyspaces that there are here: `counted_from` is from
/// when on the time that entries have left is counted. `None` if one is not understood.
pub(super) fn received(
    followed: Followed,
    cache: &CacheManager,
    counted_from: Tick,
) -> Option<Vec<Copied>> {
    let keyspaces: Vec<Option<Keyspace>> =
        followed.keyspaces.iter().map(|name| cache.keyspace(name)).collect();
    let mut changes = Vec::with_capacity(followed.changes.len());
    for Sent { keyspace, kind, .. } in followed.changes {
        let keyspace = keyspaces.get(usize::try_from(keyspace).ok()?)?;
        let change = change(kind?, counted_from)?;
        changes.extend(keyspace.clone().map(|keyspace| Copied { keyspace, change }));
    }
    Some(changes)
}

/// Those changes that were sent with their numbers, and the places of their keys among the
/// members; none of one that is about many keys. Also of keyspaces that there are not here:
/// who has not made a change must not be taken for one who knows of none.
pub(super) fn numbered(followed: &Followed, holding: &Holding) -> Vec<(u64, Option<u64>)> {
    let numbered = followed.changes.iter().filter(|change| change.number != 0);
    let place = |Sent { keyspace, kind, number }: &Sent| {
        let key = match kind {
            Some(Kind::Put(entry)) => Some(&entry.key),
            Some(Kind::Forget(key)) => Some(key),
            _ => None,
        };
        let name = followed.keyspaces.get(usize::try_from(*keyspace).ok()?)?;
        let name_hash = Keyspace::hash_of_name(name);
        Some((*number, key.map(|key| holding.place_in(name_hash, key))))
    };
    numbered.filter_map(place).collect()
}

fn change(kind: Kind, counted_from: Tick) -> Option<Change> {
    Some(match kind {
        Kind::Put(entry) => Change::Put(page::received(&entry, counted_from)?),
        Kind::Forget(key) => Change::Forget(key.to_vec().into()),
        Kind::Clear(Nothing {}) => Change::Clear,
        Kind::Revoke(Revoke { tags, version }) => {
            Change::Revoke(Arc::from(tags), Version::from(version))
        }
        Kind::Prefix(prefix) => Change::Remove(Selection::Prefix(prefix.to_vec().into())),
        Kind::Pattern(pattern) => Change::Remove(Selection::pattern(&pattern)),
    })
}

/// Where to go on with what lies at an owner.
pub(super) fn place(keyspace: &str, Seeds { node, at }: Seeds) -> Place {
    let keyspace = keyspace.to_owned();
    Place { keyspace, node: node as u64, table: at.table as u64, slot: at.slot }
}

pub(super) fn seeds(place: &Place) -> Seeds {
    // A place that there is not is the end.
    let number = |number| usize::try_from(number).unwrap_or(usize::MAX);
    let mut seeds = Seeds { node: number(place.node), ..Seeds::default() };
    (seeds.at.table, seeds.at.slot) = (number(place.table), place.slot);
    seeds
}

#[cfg(test)]
mod tests {
    use distcache_manager::{Draft, Label};

    use super::*;

    /// Only who asks its source may use it; who copies it has no copy of what was before.
    #[test]
    fn what_is_kept_only_to_be_asked_for_is_no_copy() {
        let label = Label::new(None, Some("\"tag\"")).expect("a short one");
        let draft = Draft::new(b"key", b"value", Tick::NEVER).expect("a short key");
        let draft = draft.labelled(label);
        assert!(matches!(put(&draft.entry(), Tick::ZERO), Kind::Put(_)));
        assert_eq!(put(&draft.no_cache().entry(), Tick::ZERO), Kind::Forget(b"key"[..].into()));
    }

    #[test]
    fn an_entry_whose_time_is_over_is_no_copy() {
        let ends = Tick::ZERO.after(std::time::Duration::from_secs(1));
        let draft = Draft::new(b"key", b"value", ends).expect("a short key");
        assert!(matches!(put(&draft.entry(), Tick::ZERO), Kind::Put(_)));
        assert_eq!(put(&draft.entry(), ends), Kind::Forget(b"key"[..].into()));
    }
}
