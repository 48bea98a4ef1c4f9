//! What an operator installs to watch a server is about numbers that it tells.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{Server, eventually, text_of};

const DASHBOARD: &str = "cmd/cache_manager/deploy/grafana.json";
const ALERTS: &str = "cmd/cache_manager/deploy/alerts.yml";

/// Every name of a metric of ours in a text.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c: char| !is_part(c));
    words.filter(|word| word.starts_with("distcache_")).map(str::to_owned).collect()
}

/// The names of the samples of a page.
fn samples_of(page: &str) -> BTreeSet<String> {
    let samples = page.lines().filter(|line| !line.starts_with('#'));
    let name = |line: &str| line.split(['{', ' ']).next().unwrap_or_default().to_owned();
    samples.map(name).collect()
}

fn scrape(server: &Server) -> String {
    let reply = server.ask("GET", "/metrics", "", b"");
    assert_eq!(reply.status, 200);
    assert!(reply.body.ends_with(b"# EOF\n"));
    String::from_utf8(reply.body).expect("UTF-8")
}

#[test]
fn every_metric_of_the_dashboard_and_the_alerts_is_told() {
    let server = Server::start(&[]);
    server.ask("POST", "/?key=a&value=1", "", b"");
    server.get("a");
    let told = samples_of(&scrape(&server));
    for file in [DASHBOARD, ALERTS] {
        let asked_for = metrics_in(&text_of(file));
        assert!(8 < asked_for.len(), "{file} asks for {asked_for:?}");
        let unknown: Vec<_> = asked_for.difference(&told).collect();
        assert!(unknown.is_empty(), "{file} asks for {unknown:?}");
    }
}

#[test]
fn each_panel_of_the_dashboard_has_a_title_a_story_and_a_question() {
    let dashboard: Value = serde_json::from_str(&text_of(DASHBOARD)).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let is_whole = |panel: &Value| {
        let has = |name: &str| panel[name].as_str().is_some_and(|text| !text.is_empty());
        let targets = panel["targets"].as_array().map_or(&[][..], Vec::as_slice);
        let asks =
            |target: &Value| target["expr"].as_str().is_some_and(|e| e.contains("distcache_"));
        has("title") && has("description") && !targets.is_empty() && targets.iter().all(asks)
    };
    assert!(10 < panels.len());
    assert_eq!(
        panels.iter().filter(|panel| !is_whole(panel)).collect::<Vec<_>>(),
        [&Value::Null; 0]
    );
}

/// What the program as it is started tells of the last hour.
#[test]
fn the_past_is_told_as_soon_as_there_is_one() {
    let server = Server::start(&[]);
    server.ask("POST", "/?key=a&value=1", "", b"");
    eventually("a ratio is told", || {
        server.get("a");
        scrape(&server).contains("distcache_hit_ratio{").then_some(())
    });
    let status = server.ask("GET", "/v1/status", "", b"").json();
    assert!(status["keyspaces"][0]["lately"]["60m"]["hit_ratio"].is_number(), "{status}");
}

#[test]
fn requests_that_take_as_long_as_is_said_are_told_of_without_their_keys() {
    let server = Server::start(&["--slow-after", "0s"]);
    server.put("hidden", b"1");
    let line = server.stderr.wait_for("slow: put");
    assert!(!line.contains("hidden"), "{line}");
}
