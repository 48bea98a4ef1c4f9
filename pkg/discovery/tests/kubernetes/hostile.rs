//! Answers that are none: each fails the asking and costs nothing else.

use distcache::Discovery;
use serde_json::json;

use crate::api_server::{ApiServer, Says, endpoint};
use crate::support::{until, until_failed, until_listed};
use crate::{PORT, asking, of, put};

/// Says that from the start, and after a first right answer; and then the truth again.
fn fails(says: &Says, why: &str) {
    let server = ApiServer::start();
    put(&server, "a", &["10.0.0.1"]);
    server.say(says.clone());
    let discovery = of(&server);
    let told = until_failed(&discovery, why);
    assert!(told.len() < 400, "{told}");
    server.say(Says::Truth);
    until_listed(&discovery, &["10.0.0.1:18081"]);
    server.say(says.clone());
    server.cut();
    until_failed(&discovery, why);
    server.say(Says::Truth);
    until_listed(&discovery, &["10.0.0.1:18081"]);
}

#[test]
fn who_may_not_list_is_told_so() {
    let why = "endpointslices.discovery.k8s.io is forbidden: User \"x\" cannot list";
    fails(&Says::Status(403, why), why);
    fails(&Says::Status(500, "etcd is away"), "500 Internal Server Error: etcd is away");
}

#[test]
fn what_is_no_list_is_no_answer() {
    let none = |text: &str| fails(&Says::Text(text.to_owned()), "its answer is none");
    none("<html>502 Bad Gateway</html>\n");
    none("[[[[\n");
    none("{\"apiVersion\":\"v1\",\"kind\":\"PodList\",\"metadata\":{},\"items\":[]}\n");
    none(&format!("{}\n", "[".repeat(100_000)));
}

#[test]
fn a_list_without_a_version_or_with_more_to_come_is_no_answer() {
    let list = |metadata| {
        let list = json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSliceList",
            "metadata": metadata, "items": [],
        });
        list.to_string()
    };
    for (metadata, why) in [
        (json!({}), "its list has no version"),
        (json!({ "resourceVersion": "7", "continue": "x" }), "there are more than 64 slices"),
    ] {
        let server = ApiServer::start();
        server.say(Says::Text(list(metadata)));
        until_failed(&of(&server), why);
    }
    let server = ApiServer::start();
    for n in 0..65 {
        put(&server, &format!("s{n}"), &["10.0.0.1"]);
    }
    until_failed(&of(&server), "there are more than 64 slices");
}

#[test]
fn an_answer_without_end_is_given_up() {
    // A list, and an event.
    fails(&Says::Endless(&[b' '; 4_096]), "longer than any may be");
    // Lists are too long, and a watch tells more events than there can be.
    let server = ApiServer::start();
    put(&server, "a", &["10.0.0.1"]);
    let discovery = of(&server);
    until_listed(&discovery, &["10.0.0.1:18081"]);
    let bookmark = json!({ "type": "BOOKMARK", "object": {
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": { "resourceVersion": "1001" },
    }});
    server.say(Says::Lines(format!("{bookmark}\n").repeat(10_001)));
    server.cut();
    until_failed(&discovery, "its watch told more than 10000 events");
}

#[test]
fn an_event_that_is_none_ends_its_watch_and_all_is_listed_anew() {
    for line in [
        "nothing",
        "{\"type\":\"ADDED\",\"object\":{\"kind\":\"Pod\",\"apiVersion\":\"v1\"}}",
        "{\"type\":\"WHAT\",\"object\":{}}",
        "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"a\"}}}",
        "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":500,\"message\":\"no\"}}",
    ] {
        let server = ApiServer::start();
        put(&server, "a", &["10.0.0.1"]);
        let discovery = of(&server);
        until_listed(&discovery, &["10.0.0.1:18081"]);
        server.say(Says::Lines(format!("{line}\n")));
        server.cut();
        until_failed(&discovery, "did not say");
        server.say(Says::Truth);
        until_listed(&discovery, &["10.0.0.1:18081"]);
        assert!(2 <= server.asked().0, "{line}");
    }
}

#[test]
fn endpoints_that_cannot_be_members_fail_the_answer_until_they_are_mended() {
    let server = ApiServer::start();
    put(&server, "a", &["10.0.0.1"]);
    let discovery = of(&server);
    until_listed(&discovery, &["10.0.0.1:18081"]);
    server.put("cache", "b", PORT, &[endpoint("not-an-address", "cache-1", true, false)]);
    until_failed(&discovery, "\"not-an-address\" is no address of IPv4");
    let many: Vec<_> =
        (0..256).map(|n| endpoint(&format!("10.1.0.{n}"), "x", true, false)).collect();
    server.put("cache", "b", PORT, &many);
    until_failed(&discovery, "there are 257 endpoints, and 256 are the most");
    server.remove("b");
    until_listed(&discovery, &["10.0.0.1:18081"]);
    server.remove("a");
    until_failed(&discovery, "the service has no endpoints");
    assert_eq!(server.asked(), (1, 1), "none of that is the connection's fault");
    let portless = asking(&server).build().unwrap();
    server.put_slice(json!({
        "metadata": {
            "name": "c", "namespace": "shop", "labels": { "kubernetes.io/service-name": "cache" }
        },
        "addressType": "IPv4", "ports": [], "endpoints": [endpoint("10.0.0.1", "x", true, false)],
    }));
    until_failed(&portless, "not every endpoint has a port named \"links\"");
}

#[test]
fn a_server_that_says_nothing_is_told_within_the_time_of_an_asking() {
    let server = ApiServer::start();
    put(&server, "a", &["10.0.0.1"]);
    server.say(Says::Nothing);
    let discovery = of(&server);
    let told = discovery.addresses().unwrap_err().to_string();
    assert!(told.ends_with("nothing was heard within 4s"), "{told}");
    server.say(Says::Truth);
    server.cut();
    until_listed(&discovery, &["10.0.0.1:18081"]);
    until("it watches", || server.asked().1 == 1);
}
