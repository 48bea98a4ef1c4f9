//! `cache_manager health`, as who watches a container runs it.

use crate::support::{Process, Server};

#[test]
fn a_server_that_is_ready_is_healthy_and_one_line_says_so() {
    let server = Server::start(&[]);
    let address = server.address();
    let told = format!("http://{address}/readyz: ready\n");
    let by_url = Process::start(&["health", "--url", &format!("http://{address}")]).wait();
    assert_eq!((by_url.status, by_url.stdout), (Some(0), told.clone()));
    // The settings of the server say where it is, too.
    let variables = [("DISTCACHE_LISTEN", format!("0.0.0.0:{}", address.port()))];
    let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
    let by_settings = Process::start_in(&variables, &["health"]).wait();
    assert_eq!((by_settings.status, by_settings.stdout), (Some(0), told));
}

#[test]
fn whatever_is_wrong_has_the_status_1_and_one_line() {
    let server = Server::start(&[]);
    let gone = format!("http://{}", server.address());
    server.end();
    for (arguments, code) in [
        (&["health", "--url", &gone][..], "DC-339 "),
        (&["health", "--url", "nonsense"], "DC-301 "),
        (&["health", "--config", "/nowhere/a.toml"], "/nowhere/a.toml"),
    ] {
        let ended = Process::start(arguments).wait();
        assert_eq!((ended.status, ended.stdout.as_str()), (Some(1), ""), "{arguments:?}");
        assert!(ended.stderr.starts_with(code), "{}", ended.stderr);
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    }
}
