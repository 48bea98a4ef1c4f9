//! What a node has counted, told to a task.

use std::sync::Arc;

use distcache_bus::{Command, Read};
use distcache_node::{DataNode, KeyspaceId, NodeStatus};

use crate::handle::{NodeHandle, Pulse};

/// What a node has of one keyspace, noted as told; `None` if that is not there. See
/// [`NodeHandle::keyspace_status`].
#[derive(Debug, Clone)]
pub(super) struct Count {
    pulse: Arc<Pulse>,
    keyspace: KeyspaceId,
}

impl Count {
    pub(super) fn of(keyspace: KeyspaceId, node: &NodeHandle) -> Self {
        Self { pulse: node.pulse.clone(), keyspace }
    }
}

impl Command<DataNode> for Count {
    type Reply = Option<NodeStatus>;
    type Owned = Self;

    fn into_owned(self) -> Self {
        self
    }

    fn run(self, node: &mut DataNode) -> Self::Reply {
        self.read(node)
    }
}

impl Read<DataNode> for Count {
    fn read(self, node: &DataNode) -> Self::Reply {
        // Among others that read the node too: who notes later has counted later,
        // for the counts are read under the lock of what is noted.
        self.pulse.note(node);
        node.keyspace_status(self.keyspace)
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use crate::{CacheManager, Config};

    #[test]
    fn what_a_task_was_told_is_not_forgotten_when_the_node_dies() {
        let config = Config { data_nodes: 1, ..Config::default() };
        let cache = CacheManager::start(config).unwrap();
        (0..7_u8).for_each(|n| _ = cache.put(&[n], b"1", None).unwrap());
        let keyspace = cache.default_keyspace();
        let mut context = Context::from_waker(Waker::noop());
        let mut told = pin!(cache.keyspace_statuses_async(keyspace));
        let statuses = loop {
            match told.as_mut().poll(&mut context) {
                Poll::Ready(statuses) => break statuses.unwrap(),
                Poll::Pending => std::thread::yield_now(),
            }
        };
        assert_eq!(statuses.iter().map(|status| status.inserts).sum::<u64>(), 7);
        // 1. The task is told of seven.
        // 2. The node dies; who looks for what it had counted finds what was noted.
        // 3. The next one is told less.
        let noted = cache.shared.routing.load().nodes[0].pulse.counts();
        assert_eq!(noted.of(keyspace.id()).inserts, 7);
    }
}
