//! Calls of an engine that may wait for long, for tasks: each on a thread of its
//! own. They are rare.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use distcache_bus::reply_slot;

use super::{Engine, ShutdownError};
use crate::otel::Here;
use crate::{Error, Keyspace, KeyspaceConfig};

impl Engine {
    /// Like [`add_keyspace`](Self::add_keyspace), without ever parking the thread.
    /// If it is dropped, the keyspace is added all the same.
    ///
    /// # Errors
    /// As of `add_keyspace`, and `ChangesBusy`.
    pub async fn add_keyspace_async(&self, config: KeyspaceConfig) -> Result<Keyspace, Error> {
        let change = self.shared.changes_of_tasks.begin()?;
        self.elsewhere(change, move |engine| engine.add_keyspace(config.clone())).await
    }

    /// Like [`update_keyspace`](Self::update_keyspace), without ever parking the
    /// thread. If it is dropped, the keyspace is changed all the same.
    ///
    /// # Errors
    /// As of `update_keyspace`, and `ChangesBusy`.
    pub async fn update_keyspace_async(&self, config: KeyspaceConfig) -> Result<(), Error> {
        let change = self.shared.changes_of_tasks.begin()?;
        self.elsewhere(change, move |engine| engine.update_keyspace(config.clone())).await
    }

    /// Like [`delete_keyspace`](Self::delete_keyspace), without ever parking the
    /// thread. If it is dropped, the keyspace is removed all the same.
    ///
    /// # Errors
    /// As of `delete_keyspace`, and `ChangesBusy`.
    pub async fn delete_keyspace_async(&self, name: &str) -> Result<(), Error> {
        let name = name.to_owned();
        let change = self.shared.changes_of_tasks.begin()?;
        self.elsewhere(change, move |engine| engine.delete_keyspace(&name)).await
    }

    /// Like [`delete_keyspaces`](Self::delete_keyspaces), without ever parking the
    /// thread. If it is dropped, the keyspaces are removed all the same.
    pub async fn delete_keyspaces_async(&self, names: &[&str]) -> Vec<Result<(), Error>> {
        let change = match self.shared.changes_of_tasks.begin() {
            Ok(change) => change,
            Err(error) => return names.iter().map(|_| Err(error.clone())).collect(),
        };
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let delete = move |engine: &Self| {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            engine.delete_keyspaces(&names)
        };
        self.elsewhere(change, delete).await
    }

    /// Like [`clear_all`](Self::clear_all), without ever parking the thread.
    ///
    /// # Errors
    /// As of `clear_all`.
    pub async fn clear_all_async(&self) -> Result<usize, Error> {
        let keyspaces = self.shared.keyspaces.load_full();
        let mut entries = 0;
        for keyspace in keyspaces.iter() {
            entries += keyspace.clear_async().await?;
        }
        Ok(entries)
    }

    /// Like [`shutdown`](Self::shutdown), without ever parking the thread: for
    /// engines whose stores are futures on the same runtime, which could not be
    /// made while a thread of it waits. If it is dropped, the engine ends all the
    /// same.
    ///
    /// # Errors
    /// As of `shutdown`.
    pub async fn shutdown_async(&self, timeout: Duration) -> Result<(), ShutdownError> {
        // The end is one more at most, and waits for nobody's turn.
        self.elsewhere((), move |engine| engine.shutdown(timeout)).await
    }

    /// Does `work` on a thread of its own; on this one if there is no other to be
    /// had. Holds `change` for as long as that takes, whoever waits.
    async fn elsewhere<R: Send + 'static>(
        &self,
        change: impl Send + 'static,
        work: impl Fn(&Self) -> R + Send + Sync + 'static,
    ) -> R {
        let work = Arc::new(work);
        let (replier, waiter) = reply_slot();
        let (engine, of_thread, here) = (self.clone(), work.clone(), Here::current());
        let made = move || {
            let outcome = here.run(|| of_thread(&engine));
            // Whoever is told may take this for the end: nothing of it is left.
            drop((of_thread, engine, change));
            replier.answer(outcome);
        };
        if let Err(error) = thread::Builder::new().name("distcache-change".to_owned()).spawn(made) {
            log::warn!("no thread could be started for a change, and a task waits: {error}");
            return work(self);
        }
        match waiter.await {
            Some(Ok(outcome)) => outcome,
            // What it has panicked with is where the process's errors go.
            _ => panic!("a change of the engine has panicked"),
        }
    }
}
