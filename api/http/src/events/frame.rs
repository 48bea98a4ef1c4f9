//! Events as a client reads them.
//!
//! ```text
//! id: 7
//! event: keyspace_added
//! data: {"keyspace":"users"}
//! ```

use bytes::Bytes;
use distcache::{Invalidation, LossReason, RingChange};
use serde_json::{Value, json};

/// After which time a client that has lost its connection comes again.
const RETRY_MS: u32 = 3_000;

/// What is sent when nothing happens.
pub(super) const KEEP_ALIVE: Bytes = Bytes::from_static(b": keep-alive\n\n");

/// The first words of a stream: what is numbered higher is told.
pub(super) fn open(sequence: u64) -> Bytes {
    format!("retry: {RETRY_MS}\nevent: open\ndata: {{\"sequence\":{sequence}}}\n\n").into()
}

/// So many events were missed. It has no number of its own.
pub(super) fn lag(missed: u64) -> Bytes {
    format!("event: lag\ndata: {{\"missed\":{missed}}}\n\n").into()
}

/// Something that has happened.
#[derive(Debug)]
pub(super) struct Event {
    name: &'static str,
    data: Value,
}

impl Event {
    /// The event with its number.
    pub(super) fn frame(&self, sequence: u64) -> Bytes {
        // JSON has no line break of its own: one line holds it.
        let Self { name, data } = self;
        format!("id: {sequence}\nevent: {name}\ndata: {data}\n\n").into()
    }

    pub(super) fn is_invalidation(&self) -> bool {
        self.name == "invalidation"
    }

    /// `None` for what is not told here yet.
    pub(super) fn of_engine(event: distcache::Event) -> Option<Self> {
        use distcache::Event as Of;
        let (name, data) = match event {
            Of::KeyspaceAdded { name } => ("keyspace_added", json!({"keyspace": name})),
            Of::KeyspaceChanged { name } => ("keyspace_changed", json!({"keyspace": name})),
            Of::KeyspaceRemoved { name } => ("keyspace_removed", json!({"keyspace": name})),
            Of::KeyspaceWarmed { name, loaded, failed } => {
                ("keyspace_warmed", json!({"keyspace": name, "loaded": loaded, "failed": failed}))
            }
            #[cfg(feature = "cluster")]
            Of::MemberJoined { member } => ("member_joined", of_member(member)),
            #[cfg(feature = "cluster")]
            Of::MemberChanged { member } => ("member_changed", of_member(member)),
            #[cfg(feature = "cluster")]
            Of::MemberLeft { member } => ("member_left", of_member(member)),
            _ => return None,
        };
        Some(Self { name, data })
    }

    /// `None` for what is not told here yet.
    pub(super) fn of_ring(change: &RingChange) -> Option<Self> {
        let (name, data) = match change {
            RingChange::Added { node, epoch } => {
                ("node_added", json!({"node": node.to_string(), "epoch": epoch.get()}))
            }
            RingChange::Removed { node, epoch } => {
                ("node_removed", json!({"node": node.to_string(), "epoch": epoch.get()}))
            }
            RingChange::Lost { node, incarnation, reason } => {
                let reason = match reason {
                    LossReason::Panicked => "panicked",
                    LossReason::Silent => "silent",
                };
                let node = node.to_string();
                let data = json!({"node": node, "incarnation": incarnation, "reason": reason});
                ("node_lost", data)
            }
            RingChange::Replaced { node, incarnation, epoch } => {
                let (node, epoch) = (node.to_string(), epoch.get());
                let data = json!({"node": node, "incarnation": incarnation, "epoch": epoch});
                ("node_replaced", data)
            }
            RingChange::Settled { epoch, moved } => {
                ("ring_settled", json!({"epoch": epoch.get(), "moved": moved}))
            }
            _ => return None,
        };
        Some(Self { name, data })
    }

    /// A key is told by its hash: only who knows the process's hash key knows more.
    pub(super) fn of_invalidation(gone: Invalidation) -> Self {
        let Invalidation { key_hash, node } = gone;
        let (key_hash, node) = (format!("{key_hash:016x}"), node.to_string());
        Self { name: "invalidation", data: json!({"key_hash": key_hash, "node": node}) }
    }
}

/// A member, as `/v1/members` tells of it.
#[cfg(feature = "cluster")]
fn of_member(member: distcache::Member) -> Value {
    json!(crate::cluster::Member::from(member))
}
