//! How the server starts, what it says then, and how it ends.

use std::net::TcpStream;

use crate::support::{Curl, Door, Process, Server, eventually, on_each_door};

on_each_door! {
    the_facts_come_first_then_ready_then_what_to_try,
    a_signal_lets_the_request_in_flight_finish_and_makes_it_unready,
    a_body_that_comes_too_slowly_is_cut_off_when_the_time_is_over,
    before_it_closes_a_new_connection_hears_that_it_is_not_ready,
    a_second_signal_ends_it_at_once,
    a_standard_output_that_nobody_reads_ends_nothing,
}

/// What each line at the start begins with, up to `ready`.
fn names_of_facts(stdout: &str) -> Vec<&str> {
    let names = stdout.lines().map(|line| line.split("  ").next().unwrap_or_default());
    let mut names: Vec<_> = names.map(str::trim).collect();
    names.dedup();
    names
}

fn the_facts_come_first_then_ready_then_what_to_try(door: Door) {
    let server = door.start(&["--data-nodes", "5", "--capacity", "100MiB", "--max-value", "1MiB"]);
    let address = server.address();
    let attempt = server.stdout.wait_for("try ");
    let (_, curl) = attempt.split_once(' ').expect("a command");
    let curl = Curl::parse(curl.trim());
    assert_eq!(curl.host(), address.to_string());
    assert_eq!(curl.send_to(&server).text(), "{\"key\":\"a\",\"value\":\"hello\"}\n");

    let stdout = server.end().stdout;
    let version = format!("distcache {}", env!("CARGO_PKG_VERSION"));
    let expected = [
        version.as_str(),
        &format!("listening on http://{address} ({})", door.name()),
        "data nodes",
        "capacity",
        "entries",
        "largest value",
        "eviction",
        "dispatch",
        "limit",
        "unsafe",
        "ready",
        "try",
    ];
    let squeezed = stdout.replace("listening on   ", "listening on ");
    assert_eq!(names_of_facts(&squeezed), expected);
    for fact in ["data nodes     5\n", "capacity       100 MiB,", "largest value  1 MiB\n"] {
        assert!(stdout.contains(fact), "no {fact:?} in {stdout}");
    }
}

#[cfg(feature = "hyper")]
#[test]
fn every_limit_is_told_with_its_value_and_its_flag() {
    let limits = [
        ("--max-value", "1MiB", "1 MiB"),
        ("--max-request-line", "4KiB", "4 KiB"),
        ("--max-headers", "50", "50"),
        ("--max-header-bytes", "5KiB", "5 KiB"),
        ("--max-buffered", "2MiB", "2 MiB"),
        ("--max-connections", "51", "51"),
        ("--max-in-flight", "52", "52"),
        ("--header-timeout", "1.5", "1.5 s"),
        ("--body-timeout", "53", "53 s"),
        ("--write-timeout", "54", "54 s"),
        ("--idle-timeout", "55", "55 s"),
        ("--shutdown-timeout", "56", "56 s"),
    ];
    let arguments: Vec<_> = limits.iter().flat_map(|(flag, given, _)| [*flag, *given]).collect();
    let stdout = Server::start(&arguments).end().stdout;
    let told: Vec<_> = stdout.lines().filter(|line| line.starts_with("limit ")).collect();
    assert_eq!(told.len(), limits.len(), "{told:#?}");
    for (flag, _, value) in limits {
        let end = format!(": {value} ({flag})");
        assert!(told.iter().any(|line| line.ends_with(&end)), "no {end:?} in {told:#?}");
    }
}

