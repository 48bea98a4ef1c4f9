//! What is there is listed once, and then watched.

use distcache::Discovery;
use distcache_discovery::Kubernetes;

use crate::api_server::{ApiServer, Says, endpoint};
use crate::support::{until, until_failed, until_listed};
use crate::{PORT, SOON, asking, of, put};

#[test]
fn pods_that_come_and_go_are_seen_without_another_list() {
    let server = ApiServer::start();
    put(&server, "a", &["10.0.0.1"]);
    server.put("other", "of-another-service", PORT, &[endpoint("10.9.9.9", "x", true, false)]);
    let discovery = of(&server);
    assert_eq!(discovery.addresses().unwrap(), ["10.0.0.1:18081"], "the first asking waits");
    put(&server, "a", &["10.0.0.1", "10.0.0.2"]);
    until_listed(&discovery, &["10.0.0.1:18081", "10.0.0.2:18081"]);
    put(&server, "b", &["10.0.0.3"]);
    until_listed(&discovery, &["10.0.0.1:18081", "10.0.0.2:18081", "10.0.0.3:18081"]);
    put(&server, "a", &["10.0.0.2"]);
    until_listed(&discovery, &["10.0.0.2:18081", "10.0.0.3:18081"]);
    server.remove("b");
    until_listed(&discovery, &["10.0.0.2:18081"]);
    assert_eq!(server.asked(), (1, 1), "one list, one watch");
}

#[test]
fn pods_that_are_not_ready_or_terminate_are_members() {
    let server = ApiServer::start();
    let pods = [
        endpoint("10.0.0.1", "cache-0", true, false),
        endpoint("10.0.0.2", "cache-1", false, false),
        endpoint("10.0.0.3", "cache-2", false, true),
    ];
    server.put("cache", "a", PORT, &pods);
    until_listed(&of(&server), &["10.0.0.1:18081", "10.0.0.2:18081", "10.0.0.3:18081"]);
    let names = ["0", "1", "2"].map(|n| format!("cache-{n}.cache.shop.svc:18081"));
    until_listed(&asking(&server).by_name().build().unwrap(), &names);
}

#[test]
fn a_watch_that_was_cut_goes_on_where_it_was() {
    let server = ApiServer::start();
    put(&server, "a", &["10.0.0.1"]);
    let discovery = of(&server);
    until_listed(&discovery, &["10.0.0.1:18081"]);
    for last in 2..6 {
        until("it watches", || server.asked().1 == last - 1);
        server.cut();
        // Between two watches.
        put(&server, "a", &[&format!("10.0.0.{last}")]);
        until_listed(&discovery, &[format!("10.0.0.{last}:18081")]);
    }
    assert_eq!(server.asked().0, 1, "one list");
}

#[test]
fn a_watch_of_a_version_that_is_remembered_no_more_is_followed_by_another_list() {
    let server = ApiServer::start();
    put(&server, "a", &["10.0.0.1"]);
    put(&server, "b", &["10.0.0.2"]);
    let discovery = of(&server);
    until_listed(&discovery, &["10.0.0.1:18081", "10.0.0.2:18081"]);
    until("it watches", || server.asked().1 == 1);
    // A slice goes, and nobody remembers that it did.
    server.say(Says::Mute);
    server.cut();
    server.remove("b");
    server.forget();
    server.say(Says::Truth);
    until_listed(&discovery, &["10.0.0.1:18081"]);
    assert_eq!(server.asked().0, 2);
    // The same as a status of HTTP.
    server.say(Says::Status(410, "Expired"));
    server.cut();
    until("it is told so", || 4 <= server.asked().1);
    server.say(Says::Truth);
    put(&server, "a", &["10.0.0.7"]);
    until_listed(&discovery, &["10.0.0.7:18081"]);
}

#[test]
fn a_watch_over_which_nothing_comes_is_given_up_when_its_time_is_over() {
    let server = ApiServer::start();
    put(&server, "a", &["10.0.0.1"]);
    server.say(Says::Mute);
    let discovery = asking(&server).watch_for(SOON).build().unwrap();
    until_listed(&discovery, &["10.0.0.1:18081"]);
    put(&server, "a", &["10.0.0.2"]);
    until("another watch has begun", || server.asked().1 == 2);
    server.say(Says::Truth);
    server.cut();
    until_listed(&discovery, &["10.0.0.2:18081"]);
    assert_eq!(server.asked().0, 1);
}

#[test]
fn watches_that_end_in_time_follow_each_other_by_bookmarks() {
    let server = ApiServer::start();
    put(&server, "a", &["10.0.0.1"]);
    let discovery = asking(&server).watch_for(SOON).build().unwrap();
    until_listed(&discovery, &["10.0.0.1:18081"]);
    until("it watches", || server.asked().1 == 1);
    // Others have changed so much meanwhile that what was before is forgotten; a bookmark
    // at the end of the first watch says where the next may begin.
    server.put("other", "x", PORT, &[endpoint("10.9.9.9", "x", true, false)]);
    server.forget();
    until("it watches again", || server.asked().1 == 2);
    put(&server, "a", &["10.0.0.2"]);
    until_listed(&discovery, &["10.0.0.2:18081"]);
    assert_eq!(server.asked().0, 1, "one list");
}

#[test]
fn a_label_selector_finds_what_a_service_is_not_named_for() {
    let server = ApiServer::start();
    put(&server, "a", &["10.0.0.1"]);
    let labelled = Kubernetes::labelled("app=cache", "links").namespace("shop");
    until_listed(&labelled.server(server.url()).build().unwrap(), &["10.0.0.1:18081"]);
    let elsewhere = asking(&server).namespace("elsewhere").build().unwrap();
    until_failed(&elsewhere, "the service has no endpoints");
}

#[test]
fn a_server_that_is_away_fails_the_asking_and_is_found_again() {
    let mut server = ApiServer::start();
    put(&server, "a", &["10.0.0.1"]);
    let discovery = of(&server);
    server.stop();
    until_failed(&discovery, "the Kubernetes API did not say where members are: ");
    server.go_on();
    until_listed(&discovery, &["10.0.0.1:18081"]);
    server.stop();
    until_failed(&discovery, "Connection refused");
    put(&server, "a", &["10.0.0.2"]);
    server.go_on();
    until_listed(&discovery, &["10.0.0.2:18081"]);
}
