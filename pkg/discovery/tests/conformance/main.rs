//! What every discovery does, by one suite: standalone, a fixed list, DNS, Kubernetes, NATS.
//!
//! | | found, lost | slow, wrong | away at the start, later | five in one second |
//! |---|---|---|---|---|
//! | standalone | nobody, ever | - | - | five clusters of one |
//! | fixed list | all, always | - | - | one cluster |
//! | DNS (SRV, a name server on loopback) | yes | yes | yes | one cluster |
//! | Kubernetes (an API server on loopback) | yes | yes | yes | one cluster |
//! | NATS (a real server) | yes | yes | yes | one cluster |

#[expect(dead_code, reason = "the tests of Kubernetes say more")]
#[path = "../support/api_server.rs"]
mod api_server;
mod fixed;
#[expect(dead_code, reason = "the tests of SRV records say more")]
#[path = "../../../../internal/cluster/tests/support/name_server.rs"]
mod name_server;
#[expect(dead_code, reason = "the tests of NATS say more")]
#[path = "../support/nats_server.rs"]
mod nats_server;
mod providers;
mod suite;
#[path = "../support/mod.rs"]
mod support;
mod together;

use providers::{Dns, Kubernetes, Nats, Provider};

/// Has the suite asked of each provider that another program is.
macro_rules! of_each {
    ($($fact:ident)+) => { $(
        mod $fact {
            use super::*;

            #[test]
            fn of_dns() {
                suite::$fact(&mut Dns::start().expect("it is ours"));
            }

            #[test]
            fn of_kubernetes() {
                suite::$fact(&mut Kubernetes::start().expect("it is ours"));
            }

            #[test]
            fn of_nats() {
                let Some(mut nats) = Nats::start() else { return };
                suite::$fact(&mut nats);
            }
        }
    )+ };
}

of_each! {
    members_that_come_are_found_and_those_that_go_are_lost
    one_that_is_away_at_the_start_fails_and_is_found_when_it_comes
    one_that_goes_away_later_fails_and_what_changed_meanwhile_is_found
    one_that_is_slow_fails_within_the_time_of_an_asking_and_is_heard_later
    a_wrong_answer_fails_and_the_next_right_one_holds
    an_answer_of_nobody_is_none
    five_members_that_start_in_the_same_second_are_one_cluster
}
