//! What is asked for, and what is found.

use std::time::Duration;

use distcache::{Answer, DataSource, Loaded};
use distcache_sources::{Http, HttpConfigError, HttpError};

use crate::server::{Reply, Server};
use crate::{answered, builder, failure, fetch, found, patient, source};

#[test]
fn the_value_of_a_key_is_at_its_url() {
    let server = Server::routing(|request| Reply::ok(request.target.clone()));
    let source = source(&server);
    assert_eq!(fetch(&source, "42"), found("/things/42"));
    assert_eq!(fetch(&source, "../admin?a=b"), found("/things/..%2Fadmin%3Fa%3Db"));
    let by_query = Http::builder(server.url("/find?id={key}&full=1")).build().unwrap();
    assert_eq!(fetch(&by_query, "a&b"), found("/find?id=a%26b&full=1"));
    let many = source.fetch_many(&[b"1", b"2"], &patient()).unwrap();
    let many: Vec<_> = many.into_iter().map(Result::unwrap).collect();
    assert_eq!(many, [found("/things/1"), found("/things/2")]);
}

#[test]
fn a_key_that_would_lead_elsewhere_is_an_error_and_asks_nobody() {
    let server = Server::answering(Reply::ok("1"));
    let source = source(&server);
    for key in [&b""[..], b".", b".."] {
        let failed = failure(&source, key);
        assert!(matches!(failed, HttpError::Key { .. }), "{failed}");
    }
    assert!(matches!(failure(&source, &vec![b'a'; 65_535]), HttpError::Key { .. }));
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_value_may_be_empty_and_come_in_chunks() {
    assert_eq!(answered(Reply::ok("")), Ok(found("")));
    assert_eq!(answered(Reply::new(204)), Ok(found("")));
    let server = Server::start(|_, line| {
        line.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        line.write_all(b"3\r\nabc\r\n")?;
        line.write_all(b"2;a=b\r\nde\r\n0\r\n\r\n")
    });
    let source = source(&server);
    assert_eq!((fetch(&source, "a"), fetch(&source, "b")), (found("abcde"), found("abcde")));
    assert_eq!(server.connections(), 1, "it is known where a value ends");
}

#[test]
fn a_large_value_comes_whole() {
    let value: Vec<u8> = (0..=255).cycle().take(8 << 20).collect();
    let server = Server::answering(Reply::ok(value.clone()));
    assert!(fetch(&source(&server), "a") == Answer::from(value));
}

#[test]
fn what_is_not_there_is_not_found() {
    assert_eq!(answered(Reply::new(404)), Ok(Answer::NotFound));
    assert_eq!(answered(Reply::new(410)), Ok(Answer::NotFound));
}

#[test]
fn the_content_type_is_kept_if_it_can_be() {
    let of = |text: &str| answered(Reply::ok("1").header("Content-Type", text));
    let json = "application/json; charset=utf-8";
    assert_eq!(of(json), Ok(Loaded::new("1").content_type(json).into()));
    for bad in ["", "c\u{e9}", "a\tb", &"c".repeat(256)] {
        assert_eq!(of(bad), Ok(found("1")), "the value is worth more than {bad:?}");
    }
    assert!(of(&"c".repeat(255)) != Ok(found("1")));
}

#[test]
fn any_other_status_is_an_error_that_names_it() {
    for status in [201, 206, 300, 304, 400, 401, 403, 418, 429, 500, 503, 599] {
        let told = HttpError::Status { status, retry_after: None };
        assert_eq!(answered(Reply::new(status)), Err(told));
    }
    let busy = answered(Reply::new(503).header("Retry-After", "120")).unwrap_err();
    let text = "the server answered 503 (Service Unavailable), and asks to be tried again in 120 s";
    assert_eq!(busy.to_string(), text);
    // By the server's own clock, whatever this machine's says.
    let at = |date: &str| {
        let reply = Reply::new(503).header("Date", "Wed, 21 Oct 2015 07:28:00 GMT");
        answered(reply.header("Retry-After", date)).unwrap_err().to_string()
    };
    assert_eq!(at("Wed, 21 Oct 2015 07:30:00 GMT"), text);
    assert_eq!(at("soon"), "the server answered 503 (Service Unavailable)");
}

#[test]
fn headers_are_sent_and_shown_to_nobody() {
    let server = Server::answering(Reply::new(500));
    let builder = builder(&server).bearer("secret-1").header("X-Api-Key", "secret-2");
    let shown = format!("{builder:?}");
    let source = builder.build().unwrap();
    let failed = failure(&source, b"secret-3");
    for text in [shown, format!("{source:?}"), failed.to_string(), format!("{failed:?}")] {
        assert!(!text.contains("secret"), "{text}");
    }
    let request = &server.requests()[0];
    assert_eq!(request.header("authorization"), Some("Bearer secret-1"));
    assert_eq!(request.header("x-api-key"), Some("secret-2"));
    assert_eq!(request.header("accept-encoding"), Some("identity"));
    let agent = request.header("user-agent").unwrap();
    assert!(agent.starts_with("distcache/"), "{agent}");
}

#[test]
fn connections_are_used_again_and_no_more_are_kept_than_allowed() {
    let server = Server::routing(|request| match &*request.target {
        "/things/none" => Reply::new(404).body("there is no such thing"),
        _ => Reply::ok("1"),
    });
    let source = source(&server);
    for key in ["a", "none", "b", "none"] {
        fetch(&source, key);
    }
    assert_eq!(server.connections(), 1, "also after what was not found");
    let server = Server::answering(Reply::ok("1"));
    let source = builder(&server).idle_connections_max(0).build().unwrap();
    for key in ["a", "b", "c"] {
        fetch(&source, key);
    }
    assert_eq!(server.connections(), 3);
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let builder = |url: &str| Http::builder(url);
    let refused = |builder: distcache_sources::HttpBuilder| builder.build().expect_err("refused");
    assert_eq!(refused(builder("http://h/")), HttpConfigError::Place);
    assert_eq!(refused(builder("http://h{key}/")), HttpConfigError::Host);
    let hidden = refused(builder("http://user:hunter2@h/{key}"));
    assert!(hidden == HttpConfigError::Url && !hidden.to_string().contains("hunter2"), "{hidden}");
    let good = || builder("http://h/{key}");
    for timeout in [good().timeout(Duration::ZERO), good().connect_timeout(Duration::ZERO)] {
        assert_eq!(refused(timeout), HttpConfigError::Timeout);
    }
    for (name, value) in [
        ("Host", "other"),
        ("if-none-match", "\"1\""),
        ("Content-Length", "1"),
        ("a b", "1"),
        ("", "1"),
        ("X-Secret", "secret\r\nHost: other"),
    ] {
        let refused = refused(good().header(name, value));
        assert!(matches!(refused, HttpConfigError::Header { .. }), "{name}: {refused}");
        assert!(!refused.to_string().contains("secret"), "{refused}");
    }
    let twice = refused(good().bearer("1").header("authorization", "2"));
    assert!(matches!(twice, HttpConfigError::Header { .. }), "{twice}");
}
