//! Messages that would be far more in memory than they are, or name too much.

use std::num::NonZeroU32;

use serde_json::{Value, json};

use super::super::bequest::{Bequest, KEYSPACES_AT_ONCE};
use super::super::message::{Answer, Letter, Refusal, Way};
use super::*;
use crate::view::{Change, ClusterId, Member, MemberId, MemberState, ZONE_BYTES_MAX};

/// So many values of a list.
const MANY: usize = 1 << 17;

const CLUSTER: ClusterId = ClusterId::from_number(7);

/// What becomes of a message with this question.
fn opened(question: &Value) -> Result<Question, Refusal> {
    let letter = json!({"name": "c", "oldest": 1, "newest": 1, "question": question});
    Letter::open("c", &(1..=1), &serde_json::to_vec(&letter).expect("it is JSON"))
}

/// Why a message with this question is refused.
fn refused(question: &Value) -> String {
    match opened(question) {
        Err(Refusal::Unreadable { why }) => why,
        other => panic!("it is not refused: {other:?}"),
    }
}

fn member(number: u64) -> Member {
    Member {
        id: MemberId::from_number(number),
        address: format!("m{number}:1").into(),
        weight: NonZeroU32::MIN,
        zone: None,
        seen: 0,
        state: MemberState::Active,
    }
}

fn propose(change: &Change) -> Value {
    json!({"propose": {"cluster": CLUSTER, "change": change}})
}

fn keyspace(settings: Value) -> Value {
    propose(&Change::SetKeyspace { name: "k".into(), settings })
}

fn found(members: u64) -> Change {
    let members = (0..members).map(member).collect();
    Change::Found { cluster: CLUSTER, hash_key: [1; 16], members, complete: true }
}

fn id(index: u64) -> Value {
    json!({"leader_id": {"term": 1, "node_id": MemberId::from_number(1)}, "index": index})
}

fn way() -> Value {
    json!(Way { cluster: CLUSTER, to: MemberId::from_number(1) })
}

fn vote() -> Value {
    let leader_id = json!({"term": 1, "node_id": MemberId::from_number(1)});
    json!({"leader_id": leader_id, "committed": true})
}

fn append(payloads: &[Value]) -> Value {
    let entry = |(index, payload): (u64, &Value)| json!({"log_id": id(index), "payload": payload});
    let entries: Vec<_> = (1..).zip(payloads).map(entry).collect();
    let rpc = json!({"vote": vote(), "prev_log_id": null, "entries": entries,
        "leader_commit": null});
    json!({"append": {"way": way(), "rpc": rpc}})
}

fn membership(members: u64) -> Value {
    let ids: Vec<_> = (0..members).map(MemberId::from_number).collect();
    let peer = |id: &MemberId| (id.to_string(), json!({"address": "a:1", "weight": 1}));
    let nodes: serde_json::Map<_, _> = ids.iter().map(peer).collect();
    json!({"configs": [ids], "nodes": nodes})
}

fn snapshot(offset: u64, bytes: usize, members: u64) -> Value {
    let last_membership = json!({"log_id": null, "membership": membership(members)});
    let meta = json!({"last_log_id": id(9), "last_membership": last_membership,
        "snapshot_id": "9"});
    let rpc = json!({"vote": vote(), "meta": meta, "offset": offset, "data": vec![7; bytes],
        "done": false});
    json!({"snapshot": {"way": way(), "rpc": rpc}})
}

#[test]
fn a_message_that_names_more_members_than_there_can_be_is_refused_by_name() {
    let most = "257 members: 256 are the most";
    let too_many = json!({"Normal": found(257)});
    assert_eq!(refused(&propose(&found(257))), format!("it names {most}"));
    assert_eq!(refused(&append(&[too_many])), format!("it names {most}"));
    let most = "it has 513 members: 512 are the most";
    assert_eq!(refused(&append(&[json!({"Membership": membership(513)})])), most);
    assert_eq!(refused(&snapshot(0, 1, 513)), most);
    let most: Vec<_> = [json!({"Normal": found(256)}), json!({"Membership": membership(512)})]
        .into_iter()
        .chain(vec![json!("Blank"); 62])
        .collect();
    assert!(opened(&append(&most)).is_ok());
    assert!(opened(&snapshot(0, 1, 512)).is_ok());
}

