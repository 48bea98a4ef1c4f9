//! Work that parks its thread, where that may be one of a runtime's workers.

use tokio::runtime::{Handle, RuntimeFlavor, worker_index};
use tokio::task::block_in_place;

/// Does what takes a while or parks the thread. If that is a worker of a multi-thread
/// runtime, another thread goes on with the worker's other tasks meanwhile.
///
/// 1. The tasks of the cluster run on a runtime of one worker.
/// 2. A task there asks for a key of another member, and parks the worker for the reply.
/// 3. The task that reads the reply waits for that worker.
///
/// Elsewhere nothing of ours is held up, and `block_in_place` could panic: on a runtime
/// of one thread, and where a `LocalSet` is waited for.
pub fn in_place<T>(work: impl FnOnce() -> T) -> T {
    if is_worker() { block_in_place(work) } else { work() }
}

/// Whether this is a worker of a multi-thread runtime. A thread that waits in its
/// `block_on` is none.
fn is_worker() -> bool {
    let is_of_many =
        |runtime: Handle| matches!(runtime.runtime_flavor(), RuntimeFlavor::MultiThread);
    worker_index().is_some() && Handle::try_current().is_ok_and(is_of_many)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use distcache_bus::{Deadline, reply_slot};
    use tokio::runtime::{Builder, Runtime};
    use tokio::task::LocalSet;

    use super::*;

    /// Longer than anything takes here, on whatever machine.
    const PATIENCE: Duration = Duration::from_mins(1);

    fn of_one_worker() -> Runtime {
        Builder::new_multi_thread().worker_threads(1).build().unwrap()
    }

    #[test]
    fn the_other_tasks_of_its_only_worker_go_on() {
        let runtime = of_one_worker();
        let waits = runtime.spawn(async {
            let (replier, waiter) = reply_slot();
            tokio::spawn(async move { replier.answer(7) });
            in_place(|| waiter.wait(&Deadline::within(PATIENCE)))
        });
        assert_eq!(runtime.block_on(waits).unwrap(), Some(Ok(7)));
    }

    #[test]
    fn it_may_be_done_within_itself() {
        let runtime = of_one_worker();
        let nested = runtime.spawn(async { in_place(|| in_place(|| 7)) });
        assert_eq!(runtime.block_on(nested).unwrap(), 7);
    }

    #[test]
    fn where_nothing_goes_on_elsewhere_it_is_only_done() {
        assert_eq!(in_place(|| 7), 7, "no runtime");
        let of_one_thread = Builder::new_current_thread().build().unwrap();
        assert_eq!(of_one_thread.block_on(async { in_place(|| 7) }), 7);
        let runtime = of_one_worker();
        assert_eq!(runtime.block_on(async { in_place(|| 7) }), 7, "not on a worker");
        let tasks = LocalSet::new();
        let local = async { tokio::task::spawn_local(async { in_place(|| 7) }).await.unwrap() };
        assert_eq!(runtime.block_on(tasks.run_until(local)), 7, "a local task");
    }
}
