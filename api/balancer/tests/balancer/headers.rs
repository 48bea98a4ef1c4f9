//! What goes on to a member, and what comes back: nothing that is between two neighbours.

use std::net::TcpListener;

use distcache_balancer::BalancerConfig;
use distcache_http::{Access, Right};

use crate::support::{Does, Member, ask, before, config, of, path, serve_at, serve_for};

const TOKEN: &str = "a-token-of-the-service";

#[test]
fn what_is_for_the_member_goes_on_and_what_is_for_its_neighbour_does_not() {
    let member = Member::that(Does::Says("value"));
    let served = before(&[&member]);
    let headers = "Connection: close, X-Private, If-Match\r\n\
                   X-Private: of the connection\r\nKeep-Alive: timeout=5\r\nTE: trailers\r\n\
                   Proxy-Authorization: Basic c2VjcmV0\r\nProxy-Connection: keep-alive\r\n\
                   Trailer: Expires\r\nCookie: a=b\r\nForwarded: for=1.2.3.4\r\n\
                   X-Forwarded-For: 1.2.3.4\r\nSec-Fetch-Site: none\r\n\
                   Accept: text/plain\r\nCache-Control: only-if-cached\r\n\
                   If-Match: \"1\"\r\nIf-None-Match: \"2\"\r\nIf-None-Match: \"3\"\r\n\
                   Authorization: Bearer a-token-of-a-client\r\nVia: 1.0 before\r\n\
                   Traceparent: 00-1-2-01\r\nTracestate: a=b\r\nContent-Type: a/b\r\n";
    let target = "/v1/keyspaces/default/keys/a%2Fb%20%C3%B6?ttl=60&x=%26";
    let answer = ask(served.address(), "PUT", target, headers, "value");
    assert_eq!((answer.status, answer.text().as_str()), (200, "value"));
    let asked = member.asked().remove(0);
    assert_eq!(asked.line, format!("PUT {target} HTTP/1.1"));
    assert_eq!(asked.body, b"value");
    let mut names: Vec<_> = asked.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    let expected = [
        "accept",
        "authorization",
        "cache-control",
        "content-length",
        "content-type",
        "host",
        "if-none-match",
        "if-none-match",
        "traceparent",
        "tracestate",
        "via",
    ];
    assert_eq!(names, expected);
    assert_eq!(asked.header("host"), Some(member.address().to_string().as_str()));
    assert_eq!(asked.header("authorization"), Some("Bearer a-token-of-a-client"));
    let via = asked.header("via").expect("the way");
    assert!(via.starts_with("1.0 before, 1.1 distcache-"), "{via}");
}

#[test]
fn what_a_member_says_to_us_alone_does_not_come_back() {
    let sends = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive, Age\r\nAge: 7\r\n\
                 Keep-Alive: timeout=5\r\nServer: secret\r\nSet-Cookie: a=b\r\n\
                 Proxy-Authenticate: Basic\r\nUpgrade: h2c\r\nEtag: \"1\"\r\n\
                 Cache-Status: distcache; hit\r\nContent-Type: a/b; c=\"d\"\r\nRetry-After: 2\r\n\r\nx";
    let member = Member::that(Does::Sends(sends.to_owned()));
    let answer = before(&[&member]).get(&path("a"));
    let mut names: Vec<_> = answer.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    let expected = [
        "cache-status",
        "connection",
        "content-length",
        "content-type",
        "date",
        "etag",
        "retry-after",
        "via",
    ];
    assert_eq!(names, expected);
    assert_eq!(answer.header("connection"), Some("close"), "it is that of our own door");
    assert_eq!(answer.header("content-type"), Some("a/b; c=\"d\""));
    assert_eq!(answer.header("etag"), Some("\"1\""));
}

#[test]
fn no_redirect_is_followed_and_none_leads_behind_the_balancer() {
    let other = Member::that(Does::Says("elsewhere"));
    let sends = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://{}/\r\nContent-Length: 0\r\n\r\n",
        other.address()
    );
    let member = Member::that(Does::Sends(sends));
    let answer = before(&[&member]).get(&path("a"));
    assert_eq!((answer.status, answer.header("location")), (307, None));
    assert!(other.asked().is_empty());
}

#[test]
fn a_balancer_that_is_led_to_itself_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let itself = of(listener.local_addr().unwrap());
    let served = serve_at(listener, &BalancerConfig::new(vec![itself]), &Access::default());
    let answer = served.get(&path("a"));
    assert!(answer.is_problem(508, "DC-240"), "{answer:?}");
}

#[test]
fn who_has_no_token_of_the_balancer_reaches_no_member() {
    let member = Member::that(Does::Says("value"));
    let access = Access::default();
    access.replace(vec![(TOKEN.to_owned(), Right::Read)]).unwrap();
    let served = serve_for(&config(&[&member]), &access);
    let with = format!("Authorization: Bearer {TOKEN}\r\n");
    assert_eq!(ask(served.address(), "GET", &path("a"), &with, "").text(), "value");
    assert!(served.get(&path("a")).is_problem(401, "DC-226"));
    assert!(served.get("/v1/balancer").is_problem(401, "DC-226"));
    assert!(ask(served.address(), "PUT", &path("a"), &with, "1").is_problem(403, "DC-227"));
    assert_eq!(member.asked().len(), 1);
    assert_eq!(
        member.asked()[0].header("authorization"),
        Some(&with["Authorization: ".len()..with.len() - 2])
    );
}

#[test]
fn a_page_of_another_site_is_refused_by_the_balancer_itself() {
    let member = Member::that(Does::Says("value"));
    let served = before(&[&member]);
    let foreign = "Origin: https://evil.example\r\n";
    let answer = ask(served.address(), "PUT", &path("a"), foreign, "1");
    assert!(answer.is_problem(403, "DC-209"), "{answer:?}");
    let own = "Origin: http://localhost\r\nSec-Fetch-Site: same-origin\r\n";
    assert_eq!(ask(served.address(), "PUT", &path("a"), own, "1").status, 200);
    let asked = member.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!((asked[0].header("origin"), asked[0].header("sec-fetch-site")), (None, None));
}
