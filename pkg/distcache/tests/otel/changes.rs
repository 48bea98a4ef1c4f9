//! Calls that change the engine.

use distcache::opentelemetry::trace::{FutureExt, TraceContextExt};

use crate::support::{Listener, assert_within, block_on, said, things};

const CHANGES: [&str; 3] =
    ["distcache.add_keyspace", "distcache.update_keyspace", "distcache.delete_keyspace"];

#[test]
fn each_change_of_a_keyspace_is_a_span() {
    let listener = Listener::new();
    let engine = listener.builder().start().unwrap();
    engine.add_keyspace(things()).unwrap();
    engine.update_keyspace(things()).unwrap();
    engine.delete_keyspaces(&["things"]).into_iter().for_each(Result::unwrap);
    assert_eq!(listener.names(), CHANGES);
    for name in CHANGES {
        assert_eq!(said(&listener.span(name), "distcache.keyspace").as_deref(), Some("things"));
    }
}

/// They are made on a thread of their own.
#[test]
fn a_change_that_a_task_waits_for_is_within_the_tasks_span() {
    let listener = Listener::new();
    let engine = listener.builder().start().unwrap();
    let task = listener.own_span("task");
    let changes = async {
        engine.add_keyspace_async(things()).await.unwrap();
        engine.update_keyspace_async(things()).await.unwrap();
        engine.delete_keyspace_async("things").await.unwrap();
    };
    block_on(changes.with_context(task.clone()));
    task.span().end();
    for name in CHANGES {
        assert_within(&listener.span(name), &listener.span("task"));
    }
}

#[test]
fn a_name_that_no_keyspace_has_is_not_told() {
    let listener = Listener::new();
    let engine = listener.builder().start().unwrap();
    engine.delete_keyspace("made-up").unwrap_err();
    engine.update_keyspace(things()).unwrap_err();
    engine.get("made-up", b"a").unwrap_err();
    assert_eq!(listener.names(), [""; 0]);
}
