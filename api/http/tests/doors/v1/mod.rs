//! `/v1`, through both doors.

mod access;
mod batch;
mod events;
mod hot;
mod keys;
mod keyspaces;
mod times;
mod verbs;

use crate::support::{Reply, escaped};

/// The path of a key of the keyspace `default`.
fn path(key: &[u8]) -> String {
    format!("/v1/keyspaces/default/keys/{}", escaped(key))
}

fn status_and_code(reply: &Reply) -> (u16, String) {
    (reply.status, reply.code())
}
