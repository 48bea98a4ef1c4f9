//! The thread that looks after the nodes.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use distcache_bus::{Deadline, join_by};

use crate::codes::{self, Code};
use crate::handle::NodeHandle;
use crate::manager::Shared;
use crate::membership::Membership;
use crate::routing::Routing;
use crate::topics::{LossReason, OperationCounts};
use crate::{Config, NodeId, Version};

/// What wakes the supervisor before its time. It carries nothing: the
/// supervisor looks at every node anyway, so that a lost alarm loses nothing.
#[derive(Debug, Clone)]
pub(crate) struct Alarms(Sender<()>);

impl Alarms {
    /// The alarm, and what the supervisor listens to: one alarm wakes as well
    /// as many.
    pub(crate) fn new() -> (Self, Receiver<()>) {
        let (sender, receiver) = bounded(1);
        (Self(sender), receiver)
    }

    pub(crate) fn wake(&self) {
        // Full means that it is about to wake.
        let _ = self.0.try_send(());
    }

    /// The panic's text stays out of the log: it may quote a key. The panic
    /// hook has printed it where the process's own errors go.
    pub(crate) fn panicked(&self, node: NodeId, incarnation: u64, _message: &str) {
        let code = codes::NODE_PANICKED;
        log::error!("{code}: {node} (incarnation {incarnation}) panicked; it is being replaced");
        self.wake();
    }
}

/// The supervisor's thread.
#[derive(Debug)]
pub(crate) struct Supervisor {
    thread: JoinHandle<()>,
    alarms: Alarms,
}

/// The longest time between two looks at the nodes.
const LOOK_EVERY_MAX: Duration = Duration::from_millis(250);

/// A node that has used this much of its sequence makes everybody begin a new
/// epoch, long before there is no version left.
const SEQUENCE_HALF: u64 = Version::SEQUENCE_MAX / 2;

impl Supervisor {
    pub(crate) fn start(
        config: &Config,
        shared: Arc<Shared>,
        alarms: Alarms,
        inbox: Receiver<()>,
    ) -> io::Result<Self> {
        let watch =
            Watch { shared, silence_max: config.silence_max, told: OperationCounts::default() };
        let look_every = LOOK_EVERY_MAX.min(config.silence_max / 4);
        let thread = thread::Builder::new()
            .name("distcache-supervisor".to_owned())
            .spawn(move || watch.run(&inbox, look_every))?;
        Ok(Self { thread, alarms })
    }

    /// Ends the thread. Returns whether it ended before the deadline.
    pub(crate) fn stop(self, deadline: &Deadline) -> bool {
        self.alarms.wake();
        join_by(self.thread, deadline)
    }
}

struct Watch {
    shared: Arc<Shared>,
    silence_max: Duration,
    /// The totals that were told last.
    told: OperationCounts,
}

impl Watch {
    fn run(mut self, inbox: &Receiver<()>, look_every: Duration) {
        while !self.shared.closed.load(Ordering::Acquire) {
            self.look();
            // An alarm or the time: both mean to look again.
            let _ = inbox.recv_timeout(look_every);
        }
    }

    fn look(&mut self) {
        let routing = self.shared.routing.load_full();
        let nodes = &routing.nodes;
        for node in nodes {
            if node.mailbox.fence().is_retired() {
                self.replace(node, LossReason::Panicked);
            } else if self.is_silent(node) {
                let (code, id) = (codes::NODE_SILENT, node.id);
                log::error!("{code}: {id} has told nothing for too long; it is being replaced");
                self.replace(node, LossReason::Silent);
            }
        }
        if nodes
            .iter()
            .filter_map(|node| node.pulse.status())
            .filter(|status| status.epoch == routing.epoch.get())
            .any(|status| SEQUENCE_HALF < status.sequence)
        {
            self.report(self.shared.change(|_, routing| Membership::turn_epoch(routing)));
        }
        self.tell_operations(&routing);
        self.shared.membership.lock().bury_the_dead();
    }

    fn is_silent(&self, node: &NodeHandle) -> bool {
        self.silence_max < node.pulse.silence()
    }

    fn replace(&self, node: &NodeHandle, reason: LossReason) {
        let which = (node.id, node.incarnation);
        self.report(
            self.shared.change(|membership, routing| membership.replace(routing, which, reason)),
        );
    }

    /// A change that failed is tried again at the next look.
    fn report(&self, outcome: Result<(), crate::Error>) {
        if let Err(error) = outcome
            && !self.shared.closed.load(Ordering::Acquire)
        {
            let code: Code = error.code();
            log::error!("{code}: a data node could not be replaced: {error}");
        }
    }

    fn tell_operations(&mut self, routing: &Routing) {
        let statuses = routing.counting().filter_map(|node| node.pulse.status());
        let total = statuses.fold(routing.departed.total(), |sum, status| sum.plus(&status));
        let counts = OperationCounts {
            hits: total.hits,
            misses: total.misses,
            puts: total.inserts + total.updates,
            deletes: total.deletes,
        };
        if counts != self.told {
            self.told = counts;
            self.shared.topics.operations.publish(|| counts);
        }
    }
}
