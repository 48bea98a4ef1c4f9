//! Where the cluster's tasks run, and how a thread waits for them.

use std::io;
use std::time::Duration;

use distcache_bus::{Deadline, block_on, reply_slot};
use distcache_cluster::in_place;
use parking_lot::Mutex;
use tokio::runtime::{Builder, EnterGuard, Handle, Runtime, RuntimeFlavor};

use super::ClusterError;

/// Threads of a runtime of its own: one may go through the cache's entries when a view is
/// taken, while another keeps the lease.
const THREADS: usize = 2;

/// Longer than anything takes that a call has a task do, on a runtime that is free to do
/// it. One that its caller holds up is not waited for without end.
pub(super) const PATIENCE: Duration = Duration::from_mins(1);

/// Waits for a future on this thread. If that is one of the runtime on which the future
/// waits for others, those go on.
pub(super) fn wait_for<T>(future: impl Future<Output = T>) -> T {
    in_place(|| block_on(future))
}

/// The runtime of the cluster's tasks.
pub(super) struct Tasks {
    handle: Handle,
    /// If it is its own: taken when it ends.
    own: Mutex<Option<Runtime>>,
}

/// A task has not come to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotRun {
    #[error("a task of the cluster has panicked, or its runtime has ended")]
    Lost,
    #[error("the runtime of the cluster's tasks has not done it within {0:?}")]
    Late(Duration),
}

impl From<NotRun> for io::Error {
    fn from(not_run: NotRun) -> Self {
        Self::other(not_run)
    }
}

impl Tasks {
    /// On the caller's runtime, or on one of their own.
    pub(super) fn on(caller_s: Option<Handle>) -> Result<Self, ClusterError> {
        let Some(handle) = caller_s else {
            let own = Builder::new_multi_thread()
                .worker_threads(THREADS)
                .thread_name("distcache-cluster")
                .enable_all()
                .build()?;
            return Ok(Self { handle: own.handle().clone(), own: Mutex::new(Some(own)) });
        };
        // On one of one thread any call that blocks it would stop the very tasks that
        // answer the call, and taking a view those that keep the lease.
        if !matches!(handle.runtime_flavor(), RuntimeFlavor::MultiThread) {
            return Err(ClusterError::RuntimeUnfit { why: "has one thread only" });
        }
        Ok(Self { handle, own: Mutex::new(None) })
    }

    /// Runs what needs the runtime's I/O first, and its timers. It cannot be asked whether
    /// it has both, or has ended: only tried.
    pub(super) fn begin<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, ClusterError> {
        let begun = self.run(PATIENCE, async move {
            tokio::time::sleep(Duration::ZERO).await;
            future.await
        });
        let is_own = self.own.lock().is_some();
        begun.map_err(|not_run| match not_run {
            not_run if is_own => ClusterError::System(not_run.into()),
            NotRun::Lost => ClusterError::RuntimeUnfit { why: "has ended, or no timers or I/O" },
            NotRun::Late(_) => ClusterError::RuntimeUnfit { why: "does not run its tasks" },
        })
    }

    /// For what begins tasks where it is called.
    pub(super) fn enter(&self) -> EnterGuard<'_> {
        self.handle.enter()
    }

    /// Runs a future there, and waits for it here: also on a thread of that runtime, or of
    /// another one.
    pub(super) fn run<T: Send + 'static>(
        &self,
        within: Duration,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, NotRun> {
        let (replier, waiter) = reply_slot();
        self.handle.spawn(async move { replier.answer(future.await) });
        match in_place(|| waiter.wait(&Deadline::within(within))) {
            Some(Ok(output)) => Ok(output),
            Some(Err(_abandoned)) => Err(NotRun::Lost),
            None => Err(NotRun::Late(within)),
        }
    }

    /// Ends a runtime of its own. On the caller's each task ends by itself.
    pub(super) fn end(&self) {
        if let Some(own) = self.own.lock().take() {
            // One that is dropped where another one runs would panic.
            own.shutdown_background();
        }
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.end();
    }
}
