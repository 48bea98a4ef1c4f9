//! Who is asked, by what is known of each.

use std::net::TcpListener;
use std::time::Duration;

use distcache_balancer::BalancerConfig;

use crate::support::{Does, Member, before, config, path, serve};

fn asked(members: &[&Member]) -> Vec<usize> {
    members.iter().map(|member| member.asked().len()).collect()
}

#[test]
fn each_member_that_is_ready_has_its_turn() {
    let members = [(); 3].map(|()| Member::that(Does::Says("value")));
    let [one, two, three] = &members;
    let served = before(&[one, two, three]);
    for _ in 0..9 {
        assert_eq!(served.get(&path("a")).status, 200);
    }
    assert_eq!(asked(&[one, two, three]), [3, 3, 3]);
}

#[test]
fn one_that_drains_is_asked_nothing_new_until_it_is_ready_again() {
    let (one, other) = (Member::that(Does::Says("one")), Member::that(Does::Says("other")));
    let served = before(&[&one, &other]);
    one.drains();
    served.until(&one, "draining");
    for _ in 0..4 {
        assert_eq!(served.get(&path("a")).text(), "other");
        assert_eq!(served.put(&path("a"), "1").text(), "other");
    }
    other.drains();
    served.until(&other, "draining");
    assert!(served.get(&path("a")).is_problem(503, "DC-237"));
    assert!(served.put(&path("a"), "1").is_problem(503, "DC-237"));
    assert_eq!(asked(&[&one, &other]), [0, 8]);
}

#[test]
fn those_that_are_not_ready_are_asked_if_nobody_is_and_not_before() {
    let (one, other) = (Member::that(Does::Says("one")), Member::that(Does::Says("other")));
    let served = before(&[&one, &other]);
    one.loses_its_lease();
    served.until(&one, "unready");
    for _ in 0..4 {
        assert_eq!(served.get(&path("a")).text(), "other");
    }
    other.loses_its_lease();
    served.until(&other, "unready");
    let mut said = [(); 2].map(|()| served.get(&path("a")).text());
    said.sort_unstable();
    assert_eq!(said, ["one", "other"]);
    assert!(served.get("/readyz").is_problem(503, "DC-237"));
}

#[test]
fn one_that_dies_and_comes_back_is_asked_again() {
    let (mut one, other) = (Member::that(Does::Says("one")), Member::that(Does::Says("other")));
    let served = before(&[&one, &other]);
    let address = one.address();
    one.end();
    served.until(&one, "down");
    let listener = TcpListener::bind(address).unwrap();
    let again = Member::at(listener, Does::Says("again"));
    served.until(&again, "ready");
    let mut said = [(); 2].map(|()| served.get(&path("a")).text());
    said.sort_unstable();
    assert_eq!(said, ["again", "other"]);
}

#[test]
fn the_balancer_is_ready_while_a_member_is_and_until_it_drains() {
    let (mut one, nobody) = (Member::that(Does::Says("one")), Member::nowhere());
    let served = serve(&config(&[&one, &nobody]));
    served.until(&nobody, "down");
    served.until(&one, "ready");
    assert_eq!(served.get("/readyz").text(), "ready\n");
    one.end();
    served.until(&one, "down");
    let answer = served.get("/readyz");
    assert!(answer.is_problem(503, "DC-237"), "{answer:?}");
    assert!(answer.text().contains(&format!("{} is down", one.address())), "{answer:?}");
    served.readiness.drain();
    assert!(served.get("/readyz").is_problem(503, "DC-114"));
    assert_eq!(served.get("/livez").text(), "alive\n");
}

/// What one client sends takes no member away from the others.
#[test]
fn a_request_that_no_member_can_stand_makes_none_of_them_one_that_is_down() {
    let broken = || Member::that(Does::Breaks(String::new()));
    let (one, other) = (broken(), broken());
    let look_every = Duration::from_mins(10);
    let config = BalancerConfig { look_every, tries: 2, ..config(&[&one, &other]) };
    let served = serve(&config);
    for member in [&one, &other] {
        served.until(member, "ready");
    }
    for _ in 0..8 {
        assert_eq!(served.get(&path("a")).status, 502);
        let standings = served.get("/v1/balancer").text();
        assert_eq!(standings.matches("\"ready\"").count(), 2, "{standings}");
    }
}
