//! Bodies, short and long, whole and cut off, and those that have no end.

use std::io::Read;

use crate::support::{Does, Member, ask, before, eventually, path, send};

const LONG: usize = 1 << 20;

fn long_head() -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: {LONG}\r\n\r\n")
}

#[test]
fn a_long_answer_is_passed_on_whole_and_its_connection_used_again() {
    let member = Member::that(Does::Sends(long_head() + &"x".repeat(LONG)));
    let served = before(&[&member]);
    for _ in 0..3 {
        let answer = served.get(&path("a"));
        assert!(answer.is_whole && answer.body.iter().all(|byte| *byte == b'x'));
        assert_eq!(answer.body.len(), LONG);
    }
    assert_eq!((member.asked().len(), member.connections()), (3, 1));
}

#[test]
fn a_long_answer_that_is_cut_off_does_not_look_whole() {
    let member = Member::that(Does::Breaks(long_head() + &"x".repeat(LONG / 2)));
    let served = before(&[&member]);
    let answer = served.get(&path("a"));
    assert!(!answer.is_whole, "{} bytes came", answer.body.len());
    assert_eq!(answer.header("content-length"), Some(LONG.to_string().as_str()));
    eventually("it is counted", || {
        let name = format!(
            "distcache_balancer_sent_total{{member=\"{}\",result=\"lost\"}}",
            member.address()
        );
        served.count(&name) == 1
    });
}

#[test]
fn an_answer_of_unknown_length_is_held_and_not_taken_for_whole_when_it_is_not() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nvalue\r\n";
    let (cut, other) =
        (Member::that(Does::Breaks(chunked.to_owned())), Member::that(Does::Says("other")));
    let served = before(&[&cut, &other]);
    for _ in 0..2 {
        assert_eq!(served.get(&path("a")).text(), "other");
    }
    let whole = Member::that(Does::Sends(format!("{chunked}0\r\n\r\n")));
    assert_eq!(before(&[&whole]).get(&path("a")).text(), "value");
}

#[test]
fn the_answer_to_a_head_tells_the_length_that_the_body_would_have() {
    let member = Member::that(Does::Sends(long_head()));
    let served = before(&[&member]);
    for _ in 0..2 {
        let answer = ask(served.address(), "HEAD", &path("a"), "", "");
        assert_eq!(answer.header("content-length"), Some(LONG.to_string().as_str()));
    }
    assert!(member.asked().iter().all(|asked| asked.line.starts_with("HEAD ")));
    assert_eq!(member.connections(), 1);
}

#[test]
fn an_answer_without_a_body_has_none() {
    for status in ["204 No Content", "304 Not Modified"] {
        let member = Member::that(Does::Sends(format!("HTTP/1.1 {status}\r\nEtag: \"1\"\r\n\r\n")));
        let answer = before(&[&member]).get(&path("a"));
        assert_eq!(answer.status.to_string(), status[..3]);
        assert_eq!((answer.header("etag"), answer.header("content-length")), (Some("\"1\""), None));
    }
}

#[test]
fn events_are_passed_on_as_they_come_and_end_when_the_balancer_does() {
    let head =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    let member = Member::that(Does::Sends(format!("{head}d\r\nevent: open\n\n\r\n")));
    let served = before(&[&member]);
    let mut stream = send(served.address(), "GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut told = Vec::new();
    let mut byte = [0];
    while !told.ends_with(b"event: open\n\n") {
        stream.read_exact(&mut byte).unwrap();
        told.push(byte[0]);
    }
    served.readiness.drain();
    let refused = served.get("/v1/events");
    assert!(refused.is_problem(503, "DC-114"), "{refused:?}");
    served.door.shutdown(crate::support::PATIENCE).unwrap();
    stream.read_to_end(&mut told).unwrap();
    assert!(told.ends_with(b"0\r\n\r\n"), "the stream has ended in order");
}

/// Longer than all that sockets keep on the way.
const VERY_LONG: usize = 64 << 20;

#[test]
fn a_long_answer_that_has_begun_ends_also_when_the_door_closes() {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {VERY_LONG}\r\n\r\n");
    let member = Member::that(Does::Sends(head + &"x".repeat(VERY_LONG)));
    let served = before(&[&member]);
    let address = served.address();
    let request = format!("GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n", path("a"));
    let mut stream = send(address, &request);
    let mut read = vec![0; 1];
    stream.read_exact(&mut read).unwrap();
    std::thread::scope(|scope| {
        let ended = scope.spawn(|| served.door.shutdown(crate::support::PATIENCE));
        eventually("the door closes", || std::net::TcpStream::connect(address).is_err());
        stream.read_to_end(&mut read).unwrap();
        ended.join().unwrap().unwrap();
    });
    assert_eq!(read.iter().rev().take_while(|byte| **byte == b'x').count(), VERY_LONG);
}
