//! What an export does when it is interrupted, and what it leaves alone.

use std::collections::BTreeSet;

use super::{Desk, documents, import, numbered, run, start, text};
use crate::support::{Server, eventually};

/// So many that the scan has several pages.
const LINES: usize = 3_000;

#[test]
fn an_export_that_is_killed_goes_on_behind_its_last_page() {
    let (desk, server) = (Desk::new(), Server::start(&[]));
    import(&server, &desk.file("in.jsonl", numbered(LINES)));
    let (out, state) = (desk.path("out.jsonl"), desk.path("state"));
    let arguments = ["export", "--output", text(&out), "--state", text(&state)];
    let slow = start(&server, &[&arguments[..], &["--rate", "1000"]].concat());
    eventually("a page is written", || state.exists().then_some(()));
    slow.signal("KILL");
    assert_eq!(slow.wait().status, None);
    let before = documents(&std::fs::read_to_string(&out).expect("a file")).len();
    assert!(0 < before && before < LINES, "{before}");
    // As if it had been cut off within a line.
    let mut cut = std::fs::read(&out).expect("a file");
    cut.extend_from_slice(b"{\"key\":\"hal");
    std::fs::write(&out, cut).expect("room for it");

    let ended = run(&server, &arguments);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert!(ended.stderr.contains(", failed: 0, in "), "{}", ended.stderr);
    let whole = std::fs::read_to_string(&out).expect("a file");
    let keys: BTreeSet<_> = documents(&whole).iter().map(|one| one["key"].to_string()).collect();
    // A scan may give a key twice, and an interruption does not.
    assert_eq!(keys.len(), LINES);
    assert!(whole.lines().count() < LINES + before, "what was written is not written again");
    // It is at its end, and stays there.
    assert_eq!(run(&server, &arguments).status, Some(0));
    assert_eq!(std::fs::read_to_string(&out).expect("a file"), whole);
}

#[test]
fn a_cursor_of_another_process_or_of_another_export_is_refused() {
    let (desk, server) = (Desk::new(), Server::start(&[]));
    import(&server, &desk.file("in.jsonl", numbered(3)));
    let (out, state) = (desk.path("out.jsonl"), desk.path("state"));
    let arguments = ["export", "--output", text(&out), "--state", text(&state)];
    assert_eq!(run(&server, &arguments).status, Some(0));
    let other = run(&server, &[&arguments[..], &["--pattern", "1*"]].concat());
    assert_eq!(other.status, Some(2));
    assert!(other.stderr.starts_with("DC-334 "), "{}", other.stderr);
    let anew = run(&Server::start(&[]), &arguments);
    assert_eq!(anew.status, Some(2));
    assert!(anew.stderr.starts_with("DC-337 "), "{}", anew.stderr);
    assert_eq!(documents(&std::fs::read_to_string(&out).expect("a file")).len(), 3);
}

#[test]
fn a_pattern_chooses_keys() {
    let (desk, server) = (Desk::new(), Server::start(&[]));
    import(&server, &desk.file("in.jsonl", numbered(200)));
    let ended = run(&server, &["export", "--pattern", "19?"]);
    let found = documents(&ended.stdout);
    let keys: BTreeSet<_> = found.iter().filter_map(|one| one["key"].as_str()).collect();
    let expected: Vec<String> = (190..200).map(|n| n.to_string()).collect();
    assert!(keys.into_iter().eq(expected.iter().map(String::as_str)), "{found:?}");
}

#[test]
fn a_keyspace_that_is_not_there_is_told() {
    let ended = run(&Server::start(&[]), &["export", "--keyspace", "nowhere"]);
    assert_eq!((ended.status, ended.stdout.as_str()), (Some(1), ""));
    assert!(ended.stderr.contains("DC-120 "), "{}", ended.stderr);
}

/// What is cached is written; the source is not asked for anything.
#[cfg(feature = "file")]
#[test]
fn an_export_loads_nothing() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("values")).expect("room for it");
    for key in ["a", "b"] {
        desk.file(&format!("values/{key}"), "of the source");
    }
    let config = desk.file(
        "config.toml",
        "[keyspaces.default.source]\nkind = \"file\"\ndirectory = \"values\"\n",
    );
    let server = Server::start(&["--config", text(&config)]);
    assert_eq!(server.get("a").status, 200);
    let loads =
        || server.ask("GET", "/v1/keyspaces/default/stats", "", b"").json()["loads"].clone();
    let before = loads();
    let found = documents(&run(&server, &["export"]).stdout);
    assert_eq!(found.len(), 1);
    assert_eq!((&found[0]["key"], &found[0]["value"]), (&"a".into(), &"of the source".into()));
    assert_eq!(loads(), before);
}
