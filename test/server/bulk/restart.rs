//! A server that is stopped and started again meanwhile.

use super::{Desk, assert_has_numbered, numbered, run, start, text, wait_for_line};
use crate::support::{Door, Server};

const LINES: usize = 1_500;

#[test]
fn an_import_waits_for_a_server_that_is_started_anew_and_tells_what_is_lost() {
    let (desk, server) = (Desk::new(), Server::start(&[]));
    let (file, state) = (desk.file("in.jsonl", numbered(LINES)), desk.path("state"));
    let arguments = ["import", text(&file), "--state", text(&state), "--batch", "10"];
    let slow = start(&server, &[&arguments[..], &["--rate", "500"]].concat());
    wait_for_line(&state, 100);
    let port = server.address().port().to_string();
    server.end();
    let server = Server::start_on(&port, Door::DEFAULT);
    let ended = slow.wait();
    assert_eq!(ended.status, Some(1));
    assert!(ended.stderr.contains(&format!("imported: {LINES}, failed: 0")), "{}", ended.stderr);
    assert!(ended.stderr.contains("\nDC-337 "), "{}", ended.stderr);
    // Once more: the state knows that it is of another process.
    let ended = run(&server, &arguments);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert!(ended.stderr.contains(&format!("imported: {LINES}, failed: 0")), "{}", ended.stderr);
    assert_has_numbered(&server, LINES);
}

#[test]
fn an_export_of_a_server_that_is_started_anew_ends_with_what_it_has() {
    let (desk, server) = (Desk::new(), Server::start(&[]));
    super::import(&server, &desk.file("in.jsonl", numbered(2 * LINES)));
    let (out, state) = (desk.path("out.jsonl"), desk.path("state"));
    let arguments = ["export", "--output", text(&out), "--state", text(&state), "--rate", "500"];
    let slow = start(&server, &arguments);
    crate::support::eventually("a page is written", || state.exists().then_some(()));
    let port = server.address().port().to_string();
    server.end();
    let _anew = Server::start_on(&port, Door::DEFAULT);
    let ended = slow.wait();
    assert_eq!(ended.status, Some(1));
    assert!(ended.stderr.contains("\nDC-337 "), "{}", ended.stderr);
    let written = std::fs::read_to_string(&out).expect("a file");
    assert!(!super::documents(&written).is_empty(), "whole lines");
}
