//! One member, as the balancer knows it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use rustls::ClientConfig;
use tokio::sync::{Notify, watch};

use crate::head::Name;
use crate::pool::Pool;
use crate::secure::Secure;
use crate::shared::Shared;
use crate::standing::{Health, Look, Seen, Standing};
use crate::{Address, BalancerConfig, StartError};

/// A member: where it is, how it stands, the connections to it.
pub(crate) struct Member {
    pub(crate) address: Address,
    /// The same, as its clients name it.
    pub(crate) host: String,
    pub(crate) pool: Arc<Pool>,
    /// One connection beside those of the pool.
    pub(crate) shared: Arc<Shared>,
    pub(crate) counts: Counts,
    /// How its cluster calls it, as it said last; 0 if it has not.
    name: AtomicU64,
    health: Mutex<Health>,
    /// What `health` says, for who waits for it to change. Set under its lock.
    standing: watch::Sender<Standing>,
    /// Told when somebody wants to know how it stands.
    wanted: Notify,
}

/// What has become of the requests that were sent to a member.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// It has answered.
    pub(crate) answered: AtomicU64,
    /// Nothing of the request has reached it.
    pub(crate) unsent: AtomicU64,
    /// It did not answer, or not to the end.
    pub(crate) lost: AtomicU64,
}

impl Member {
    pub(crate) fn new(
        address: &Address,
        config: &BalancerConfig,
        tls: Option<&Arc<ClientConfig>>,
    ) -> Result<Self, StartError> {
        let secure = tls.map(|tls| Secure::of(address, tls)).transpose()?;
        let pool = Pool::new(address.clone(), secure, config.connections, config.look_timeout);
        let pool = Arc::new(pool);
        Ok(Self {
            address: address.clone(),
            host: address.to_string(),
            shared: Arc::new(Shared::new(Arc::clone(&pool))),
            pool,
            counts: Counts::default(),
            name: AtomicU64::new(0),
            health: Mutex::new(Health::new(config.look_every)),
            standing: watch::Sender::new(Standing::Unknown),
            wanted: Notify::new(),
        })
    }

    /// It has said how its cluster calls it.
    pub(crate) fn introduced(&self, name: Name) {
        self.name.store(name.0.get(), Ordering::Relaxed);
    }

    /// Whether it is in a cluster.
    pub(crate) fn is_named(&self) -> bool {
        self.name.load(Ordering::Relaxed) != 0
    }

    /// Whether its cluster calls it so.
    pub(crate) fn is(&self, name: Name) -> bool {
        // Relaxed: a word of its own.
        self.name.load(Ordering::Relaxed) == name.0.get()
    }

    /// How many requests are under way.
    pub(crate) fn in_use(&self) -> usize {
        self.pool.in_use() + self.shared.in_use()
    }

    pub(crate) fn standing(&self) -> Standing {
        *self.standing.borrow()
    }

    /// Waits until it is down; not at all if it is already.
    pub(crate) async fn is_down(&self) {
        let mut standing = self.standing.subscribe();
        let down = standing.wait_for(|standing| *standing == Standing::Down).await;
        // The sender is ours.
        debug_assert!(down.is_ok());
    }

    /// A look begins.
    pub(crate) fn look(&self) -> Look {
        self.health.lock().look()
    }

    /// A look has ended. Returns when to look again.
    pub(crate) fn note(&self, look: Look, seen: Seen) -> std::time::Duration {
        let mut health = self.health.lock();
        let pause = health.note(look, seen);
        self.tell(&health);
        pause
    }

    /// A request has found nobody there.
    pub(crate) fn lose(&self) {
        let mut health = self.health.lock();
        health.lose();
        self.tell(&health);
        drop(health);
        self.pool.clear();
        self.look_soon();
    }

    /// Has somebody look at it: it broke off a connection, or is late. That alone does not
    /// make it one that is down:
    ///
    /// 1. There is a request that no member can stand: each closes its connection.
    /// 2. Somebody sends it, and it is asked of one member after the other.
    /// 3. Were each of them down then, one client took them all away from all others.
    ///
    /// Of a process that died the next connection is refused, and so is the look.
    pub(crate) fn look_soon(&self) {
        self.wanted.notify_one();
    }

    /// Waits until somebody wants to know how it stands.
    pub(crate) async fn is_wanted(&self) {
        self.wanted.notified().await;
    }

    fn tell(&self, health: &Health) {
        let now = health.standing();
        let before = self.standing.send_replace(now);
        if before == now {
            return;
        }
        let (address, was, is) = (&self.address, before.name(), now.name());
        match now {
            Standing::Down => log::warn!("member {address}: {is}, and was {was}"),
            _ => log::info!("member {address}: {is}, and was {was}"),
        }
    }
}

impl Counts {
    /// One more of these.
    pub(crate) fn add(count: &AtomicU64) {
        // Relaxed: a count that guards no other memory.
        count.fetch_add(1, Ordering::Relaxed);
    }
}
