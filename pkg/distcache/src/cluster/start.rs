//! How an engine becomes a member, and how it leaves.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use distcache_bus::{Deadline, reply_slot};
use distcache_cluster::lease::BootTime;
use distcache_cluster::links::{self, CallFailed};
use distcache_cluster::proto::request::Operation;
use distcache_cluster::proto::{Reply, Request};
use distcache_cluster::view::Outcome;
use distcache_cluster::wire::{Address, Listener, interface};
use distcache_cluster::{Cluster, Holding, Parts, discovery};
use distcache_manager::CacheManager;
use futures_util::future::{BoxFuture, join_all};
use serde_json::Value;

use super::carrier::Carrier;
use super::service::Service;
use super::tasks::{PATIENCE, Tasks, wait_for};
use super::words::name_of;
use super::{Away, ClusterConfig, ClusterError};
use crate::Error;
use crate::engine::Shared;
use crate::otel::Watch;

/// Between two looks whether something has come about.
const PAUSE: Duration = Duration::from_millis(5);

/// An end that is late may take so long beyond its time.
const END_GRACE: Duration = Duration::from_millis(500);

/// An engine's part in its cluster.
pub(super) struct Part {
    pub(super) cluster: Cluster,
    pub(super) manager: Arc<CacheManager>,
    /// Where others reach it.
    pub(super) address: Address,
    tasks: Tasks,
    has_ended: AtomicBool,
}

impl Away {
    /// Becomes a member, by and by. From now on the cache answers for those keys only
    /// that are its own by a view.
    pub(crate) fn begin(
        &self,
        engine: &Arc<Shared>,
        config: ClusterConfig,
    ) -> Result<(), ClusterError> {
        let service = Arc::new(Service::of(engine));
        self.open(Part::start(engine.manager.clone(), service, config)?);
        Ok(())
    }

    /// Leaves the cluster, and hands over what others own then, for as long as that.
    /// Returns whether it left in order.
    pub(crate) fn end(&self, within: Duration) -> bool {
        let has_left = self.part().is_none_or(|part| part.end(within));
        self.close();
        has_left
    }
}

impl Part {
    fn start(
        manager: Arc<CacheManager>,
        service: Arc<Service>,
        config: ClusterConfig,
    ) -> Result<Self, ClusterError> {
        let Carrier { wire, listen } = Carrier::of(&config)?;
        let tasks = Tasks::on(config.runtime)?;
        let listener = {
            let (wire, at) = (wire.clone(), listen.clone());
            tasks.begin(async move { wire.listen(&at).await })??
        };
        let address = advertised(config.advertise, &*listener)?;
        let member = links::MemberId::random()
            .map_err(|error| io::Error::other(format!("no random number: {error}")))?;
        let entered = tasks.enter();
        let name = &config.agreement.name;
        let parts = Parts {
            cache: manager.clone(),
            wire,
            listener,
            links: links::Settings::new(name, member, address.clone()),
            agreement: distcache_cluster::Settings {
                address: address.as_str().into(),
                ..config.agreement
            },
            uptime: config.world.map_or_else(|| Arc::new(BootTime) as _, |world| world.uptime),
            listed: discovery::follow(config.discovery, config.pace),
            tenant: service,
        };
        let cluster = Cluster::start(parts)?;
        drop(entered);
        Ok(Self { cluster, manager, address, tasks, has_ended: AtomicBool::new(false) })
    }

    /// This process's keys; none outside of a cluster.
    pub(super) fn holding(&self) -> Option<Arc<Holding>> {
        self.cluster.holding()
    }

    /// Asks another member, and takes the trace along in which it is asked.
    pub(super) async fn call(
        &self,
        watch: &Watch,
        to: &Address,
        operation: Operation,
        ends_at: Instant,
    ) -> Result<Reply, CallFailed> {
        let told = watch.asks(name_of(&operation), to);
        let (traceparent, operation) = (told.traceparent().into(), Some(operation));
        let request = Request { operation, traceparent, ..Request::default() };
        let reply = self.cluster.call_by(self.manager.timer(), to, request, ends_at).await;
        told.heard(&reply);
        reply
    }

    /// Asks several members at once. Their replies, in the same order.
    pub(super) async fn call_all(
        &self,
        watch: &Watch,
        calls: Vec<(&Address, Operation)>,
        ends_at: Instant,
    ) -> Vec<Result<Reply, CallFailed>> {
        let call = |(to, operation)| -> BoxFuture<'_, _> {
            Box::pin(self.call(watch, to, operation, ends_at))
        };
        join_all(calls.into_iter().map(call).collect::<Vec<_>>()).await
    }

    /// Waits for so long; returns at once if as many wait as may.
    pub(super) async fn pause(&self, time: Duration) {
        let (_replier, waiter) = reply_slot::<()>();
        if self.manager.timer().keep(Deadline::within(time).instant(), &waiter.expiry()) {
            waiter.await;
        }
    }

    /// Has the members agree on a keyspace; on none of that name, without settings.
    /// Returns the epoch by which it is so.
    pub(super) fn agree(
        self: &Arc<Self>,
        name: &str,
        settings: Option<Value>,
    ) -> Result<u64, Error> {
        let (part, name) = (self.clone(), name.to_owned());
        let agreed = self.tasks.run(PATIENCE, async move {
            let agreement = part.cluster.agreement();
            match settings {
                Some(settings) => agreement.set_keyspace(name, settings).await,
                None => agreement.remove_keyspace(name).await,
            }
        });
        let not_agreed = |why: String| Error::NotAgreed { why };
        match agreed.map_err(|error| not_agreed(error.to_string()))? {
            Ok(Outcome::Changed { epoch }) => Ok(epoch),
            Ok(_) => Ok(self.cluster.epoch()),
            Err(error) => Err(not_agreed(error.to_string())),
        }
    }

    /// Waits until every member has taken the view of an epoch, or can answer for nothing.
    pub(super) fn wait_for_all(&self, epoch: u64, within: Duration) -> Result<(), Error> {
        let is_known = || self.holding().is_some_and(|holding| epoch <= holding.settled());
        if self.wait_until(within, is_known) {
            return Ok(());
        }
        let why = format!("not every member has heard of it within {within:?}");
        Err(Error::NotAgreed { why })
    }

    /// Looks again and again whether something is so. Returns whether it was in time.
    pub(super) fn wait_until(&self, within: Duration, is_so: impl Fn() -> bool) -> bool {
        let deadline = Deadline::within(within);
        while !is_so() {
            if deadline.is_over() {
                return false;
            }
            wait_for(self.pause(PAUSE));
        }
        true
    }

    fn end(self: Arc<Self>, within: Duration) -> bool {
        if self.has_ended.swap(true, Ordering::AcqRel) {
            return true;
        }
        let leaving = self.clone();
        let leave = async move { leaving.cluster.leave(within).await };
        let left = self.tasks.run(within.saturating_add(END_GRACE), leave);
        self.tasks.end();
        left.is_ok_and(|left| left.is_ok())
    }
}

/// Where others reach who listens there.
fn advertised(said: Option<String>, listener: &dyn Listener) -> Result<Address, ClusterError> {
    let listens = listener.address();
    match said {
        Some(said) => Ok(interface::resolve(&said)?.parse()?),
        None if listens.host().parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified()) => {
            Err(ClusterError::NotReachable { address: listens.to_string() })
        }
        None => Ok(listens.clone()),
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part").field("address", &self.address).finish_non_exhaustive()
    }
}
