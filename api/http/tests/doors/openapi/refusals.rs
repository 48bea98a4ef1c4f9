//! Every code by which the document says that a client can be refused is given to
//! one who does what it is for.

use distcache_http::Right;
use serde_json::json;

use super::{Draft, prepare};
use crate::support::{CONTRACT, Operation, Reply, TestDoor, escaped, members, on_each_door};

on_each_door! {
    every_code_of_a_refusal_can_be_met,
}

const WRITES: &str = "writes-writes-writes";
const READS: &str = "reads-reads-reads-reads";

/// What no single request of one client brings about: the other tests of the doors
/// and of the engine do. A key too long for the cache is too long for the hyper
/// door, which says 414.
const BY_OTHER_TESTS: &[&str] = &["DC-106", "DC-123", "DC-212", "DC-211", "DC-105", "DC-208"];

/// The refusals of 4xx that an operation lists.
fn refusals(operation: &Operation<'_>) -> Vec<(u16, String)> {
    let mut refusals = Vec::new();
    for (status, answer) in members(&operation.says["responses"]) {
        let Some(status) = status.parse().ok().filter(|status| (400..500).contains(status)) else {
            continue;
        };
        let content = &CONTRACT.resolved(answer)["content"];
        let problem = &content["application/problem+json"];
        if problem.is_null() && content["text/plain; charset=utf-8"].is_object() {
            // In the words of an older interface: the tests of `seeds` know them.
            continue;
        }
        let codes = problem["schema"]["properties"]["code"]["enum"].as_array();
        let codes = codes.expect("a refusal has codes").iter();
        refusals.extend(codes.map(|code| (status, code.as_str().expect("a text").to_owned())));
    }
    refusals.retain(|(_, code)| !BY_OTHER_TESTS.contains(&code.as_str()));
    refusals
}

fn every_code_of_a_refusal_can_be_met(door: &TestDoor) {
    let mut met = 0;
    for operation in CONTRACT.operations() {
        for (status, code) in refusals(&operation) {
            prepare(door);
            guard(door, &code);
            let tried: Vec<_> = spoiled(&operation, &code)
                .into_iter()
                .map(|draft| (draft.send(door), draft))
                .collect();
            door.access.replace(Vec::new()).expect("none is good");
            let is_met = |reply: &Reply| reply.status == status && reply.json()["code"] == *code;
            let id = operation.id();
            assert!(
                tried.iter().any(|(reply, _)| is_met(reply)),
                "{id} {status} {code}: {tried:?}"
            );
            met += 1;
        }
    }
    assert!(150 < met, "{met} refusals");
}

/// Asks for tokens where a code is about them.
fn guard(door: &TestDoor, code: &str) {
    if ["DC-226", "DC-227"].contains(&code) {
        let tokens = [(WRITES, Right::Write), (READS, Right::Read)];
        let tokens = tokens.map(|(token, right)| (token.to_owned(), right)).to_vec();
        door.access.replace(tokens).expect("good tokens");
    }
}

/// Requests of which one at least is refused by this code. One that is as it ought
/// to be is none of them, unless it is a token that it lacks.
fn spoiled(operation: &Operation<'_>, code: &str) -> Vec<Draft> {
    let example = of_example(operation);
    let mut drafts = tries(operation, &example, code);
    drafts.retain(|draft| code == "DC-226" || *draft != example);
    drafts
}

