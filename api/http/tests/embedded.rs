//! The example of a service with replicas, as three processes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use distcache::Stopwatch;

/// Longer than anything takes here, on whatever machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Waits for something that comes by itself.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let since = Stopwatch::start();
    while !is_so() {
        assert!(since.elapsed() < PATIENCE, "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// One replica, and the way to talk with it.
struct Replica {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    /// Where it answers over HTTP.
    door: String,
}

impl Replica {
    fn start(addresses: &[String]) -> Self {
        let mut process = Command::new(example())
            .args(addresses)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a whole `cargo test` builds it; else: cargo build --example embedded_cluster");
        let to = process.stdin.take().expect("it is piped");
        let from = BufReader::new(process.stdout.take().expect("it is piped"));
        let mut replica = Self { process, to, from, door: String::new() };
        assert_eq!(replica.answer(), format!("{} looks for the others", addresses[0]));
        let url = replica.answer();
        replica.door = url.replace("http://", "");
        replica
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.from.read_line(&mut line).expect("it talks");
        line.trim_end().to_owned()
    }

    fn ask(&mut self, line: &str) -> String {
        writeln!(self.to, "{line}").expect("it listens");
        self.answer()
    }

    /// What it says over HTTP of a key: the head and the value.
    fn get_over_http(&self, key: &str) -> (String, String) {
        let mut client = TcpStream::connect(&self.door).expect("its door is open");
        client.set_read_timeout(Some(PATIENCE)).expect("a time");
        let path = format!("/v1/keyspaces/users/keys/{key}");
        let head =
            format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.door);
        client.write_all(head.as_bytes()).expect("it reads");
        let mut answer = String::new();
        client.read_to_string(&mut answer).expect("it answers");
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer of HTTP");
        (head.to_owned(), body.to_owned())
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        // One that has ended already is no fault.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Where cargo puts the example: beside the folder of the tests.
fn example() -> PathBuf {
    let test = std::env::current_exe().expect("it runs");
    let folder = test.parent().and_then(|deps| deps.parent()).expect("target/PROFILE/deps");
    folder.join("examples").join(format!("embedded_cluster{}", std::env::consts::EXE_SUFFIX))
}

/// Ports that were free a moment ago.
fn addresses() -> Vec<String> {
    let listeners: Vec<_> =
        (0..3).map(|_| TcpListener::bind("127.0.0.1:0").expect("a port")).collect();
    let address = |listener: &TcpListener| listener.local_addr().expect("it listens").to_string();
    listeners.iter().map(address).collect()
}

#[test]
fn three_replicas_are_one_cache_two_go_on_and_the_last_keeps_nothing() {
    let mut addresses = addresses();
    let mut replicas: Vec<Replica> = (0..3)
        .map(|_| {
            let replica = Replica::start(&addresses);
            addresses.rotate_left(1);
            replica
        })
        .collect();
    for replica in &mut replicas {
        until("all have found each other", || replica.ask("members") == "3 members, with a lease");
    }
    let row = "the row of user:7";
    until("one owns it", || replicas[0].ask("get user:7").starts_with(row));
    for replica in &mut replicas {
        assert_eq!(replica.ask("get user:7"), format!("{row} (cached)"));
    }
    assert_eq!(replicas[1].ask("put user:7 Ada"), "stored");
    assert!(replicas.iter_mut().all(|replica| replica.ask("get user:7") == "Ada (cached)"));
    for replica in &replicas {
        let (head, value) = replica.get_over_http("user:7");
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        assert_eq!(value, "Ada");
    }
    assert_eq!(replicas[2].ask("get other"), "nothing");

    replicas[0].process.kill().expect("it runs");
    replicas.remove(0);
    for replica in &mut replicas {
        until("the others go on", || replica.ask("members") == "2 members, with a lease");
        // It was put; or it is loaded again, if it was the killed one's.
        let found = replica.ask("get user:7");
        assert!(found.starts_with("Ada") || found.starts_with(row), "{found}");
    }
    let mut last = replicas.pop().expect("two are left");
    assert_eq!(replicas[0].ask("quit"), "left");
    // One of three is no majority: it reads past its cache, and takes no writes.
    until("its lease is over", || last.ask("members") == "1 members, without a lease");
    for _ in 0..2 {
        assert_eq!(last.ask("get user:8"), "the row of user:8 (loaded)");
    }
    let refused = last.ask("put user:8 Grace");
    assert!(refused.starts_with("DC-148"), "{refused}");
}
