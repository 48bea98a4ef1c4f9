//! A second member is asked as well where the first takes long.

use std::time::Duration;

use distcache_balancer::BalancerConfig;

use crate::support::{Does, Member, Served, config, eventually, path, serve};

fn hedged(members: &[&Member]) -> Served {
    let served = serve(&BalancerConfig {
        hedge_after: Some(Duration::from_millis(1)),
        request_timeout: Duration::from_mins(10),
        ..config(members)
    });
    for member in members {
        served.until(member, "ready");
    }
    served
}

#[test]
fn the_first_answer_is_taken_and_the_other_try_is_dropped() {
    let (slow, fast) = (Member::that(Does::Waits), Member::that(Does::Says("fast")));
    let served = hedged(&[&slow, &fast]);
    for _ in 0..4 {
        assert_eq!(served.get(&path("a")).text(), "fast");
    }
    // It was the first of two, and may not even have been reached before the other answered.
    eventually("what has reached it was given up", || slow.given_up() == slow.asked().len());
    assert_eq!(served.count("distcache_balancer_hedges_won_total"), 2);
}

#[test]
fn a_second_member_that_fails_does_not_spoil_the_first() {
    let broken = Does::Breaks(String::new());
    let (mut slow, broken) = (Member::that(Does::Waits), Member::that(broken));
    let served = hedged(&[&slow, &broken]);
    let lost =
        format!("distcache_balancer_sent_total{{member=\"{}\",result=\"lost\"}}", broken.address());
    std::thread::scope(|scope| {
        let read = scope.spawn(|| served.get(&path("a")).text());
        eventually("the second has failed", || served.count(&lost) == 1);
        served.until(&broken, "ready");
        broken.does(Does::Says("mended"));
        slow.end();
        assert_eq!(read.join().unwrap(), "mended");
    });
    assert_eq!(slow.asked().len(), 1, "it was waited for");
}

#[test]
fn a_write_is_never_sent_twice() {
    let (slow, other) = (Member::that(Does::Waits), Member::that(Does::Waits));
    let served = serve(&BalancerConfig {
        hedge_after: Some(Duration::from_millis(1)),
        request_timeout: Duration::from_millis(100),
        ..config(&[&slow, &other])
    });
    assert_eq!(served.put(&path("a"), "1").status, 504);
    assert_eq!(slow.asked().len() + other.asked().len(), 1);
    assert_eq!(served.count("distcache_balancer_hedges_total"), 0);
}

#[test]
fn no_more_than_a_part_of_the_reads_is_sent_twice() {
    let members = [Member::that(Does::Waits), Member::that(Does::Waits)];
    let served = serve(&BalancerConfig {
        hedge_after: Some(Duration::from_millis(1)),
        request_timeout: Duration::from_millis(20),
        ..config(&[&members[0], &members[1]])
    });
    for member in &members {
        served.until(member, "ready");
    }
    for _ in 0..30 {
        assert_eq!(served.get(&path("a")).status, 504);
    }
    // Ten that were saved, and one for each ten since the first.
    assert_eq!(served.count("distcache_balancer_hedges_total"), 12);
}
