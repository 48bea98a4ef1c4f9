//! The runtimes on which tasks are tried.

use distcache::BoxFuture;
use tokio::runtime::{Builder, Runtime};

/// Two threads, as the smallest of services has.
pub(crate) fn multi_thread() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

/// One thread, the caller's: whatever parks it stops every task.
pub(crate) fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// A handle that keyspaces spawn by.
pub(crate) fn spawner(
    runtime: &Runtime,
) -> impl Fn(BoxFuture<'static, ()>) + Send + Sync + 'static {
    let handle = runtime.handle().clone();
    move |future| drop(handle.spawn(future))
}
