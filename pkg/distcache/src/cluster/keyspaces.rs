//! Keyspaces that all members have, because they have agreed on them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::{Away, SharedKeyspace};
use crate::{Error, KeyspaceConfig};

/// How long a change may take until every member has made it: a member that died is
/// missed for a lease and a little more.
const AGREEMENT_WAIT: Duration = Duration::from_secs(10);

impl Away {
    /// Whether the members are to agree on a keyspace: it can be written down whole.
    pub(crate) fn shares(&self, config: &KeyspaceConfig) -> bool {
        self.is_open() && SharedKeyspace::can_be(config)
    }

    /// What the members have agreed on of a keyspace of this name.
    pub(crate) fn shared(&self, name: &str) -> Option<SharedKeyspace> {
        let holding = self.part()?.holding()?;
        SharedKeyspace::read(holding.view().keyspaces().get(name)?)
    }

    /// Has every member have a keyspace, or work it in another way.
    pub(crate) fn share(&self, name: &str, shared: &SharedKeyspace) -> Result<(), Error> {
        self.agree(name, Some(shared.written()))
    }

    /// Has every member remove a keyspace.
    pub(crate) fn unshare(&self, name: &str) -> Result<(), Error> {
        self.agree(name, None)
    }

    fn agree(&self, name: &str, settings: Option<Value>) -> Result<(), Error> {
        let part = self.part().ok_or(Error::NoLease)?;
        let epoch = part.agree(name, settings)?;
        part.wait_for_all(epoch, AGREEMENT_WAIT)
    }
}

/// What changes for a process when the members agree on other keyspaces.
#[derive(Debug, Default)]
pub(crate) struct Agreed(BTreeMap<String, SharedKeyspace>);

/// One such change.
#[derive(Debug, PartialEq)]
pub(crate) enum Turn {
    Add(String, SharedKeyspace),
    Change(String, SharedKeyspace),
    Remove(String),
}

impl Agreed {
    /// Takes what a view says. Returns what has to be done, in order.
    pub(crate) fn turn_to(&mut self, view: &BTreeMap<String, Value>) -> Vec<Turn> {
        let read = |(name, value): (&String, &Value)| {
            let shared = SharedKeyspace::read(value);
            if shared.is_none() {
                log::error!("a keyspace is left out: only a newer version understands it");
            }
            Some((name.clone(), shared?))
        };
        let next: BTreeMap<_, _> = view.iter().filter_map(read).collect();
        let mut turns = Vec::new();
        for (name, before) in &self.0 {
            // One that was removed and added again is another one, and empty.
            if next.get(name).is_none_or(|now| now.id != before.id) {
                turns.push(Turn::Remove(name.clone()));
            }
        }
        for (name, now) in &next {
            match self.0.get(name) {
                Some(before) if before == now => {}
                Some(before) if before.id == now.id => {
                    turns.push(Turn::Change(name.clone(), now.clone()));
                }
                _ => turns.push(Turn::Add(name.clone(), now.clone())),
            }
        }
        self.0 = next;
        turns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_view_is_told_by_what_it_changes() {
        let of = |id, ttl| {
            let config = KeyspaceConfig::new("any").ttl(Duration::from_secs(ttl));
            SharedKeyspace::new(id, config.settings())
        };
        let view = |all: &[(&str, &SharedKeyspace)]| -> BTreeMap<String, Value> {
            all.iter().map(|(name, shared)| ((*name).to_owned(), shared.written())).collect()
        };
        let (a, b) = (of(1, 1), of(2, 1));
        let mut agreed = Agreed::default();
        let add = |name: &str, shared: &SharedKeyspace| Turn::Add(name.to_owned(), shared.clone());
        assert_eq!(agreed.turn_to(&view(&[("a", &a)])), [add("a", &a)]);
        assert_eq!(agreed.turn_to(&view(&[("a", &a)])), []);
        let longer = of(1, 2);
        let change = Turn::Change("a".to_owned(), longer.clone());
        assert_eq!(agreed.turn_to(&view(&[("a", &longer), ("b", &b)])), [change, add("b", &b)]);
        let anew = of(3, 2);
        let turns = agreed.turn_to(&view(&[("a", &anew)]));
        let remove = |name: &str| Turn::Remove(name.to_owned());
        assert_eq!(turns, [remove("a"), remove("b"), add("a", &anew)]);
    }
}
