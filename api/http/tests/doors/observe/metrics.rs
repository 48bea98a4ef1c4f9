//! `/metrics`: each number is what was done, and no key is ever in it.

use distcache::KeyspaceConfig;

use super::openmetrics::Page;
use super::{Observed, observed, sourced};
use crate::support::{TestDoor, on_each_door};

on_each_door! {
    numbers_are_those_of_what_was_done,
    requests_are_counted_by_operation_and_result,
    who_is_not_let_in_is_counted_too,
    no_key_and_no_value_is_ever_in_the_page,
    there_are_as_many_series_however_many_keys_there_are,
    a_keyspace_may_have_any_name,
    a_scrape_says_what_it_is,
    evictions_are_told_with_their_ages,
}

fn scrape(door: &TestDoor) -> (Page, String) {
    let reply = door.ask("GET", "/metrics", "", b"");
    assert_eq!(reply.status, 200, "{reply:?}");
    let text = String::from_utf8(reply.body).expect("UTF-8");
    (Page::read(&text), text)
}

fn get(door: &TestDoor, key: &str) -> u16 {
    door.ask("GET", &format!("/v1/keyspaces/users/keys/{key}"), "", b"").status
}

fn near(left: f64, right: f64) -> bool {
    (left - right).abs() < 1e-9
}

fn assert_value(page: &Page, name: &str, labels: &[(&str, &str)], expected: f64) {
    let value = page.value(name, labels);
    assert!(near(value, expected), "{name} {labels:?} is {value}, not {expected}");
}

fn numbers_are_those_of_what_was_done(door: &TestDoor) {
    let Observed { door, .. } = observed(door.kind, [sourced("users")]);
    // Two loads, of which one finds nothing; one that fails; and three hits.
    let statuses = ["a", "no", "broken", "a", "a", "a"].map(|key| get(&door, key));
    assert_eq!(statuses, [200, 404, 502, 200, 200, 200]);
    let (page, _) = scrape(&door);
    let users = ("keyspace", "users");
    assert_value(&page, "distcache_gets_total", &[users, ("result", "hit")], 3.0);
    assert_value(&page, "distcache_gets_total", &[users, ("result", "miss")], 3.0);
    for (result, loads) in [("found", 1.0), ("not_found", 1.0), ("failed", 1.0), ("timed_out", 0.0)]
    {
        assert_value(&page, "distcache_loads_total", &[users, ("result", result)], loads);
    }
    assert_value(&page, "distcache_source_request_duration_seconds_count", &[users], 3.0);
    assert_value(&page, "distcache_entries", &[users], 1.0);
    assert_value(&page, "distcache_inserts_total", &[users], 1.0);
    assert_value(&page, "distcache_flights", &[users], 0.0);
    assert_value(&page, "distcache_entries", &[("keyspace", "default")], 0.0);
    assert_value(&page, "distcache_limit", &[("limit", "loads"), users], 16.0);
    assert_value(&page, "distcache_limit_reached_total", &[("limit", "memory")], 0.0);
}

fn requests_are_counted_by_operation_and_result(door: &TestDoor) {
    let Observed { door, .. } = observed(door.kind, [sourced("users")]);
    for (method, target) in [
        ("PUT", "/v1/keyspaces/users/keys/a"),
        ("GET", "/v1/keyspaces/users/keys/a"),
        ("HEAD", "/v1/keyspaces/users/keys/a"),
        ("GET", "/v1/keyspaces/users/keys/no"),
        ("DELETE", "/v1/keyspaces/users/keys/a"),
        ("POST", "/?key=b&value=1"),
        ("GET", "/?key="),
        ("GET", "/nowhere"),
        ("GET", "/livez"),
    ] {
        door.ask(method, target, "", b"");
    }
    let (page, _) = scrape(&door);
    for (operation, result, requests) in [
        ("put", "ok", 2.0),
        ("get", "ok", 2.0),
        ("get", "not_found", 1.0),
        ("get", "refused", 1.0),
        ("delete", "ok", 1.0),
        ("other", "not_found", 1.0),
        ("observe", "ok", 1.0),
        ("put", "failed", 0.0),
    ] {
        let labels = [("operation", operation), ("result", result)];
        assert_value(&page, "distcache_http_requests_total", &labels, requests);
    }
    let times = "distcache_http_request_duration_seconds_count";
    assert_value(&page, times, &[("operation", "get")], 4.0);
}

