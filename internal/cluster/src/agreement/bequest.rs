//! Keyspaces outlive the cluster whose members have agreed on them.
//!
//! 1. A, B and C have agreed on a keyspace. B and C die, and are started again.
//! 2. They are two of three, and found another cluster, in which A is from then on.
//! 3. Whoever puts into the keyspace is told that there is none.
//!
//! ```text
//!   B leads a cluster that has no view yet
//!
//!   B                                          C               A
//!    ├── Bequest {after: none} ───────────────►├──────────────►│
//!    │◄───────────────── {epoch: 0, is_all} ───┤               │
//!    │◄───────────────── {epoch: 9, a … m} ────┼───────────────┤
//!    ├── Bequest {after: m} ───────────────────┼──────────────►│
//!    │◄───────────────── {epoch: 9, n … z, is_all} ────────────┤
//!    │  has them agreed upon, and then the first view
//! ```
//!
//! So whoever leads asks all who are listed, whether they are with it or not, what their
//! last views had, and has that of the latest epoch agreed upon again. A change that was
//! acknowledged is in it, if one answers who was there: all members had taken it by then.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::agreement::Desk;
use super::message::{Answer, Question};
use super::stay::Stay;
use crate::view::{Address, Change, KEYSPACES_MAX, Outcome, View};

/// So many keyspaces are told, and agreed upon, at once: as many entries as the log sends.
pub(super) const KEYSPACES_AT_ONCE: usize = 64;

/// Some of the keyspaces of a process's last view, in the order of their names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Bequest {
    /// The view's; 0 without one.
    pub(super) epoch: u64,
    /// The settings of each, by its name.
    pub(super) keyspaces: BTreeMap<String, Value>,
    /// There are no more after these.
    pub(super) is_all: bool,
}

impl Bequest {
    fn of(view: &View, after: Option<&String>) -> Self {
        let from = after.map_or(Unbounded, Excluded);
        let mut rest = view.keyspaces().range::<String, _>((from, Unbounded));
        let some = rest.by_ref().take(KEYSPACES_AT_ONCE);
        let keyspaces = some.map(|(name, settings)| (name.clone(), settings.clone())).collect();
        Self { epoch: view.epoch(), keyspaces, is_all: rest.next().is_none() }
    }
}

impl Desk {
    /// What this process's last view had after a name; with none, from the first on.
    pub(super) fn bequest(&self, after: Option<&String>) -> Bequest {
        let last = self.last.lock().clone();
        let nothing = Bequest { is_all: true, ..Bequest::default() };
        last.map_or(nothing, |view: Arc<View>| Bequest::of(&view, after))
    }

    /// Has those keyspaces agreed upon that were there last, by what is known to these and
    /// to all who are listed. A leader that came before may have done so in part.
    pub(super) async fn inherit(
        &self,
        stay: &Stay,
        founders: impl Iterator<Item = Address>,
    ) -> Result<(), String> {
        let mut others: BTreeSet<Address> = founders.chain(self.others()).collect();
        others.remove(&self.settings.address);
        let told = join_all(others.iter().map(|other| self.ask_bequest(other, None))).await;
        let told = told
            .into_iter()
            .zip(&others)
            .filter_map(|(bequest, other)| Some((bequest?, Some(other))));
        let own = (self.bequest(None), None);
        let latest = told.chain([own]).max_by_key(|(bequest, _)| bequest.epoch);
        let Some((mut bequest, from)) = latest else { return Ok(()) };
        let epoch = bequest.epoch;
        for _ in 0..KEYSPACES_MAX.div_ceil(KEYSPACES_AT_ONCE) {
            let last = bequest.keyspaces.keys().next_back().cloned();
            let is_all = bequest.is_all;
            self.agree_again(stay, bequest.keyspaces).await?;
            let (Some(last), false) = (last, is_all) else { break };
            let next = match from {
                Some(other) => self.ask_bequest(other, Some(last)).await,
                None => Some(self.bequest(Some(&last))),
            };
            // Who has another view by now, or is gone, is not asked when this is begun again.
            bequest = next.filter(|next| next.epoch == epoch).ok_or("who knows them is gone")?;
        }
        Ok(())
    }

    /// What another one's last view had; nothing if it does not say so.
    async fn ask_bequest(&self, other: &Address, after: Option<String>) -> Option<Bequest> {
        let question = Question::Bequest { after };
        match self.ask(other, &question, self.settings.patience()).await {
            Ok(Answer::Bequest { bequest }) => Some(bequest),
            Ok(_) | Err(_) => None,
        }
    }

    async fn agree_again(
        &self,
        stay: &Stay,
        keyspaces: BTreeMap<String, Value>,
    ) -> Result<(), String> {
        let changes = keyspaces.into_iter().map(|(name, settings)| {
            self.propose_here(stay, Change::SetKeyspace { name, settings })
        });
        for outcome in join_all(changes).await {
            if let Outcome::Refused(why) = outcome? {
                log::warn!("a keyspace of the cluster before is left out: {why}");
            }
        }
        Ok(())
    }
}
