//! Calls about loads: who leads one, who waits, and what it brings.

use std::sync::Arc;
use std::time::Duration;

use distcache_bus::{Command, Deadline, Waiter, reply_slot};
use distcache_node::commands::{Land, LookFresh, LookUp, Told};
use distcache_node::{Cargo, DataNode, Flight, Landed, Landing, Look};
use parking_lot::Mutex;

use super::Asked;
use crate::handle::NodeHandle;
use crate::manager::Shared;
use crate::routing::Routing;
use crate::{CacheManager, Error, Keyspace};

impl CacheManager {
    /// What a caller finds who has missed a key and can see to its load, which
    /// may take `load_time`; and where it waits, if it has to.
    ///
    /// # Errors
    /// Those of [`get`](Self::get).
    pub fn look_in(
        &self,
        keyspace: &Keyspace,
        key: &[u8],
        load_time: Duration,
    ) -> Result<(Look, Waiter<Landing>), Error> {
        self.shared.look(keyspace, key, load_time, &self.shared.deadline(), |look| look)
    }

    /// The same for a caller to whom a stale value is of no use: it waits for the
    /// load by which others are served stale meanwhile.
    ///
    /// # Errors
    /// As of `look_in`.
    pub fn look_fresh_in(
        &self,
        keyspace: &Keyspace,
        key: &[u8],
        load_time: Duration,
    ) -> Result<(Look, Waiter<Landing>), Error> {
        self.shared.look(keyspace, key, load_time, &self.shared.deadline(), LookFresh)
    }

    /// Like [`look_in`](Self::look_in), without ever parking the thread.
    ///
    /// # Errors
    /// As of `look_in`.
    pub async fn look_in_async(
        &self,
        keyspace: &Keyspace,
        key: &[u8],
        load_time: Duration,
    ) -> Result<(Look, Waiter<Landing>), Error> {
        self.look_by_async(keyspace, key, load_time, |look| look).await
    }

    /// Like [`look_fresh_in`](Self::look_fresh_in), without ever parking the
    /// thread.
    ///
    /// # Errors
    /// As of `look_in`.
    pub async fn look_fresh_in_async(
        &self,
        keyspace: &Keyspace,
        key: &[u8],
        load_time: Duration,
    ) -> Result<(Look, Waiter<Landing>), Error> {
        self.look_by_async(keyspace, key, load_time, LookFresh).await
    }

    async fn look_by_async<'k, C: Command<DataNode, Reply = Told<Look>>>(
        &self,
        keyspace: &Keyspace,
        key: &'k [u8],
        load_time: Duration,
        as_command: impl Fn(LookUp<&'k [u8]>) -> C,
    ) -> Result<(Look, Waiter<Landing>), Error> {
        let asked @ Asked { hash, .. } = self.shared.about(keyspace, key);
        let id = keyspace.id();
        // The waiter of the last attempt: the one that was answered.
        let waits: Mutex<Option<Waiter<Landing>>> = Mutex::new(None);
        let begin = |shared: &Shared, routing: &Routing, node: &NodeHandle, deadline: &Deadline| {
            let (replier, waiter) = reply_slot();
            *waits.lock() = Some(waiter);
            let epoch = routing.epoch;
            let look = LookUp { epoch, keyspace: id, hash, key, load_time, waiter: replier };
            node.mailbox.begin(epoch, deadline, &shared.timer, as_command(look))
        };
        let (_, told) = self.shared.ask_async(asked, begin).await?;
        self.shared.directory.tell(&told.departed);
        let waiter = waits.into_inner().unwrap_or_else(|| unreachable!("an attempt was answered"));
        Ok((told.reply, waiter))
    }

    /// Ends a load. What it has brought is stored if nothing has changed or
    /// forgotten the key since it began. Whoever waits is the caller's to tell.
    ///
    /// # Errors
    /// Those of [`get`](Self::get): it may be stored or not.
    pub fn land_in(
        &self,
        keyspace: &Keyspace,
        flight: &Arc<Flight>,
        cargo: &Cargo,
    ) -> Result<Landed, Error> {
        let id = keyspace.id();
        let asked = landing(keyspace, flight);
        let (_, told) = self.shared.ask(asked, |routing, node, deadline| {
            let (epoch, flight, cargo) = (routing.epoch, flight.clone(), cargo.clone());
            node.mailbox.call(epoch, deadline, Land { epoch, keyspace: id, flight, cargo })
        })?;
        self.shared.directory.tell(&told.departed);
        Ok(told.reply)
    }

    /// Like [`land_in`](Self::land_in), without ever parking the thread.
    ///
    /// # Errors
    /// As of `land_in`.
    pub async fn land_in_async(
        &self,
        keyspace: &Keyspace,
        flight: &Arc<Flight>,
        cargo: &Cargo,
    ) -> Result<Landed, Error> {
        let id = keyspace.id();
        let asked = landing(keyspace, flight);
        let begin = |shared: &Shared, routing: &Routing, node: &NodeHandle, deadline: &Deadline| {
            let (epoch, flight, cargo) = (routing.epoch, flight.clone(), cargo.clone());
            let command = Land { epoch, keyspace: id, flight, cargo };
            node.mailbox.begin(epoch, deadline, &shared.timer, command)
        };
        let (_, told) = self.shared.ask_async(asked, begin).await?;
        self.shared.directory.tell(&told.departed);
        Ok(told.reply)
    }
}

/// To land depends on the load, which nothing that arrives is newer than.
fn landing<'a>(keyspace: &'a Keyspace, flight: &'a Flight) -> Asked<'a> {
    Asked { keyspace, hash: flight.hash(), key: flight.key(), is_blind: true }
}

impl Shared {
    pub(crate) fn look<'k, C: Command<DataNode, Reply = Told<Look>>>(
        &self,
        keyspace: &Keyspace,
        key: &'k [u8],
        load_time: Duration,
        deadline: &Deadline,
        as_command: impl Fn(LookUp<&'k [u8]>) -> C,
    ) -> Result<(Look, Waiter<Landing>), Error> {
        let asked @ Asked { hash, .. } = self.about(keyspace, key);
        let id = keyspace.id();
        let (_, (told, waiter)) = self.ask_until(deadline, asked, |routing, node, deadline| {
            let (replier, waiter) = reply_slot();
            let epoch = routing.epoch;
            let look = LookUp { epoch, keyspace: id, hash, key, load_time, waiter: replier };
            Ok((node.mailbox.call(epoch, deadline, as_command(look))?, waiter))
        })?;
        self.directory.tell(&told.departed);
        Ok((told.reply, waiter))
    }
}