#[test]
fn a_message_with_huge_settings_of_a_keyspace_is_refused_by_name() {
    let why = refused(&keyspace(json!("x".repeat(SETTINGS_BYTES_MAX))));
    assert_eq!(why, "settings of a keyspace have 65536 bytes at most");
    let why = refused(&keyspace(json!(vec![0; SETTINGS_VALUES_MAX])));
    assert_eq!(why, "settings of a keyspace have 256 values at most");
    let change = Change::SetKeyspace { name: "k".into(), settings: json!(vec![[0]; 128]) };
    let why = refused(&append(&[json!({"Normal": change})]));
    assert_eq!(why, "settings of a keyspace have 256 values at most");
    assert!(opened(&keyspace(json!(vec![0; SETTINGS_VALUES_MAX - 1]))).is_ok());
}

/// Four bytes in JSON, thirty-two in memory.
#[test]
fn a_message_of_more_values_than_any_has_is_refused_before_it_is_read() {
    let many = keyspace(json!(vec![[0]; MANY / 2]));
    assert!(refused(&many).ends_with("values: 131072 are the most"), "{}", refused(&many));
    // As of one that would be refused for its form, were it read.
    let many = json!({"probe": vec![0; MANY]});
    assert!(refused(&many).ends_with("values: 131072 are the most"), "{}", refused(&many));
    let text = json!({"probe": {"asker": "[,{".repeat(MANY) + "\"["}});
    assert!(refused(&text).contains("is no id"), "a text is one value");
}

#[test]
fn a_message_of_more_entries_than_go_at_once_is_refused_by_name() {
    let most = 64;
    assert!(opened(&append(&vec![json!("Blank"); most])).is_ok());
    let why = refused(&append(&vec![json!("Blank"); most + 1]));
    assert_eq!(why, "it has 65 entries of the log: 64 are the most");
}

/// A part of a snapshot is written where it says that it belongs.
#[test]
fn a_part_of_a_snapshot_that_is_too_long_or_belongs_too_far_behind_is_refused_by_name() {
    let part = 1 << 20;
    assert!(opened(&snapshot(0, part, 3)).is_ok());
    let why = refused(&snapshot(0, part + 1, 3));
    assert_eq!(why, "it has 1048577 bytes of a snapshot: 1048576 are the most");
    assert!(opened(&snapshot(SNAPSHOT_BYTES_MAX - 1, 1, 3)).is_ok());
    for offset in [SNAPSHOT_BYTES_MAX, u64::MAX] {
        let why = refused(&snapshot(offset, 1, 3));
        assert_eq!(why, "a snapshot has 68157440 bytes at most");
    }
}

#[test]
fn who_would_join_from_nowhere_or_with_a_long_zone_is_refused_by_name() {
    let join = |member| json!({"join": {"cluster": CLUSTER, "member": member}});
    let far = Member { zone: Some("z".repeat(ZONE_BYTES_MAX + 1)), ..member(1) };
    assert!(refused(&join(far)).ends_with("a zone of more than 256 bytes"));
    let nowhere = Member { address: "a".repeat(1_000).into(), ..member(1) };
    assert!(refused(&join(nowhere)).contains("is no address"));
    assert!(opened(&join(member(1))).is_ok());
}

#[test]
fn a_snapshot_of_more_values_than_any_has_is_refused() {
    assert_eq!(of_snapshot(b"{}"), Ok(()));
    assert!(of_snapshot(&b",".repeat(1 << 20)).is_err());
}

/// The one who asks us may be of any version.
#[test]
fn a_stranger_is_told_what_it_is_before_its_question_is_looked_at() {
    let letter = |name: &str, version: u32| {
        let letter = json!({"name": name, "oldest": version, "newest": version,
            "question": vec![0; MANY]});
        Letter::open("c", &(1..=1), &serde_json::to_vec(&letter).expect("it is JSON"))
    };
    assert!(matches!(letter("d", 1), Err(Refusal::OtherName { .. })));
    assert!(matches!(letter("c", 2), Err(Refusal::OtherVersion { .. })));
    assert!(matches!(letter("c", 1), Err(Refusal::Unreadable { .. })));
    assert!(matches!(Answer::open(b"[]"), Answer::Refused { .. }));
}

#[test]
fn an_answer_has_as_many_keyspaces_as_are_told_at_once_and_not_many_more() {
    let answer = |count: u64, settings: Value| {
        let keyspaces = (0..count).map(|n| (format!("k{n}"), settings.clone())).collect();
        Answer::Bequest { bequest: Bequest { epoch: 1, keyspaces, is_all: true } }
    };
    let longest = Value::Array(vec![Value::Null; SETTINGS_VALUES_MAX - 1]);
    let most = answer(KEYSPACES_AT_ONCE as u64, longest).seal();
    assert!(matches!(Answer::open(&most), Answer::Bequest { .. }));
    let many = answer(VALUES_MAX, Value::Null).seal();
    assert!(matches!(Answer::open(&many), Answer::Refused { why: Refusal::Unreadable { .. } }));
}
