//! What the document shows as an example is what the doors do.

use super::{Draft, prepare};
use crate::support::{CONTRACT, Contract, Operation, TestDoor, members, on_each_door};

on_each_door! {
    it_is_served_to_everybody_as_it_stands_in_the_repository,
    every_example_is_answered_as_it_says,
}

fn it_is_served_to_everybody_as_it_stands_in_the_repository(door: &TestDoor) {
    let strict = distcache_http::Right::Write;
    door.access.replace(vec![("writes-writes-writes".to_owned(), strict)]).expect("a good token");
    let reply = door.ask("GET", "/openapi.json", "", b"");
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    assert_eq!(reply.body, distcache_http::OPENAPI.as_bytes());
}

#[test]
fn every_example_of_a_shape_has_that_shape() {
    let mut seen = 0;
    for (name, schema) in CONTRACT.schemas() {
        let shape = CONTRACT.validator(schema);
        for example in schema["examples"].as_array().into_iter().flatten() {
            assert!(shape.is_valid(example), "{name}: {:?}", shape.validate(example));
            seen += 1;
        }
    }
    assert!(15 < seen, "{seen} examples");
}

#[test]
fn no_two_operations_have_one_id_and_each_reference_leads_somewhere() {
    let mut ids: Vec<_> = CONTRACT.operations().map(|operation| operation.id()).collect();
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count);
    let references = distcache_http::OPENAPI.split("\"$ref\": \"").skip(1);
    for reference in references.filter_map(|rest| rest.split('"').next()) {
        CONTRACT.resolved(&serde_json::json!({"$ref": reference}));
    }
}

/// Each with what it must have; with each parameter that it may have; with each
/// body. All that is answered is held against the document by the client.
fn every_example_is_answered_as_it_says(door: &TestDoor) {
    for operation in CONTRACT.operations() {
        for draft in drafts(&CONTRACT, &operation) {
            prepare(door);
            let reply = draft.send(door);
            assert!((200..300).contains(&reply.status), "{draft:?}: {reply:?}");
            if operation.method == "get" {
                let head = Draft { method: "HEAD".to_owned(), ..draft };
                assert_eq!(head.send(door).status, reply.status, "{head:?}");
            }
            again(door, &operation);
        }
    }
}

fn drafts(contract: &Contract, operation: &Operation<'_>) -> Vec<Draft> {
    let bare = Draft::of(operation);
    let parameters = operation.parameters().iter();
    let mut drafts: Vec<_> = parameters
        .filter(|parameter| parameter["required"] == false && !parameter["example"].is_null())
        .map(|parameter| {
            let mut draft = bare.clone();
            draft.give(parameter, &parameter["example"]);
            draft
        })
        .collect();
    let body = &operation.says["requestBody"];
    for (kind, content) in members(&body["content"]) {
        for example in
            contract.resolved(&content["schema"])["examples"].as_array().into_iter().flatten()
        {
            drafts.push(bare.clone().with_body(kind, example.to_string()));
        }
        match kind.as_str() {
            "application/x-www-form-urlencoded" => {
                let value = content["example"]["value"].as_str().expect("a text");
                drafts.push(bare.clone().with_body(kind, format!("value={value}")));
            }
            "application/octet-stream" | "*/*" => {
                drafts.push(bare.clone().with_body("application/octet-stream", [0xFF, 0]));
            }
            _ => {}
        }
    }
    // What an invalidation is of must be said.
    if body["required"] != true && operation.id() != "invalidateKeyspace" {
        drafts.push(bare);
    }
    drafts
}

/// The keyspaces as they were.
fn again(door: &TestDoor, operation: &Operation<'_>) {
    match operation.id().as_str() {
        "putKeyspace" => {
            door.ask("DELETE", "/v1/keyspaces/sessions", "", b"");
        }
        "deleteKeyspace" => {
            let made = door.ask("PUT", "/v1/keyspaces/users", "", b"");
            assert_eq!(made.status, 201);
        }
        _ => {}
    }
}
