//! What is asked of every provider.

use std::time::{Duration, SystemTime};

use distcache::Discovery;

use crate::providers::Provider;
use crate::support::{until, until_failed, until_listed};
use crate::together;

/// Whoever asks gets an answer, or none, within this: a cluster's discovery is given 5 s.
const ASKING: Duration = Duration::from_secs(5);

const MEMBERS: [&str; 3] = ["127.0.0.1:7001", "127.0.0.1:7002", "127.0.0.1:7003"];

pub(crate) fn members_that_come_are_found_and_those_that_go_are_lost(provider: &mut impl Provider) {
    provider.come(MEMBERS[0]);
    let discovery = provider.discovery(MEMBERS[0]);
    until_listed(&discovery, &MEMBERS[..1]);
    provider.come(MEMBERS[1]);
    provider.come(MEMBERS[2]);
    until_listed(&discovery, &MEMBERS);
    provider.go(MEMBERS[1]);
    until_listed(&discovery, &[MEMBERS[0], MEMBERS[2]]);
    provider.come(MEMBERS[1]);
    until_listed(&discovery, &MEMBERS);
}

pub(crate) fn one_that_is_away_at_the_start_fails_and_is_found_when_it_comes(
    provider: &mut impl Provider,
) {
    provider.come(MEMBERS[0]);
    provider.stop();
    let discovery = provider.discovery(MEMBERS[0]);
    until_failed(&discovery, "did not say where members are: ");
    provider.go_on();
    until_listed(&discovery, &MEMBERS[..1]);
}

pub(crate) fn one_that_goes_away_later_fails_and_what_changed_meanwhile_is_found(
    provider: &mut impl Provider,
) {
    provider.come(MEMBERS[0]);
    provider.come(MEMBERS[1]);
    let discovery = provider.discovery(MEMBERS[0]);
    until_listed(&discovery, &MEMBERS[..2]);
    provider.stop();
    until_failed(&discovery, "did not say where members are: ");
    provider.go(MEMBERS[1]);
    provider.come(MEMBERS[2]);
    provider.go_on();
    until_listed(&discovery, &[MEMBERS[0], MEMBERS[2]]);
}

pub(crate) fn one_that_is_slow_fails_within_the_time_of_an_asking_and_is_heard_later(
    provider: &mut impl Provider,
) {
    provider.come(MEMBERS[0]);
    provider.freeze();
    let discovery = provider.discovery(MEMBERS[0]);
    let begun = SystemTime::now();
    let told = discovery.addresses().expect_err("nobody answers").to_string();
    let took = begun.elapsed().expect("the clock goes on");
    assert!(took < ASKING, "{took:?}");
    assert!(told.contains("did not say where members are: "), "{told}");
    provider.thaw();
    until_listed(&discovery, &MEMBERS[..1]);
}

pub(crate) fn a_wrong_answer_fails_and_the_next_right_one_holds(provider: &mut impl Provider) {
    provider.come(MEMBERS[0]);
    let discovery = provider.discovery(MEMBERS[0]);
    until_listed(&discovery, &MEMBERS[..1]);
    provider.lie();
    let told = until_failed(&discovery, "did not say where members are: ");
    assert!(told.len() < 400, "{told}");
    provider.tell_the_truth();
    until_listed(&discovery, &MEMBERS[..1]);
}

/// "Nobody is there" and "I am alone" are the same to a cluster, and the second founds one.
pub(crate) fn an_answer_of_nobody_is_none(provider: &mut impl Provider) {
    let discovery = provider.discovery_of_nobody();
    until("it was asked often", {
        let mut asked = 0;
        move || {
            assert!(discovery.addresses().is_err());
            asked += 1;
            5 < asked
        }
    });
}

pub(crate) fn five_members_that_start_in_the_same_second_are_one_cluster(
    provider: &mut impl Provider,
) {
    together::become_one(provider);
}