#[test]
fn what_is_unsafe_is_told_with_the_flag_that_changes_it() {
    let arguments = [
        "--http-server",
        "tiny_http",
        "--allow-origin",
        "https://a.example",
        "--allow-host",
        "b.example",
    ];
    let stdout = Server::start(&arguments).end().stdout;
    let told: Vec<_> = stdout.lines().filter(|line| line.starts_with("unsafe ")).collect();
    let expected = [
        ("every program on this machine", "(--token-file)"),
        ("end this process", "(--http-server)"),
        ("https://a.example", "(--allow-origin)"),
        ("b.example", "(--allow-host)"),
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (line, (what, flag)) in told.iter().zip(expected) {
        assert!(line.contains(what) && line.ends_with(flag), "{line}");
    }
}

/// It calls itself, under the limits that it was given, however low they are.
#[test]
fn ready_means_that_the_server_has_reached_itself() {
    let lowest = [
        "--max-request-line",
        "64",
        "--max-headers",
        "1",
        "--max-header-bytes",
        "256",
        "--max-connections",
        "1",
        "--max-in-flight",
        "1",
    ];
    let server = Server::start(&[&["--log", "debug"], &lowest[..]].concat());
    let asked = format!("http://{}/readyz says that it is ready", server.address());
    server.stderr.wait_for(&asked);
    let answer = eventually("the one connection that it asked by is closed", || {
        let reply = server.ask("GET", "/readyz", "", b"");
        (reply.status != 503).then(|| reply.text().to_owned())
    });
    assert_eq!(answer, "ready\n");
}

/// A connection is kept from an earlier request; on it one for `/readyz` has
/// begun, and another for a write elsewhere, when the signal comes.
fn a_signal_lets_the_request_in_flight_finish_and_makes_it_unready(door: Door) {
    for signal in ["TERM", "INT"] {
        let server = door.start(&[]);
        let (mut kept, mut writer) = (server.connect(), server.connect());
        assert_eq!(kept.ask("GET", "/readyz", "", b"").status, 200);
        writer.begin("POST", "/?key=k", 5);
        kept.begin("GET", "/readyz", 1);
        server.signal(signal);
        server.stderr.wait_for("draining");
        kept.send("x");
        assert!(kept.reply().is_problem(503, "DC-114"), "after {signal}");
        writer.send("hello");
        assert_eq!(writer.reply().text(), "{\"key\":\"k\",\"value\":\"hello\"}\n");
        let ended = server.wait();
        assert_eq!(ended.status, Some(0), "{ended:?}");
        assert!(ended.stderr.contains("ended"), "{ended:?}");
    }
}

/// For a load balancer that asks anew each time.
fn before_it_closes_a_new_connection_hears_that_it_is_not_ready(door: Door) {
    let server = door.start(&["--drain-delay", "600"]);
    server.signal("TERM");
    server.stderr.wait_for("draining");
    assert!(server.ask("GET", "/readyz", "", b"").is_problem(503, "DC-114"));
    assert_eq!(server.ask("GET", "/livez", "", b"").status, 200, "it still answers");
    server.signal("TERM");
    assert_eq!(server.wait().status, Some(130));
}

#[test]
fn a_server_that_is_idle_ends_at_once_and_closes_what_is_open() {
    for door in Door::ALL {
        let server = door.start(&["--shutdown-timeout", "600"]);
        let address = server.address();
        let mut idle = server.connect();
        assert_eq!(idle.ask("GET", "/livez", "", b"").status, 200);
        let ended = server.end();
        assert_eq!(ended.status, Some(0), "{door:?}: {ended:?}");
        assert!(idle.is_closed(), "{door:?}");
        assert!(TcpStream::connect(address).is_err(), "{door:?}: nobody listens any more");
    }
}

fn a_body_that_comes_too_slowly_is_cut_off_when_the_time_is_over(door: Door) {
    let server = door.start(&["--shutdown-timeout", "0.2"]);
    let mut slow = server.connect();
    slow.begin("POST", "/?key=k", 5);
    slow.send("h");
    let ended = server.end();
    assert_eq!(ended.status, Some(1), "{ended:?}");
    assert!(ended.stderr.lines().any(|line| line.starts_with("DC-113")), "{ended:?}");
    assert!(slow.is_closed());
}

fn a_second_signal_ends_it_at_once(door: Door) {
    for second in ["TERM", "INT"] {
        let server = door.start(&["--shutdown-timeout", "600"]);
        let mut slow = server.connect();
        slow.begin("POST", "/?key=k", 5);
        server.signal("TERM");
        server.stderr.wait_for("draining");
        server.signal(second);
        assert_eq!(server.wait().status, Some(130), "after a second {second}");
        assert!(slow.is_closed());
    }
}

/// As behind `| head -1`: every line that it prints fails.
fn a_standard_output_that_nobody_reads_ends_nothing(door: Door) {
    let arguments = ["--port", "0", "--http-server", door.name(), "--log", "debug"];
    let process = Process::start_unheard(&arguments);
    let line = process.stderr.wait_for("/readyz says that it is ready");
    let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next());
    let address = address.and_then(|text| text.parse().ok()).expect("an address");
    let server = Server::at(address, process);
    server.put("k", b"1");
    assert_eq!(server.end().status, Some(0));
}
