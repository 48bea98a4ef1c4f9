//! What the balancer answers itself, and what it refuses.

use crate::support::{Does, Member, ask, before, path};

#[test]
fn what_it_tells_of_itself_is_asked_of_no_member() {
    let member = Member::that(Does::Says("value"));
    let served = before(&[&member]);
    let members = served.get("/v1/balancer");
    let one = format!(
        "{{\"balance\":\"round-robin\",\"members\":[{{\"address\":\"{}\",\"standing\":\"ready\",\
         \"in_flight\":0,\"answered\":0,\"unsent\":0,\"lost\":0}}]}}\n",
        member.address()
    );
    assert_eq!(members.text(), one);
    assert_eq!(served.get("/livez").text(), "alive\n");
    let page = served.get("/metrics");
    assert!(
        page.header("content-type")
            .is_some_and(|kind| kind.starts_with("application/openmetrics-text"))
    );
    for name in [
        "distcache_http_requests_total{operation=\"observe\",result=\"ok\"} ",
        "distcache_limit{limit=\"connections\"} ",
        "distcache_limit{limit=\"member_connections\"} 1024.0",
        "distcache_balancer_retries_total 0",
    ] {
        assert!(page.text().contains(name), "no {name} in {}", page.text());
    }
    let limits = served.get("/v1/limits").text();
    for name in ["in_flight", "buffered_bytes", "member_connections", "member_tries", "member_time"]
    {
        assert!(limits.contains(&format!("\"name\":\"{name}\"")), "no {name} in {limits}");
    }
    for own in ["/livez", "/readyz", "/metrics", "/v1/limits", "/v1/balancer"] {
        let options = ask(served.address(), "OPTIONS", own, "", "");
        assert_eq!((options.status, options.header("allow")), (204, Some("GET, HEAD, OPTIONS")));
        assert!(ask(served.address(), "DELETE", own, "", "").is_problem(405, "DC-203"), "{own}");
        assert!(ask(served.address(), "HEAD", own, "", "").status < 300, "{own}");
    }
    assert!(member.asked().is_empty());
}

#[test]
fn a_method_that_no_member_knows_goes_no_further() {
    let member = Member::that(Does::Says("value"));
    let served = before(&[&member]);
    assert!(ask(served.address(), "BREW", &path("a"), "", "").is_problem(405, "DC-203"));
    assert!(member.asked().is_empty());
}

#[test]
fn what_no_path_of_ours_is_goes_on_all_the_same() {
    let member = Member::that(Does::Says("new"));
    let served = before(&[&member]);
    assert_eq!(served.get("/v2/of?a=newer&member").text(), "new");
    assert_eq!(member.asked()[0].line, "GET /v2/of?a=newer&member HTTP/1.1");
}
