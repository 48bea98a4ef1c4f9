//! What is asked about one key.

use bytes::Bytes;
use distcache_cluster::proto::request::Operation;
use distcache_cluster::proto::{Delete, Get, Increment, Peek, Put, Touch, Trace};
use distcache_manager::{Condition, Version};

use super::item::{OwnItem, item_to, until_from, until_to};
use crate::keyspace::Until;
use crate::keyspace::ask::Ask;

/// A question, as it is sent.
pub(in crate::cluster) fn operation(ask: Ask<'_>, keyspace: &str) -> Operation {
    let keyspace = keyspace.to_owned();
    let key = |key: &[u8]| Bytes::copy_from_slice(key);
    match ask {
        Ask::Get { key: of } => Operation::Get(Get { keyspace, key: key(of), ..Get::default() }),
        Ask::Peek { key: of } => Operation::Peek(Peek { keyspace, key: key(of) }),
        Ask::Trace { key: of } => Operation::Trace(Trace { keyspace, key: key(of) }),
        Ask::Put(item) => Operation::Put(Put { keyspace, item: Some(item_to(item)) }),
        Ask::Delete { key: of, condition, is_invalidation } => {
            let version = match condition {
                Condition::Version(version) => Some(version.get()),
                Condition::Always
                | Condition::Absent
                | Condition::Present
                | Condition::Before(_) => None,
            };
            Operation::Delete(Delete { keyspace, key: key(of), version, is_invalidation })
        }
        Ask::Touch { key: of, until } => {
            Operation::Touch(Touch { keyspace, key: key(of), until: until_to(until) })
        }
        Ask::Increment { key: of, by } => {
            Operation::Increment(Increment { keyspace, key: key(of), by })
        }
    }
}

/// A question about one key that came from another member.
pub(in crate::cluster) enum Question {
    Get(Bytes),
    Peek(Bytes),
    Trace(Bytes),
    Put(OwnItem),
    Delete { key: Bytes, condition: Condition, is_invalidation: bool },
    Touch { key: Bytes, until: Until },
    Increment { key: Bytes, by: i64 },
}

impl Question {
    /// It, and the keyspace that it is about; the operation itself, if it is about no
    /// single key.
    pub(in crate::cluster) fn of(operation: Operation) -> Result<(String, Self), Box<Operation>> {
        Ok(match operation {
            Operation::Get(get) => (get.keyspace, Self::Get(get.key)),
            Operation::Peek(peek) => (peek.keyspace, Self::Peek(peek.key)),
            Operation::Trace(trace) => (trace.keyspace, Self::Trace(trace.key)),
            Operation::Put(Put { keyspace, item: Some(item) }) => {
                (keyspace, Self::Put(OwnItem::from(item)))
            }
            Operation::Delete(Delete { keyspace, key, version, is_invalidation }) => {
                let condition =
                    version.map_or(Condition::Always, |is| Condition::Version(Version::from(is)));
                (keyspace, Self::Delete { key, condition, is_invalidation })
            }
            Operation::Touch(Touch { keyspace, key, until }) => {
                (keyspace, Self::Touch { key, until: until_from(until) })
            }
            Operation::Increment(Increment { keyspace, key, by }) => {
                (keyspace, Self::Increment { key, by })
            }
            other => return Err(Box::new(other)),
        })
    }
}

/// What an operation is called.
pub(in crate::cluster) fn name_of(operation: &Operation) -> &'static str {
    match operation {
        Operation::Agreement(_) => "agreement",
        Operation::Get(_) => "get",
        Operation::Put(_) => "put",
        Operation::Delete(_) => "delete",
        Operation::Touch(_) => "touch",
        Operation::Increment(_) => "increment",
        Operation::Peek(_) => "peek",
        Operation::Trace(_) => "trace",
        Operation::GetMany(_) => "get_many",
        Operation::PutMany(_) => "put_many",
        Operation::DeleteMany(_) => "delete_many",
        Operation::Scan(_) => "scan",
        Operation::Clear(_) => "clear",
        Operation::InvalidateTag(_) => "invalidate_tag",
        Operation::InvalidatePrefix(_) => "invalidate_prefix",
        Operation::TakePage(_) => "take_page",
        Operation::Stats(_) => "stats",
        Operation::Follow(_) => "follow",
        Operation::Recall(_) => "recall",
    }
}
