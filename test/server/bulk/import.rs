//! What an import does with what is wrong.

use super::{
    Desk, assert_has_numbered, exported, import, next_line, numbered, run, start, text,
    wait_for_line,
};
use crate::support::{Process, Server};

#[test]
fn an_import_that_is_killed_goes_on_behind_what_was_acknowledged() {
    const LINES: usize = 2_000;
    let (desk, server) = (Desk::new(), Server::start(&[]));
    let (file, state) = (desk.file("in.jsonl", numbered(LINES)), desk.path("state"));
    let arguments = ["import", text(&file), "--state", text(&state), "--batch", "10"];
    let slow = start(&server, &[&arguments[..], &["--rate", "500"]].concat());
    wait_for_line(&state, 100);
    slow.signal("KILL");
    assert_eq!(slow.wait().status, None);
    let reached = next_line(&state).expect("a line");
    let there = exported(&server).len() as u64;
    assert!(reached - 1 <= there && there < LINES as u64, "{there} are there, {reached} is next");
    let ended = run(&server, &arguments);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let rest = LINES as u64 - (reached - 1);
    assert!(ended.stderr.contains(&format!("imported: {rest}, failed: 0")), "{}", ended.stderr);
    assert_has_numbered(&server, LINES);
    // There is nothing left.
    assert!(run(&server, &arguments).stderr.contains("imported: 0, failed: 0"));
}

#[test]
fn a_bad_line_is_named_by_its_number_and_what_stands_before_it_is_there() {
    let (desk, server) = (Desk::new(), Server::start(&[]));
    let text_of_file =
        format!("{}\n{{\"key\":\"secret\",\"value\":7}}\n{}", numbered(5), numbered(6));
    let (file, state) = (desk.file("in.jsonl", text_of_file), desk.path("state"));
    let ended = run(&server, &["import", text(&file), "--state", text(&state)]);
    assert_eq!(ended.status, Some(1));
    let told = "DC-331 line 7: column 25: this member is unknown, given twice, or not of its type";
    assert!(ended.stderr.contains(told) && !ended.stderr.contains("secret"), "{}", ended.stderr);
    assert_has_numbered(&server, 5);
    assert_eq!(next_line(&state), Some(7));
    // It is mended by leaving it out.
    let ended = run(&server, &["import", text(&file), "--from-line", "8"]);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_has_numbered(&server, 6);
}

#[test]
fn who_goes_on_behind_errors_is_told_the_first_and_the_number_of_all() {
    let (desk, server) = (Desk::new(), Server::start(&[]));
    let bad = "{\"key\":\"\",\"value\":\"secret\"}\n".repeat(30);
    let file = desk.file("in.jsonl", format!("{bad}{}", numbered(50)));
    let ended = run(&server, &["import", text(&file), "--continue-on-error"]);
    assert_eq!(ended.status, Some(1));
    let lines: Vec<_> = ended.stderr.lines().collect();
    assert_eq!(lines[..2], ["line 1: DC-331 the key is empty", "line 2: DC-331 the key is empty"]);
    assert_eq!(lines[20], "in all 30 failed: DC-331: 30");
    assert!(lines[21].starts_with("imported: 50, failed: 30, in "), "{lines:?}");
    assert!(lines[22].starts_with("DC-338 30 items failed, 50 were imported"), "{lines:?}");
    assert_has_numbered(&server, 50);
}

/// A body that is longer than the largest value is refused as a whole: its items
/// are not.
#[test]
fn what_the_server_does_not_take_is_named_by_its_line_and_the_others_are_there() {
    let (desk, server) = (Desk::new(), Server::start(&["--max-value", "300"]));
    let large = format!("{{\"key\":\"secret\",\"value\":\"{}\"}}\n", "x".repeat(301));
    let file = desk.file("in.jsonl", format!("{}{large}", numbered(40)));
    let ended = run(&server, &["import", text(&file), "--continue-on-error"]);
    assert_eq!(ended.status, Some(1));
    assert!(ended.stderr.starts_with("line 41: DC-"), "{}", ended.stderr);
    assert!(ended.stderr.contains("imported: 40, failed: 1") && !ended.stderr.contains("secret"));
    assert_has_numbered(&server, 40);
}

