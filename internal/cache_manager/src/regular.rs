//! What each node's own thread does from time to time.

use std::sync::Arc;
use std::time::Duration;

use distcache_bus::Mailbox;
use distcache_node::DataNode;

use crate::NodeId;
use crate::handle::Pulse;
use crate::keyspace::Directory;
use crate::topics::{StatusReport, Topics};

/// The regular work of one node's thread: sweep, and tell.
pub(crate) struct Regular {
    pub(crate) id: NodeId,
    pub(crate) incarnation: u64,
    pub(crate) pulse: Arc<Pulse>,
    pub(crate) topics: Topics,
    pub(crate) keyspaces: Arc<Directory>,
}

/// Sweeps at one tick: 65,536 slots, each sweep under a lock of its own.
const SWEEPS_A_TICK: usize = 64;

/// How long the regular work waits for its own node's lock before it lets this
/// tick pass. No beat then: a node whose lock is never free is silent.
const TICK_WAIT: Duration = Duration::from_millis(500);

impl Regular {
    pub(crate) fn run(&self, mailbox: &Mailbox<DataNode>) {
        for _ in 0..SWEEPS_A_TICK {
            let sweep = |state: &mut DataNode| (state.sweep(), state.take_departed());
            let Ok((wants_more, departed)) = mailbox.locked(TICK_WAIT, sweep) else { return };
            self.keyspaces.tell(&departed);
            if !wants_more {
                break;
            }
        }
        let tell = |state: &mut DataNode| {
            self.pulse.note(state);
            state.status()
        };
        let Ok(mut status) = mailbox.locked(TICK_WAIT, tell) else { return };
        status.inbox_depth = mailbox.inbox_depth() as u64;
        self.pulse.beat(&status);
        let (node, incarnation) = (self.id, self.incarnation);
        self.topics.node_status.publish(|| StatusReport { node, incarnation, status });
    }
}
