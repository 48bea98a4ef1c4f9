//! When a request is sent again, and when it must not be.

use std::time::Duration;

use distcache_balancer::BalancerConfig;

use crate::support::{Does, Member, ask, before, config, path, serve};

const CUT: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nva";
const BUSY: &str =
    "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nbusy";

fn breaks(bytes: &str) -> Does {
    Does::Breaks(bytes.to_owned())
}

/// The answers of as many reads as there are members: each of them is the first once.
fn reads(first: Does) -> Vec<(u16, String)> {
    let (one, other) = (Member::that(first), Member::that(Does::Says("value")));
    let served = before(&[&one, &other]);
    let answers = (0..2).map(|_| served.get(&path("a"))).collect::<Vec<_>>();
    assert!(!one.asked().is_empty(), "it was asked");
    answers.into_iter().map(|answer| (answer.status, answer.text())).collect()
}

#[test]
fn a_read_is_asked_of_another_whatever_the_first_does() {
    for first in
        [breaks(""), breaks("HTTP/1.1 2"), breaks("SSH-2.0-OpenSSH\r\n"), breaks(CUT), breaks(BUSY)]
    {
        let shown = format!("{first:?}");
        assert_eq!(reads(first), [(200, "value".to_owned()), (200, "value".to_owned())], "{shown}");
    }
}

#[test]
fn a_batch_of_gets_is_a_read() {
    let (one, other) = (Member::that(breaks("")), Member::that(Does::Says("{}")));
    let served = before(&[&one, &other]);
    for _ in 0..2 {
        let target = "/v1/keyspaces/default/batch/get";
        assert_eq!(ask(served.address(), "POST", target, "", "{\"keys\":[]}").text(), "{}");
    }
    assert_eq!(other.asked().len(), 2);
    assert!(other.asked().iter().all(|asked| asked.body == b"{\"keys\":[]}"));
}

#[test]
fn a_write_that_may_have_been_made_is_not_made_again() {
    let members = [Member::that(breaks("")), Member::that(breaks(""))];
    let served = before(&[&members[0], &members[1]]);
    let writes = [
        ("PUT", path("a")),
        ("DELETE", path("a")),
        ("POST", path("a/increment")),
        ("POST", "/?key=a&value=1".to_owned()),
        ("POST", "/cache/set?key=a&value=1&ttl=1".to_owned()),
        ("POST", "/v1/keyspaces/default/batch/put".to_owned()),
    ];
    for (number, (method, target)) in (1..).zip(writes) {
        for member in &members {
            served.until(member, "ready");
        }
        let answer = ask(served.address(), method, &target, "", "1");
        assert!(answer.is_problem(502, "DC-238"), "{method} {target}: {answer:?}");
        assert!(answer.text().contains("its outcome is unknown"));
        let sent: usize = members.iter().map(|member| member.asked().len()).sum();
        assert_eq!(sent, number, "{method} {target}");
    }
}

#[test]
fn a_write_of_which_nothing_was_sent_goes_to_another() {
    let (mut dead, alive) = (Member::that(Does::Says("dead")), Member::that(Does::Says("done")));
    // So seldom looked at that nobody has seen that it died.
    let served =
        serve(&BalancerConfig { look_every: Duration::from_mins(10), ..config(&[&dead, &alive]) });
    served.until(&dead, "ready");
    served.until(&alive, "ready");
    dead.end();
    for _ in 0..2 {
        assert_eq!(served.put(&path("a"), "1").text(), "done");
    }
    assert_eq!(alive.asked().len(), 2);
    served.until(&dead, "down");
    assert_eq!(served.count("distcache_balancer_retries_total"), 1, "it is not tried twice");
}