#[test]
fn a_keyspace_is_that_of_the_line_unless_the_command_says_another() {
    let (desk, server) = (Desk::new(), Server::start(&[]));
    let made = server.ask("PUT", "/v1/keyspaces/pictures", "", b"{}");
    assert_eq!(made.status, 201, "{made:?}");
    let file = desk.file("in.jsonl", "{\"keyspace\":\"pictures\",\"key\":\"a\",\"value\":\"b\"}\n");
    import(&server, &file);
    assert_eq!(exported(&server).len(), 0);
    let pictures = run(&server, &["export", "--keyspace", "pictures"]);
    let line = "{\"keyspace\":\"pictures\",\"key\":\"a\",\"value\":\"b\",\"ttl_ms\":null}\n";
    assert_eq!(pictures.stdout, line);
    let over = run(&server, &["import", text(&file), "--keyspace", "default"]);
    assert_eq!((over.status, exported(&server).len()), (Some(0), 1));
    let nowhere = run(&server, &["import", text(&file), "--keyspace", "nowhere"]);
    assert_eq!(nowhere.status, Some(1));
    assert!(nowhere.stderr.contains("DC-120 line 1:"), "{}", nowhere.stderr);
}

#[test]
fn who_has_no_right_token_imports_nothing_and_is_told_once() {
    let desk = Desk::new();
    let right = desk.file("right", "the-token-of-this-server\n");
    let wrong = desk.file("wrong", "a-token-of-another-server\n");
    let file = desk.file("in.jsonl", numbered(3));
    let server = Server::start(&["--token-file", text(&right)]);
    for token in [&["--token-file", text(&wrong)][..], &[]] {
        let ended =
            run(&server, &[&["import", text(&file), "--continue-on-error"], token].concat());
        assert_eq!(ended.status, Some(2));
        assert!(ended.stderr.starts_with("DC-226 http://127.0.0.1:"), "{}", ended.stderr);
        assert!(ended.stderr.lines().count() == 1 && !ended.stderr.contains("a-token-of"));
    }
    let ended = run(&server, &["import", text(&file), "--token-file", text(&right)]);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let ended = run(&server, &["export", "--read-token-file", text(&right)]);
    assert_eq!((ended.status, ended.stdout.lines().count()), (Some(0), 3));
}

#[test]
fn what_cannot_begin_says_why_and_ends_with_2() {
    let (desk, server) = (Desk::new(), Server::start(&[]));
    let file = desk.file("in.jsonl", numbered(3));
    let other = desk.file("state", "{\"import\":\"/other\",\"instance\":\"a\",\"next_line\":1}");
    let no_state = desk.file("no-state", "secret");
    let cases = [
        (&["import", "/nowhere/in.jsonl"][..], "DC-333 /nowhere/in.jsonl: "),
        (&["import", text(&file), "--state", text(&other)], "DC-334 the state is of /other"),
        (&["import", text(&file), "--state", text(&no_state)], "DC-334 "),
        (&["import", text(&file), "--batch", "1001"], "DC-301 "),
        (&["import", text(&file), "--rate", "0"], "DC-301 "),
        (&["import"], "DC-301 "),
        (&["export", "--output", "/nowhere/out"], "DC-333 /nowhere/out: "),
    ];
    for (arguments, told) in cases {
        let ended = run(&server, arguments);
        assert_eq!(ended.status, Some(2), "{arguments:?}: {ended:?}");
        assert!(ended.stderr.starts_with(told) && !ended.stderr.contains("secret"), "{ended:?}");
    }
    let url = format!("http://{}", server.address());
    server.end();
    let nobody = ["import", text(&file), "--url", &url, "--retries", "0"];
    let ended = Process::start(&nobody).wait();
    assert_eq!(ended.status, Some(2));
    assert!(ended.stderr.starts_with("DC-335 http://127.0.0.1:"), "{}", ended.stderr);
}

#[test]
fn progress_is_told_to_who_asks_for_it() {
    let (desk, server) = (Desk::new(), Server::start(&[]));
    let file = desk.file("in.jsonl", numbered(60));
    let arguments = ["import", text(&file), "--batch", "1", "--rate", "40"];
    let told = run(&server, &[&arguments[..], &["--progress"]].concat()).stderr;
    let line = told.lines().next().expect("a line");
    assert!(line.starts_with("imported: ") && line.contains(" %, "), "{told}");
    let silent = run(&server, &["import", text(&file)]).stderr;
    assert_eq!(silent.lines().count(), 1, "{silent}");
}
