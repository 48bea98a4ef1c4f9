//! The leader's side: whom it has granted what. It reads no clock and sends nothing: it
//! is told the time of the leader's [`Uptime`](super::Uptime).

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::over_after;
use crate::view::{MemberId, View};

/// The most views that wait to be settled by time. Of more, the newest are not noted,
/// and are settled by a later one.
const UNSETTLED_MAX: usize = 64;

/// A member asks for a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renewal {
    /// Who asks.
    pub member: MemberId,
    /// The newest epoch by which it works.
    pub applied: u64,
    /// Whether nothing lasts any more of what it was counted for elsewhere.
    pub weighs: bool,
    /// What this leader told it last of its clock ([`Verdict`]): proof that it hears.
    pub heard: Option<Duration>,
}

/// What the leader says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// A lease, from the moment when the member asked.
    Granted {
        /// How long.
        lease_for: Duration,
        /// Under views older than this nobody holds a lease.
        settled: u64,
        /// The leader's clock, to be told back.
        at: Duration,
    },
    /// None now.
    Held {
        /// The leader's clock, to be told back.
        at: Duration,
        /// Why.
        why: Why,
    },
    /// No majority has confirmed lately that this one leads: it can say nothing.
    Unconfirmed,
    /// The member is not in the view, nor will it be.
    Unknown,
}

/// Why a member gets no lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// It works by an older view than the leader knows.
    Behind,
    /// It is about to be removed.
    Leaving,
    /// Fewer than a majority of the electorate are in touch with the leader.
    Few,
}

/// The times that a ledger goes by.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// How long a grant lasts from the leader's confirmation.
    pub lease: Duration,
    /// A member that has not been in touch for so long is to be removed.
    pub silent_after: Duration,
    /// How long a member that was in touch counts to the electorate's majority.
    pub counts_for: Duration,
}

/// What one leader has granted in one term.
#[derive(Debug)]
pub struct Ledger {
    terms: Terms,
    /// When the leader saw itself elected; not before it was.
    elected: Duration,
    /// The beginning of the last confirmation that succeeded.
    confirmed: Option<Duration>,
    /// Of the newest view that the leader has applied.
    epoch: u64,
    settled: u64,
    /// Epochs that are not settled yet, with the times since which nobody is granted a
    /// lease who works by an older one. Ascending.
    unsettled: VecDeque<(u64, Duration)>,
    /// One for each member of the view.
    records: BTreeMap<MemberId, Record>,
}

#[derive(Debug)]
struct Record {
    /// The beginning of the confirmation under which it was granted a lease last. What
    /// it may hold from leaders before began when this one was elected, or before.
    leased_from: Duration,
    /// When it was heard of last, of what it is known to have been answered.
    in_touch: Duration,
    /// The same, if it has been in touch in this term, and weighs.
    counted: Option<Duration>,
    /// What it works by.
    applied: u64,
    /// It is given no lease any more in this term.
    condemned: bool,
}

impl Ledger {
    /// Of a leader that saw itself elected at `elected`.
    pub fn new(terms: Terms, elected: Duration) -> Self {
        Self {
            terms,
            elected,
            confirmed: None,
            epoch: 0,
            settled: 0,
            unsettled: VecDeque::new(),
            records: BTreeMap::new(),
        }
    }

    /// The leader has applied this view. Members keep their records.
    pub fn set_view(&mut self, now: Duration, view: &View) {
        if view.epoch() <= self.epoch {
            return;
        }
        self.epoch = view.epoch();
        if self.unsettled.len() < UNSETTLED_MAX {
            self.unsettled.push_back((self.epoch, now));
        }
        self.records.retain(|id, _| view.member(*id).is_some());
        for member in view.members() {
            let new = Record {
                leased_from: self.elected,
                in_touch: now,
                counted: None,
                applied: 0,
                condemned: false,
            };
            self.records.entry(member.id).or_insert(new);
        }
    }

    /// A majority has confirmed that this one led, asked from `began` on.
    pub fn confirm(&mut self, began: Duration) {
        self.confirmed = self.confirmed.max(Some(began));
    }

    /// The confirmation under which a grant could be given now, and for how long.
    fn confirmation(&self, now: Duration) -> Option<(Duration, Duration)> {
        let began = self.confirmed?;
        let lease_for = (began + self.terms.lease).saturating_sub(now);
        (!lease_for.is_zero()).then_some((began, lease_for))
    }

    /// Whether a majority has confirmed it lately.
    pub fn is_confirmed(&self, now: Duration) -> bool {
        self.confirmation(now).is_some()
    }

    /// A member asks, and is received at `now`. `needed` members have to be in touch.
    pub fn renew(&mut self, now: Duration, renewal: Renewal, needed: usize) -> Verdict {
        let Some((began, lease_for)) = self.confirmation(now) else {
            return Verdict::Unconfirmed;
        };
        self.note(renewal);
        let why = match self.records.get(&renewal.member) {
            Some(record) => self.why_not(now, record, needed),
            // It may know a view that makes it a member before this leader does.
            None if self.epoch < renewal.applied => Some(Why::Behind),
            None => return Verdict::Unknown,
        };
        if let Some(why) = why {
            return Verdict::Held { at: now, why };
        }
        self.settle(now);
        if let Some(record) = self.records.get_mut(&renewal.member) {
            record.leased_from = record.leased_from.max(began);
        }
        Verdict::Granted { lease_for, settled: self.settled, at: now }
    }

