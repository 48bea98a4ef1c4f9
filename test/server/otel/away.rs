//! A collector that is not there, or says nothing.

use std::net::TcpListener;

use crate::support::{Client, Process, Server, eventually};

/// Requests on one connection at a time.
const AT_ONCE: usize = 100;

fn serve(endpoint: &str, more: &[(&str, &str)]) -> Server {
    let endpoint = [("DISTCACHE_OTEL_ENDPOINT", endpoint)];
    let variables = [&endpoint, more].concat();
    Server::of(Process::start_in(&variables, &["--port", "0", "--capacity", "32MiB"]))
}

/// Asks so many times.
fn ask(client: &mut Client, requests: usize) {
    let many = "GET /?key=a HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(AT_ONCE);
    for _ in 0..requests / AT_ONCE {
        client.send(&many);
        for _ in 0..AT_ONCE {
            assert_eq!(client.reply().status, 200);
        }
    }
}

#[test]
fn a_collector_that_is_not_there_is_told_once_and_costs_no_answer() {
    // A port that nobody listens at: it was free a moment ago.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let endpoint = format!("http://{}", listener.local_addr().expect("it is bound"));
    drop(listener);
    let often = [
        ("DISTCACHE_OTEL_SPAN_INTERVAL", "10ms"),
        ("DISTCACHE_OTEL_EXPORT_INTERVAL", "10ms"),
        ("DISTCACHE_OTEL_EXPORT_TIMEOUT", "50ms"),
    ];
    let server = serve(&endpoint, &often);
    server.put("a", b"1");
    ask(&mut server.connect(), 1_000);
    server.stderr.wait_for("DC-340");
    ask(&mut server.connect(), 1_000);
    let ended = server.end();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    let told = ended.stderr.matches("the collector does not answer").count();
    assert_eq!(told, 1, "{}", ended.stderr);
}

#[cfg(target_os = "linux")]
fn resident_bytes(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id()));
    let status = status.expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("it is told");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
}

/// It takes connections, and never answers: every export waits for its whole time.
#[cfg(target_os = "linux")]
#[test]
fn spans_for_a_collector_that_is_silent_take_no_more_memory_than_its_queue() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let endpoint = format!("http://{}", listener.local_addr().expect("it is bound"));
    let settings = [
        ("DISTCACHE_OTEL_SPANS_WAITING_MAX", "64"),
        ("DISTCACHE_OTEL_SPAN_INTERVAL", "10ms"),
        ("DISTCACHE_OTEL_EXPORT_TIMEOUT", "1h"),
    ];
    let server = serve(&endpoint, &settings);
    server.put("a", b"1");
    // An export waits for its answer from now on.
    let waiting = eventually("the collector is asked", || listener.accept().ok());
    let mut client = server.connect();
    ask(&mut client, 2_000);
    let before = resident_bytes(&server);
    ask(&mut client, 20_000);
    let grown = resident_bytes(&server).saturating_sub(before);
    // Two spans a request, of some 500 bytes: were they kept, they took 20 MiB.
    assert!(grown < 4 << 20, "{grown} bytes more are resident");

    // And the end does not wait for an answer either.
    let ended = server.end();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("DC-340 not everything was sent within 5s"), "{}", ended.stderr);
    drop(waiting);
}
