//! Who is there, and who is gone.

use std::thread;
use std::time::Duration;

use distcache::Discovery;

use crate::nats_server::NatsServer;
use crate::speaker::{Speaker, words};
use crate::support::{until, until_failed, until_listed};
use crate::{announcing, member, started};

#[test]
fn members_that_announce_themselves_find_each_other() {
    let Some(server) = NatsServer::start() else { return };
    let first = member(&server, "10.0.0.1:18081");
    until_listed(&first, &["10.0.0.1:18081"]);
    let second = member(&server, "10.0.0.2:18081");
    until_listed(&second, &["10.0.0.1:18081", "10.0.0.2:18081"]);
    until_listed(&first, &["10.0.0.1:18081", "10.0.0.2:18081"]);
}

/// One that is there for long has its first word of all, never of itself alone: that is a
/// list that might be taken for the whole electorate.
#[test]
fn the_first_answer_of_one_that_comes_has_all_who_were_there() {
    let Some(server) = NatsServer::start() else { return };
    let addresses: Vec<_> = (1..=9).map(|n| format!("10.0.0.{n}:18081")).collect();
    let others: Vec<_> = addresses[1..].iter().map(|at| started(&server, at)).collect();
    for other in &others {
        until_listed(other, &addresses[1..]);
    }
    let last = member(&server, &addresses[0]);
    assert_eq!(last.addresses().unwrap(), addresses);
}

/// One that comes does not wait for the others' next announcement.
#[test]
fn who_asks_is_answered_before_the_next_announcement() {
    let Some(server) = NatsServer::start() else { return };
    let rarely = announcing(&server, "10.0.0.1:18081").announce_every(Duration::from_secs(10));
    let rarely = rarely.build().unwrap();
    let asking = thread::Builder::new().spawn(move || rarely.addresses().unwrap_err()).unwrap();
    let speaker = Speaker::at(&server);
    let said = speaker.ask(&words("10.0.0.2:18081", "who"), "here");
    assert_eq!(said["address"], "10.0.0.1:18081");
    let told = asking.join().unwrap().to_string();
    assert!(told.contains("nothing was heard"), "the list is not complete yet: {told}");
}

#[test]
fn who_ends_in_order_is_gone_at_once_and_who_falls_silent_later() {
    let Some(server) = NatsServer::start() else { return };
    // It would wait for a silence of 100 s.
    let patient = announcing(&server, "10.0.0.1:18081").silent_for(1_000).build().unwrap();
    until_listed(&patient, &["10.0.0.1:18081"]);
    let other = started(&server, "10.0.0.2:18081");
    until_listed(&patient, &["10.0.0.1:18081", "10.0.0.2:18081"]);
    drop(other);
    until_listed(&patient, &["10.0.0.1:18081"]);
    let hasty = announcing(&server, "10.0.0.3:18081").silent_for(5).build().unwrap();
    until_listed(&hasty, &["10.0.0.1:18081", "10.0.0.3:18081"]);
    Speaker::at(&server).say(words("10.0.0.4:18081", "beat"));
    until_listed(&hasty, &["10.0.0.1:18081", "10.0.0.3:18081", "10.0.0.4:18081"]);
    until_listed(&hasty, &["10.0.0.1:18081", "10.0.0.3:18081"]);
    assert!(patient.addresses().unwrap().contains(&"10.0.0.4:18081".to_owned()));
}

#[test]
fn clusters_of_other_names_and_subjects_do_not_hear_each_other() {
    let Some(server) = NatsServer::start() else { return };
    let ours = member(&server, "10.0.0.1:18081");
    let named = announcing(&server, "10.0.0.2:18081").cluster("other").build().unwrap();
    let elsewhere = announcing(&server, "10.0.0.3:18081").subject("else.where").build().unwrap();
    for (one, address) in [(&ours, "10.0.0.1"), (&named, "10.0.0.2"), (&elsewhere, "10.0.0.3")] {
        until_listed(one, &[format!("{address}:18081")]);
    }
    assert_eq!(ours.addresses().unwrap(), ["10.0.0.1:18081"]);
}

#[test]
fn what_is_no_announcement_is_not_heard() {
    let Some(server) = NatsServer::start() else { return };
    let one = member(&server, "10.0.0.1:18081");
    until_listed(&one, &["10.0.0.1:18081"]);
    let speaker = Speaker::at(&server);
    speaker.say_all([
        b"".to_vec(),
        b"\xff\xfe".to_vec(),
        b"[]".to_vec(),
        vec![b'['; 900_000],
        words("no address", "beat"),
        words("10.0.0.9:18081", "nonsense"),
        words(&format!("{}:1", "a".repeat(2_000)), "beat"),
    ]);
    speaker.say(words("10.0.0.2:18081", "here"));
    until_listed(&one, &["10.0.0.1:18081", "10.0.0.2:18081"]);
}

#[test]
fn more_members_than_may_be_are_no_answer_until_they_are_silent() {
    let Some(server) = NatsServer::start() else { return };
    let one = announcing(&server, "10.0.0.1:18081").silent_for(5).build().unwrap();
    until_listed(&one, &["10.0.0.1:18081"]);
    let crowd = (0..300).map(|n| words(&format!("10.1.{}.{}:1", n / 200, n % 200), "here"));
    Speaker::at(&server).say_all(crowd);
    until_failed(&one, "more than 256 members announce themselves");
    until_listed(&one, &["10.0.0.1:18081"]);
}

#[test]
fn who_has_gone_is_not_there_when_it_comes_again_elsewhere() {
    let Some(server) = NatsServer::start() else { return };
    let one = member(&server, "10.0.0.1:18081");
    for n in 2..5 {
        let other = started(&server, &format!("10.0.0.{n}:18081"));
        until_listed(&one, &["10.0.0.1:18081".to_owned(), format!("10.0.0.{n}:18081")]);
        drop(other);
        until("it is gone", || one.addresses().is_ok_and(|all| all.len() == 1));
    }
}
