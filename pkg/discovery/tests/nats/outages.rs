//! A server that is away, hangs, or is started anew, while others say much.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use distcache::Discovery;

use crate::nats_server::NatsServer;
use crate::speaker::{Speaker, words};
use crate::support::{until, until_failed, until_listed};
use crate::{announcing, member, started};

const ALL: [&str; 3] = ["10.0.0.1:18081", "10.0.0.2:18081", "10.0.0.3:18081"];

#[test]
fn a_server_that_is_away_at_the_start_is_found_when_it_comes() {
    let Some(mut server) = NatsServer::start() else { return };
    server.stop();
    let one = member(&server, "10.0.0.1:18081");
    let told = until_failed(&one, "NATS did not say where members are: ");
    assert!(told.contains("refused"), "{told}");
    server.go_on();
    until_listed(&one, &["10.0.0.1:18081"]);
}

/// Each answer that one gets, in the worst of times, is of all three: none is ever gone
/// because the server was.
#[test]
fn members_are_neither_lost_nor_gone_while_the_server_is_started_anew_under_load() {
    let Some(mut server) = NatsServer::start() else { return };
    let members: Vec<_> = ALL.iter().map(|address| started(&server, address)).collect();
    for one in &members {
        until_listed(one, &ALL);
    }
    let is_over = Arc::new(AtomicBool::new(false));
    for _ in 0..3 {
        let asking: Vec<_> = members.iter().collect();
        let short = thread::scope(|scope| {
            let watchers: Vec<_> = asking
                .iter()
                .map(|one| {
                    let is_over = is_over.clone();
                    let watch = move || {
                        while !is_over.load(Ordering::Relaxed) {
                            if let Ok(all) = one.addresses()
                                && all != ALL
                            {
                                return Some(all);
                            }
                            thread::yield_now();
                        }
                        None
                    };
                    thread::Builder::new().spawn_scoped(scope, watch).expect("a thread")
                })
                .collect();
            let speaker = Speaker::at(&server);
            speaker.say_all((0..2_000).map(|_| words("10.0.0.1:18081", "here")));
            server.stop();
            for one in &members {
                until_failed(one, "NATS did not say");
            }
            server.go_on();
            for one in &members {
                until_listed(one, &ALL);
            }
            is_over.store(true, Ordering::Relaxed);
            watchers.into_iter().find_map(|one| one.join().expect("it does not panic"))
        });
        is_over.store(false, Ordering::Relaxed);
        assert_eq!(short, None, "an answer that is not whole");
    }
}

#[test]
fn nobody_is_gone_while_the_server_hangs_and_that_it_does_is_told() {
    let Some(server) = NatsServer::start() else { return };
    let of = |address| announcing(&server, address).silent_for(10).build().unwrap();
    let (one, other) = (of("10.0.0.1:18081"), of("10.0.0.2:18081"));
    drop([one.addresses(), other.addresses()]);
    let both = ["10.0.0.1:18081", "10.0.0.2:18081"];
    until_listed(&one, &both);
    until_listed(&other, &both);
    server.freeze();
    // It answers on what it heard until it knows that it hears nothing.
    until("that is told", || match one.addresses() {
        Ok(all) => {
            assert_eq!(all, both);
            false
        }
        Err(failed) => failed.to_string().contains("do not come back"),
    });
    server.thaw();
    until_listed(&one, &both);
    until_listed(&other, &both);
}