#[test]
fn what_a_member_refuses_for_now_is_told_as_it_says_when_nobody_does_better() {
    let member = Member::that(Does::Sends(BUSY.to_owned()));
    let served = serve(&BalancerConfig { tries: 3, ..config(&[&member]) });
    let read = served.get(&path("a"));
    assert_eq!(
        (read.status, read.text().as_str(), read.header("retry-after")),
        (503, "busy", Some("7"))
    );
    assert_eq!(member.asked().len(), 3);
    let write = served.put(&path("a"), "1");
    assert_eq!((write.status, write.text().as_str()), (503, "busy"));
    assert_eq!(member.asked().len(), 4, "a write is sent once");
    let limits = served.get("/v1/limits").text();
    let tries = "\"name\":\"member_tries\",\"unit\":\"tries\",\"keyspace\":null,\"max\":3,\"used\":null,\"peak\":null,\"reached\":1";
    assert!(limits.contains(tries), "{limits}");
}

#[test]
fn a_request_ends_with_its_time() {
    let member = Member::that(Does::Waits);
    let request_timeout = Duration::from_millis(50);
    let served = serve(&BalancerConfig { request_timeout, ..config(&[&member]) });
    let read = served.get(&path("a"));
    assert!(
        read.is_problem(504, "DC-239") && read.text().contains("nothing was changed"),
        "{read:?}"
    );
    let write = served.put(&path("a"), "1");
    assert!(write.is_problem(504, "DC-239") && write.text().contains("unknown"), "{write:?}");
    crate::support::eventually("both were given up", || member.given_up() == 2);
}

#[test]
fn a_read_does_not_wait_for_a_member_that_is_found_to_be_down() {
    let (silent, other) = (Member::that(Does::Waits), Member::that(Does::Says("value")));
    let look_timeout = Duration::from_millis(100);
    let served = serve(&BalancerConfig {
        look_timeout,
        request_timeout: Duration::from_mins(10),
        ..config(&[&silent, &other])
    });
    served.until(&silent, "ready");
    served.until(&other, "ready");
    std::thread::scope(|scope| {
        let reads: Vec<_> = (0..2).map(|_| scope.spawn(|| served.get(&path("a")).text())).collect();
        silent.until_asked(1);
        silent.falls_silent();
        for read in reads {
            assert_eq!(read.join().unwrap(), "value");
        }
    });
}

#[test]
fn where_nobody_is_a_request_is_refused_at_once() {
    let nowhere = [Member::nowhere(), Member::nowhere()];
    let served = serve(&config(&[&nowhere[0], &nowhere[1]]));
    for answer in [served.get(&path("a")), served.put(&path("a"), "1")] {
        assert!(answer.is_problem(503, "DC-237"), "{answer:?}");
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
}

#[test]
fn more_than_may_be_under_way_at_one_member_goes_to_another_or_is_refused() {
    let members = [Member::that(Does::Waits), Member::that(Does::Waits)];
    let served = serve(&BalancerConfig {
        connections: 1,
        request_timeout: Duration::from_mins(10),
        ..config(&[&members[0], &members[1]])
    });
    for member in &members {
        served.until(member, "ready");
    }
    let target = path("a");
    std::thread::scope(|scope| {
        let writes: Vec<_> =
            (0..2).map(|_| scope.spawn(|| served.put(&target, "1").status)).collect();
        for member in &members {
            member.until_asked(1);
        }
        let refused = served.put(&target, "1");
        assert!(refused.is_problem(503, "DC-216"), "{refused:?}");
        let limits = served.get("/v1/limits").text();
        let bound = "\"name\":\"member_connections\",\"unit\":\"connections\",\"keyspace\":null,\"max\":1,\"used\":1,\"peak\":1,\"reached\":2";
        assert!(limits.contains(bound), "{limits}");
        let [one, other] = members;
        drop((one, other));
        for write in writes {
            assert_eq!(write.join().unwrap(), 502);
        }
    });
}

/// Who is refused one finds another, or comes again.
#[test]
fn there_are_never_more_connections_than_may_be() {
    let member = Member::that(Does::Says("value"));
    let served = serve(&BalancerConfig { connections: 2, tries: 100, ..config(&[&member]) });
    served.until(&member, "ready");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    assert_eq!(served.get(&path("a")).text(), "value");
                }
            });
        }
    });
    assert!(member.connections() <= 2, "there were {}", member.connections());
}
