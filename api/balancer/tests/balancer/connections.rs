//! When a connection to a member is used again, and when it must not be.

use std::io::Read;
use std::net::SocketAddr;

use crate::support::{Does, Member, ask, before, path, send};

const WHOLE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nvalue";
const VERY_LONG: usize = 16 << 20;

#[test]
fn one_that_its_member_closes_while_it_is_idle_costs_no_request() {
    let member = Member::that(Does::Breaks(WHOLE.to_owned()));
    let served = before(&[&member]);
    for number in 1..=5 {
        assert_eq!(served.get(&path("a")).text(), "value");
        member.until_closed(2 * number - 1);
        assert_eq!(served.put(&path("a"), "1").text(), "value");
        member.until_closed(2 * number);
        assert_eq!((member.asked().len(), member.connections()), (2 * number, 2 * number));
    }
    assert_eq!(served.count("distcache_balancer_retries_total"), 0);
}

#[test]
fn one_whose_member_says_more_than_an_answer_is_not_used_again() {
    let member = Member::that(Does::Sends(WHOLE.repeat(2)));
    let served = before(&[&member]);
    for _ in 0..5 {
        assert_eq!(served.get(&path("a")).text(), "value");
    }
    assert_eq!(member.connections(), 5);
}

/// Asks for a long answer, and goes away when the first of it has come.
fn goes_away(address: SocketAddr) {
    let request = format!("GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n", path("a"));
    let mut stream = send(address, &request);
    stream.read_exact(&mut [0]).expect("it answers");
}

#[test]
fn one_whose_answer_was_not_read_to_its_end_is_not_used_again() {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {VERY_LONG}\r\n\r\n");
    let member = Member::that(Does::Sends(head + &"x".repeat(VERY_LONG)));
    let served = before(&[&member]);
    for number in 1..=3 {
        goes_away(served.address());
        let answer = served.get(&path("a"));
        assert!(answer.is_whole && answer.body.len() == VERY_LONG, "{number}");
    }
    assert!(3 < member.connections(), "there were {}", member.connections());
}

#[test]
fn a_member_that_answers_before_the_body_was_sent_is_heard() {
    let refusal = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nno!";
    let member = Member::that(Does::Refuses(refusal.to_owned()));
    let served = before(&[&member]);
    // More than two sockets hold, and less than the balancer takes.
    let body = "x".repeat(VERY_LONG / 2);
    for number in 1..=3 {
        let answer = ask(served.address(), "PUT", &path("a"), "", &body);
        assert_eq!((answer.status, answer.text().as_str()), (413, "no!"));
        assert_eq!(member.connections(), number);
    }
}
