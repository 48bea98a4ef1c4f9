//! What systemd is told, and the unit that asks for it.

use std::os::unix::net::UnixDatagram;
use std::process::Command;

use crate::support::{PATIENCE, Process, Server, path_of};

/// Listens as systemd does.
fn manager(directory: &tempfile::TempDir) -> (UnixDatagram, String) {
    let path = directory.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout that is not zero");
    (socket, path.to_str().expect("a path of ASCII").to_owned())
}

fn next(socket: &UnixDatagram) -> String {
    let mut bytes = [0; 256];
    let length = socket.recv(&mut bytes).expect("the server tells something");
    String::from_utf8_lossy(&bytes[..length]).trim().to_owned()
}

#[test]
fn systemd_is_told_when_the_server_is_ready_alive_and_stopping() {
    let directory = tempfile::tempdir().expect("a directory");
    let (socket, path) = manager(&directory);
    let variables = [("NOTIFY_SOCKET", path.as_str()), ("WATCHDOG_USEC", "100000")];
    let server = Server::of(Process::start_in(&variables, &["--port", "0"]));
    assert_eq!(next(&socket), "READY=1");
    assert_eq!([next(&socket), next(&socket)], ["WATCHDOG=1", "WATCHDOG=1"]);
    assert_eq!(server.end().status, Some(0));
    let last = std::iter::repeat_with(|| next(&socket)).find(|said| said != "WATCHDOG=1");
    assert_eq!(last.as_deref(), Some("STOPPING=1"));
}

#[test]
fn without_a_watchdog_nothing_but_the_state_is_told() {
    let directory = tempfile::tempdir().expect("a directory");
    let (socket, path) = manager(&directory);
    let server = Server::of(Process::start_in(&[("NOTIFY_SOCKET", &path)], &["--port", "0"]));
    assert_eq!(server.end().status, Some(0));
    assert_eq!([next(&socket), next(&socket)], ["READY=1", "STOPPING=1"]);
}

/// Where there is a systemd to ask. It looks for the program, which is not installed
/// here: that complaint alone is let pass.
#[test]
#[expect(clippy::print_stderr, reason = "that it did not run is to be seen")]
fn systemd_understands_every_line_of_the_unit() {
    let unit = path_of("cmd/cache_manager/deploy/cache_manager.service");
    let Ok(output) = Command::new("systemd-analyze").arg("verify").arg(&unit).output() else {
        let required = std::env::var("DISTCACHE_REQUIRE_SERVICES");
        assert_ne!(required.as_deref(), Ok("1"), "there is no systemd-analyze here");
        eprintln!("NOT RUN: there is no systemd-analyze here");
        return;
    };
    let said = String::from_utf8_lossy(&output.stderr);
    let complaints: Vec<_> = said
        .lines()
        .filter(|line| line.contains("cache_manager.service"))
        .filter(|line| !line.contains("/usr/local/bin/cache_manager is not executable"))
        .collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
}