fn who_is_not_let_in_is_counted_too(door: &TestDoor) {
    let Observed { door, .. } = observed(door.kind, []);
    let cross = "Origin: https://elsewhere.example\r\n";
    assert_eq!(door.ask("POST", "/?key=a&value=1", cross, b"").status, 403);
    let (page, _) = scrape(&door);
    let labels = [("operation", "put"), ("result", "refused")];
    assert_value(&page, "distcache_http_requests_total", &labels, 1.0);
}

fn no_key_and_no_value_is_ever_in_the_page(door: &TestDoor) {
    let Observed { door, .. } = observed(door.kind, [sourced("users")]);
    let key = "kEyThatNobodyMaySee";
    let path = format!("/v1/keyspaces/users/keys/{key}");
    door.ask("PUT", &path, "", b"vAlueThatNobodyMaySee");
    assert_eq!(get(&door, key), 200);
    door.ask("DELETE", &path, "", b"");
    door.ask("GET", &format!("/?key={key}"), "", b"");
    door.ask("GET", &format!("/{key}"), "", b"");
    door.ask("GET", &format!("/v1/keyspaces/{key}/keys/a"), "", b"");
    let (_, text) = scrape(&door);
    assert!(!text.contains("ThatNobodyMaySee"));
}

fn there_are_as_many_series_however_many_keys_there_are(door: &TestDoor) {
    let Observed { door, engine, .. } = observed(door.kind, [sourced("users")]);
    let (before, _) = scrape(&door);
    for number in 0..50 {
        assert_eq!(get(&door, &format!("key{number}")), 200);
        door.ask("GET", &format!("/v1/keyspaces/other{number}/keys/a"), "", b"");
    }
    let (after, _) = scrape(&door);
    // The ratios come with the first reads.
    let new: Vec<_> = after.series().difference(&before.series()).cloned().collect();
    assert!(new.iter().all(|(name, _)| name == "distcache_hit_ratio"), "{new:?}");
    assert!(new.len() <= 3, "{new:?}");
    engine.add_keyspace(KeyspaceConfig::new("more")).expect("good settings");
    let (more, _) = scrape(&door);
    let of_it = |(_, labels): &&(_, super::openmetrics::Labels)| {
        labels.get("keyspace").is_some_and(|name| name == "more")
    };
    let series = more.series();
    assert_eq!(series.len(), after.series().len() + series.iter().filter(of_it).count());
}

fn a_keyspace_may_have_any_name(door: &TestDoor) {
    let name = r#"a "b" \c {d="e"}, f"#;
    let Observed { door, .. } = observed(door.kind, [KeyspaceConfig::new(name)]);
    let (page, _) = scrape(&door);
    assert_value(&page, "distcache_entries", &[("keyspace", name)], 0.0);
}

fn a_scrape_says_what_it_is(door: &TestDoor) {
    let reply = door.ask("GET", "/metrics", "", b"");
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(reply.header("content-type"), Some(kind));
    assert_eq!(door.ask("POST", "/metrics", "", b"").status, 405);
    let head = door.connect().ask("HEAD", "/metrics", "", b"");
    assert_eq!(head.status, 200);
}

fn evictions_are_told_with_their_ages(door: &TestDoor) {
    let small = KeyspaceConfig::new("users").entries_max(2);
    let Observed { door, engine, clock } = observed(door.kind, [small]);
    let users = engine.keyspace("users").expect("it is there");
    for key in 0..10_u8 {
        users.put(&[key], b"1").expect("stored");
        clock.advance(std::time::Duration::from_secs(5));
    }
    let evicted = users.stats().expect("numbers").evictions;
    assert!(6 <= evicted, "{evicted}");
    let (page, _) = scrape(&door);
    let users = ("keyspace", "users");
    let evictions = page.value("distcache_removals_total", &[users, ("cause", "evicted")]);
    let ages = page.value("distcache_evicted_age_seconds_count", &[users]);
    assert!(near(evictions, ages) && 6.0 <= ages, "{evictions}, {ages}");
    let reached = [("limit", "keyspace_entries"), users];
    assert!(near(page.value("distcache_limit_reached_total", &reached), ages));
    assert!(page.has("distcache_uptime_seconds") && page.has("distcache_topic_missed_total"));
}
