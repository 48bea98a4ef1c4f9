//! What a message of the agreement may have in it: JSON of some mebibytes may be a hundred
//! times as much in memory, and members as many as there are bytes.

use openraft::EntryPayload;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::message::{Question, SNAPSHOT_PART_BYTES};
use super::stay::SNAPSHOT_EVERY;
use crate::view::{KEYSPACES_MAX, MEMBERS_MAX, SETTINGS_BYTES_MAX, SETTINGS_VALUES_MAX};

/// The most values (see [`SETTINGS_VALUES_MAX`]) of a message, but for the bytes of a
/// snapshot: those of as many entries of the log as go at once, each with a keyspace's
/// settings or with all members. In memory that is less than 16 MiB.
const VALUES_MAX: u64 = 1 << 17;

/// The most members that the log may speak of: while some come and others go it has both.
const NODES_MAX: u64 = 2 * MEMBERS_MAX as u64;

/// The longest snapshot, in bytes: all keyspaces with the longest settings, and members.
const SNAPSHOT_BYTES_MAX: u64 = (KEYSPACES_MAX * SETTINGS_BYTES_MAX + (1 << 20)) as u64;

/// The most values of a snapshot.
const SNAPSHOT_VALUES_MAX: u64 = (KEYSPACES_MAX * (SETTINGS_VALUES_MAX + 1) + (1 << 16)) as u64;

/// Whether a message may be read at all.
pub(super) fn of_message(message: &[u8]) -> Result<(), String> {
    let values = values_in(message);
    let max = match values {
        0..=VALUES_MAX => return Ok(()),
        _ if is_snapshot(message) => VALUES_MAX + SNAPSHOT_PART_BYTES,
        _ => VALUES_MAX,
    };
    at_most(max, values, "values")
}

/// Whether a snapshot may be read.
pub(super) fn of_snapshot(snapshot: &[u8]) -> Result<(), String> {
    at_most(SNAPSHOT_VALUES_MAX, values_in(snapshot), "values")
}

/// Whether what was read may be.
pub(super) fn of_question(question: &Question) -> Result<(), String> {
    match question {
        Question::Join { member, .. } => crate::view::Change::Join(member.clone()).fits(),
        Question::Propose { change, .. } => change.fits(),
        Question::Append { rpc, .. } => {
            at_most(SNAPSHOT_EVERY, rpc.entries.len() as u64, "entries of the log")?;
            rpc.entries.iter().try_for_each(|entry| match &entry.payload {
                EntryPayload::Blank => Ok(()),
                EntryPayload::Normal(change) => change.fits(),
                EntryPayload::Membership(membership) => {
                    at_most(NODES_MAX, membership.nodes().count() as u64, "members")
                }
            })
        }
        Question::Snapshot { rpc, .. } => {
            at_most(NODES_MAX, rpc.meta.last_membership.nodes().count() as u64, "members")?;
            at_most(SNAPSHOT_PART_BYTES, rpc.data.len() as u64, "bytes of a snapshot")?;
            // It would be made as long as the part's place says.
            let end = rpc.offset.saturating_add(rpc.data.len() as u64);
            if SNAPSHOT_BYTES_MAX < end {
                return Err(format!("a snapshot has {SNAPSHOT_BYTES_MAX} bytes at most"));
            }
            Ok(())
        }
        Question::Probe { .. }
        | Question::Promise { .. }
        | Question::Release { .. }
        | Question::Bequest { .. }
        | Question::Depart { .. }
        | Question::Renew { .. }
        | Question::Vote { .. } => Ok(()),
    }
}

fn at_most(max: u64, has: u64, what: &str) -> Result<(), String> {
    if has <= max { Ok(()) } else { Err(format!("it has {has} {what}: {max} are the most")) }
}

fn is_snapshot(message: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Letter {
        question: Kind,
    }
    #[derive(Deserialize)]
    struct Kind {
        snapshot: Option<IgnoredAny>,
    }
    let letter = serde_json::from_slice::<Letter>(message);
    letter.is_ok_and(|letter| letter.question.snapshot.is_some())
}

/// How many values there are in some JSON, or more: nothing of it is kept.
fn values_in(json: &[u8]) -> u64 {
    let (mut values, mut is_text, mut is_escaped) = (1, false, false);
    for byte in json {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            b',' | b'[' | b'{' if !is_text => values += 1,
            _ => {}
        }
    }
    values
}

#[cfg(test)]
mod tests;