    fn note(&mut self, Renewal { member, applied, weighs, heard }: Renewal) {
        let Some(record) = self.records.get_mut(&member) else { return };
        record.applied = record.applied.max(applied);
        if let Some(heard) = heard {
            record.in_touch = record.in_touch.max(heard);
            if weighs {
                record.counted = record.counted.max(Some(heard));
            }
        }
    }

    fn why_not(&self, now: Duration, record: &Record, needed: usize) -> Option<Why> {
        if record.condemned {
            // 1. A member was silent, and its leases are over; the leader proposes to
            //    remove it;
            // 2. the member asks, is granted a lease, and serves its keys;
            // 3. it is removed; the new owners serve the same keys.
            Some(Why::Leaving)
        } else if record.applied < self.epoch {
            // 1. The leader applies view 8, by which A has lost a key to B;
            // 2. A, still by view 7, is granted a lease, for the first time since 8;
            // 3. the leases from before 8 end, and 8 is settled by time: B serves the
            //    key, and so does A.
            Some(Why::Behind)
        } else {
            (self.in_touch_count(now) < needed).then_some(Why::Few)
        }
    }

    /// How many have been in touch lately, and weigh.
    ///
    /// Two clusters of one electorate never both grant leases:
    ///
    /// 1. of five, A, B and C promise a founding; C hears no more of it, its promise
    ///    ends, and it founds another cluster with D and E;
    /// 2. A and B, two of the first one's three voters, elect a leader: to the log that
    ///    is a majority;
    /// 3. but they are two of five, and so none of them is granted a lease.
    ///
    /// C may have been in touch with the first one's leader before: for `counts_for`
    /// after that it is counted there, and a lease granted then lasts for another `D`.
    /// So C *weighs* in the other cluster only when it has been there for longer. The
    /// same holds if C was removed, was killed and started again, or has given up a
    /// cluster of which it heard nothing.
    ///
    /// Whoever is to be counted has to have heard an answer; that it *asks* is not
    /// enough: it may hear nothing, and be about to go.
    fn in_touch_count(&self, now: Duration) -> usize {
        let lately =
            |record: &&Record| record.counted.is_some_and(|at| now < at + self.terms.counts_for);
        self.records.values().filter(lately).count()
    }

    /// Settles what can be: a view under which every member works, because each of them
    /// has said so; or one that is older than any lease.
    ///
    /// A member that is no longer in the view had no lease when its removal was proposed.
    fn settle(&mut self, now: Duration) {
        let reported = self.records.values().map(|record| record.applied).min().unwrap_or(0);
        self.settled = self.settled.max(reported.min(self.epoch));
        // A new leader:
        // 1. the one before granted A a lease by view 7, and had view 8 agreed upon, by
        //    which A loses a key to B;
        // 2. it is cut off together with A; another is elected, and applies 8 at once;
        // 3. A still holds its lease by 7: it ends within D of that election, because a
        //    majority confirmed the old leader before a majority elected the new one.
        // `since` is not before that election: the ledger is made after it.
        while let Some((epoch, since)) = self.unsettled.front().copied() {
            if self.settled < epoch && now < since + over_after(self.terms.lease) {
                break;
            }
            self.settled = self.settled.max(epoch);
            self.unsettled.pop_front();
        }
    }

    /// The silent members whose leases are over. They are granted none from here on.
    ///
    /// Two interleavings are prevented by the wait. Within one term:
    ///
    /// 1. A is granted a lease, and is cut off;
    /// 2. the leader has it removed before the lease ends; B becomes owner of its keys;
    /// 3. a value is put at B, and A serves the older one.
    ///
    /// And between two:
    ///
    /// 1. the leader L, cut off together with A from the other three, has been confirmed
    ///    just before that, and goes on granting itself and A leases until `u + D`;
    /// 2. the others elect N, who knows nothing of it, and removes both;
    /// 3. a value is put at its new owner, and A serves the older one.
    ///
    /// N's records begin when it saw itself elected: of those who elected N, one had
    /// confirmed L before, and none after; so L's last `u` was before N's election.
    pub fn condemn(&mut self, now: Duration) -> Vec<MemberId> {
        let Terms { lease, silent_after, .. } = self.terms;
        let mut condemned = Vec::new();
        for (id, record) in &mut self.records {
            let silent = record.in_touch + silent_after <= now;
            let over = record.leased_from + over_after(lease) <= now;
            if silent && over {
                record.condemned = true;
            }
            if record.condemned {
                condemned.push(*id);
            }
        }
        condemned
    }

    /// This member has given up its lease, and leaves: it is granted none any more.
    pub fn release(&mut self, id: MemberId) {
        if let Some(record) = self.records.get_mut(&id) {
            record.condemned = true;
        }
    }

    /// The epoch by which this member said that it works.
    pub fn applied(&self, id: MemberId) -> Option<u64> {
        self.records.get(&id).map(|record| record.applied)
    }
}

#[cfg(test)]
mod tests;