fn tries(operation: &Operation<'_>, example: &Draft, code: &str) -> Vec<Draft> {
    let header = |name: &str, value: &str| {
        let mut draft = example.clone();
        draft.headers.push((name.to_owned(), value.to_owned()));
        vec![draft]
    };
    let query = |pairs: &[(&str, &str)]| {
        let mut draft = example.clone();
        draft
            .query
            .extend(pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())));
        vec![draft]
    };
    let path = |from: &str, to: &str| {
        vec![Draft { path: example.path.replace(from, to), ..example.clone() }]
    };
    let body =
        |body: &str| vec![Draft { body: body.into(), headers: Vec::new(), ..example.clone() }];
    let key = escaped(b"user:42");
    match code {
        "DC-116" => query(&[("tag", "a"); 32]),
        "DC-117" => header("If-Match", "\"1-1\""),
        "DC-118" => {
            let mut draft = example.clone();
            draft.path = draft.path.replace(&key, "user-of-no-number");
            vec![draft]
        }
        "DC-119" => query(&[("by", &i64::MAX.to_string())]),
        "DC-120" => path(&escaped(b"users"), "nobody"),
        "DC-121" => [body("{\"ttl_ms\":77}"), path("sessions", "users")].concat().into_iter()
            .map(|draft| Draft { path: "/v1/keyspaces/users".to_owned(), ..draft })
            .collect(),
        "DC-122" => path(&escaped(b"sessions"), "a%2Fb"),
        "DC-125" => vec![example.clone().with_body("", "x"), example.clone().with_body("a\tb", "x")],
        "DC-201" => {
            let mut missing = path(&key, "nothing");
            for draft in &mut missing {
                draft.query.iter_mut().for_each(|pair| "nothing".clone_into(&mut pair.1));
            }
            missing
        }
        "DC-204" => {
            let mut empty = path(&key, "");
            empty.push(Draft { query: vec![("key".to_owned(), String::new())], ..example.clone() });
            empty.extend(body(&json!({"keys": [""]}).to_string()));
            empty.extend(body(&json!({"items": [{"key": "", "value": ""}]}).to_string()));
            empty
        }
        "DC-205" => operation
            .parameters()
            .iter()
            .filter(|parameter| parameter["in"] == "query")
            .map(|parameter| {
                let mut draft = example.clone();
                let name = parameter["name"].as_str().expect("a name").to_owned();
                draft.query.extend([(name.clone(), "1".to_owned()), (name, "1".to_owned())]);
                draft
            })
            .collect(),
        "DC-206" => query(&[("ttl", "0")]),
        "DC-207" => vec![
            Draft { path: example.path.replace(&key, "%zz"), ..example.clone() },
            Draft { path: example.path.clone() + "?a=%zz", query: Vec::new(), ..example.clone() },
        ],
        "DC-209" => header("Origin", "https://evil.example"),
        "DC-210" => header("Host", "evil.example"),
        "DC-218" => query(&[("colour", "red")]),
        "DC-219" => {
            let mut twice = query(&[("value", "a")]);
            twice[0].body = b"b".to_vec();
            twice
        }
        "DC-224" => vec![example.clone().with_body("application/x-www-form-urlencoded", "hello")],
        "DC-226" => vec![example.clone()],
        "DC-227" => header("Authorization", &format!("Bearer {READS}")),
        "DC-228" => [
            header("If-Match", "none"),
            body(&json!({"items": [{"key": "a", "value": "", "if_match": "*", "if_none_match": "*"}]}).to_string()),
        ]
        .concat(),
        "DC-230" => [
            query(&[("a", ""); 65]),
            query(&[("invalidations", "maybe")]),
        ]
        .concat(),
        "DC-232" => body("["),
        "DC-233" => [
            body(&json!({"keys": vec!["a"; 1_001]}).to_string()),
            body(&json!({"items": vec![json!({"key": "a", "value": ""}); 1_001]}).to_string()),
        ]
        .concat(),
        "DC-235" => path(&escaped(b"users"), "default"),
        "DC-322" => body("{\"colour\":\"red\"}"),
        "DC-323" => body("{\"ttl_ms\":0}"),
        _ => Vec::new(),
    }
}

/// The operation with a body, where it must have one.
fn of_example(operation: &Operation<'_>) -> Draft {
    let draft = Draft::of(operation);
    let body = &operation.says["requestBody"];
    if body["required"] != true {
        return draft;
    }
    let schema = CONTRACT.resolved(&body["content"]["application/json"]["schema"]);
    draft.with_body("application/json", schema["examples"][0].to_string())
}
