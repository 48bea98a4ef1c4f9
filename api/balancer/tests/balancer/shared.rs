//! Reads share a connection to who likely holds what they ask for, and none is worse off for
//! it, whatever becomes of that connection.

use std::thread;

use distcache_balancer::{Balance, BalancerConfig};
use distcache_http::AT_ONCE_HEADER;

use crate::support::{Does, Member, Served, ask, config, path, serve, whole};

const NAME: &str = "00000000000000a0";

/// How many clients ask at the same time, and for how many keys each.
const CLIENTS: usize = 8;
const KEYS: usize = 16;

/// A balancer before one member of a cluster, which has answered for every key before, and so
/// is known to own them.
fn before_owner(does: Does) -> (Member, Served) {
    let member = Member::that(Does::Echoes);
    member.is_called(NAME);
    let served = serve(&BalancerConfig { balance: Balance::Ring, ..config(&[&member]) });
    served.until(&member, "ready");
    for key in 0..KEYS {
        assert_eq!(served.get(&target(key)).text(), line(key));
    }
    assert_eq!(at_once(&member), 0, "nobody knew who owns them");
    member.does(does);
    (member, served)
}

fn target(key: usize) -> String {
    path(&format!("k{key}"))
}

fn line(key: usize) -> String {
    format!("GET {} HTTP/1.1", target(key))
}

/// How many requests have asked for their answer at once.
fn at_once(member: &Member) -> usize {
    member.asked().iter().filter(|asked| asked.header(AT_ONCE_HEADER).is_some()).count()
}

/// Each client is told of each key what was asked for.
fn all_are_answered(served: &Served) {
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            scope.spawn(move || {
                for key in 0..KEYS {
                    let key = (key + client) % KEYS;
                    let answer = served.get(&target(key));
                    assert_eq!((answer.status, answer.text()), (200, line(key)));
                }
            });
        }
    });
    assert_eq!(served.count("distcache_balancer_retries_total"), 0);
}

fn at_once_or(first: Does) -> Does {
    Does::AtOnce(Box::new(first), Box::new(Does::Echoes))
}

#[test]
fn reads_of_what_a_member_owns_share_one_connection() {
    let (member, served) = before_owner(Does::Echoes);
    let alone = member.connections();
    all_are_answered(&served);
    assert_eq!(at_once(&member), CLIENTS * KEYS);
    assert_eq!(member.connections(), alone + 1);
    let limits = served.get("/v1/limits").text();
    assert!(limits.contains("\"shared_requests\""), "{limits}");
    let members = served.get("/v1/balancer").text();
    assert!(members.contains("\"in_flight\":0,"), "{members}");
}

#[test]
fn what_is_not_there_at_once_is_asked_on_a_connection_of_its_own() {
    let later = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
    let (member, served) = before_owner(at_once_or(Does::Sends(later.to_owned())));
    all_are_answered(&served);
    assert_eq!(at_once(&member), CLIENTS * KEYS);
    assert_eq!(member.asked().len(), KEYS + 2 * CLIENTS * KEYS);
}

#[test]
fn a_connection_that_is_stuck_or_breaks_or_talks_nonsense_costs_no_read() {
    let too_long = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", (64 << 10) + 1);
    for first in [
        Does::Waits,
        Does::Breaks(String::new()),
        Does::Breaks(whole("value")[..20].to_owned()),
        Does::Sends("nonsense\r\n\r\n".to_owned()),
        Does::Sends("HTTP/1.1 100 Continue\r\n\r\n".to_owned()),
        Does::Sends("HTTP/1.1 200 OK\r\n\r\nuntil it is closed".to_owned()),
        Does::Sends("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned()),
        Does::Sends(too_long),
    ] {
        let (_member, served) = before_owner(at_once_or(first.clone()));
        all_are_answered(&served);
    }
}

#[test]
fn a_member_that_closes_it_with_each_answer_has_answered() {
    let last = |key| {
        let text = line(key);
        let length = text.len();
        format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{text}")
    };
    let (member, served) = before_owner(at_once_or(Does::Breaks(last(3))));
    for number in 1..=5 {
        assert_eq!(served.get(&target(3)).text(), line(3));
        member.until_closed(number);
        assert_eq!(at_once(&member), number);
    }
    assert_eq!(member.asked().len(), KEYS + 5, "nobody asked again");
}

#[test]
fn what_was_answered_without_being_asked_is_no_answer_to_anybody() {
    let (member, served) = before_owner(at_once_or(Does::Sends(whole("another's").repeat(2))));
    for _ in 0..5 {
        // Where it is taken for this one's it came before anybody else had asked.
        assert_eq!(served.get(&target(0)).text(), "another's");
    }
    member.does(Does::Echoes);
    all_are_answered(&served);
}

#[test]
fn neither_writes_nor_long_heads_nor_what_has_no_key_nor_what_a_client_says_goes_on_it() {
    let (member, served) = before_owner(Does::Echoes);
    served.put(&target(0), "1");
    for (method, target, headers, body) in [
        ("DELETE", &*target(0), "", ""),
        ("POST", "/?key=k0&value=v", "", ""),
        ("POST", "/v1/keyspaces/default/batch/get", "", "{\"keys\":[\"k0\"]}"),
        ("GET", "/v1/members", "", ""),
        ("GET", "/v1/members", "distcache-at-once: 5\r\n", ""),
        ("GET", &*target(0), "Content-Type: text/plain\r\n", "a body"),
        ("GET", &*target(0), &format!("Authorization: {}\r\n", "x".repeat(5_000)), ""),
    ] {
        ask(served.address(), method, target, headers, body);
    }
    assert_eq!(at_once(&member), 0);
    assert_eq!(member.asked().len(), KEYS + 8);
}

#[test]
fn what_it_tells_clients_is_what_another_connection_would() {
    let head = "HTTP/1.1 200 OK\r\nETag: \"1\"\r\nAge: 7\r\nSet-Cookie: a=b\r\n";
    for (method, answer, status) in [
        ("GET", format!("{head}Content-Type: a/b\r\nContent-Length: 5\r\n\r\nvalue"), 200),
        ("HEAD", format!("{head}Content-Type: a/b\r\nContent-Length: 5\r\n\r\n"), 200),
        ("GET", "HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\n\r\n".to_owned(), 304),
        ("GET", "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone".to_owned(), 404),
    ] {
        let (member, served) = before_owner(Does::Sends(answer));
        let shared = ask(served.address(), method, &target(0), "", "");
        assert_eq!(at_once(&member), 1);
        // Nobody has been told who owns this one.
        let alone = ask(served.address(), method, &path("other"), "", "");
        assert_eq!(at_once(&member), 1);
        let told = |mut headers: Vec<(String, String)>| {
            headers.retain(|(name, _)| name != "date");
            headers.sort();
            headers
        };
        assert_eq!((shared.status, &shared.body), (status, &alone.body));
        assert_eq!(told(shared.headers), told(alone.headers), "{method} {status}");
    }
}

#[test]
fn a_member_in_no_cluster_owns_nothing() {
    let member = Member::that(Does::Echoes);
    let served = serve(&BalancerConfig { balance: Balance::Ring, ..config(&[&member]) });
    served.until(&member, "ready");
    for _ in 0..3 {
        assert_eq!(served.get(&target(0)).text(), line(0));
    }
    assert_eq!(at_once(&member), 0);
}
