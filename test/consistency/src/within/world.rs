//! All members, the network between them, and what they load from.

use std::sync::Arc;
use std::time::Duration;

use distcache_cluster::wire::{Address, Network, Weather};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{OwnedRwLockWriteGuard, RwLock};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep};

use super::KEYS;
use super::database::Database;
use super::member::{Member, Place, SPACES};
use crate::failed::Failed;

/// How long something may take that comes to be by itself.
const PATIENCE: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(10);

/// A cluster within this process.
pub(super) struct World {
    pub(super) network: Arc<Network>,
    pub(super) database: Arc<Database>,
    addresses: Vec<Address>,
    slots: Vec<Slot>,
    /// The ends of those that were killed.
    ends: Mutex<Vec<JoinHandle<()>>>,
}

/// The place of a member, also while it is away.
struct Slot {
    member: Mutex<Option<Arc<Member>>>,
    /// Held for writing while nobody is to ask the member.
    gate: Arc<RwLock<()>>,
}

impl World {
    /// Starts so many members, and waits until they are one cluster.
    pub(super) async fn start(count: usize, seed: u64) -> Result<Arc<Self>, Failed> {
        let address = |number| format!("member-{number}:1").parse().expect("an address");
        let slot = |_| Slot { member: Mutex::new(None), gate: Arc::default() };
        let world = Arc::new(Self {
            network: Network::new(seed),
            database: Database::new(SPACES.len() * KEYS as usize),
            addresses: (0..count).map(address).collect(),
            slots: (0..count).map(slot).collect(),
            ends: Mutex::default(),
        });
        for at in 0..count {
            world.begin(at).await?;
        }
        world.settled().await?;
        Ok(world)
    }

    /// How many members there are, those that are away too.
    pub(super) fn count(&self) -> usize {
        self.slots.len()
    }

    /// A member; None while it is away.
    pub(super) fn member(&self, at: usize) -> Option<Arc<Member>> {
        self.slots[at].member.lock().clone()
    }

    /// Passed by whoever asks a member.
    pub(super) fn gate(&self, at: usize) -> Arc<RwLock<()>> {
        self.slots[at].gate.clone()
    }

    /// Starts one that is not there.
    pub(super) async fn begin(&self, at: usize) -> Result<(), Failed> {
        let place = Place {
            number: at,
            network: self.network.clone(),
            all: self.addresses.clone(),
            database: self.database.clone(),
            clients: Handle::current(),
        };
        let began = Instant::now();
        loop {
            let here = place.clone();
            let started = spawn_blocking(move || Member::start(&here)).await;
            match started.expect("to start one does not panic") {
                Ok(member) => {
                    *self.slots[at].member.lock() = Some(Arc::new(member));
                    return Ok(());
                }
                // The one before has not closed its door yet.
                Err(failed) if PATIENCE < began.elapsed() => return Err(failed),
                Err(_) => sleep(PAUSE).await,
            }
        }
    }

    /// Ends one at once.
    pub(super) fn kill(&self, at: usize) {
        let Some(member) = self.slots[at].member.lock().take() else { return };
        self.ends.lock().push(spawn_blocking(move || member.kill()));
    }

    /// Has one leave in good order. Nobody asks it meanwhile, as when a load balancer knows
    /// of it; until the guard is dropped.
    pub(super) async fn leave(&self, at: usize) -> OwnedRwLockWriteGuard<()> {
        let away = self.slots[at].gate.clone().write_owned().await;
        let member = self.slots[at].member.lock().take();
        if let Some(member) = member {
            let left = spawn_blocking(move || member.leave()).await;
            left.expect("to leave does not panic");
        }
        away
    }

    /// Orders the weather from one member to another.
    pub(super) fn set(&self, from: usize, to: usize, weather: Weather) {
        self.network.set(&self.addresses[from], &self.addresses[to], weather);
    }

    /// Orders the same weather between all.
    pub(super) fn set_all(&self, weather: Weather) {
        for from in 0..self.count() {
            for to in (0..self.count()).filter(|to| *to != from) {
                self.set(from, to, weather);
            }
        }
    }

    /// Breaks every connection between two.
    pub(super) fn reset(&self, one: usize, other: usize) {
        self.network.reset(&self.addresses[one], &self.addresses[other]);
    }

    /// Waits until all are members by one view, and each key is answered for. Returns the
    /// epoch of that view.
    pub(super) async fn settled(&self) -> Result<u64, Failed> {
        let began = Instant::now();
        loop {
            if let Some(epoch) = self.settled_by().await {
                return Ok(epoch);
            }
            if PATIENCE < began.elapsed() {
                let what = format!("{} members had one view", self.count());
                return Err(Failed::Late { what, within: PATIENCE });
            }
            sleep(PAUSE).await;
        }
    }

    async fn settled_by(&self) -> Option<u64> {
        let members: Option<Vec<_>> = (0..self.count()).map(|at| self.member(at)).collect();
        let members = members?;
        let mut epochs = members.iter().map(|member| member.is_settled(self.count()));
        let first = epochs.next()??;
        if !epochs.all(|epoch| epoch == Some(first)) {
            return None;
        }
        for member in &members {
            for (at, space) in SPACES.iter().enumerate() {
                let keyspace = member.keyspace(space)?;
                for number in 0..KEYS {
                    let key = super::key_of(at, number).to_string();
                    keyspace.peek_async(key.as_bytes()).await.ok()?;
                }
            }
        }
        Some(first)
    }

    /// Ends all of them.
    pub(super) async fn end(&self) {
        for at in 0..self.count() {
            self.kill(at);
        }
        let ends = std::mem::take(&mut *self.ends.lock());
        for end in ends {
            end.await.expect("an end does not panic");
        }
    }
}
