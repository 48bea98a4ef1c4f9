//! What is made of the answers of a real name server.

#[path = "../../../tests/support/name_server.rs"]
mod name_server;

use std::sync::Arc;

use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::Name;
use tokio::runtime::Runtime;

use self::name_server::{NameServer, Says};
use super::*;
use crate::discovery::{Pace, follow};

const NAME: &str = "_distcache._tcp.example.com";

/// Asks that server, however long an answer takes on a busy machine.
fn srv(server: &NameServer) -> Srv {
    Srv { within: Duration::from_mins(1), ..Srv::new(NAME).server(server.address) }
}

/// Asks that server, and gives up soon.
fn hasty(server: &NameServer) -> Srv {
    Srv { within: Duration::from_millis(200), ..srv(server) }
}

fn record(target: &str, port: u16) -> SRV {
    SRV::new(0, 0, port, Name::from_ascii(target).expect("a name"))
}

fn records<const N: usize>(targets: [&str; N]) -> Says {
    Says::Records(targets.into_iter().map(|target| record(target, 7)).collect())
}

/// Why there is no answer.
fn why(srv: &Srv) -> String {
    let told = srv.addresses().unwrap_err().to_string();
    let why = told.strip_prefix(&format!("{NAME} did not say where members are: "));
    why.unwrap_or_else(|| panic!("{told}")).to_owned()
}

#[test]
fn every_record_is_a_member_by_its_target_and_port_whatever_its_priority_and_weight() {
    let b = Name::from_ascii("B.Example.com.").unwrap();
    let server = NameServer::start(Says::Records(vec![
        SRV::new(20, 0, 7, b.clone()),
        record("a.example.com.", 8),
        record("a.example.com.", 7),
        SRV::new(10, 9, 7, b),
    ]));
    let members = ["a.example.com:7", "a.example.com:8", "b.example.com:7"];
    assert_eq!(srv(&server).addresses().unwrap(), members);
}

#[test]
fn a_changed_answer_is_seen_by_the_next_asking_however_long_the_first_may_be_kept() {
    let server = NameServer::start(records(["a.example.com."]));
    let srv = srv(&server);
    assert_eq!(srv.addresses().unwrap(), ["a.example.com:7"]);
    server.say(records(["b.example.com.", "c.example.com."]));
    assert_eq!(srv.addresses().unwrap(), ["b.example.com:7", "c.example.com:7"]);
}

#[test]
fn an_answer_that_udp_has_no_room_for_is_asked_for_over_tcp() {
    let targets = (100..200).map(|n| record(&format!("{n}.example.com."), 7));
    let server = NameServer::start(Says::Records(targets.collect()));
    let expected: Vec<_> = (100..200).map(|n| format!("{n}.example.com:7")).collect();
    assert_eq!(srv(&server).addresses().unwrap(), expected);
    assert!(1 <= server.questions().1);
}

#[test]
fn an_answer_without_members_says_why() {
    let server = NameServer::start(Says::Code(ResponseCode::NXDomain));
    let srv = srv(&server);
    assert_eq!(why(&srv), "there is no such name");
    server.say(Says::Code(ResponseCode::ServFail));
    assert!(why(&srv).contains("Server Failure"), "{}", why(&srv));
    server.say(Says::Records(Vec::new()));
    assert_eq!(why(&srv), "it has no SRV record");
}

#[test]
fn a_server_that_is_silent_or_talks_nonsense_is_waited_for_so_long_and_no_longer() {
    let server = NameServer::start(Says::Nothing);
    let hasty = hasty(&server);
    assert_eq!(why(&hasty), "no answer within 200ms");
    server.say(Says::Forgery);
    assert_eq!(why(&hasty), "no answer within 200ms");
    server.say(Says::Garbage);
    let patient = srv(&server);
    assert!(why(&patient).contains("decoding error"), "{}", why(&patient));
    server.say(records(["a.example.com."]));
    assert_eq!(patient.addresses().unwrap(), ["a.example.com:7"]);
}

#[test]
fn a_record_that_is_no_address_fails_the_answer() {
    let server = NameServer::start(records(["a.example.com.", "."]));
    let srv = srv(&server);
    assert_eq!(why(&srv), "\":7\" is no address of a member");
    server.say(Says::Records(vec![record("a.example.com.", 7), record("b.example.com.", 0)]));
    assert_eq!(why(&srv), "\"b.example.com:0\" is no address of a member");
}

#[test]
fn more_members_than_would_be_asked_fail_the_answer() {
    let members = |count: u16| Says::Records((1..=count).map(|port| record("a.", port)).collect());
    let server = NameServer::start(members(256));
    let srv = srv(&server);
    assert_eq!(srv.addresses().unwrap().len(), MEMBERS_MAX);
    server.say(members(257));
    assert_eq!(why(&srv), "it has 257 members, and 256 are the most");
}

#[test]
fn a_name_that_is_none_is_told_by_name() {
    let failed = Srv::new("no..name").addresses().unwrap_err().to_string();
    assert!(failed.starts_with("no..name did not say where members are: "), "{failed}");
}

/// Until the server was asked so often again.
async fn asked(server: &NameServer, times: usize) {
    let enough = server.questions().0 + times;
    let asked = async {
        while server.questions().0 < enough {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(Duration::from_mins(1), asked).await.expect("it is asked again and again");
}

/// What is listed next.
async fn next(listed: &mut tokio::sync::watch::Receiver<Option<Vec<crate::Address>>>) -> String {
    let changed = timeout(Duration::from_mins(1), listed.changed()).await;
    changed.expect("it is asked again and again").expect("it is followed");
    let addresses = listed.borrow_and_update().clone().expect("something is listed");
    addresses.iter().map(crate::Address::as_str).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_server_that_is_down_at_first_is_heard_later_and_what_it_said_holds_while_it_is_down_again() {
    let server = NameServer::start(Says::Nothing);
    let hasty = hasty(&server);
    Runtime::new().unwrap().block_on(async {
        let pace = Pace { every: Duration::from_millis(1), ..Pace::default() };
        let mut listed = follow(Arc::new(hasty), pace);
        asked(&server, 3).await;
        assert!(listed.borrow().is_none());
        server.say(records(["a.example.com."]));
        assert_eq!(next(&mut listed).await, "a.example.com:7");
        server.say(Says::Code(ResponseCode::NXDomain));
        asked(&server, 3).await;
        assert!(!listed.has_changed().unwrap());
        server.say(records(["b.example.com."]));
        assert_eq!(next(&mut listed).await, "b.example.com:7");
    });
}
