//! A NATS server for tests, started and stopped by them: the program `nats-server` on a
//! free port of loopback, with a directory of its own. It does not outlive the process of
//! the tests. Where the program is missing, the tests that need it do not run, and say so;
//! with `DISTCACHE_REQUIRE_SERVICES=1` that is a failure.
//! Tests of several crates have it by its path.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};
use std::{env, fs, io, thread};

use tempfile::TempDir;

/// Longer than a busy machine takes to start or stop a server.
const PATIENCE: Duration = Duration::from_mins(1);

/// Ends the server when it is told so. When its standard input ends without a word, the
/// tests have ended, however they did: nothing is to be left then.
const KEEPER: &str = r#"
    trap '' HUP INT TERM # They are for the tests, and come here, too.
    folder=$1; shift
    "$@" & server=$!
    echo "$server" > "$folder/pid"
    read -r word
    kill -CONT "$server"; kill -KILL "$server"; wait "$server"
    if [ -z "$word" ]; then cd / && rm -rf "$folder"; fi
"#;

#[derive(Debug)]
pub(crate) struct NatsServer {
    program: PathBuf,
    folder: TempDir,
    /// Where it listens.
    host: Ipv4Addr,
    pub(crate) port: u16,
    /// `None` while it is stopped.
    keeper: Option<Child>,
}

impl NatsServer {
    /// One that lets everybody in; `None` where there is no such program.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with("")
    }

    /// One with this in its configuration.
    pub(crate) fn start_with(configuration: &str) -> Option<Self> {
        let folder = TempDir::new().expect("a temporary directory");
        Self::start_in(folder, configuration)
    }

    /// One in whose folder files lie that its configuration names.
    pub(crate) fn start_in(folder: TempDir, configuration: &str) -> Option<Self> {
        Self::start_at(Ipv4Addr::LOCALHOST, folder, configuration)
    }

    /// One at another address of this machine.
    pub(crate) fn start_at(host: Ipv4Addr, folder: TempDir, configuration: &str) -> Option<Self> {
        let Some(program) = program() else {
            tell_that_it_is_missing();
            return None;
        };
        fs::write(folder.path().join("conf"), configuration).expect("written");
        let mut server = Self { program, folder, host, port: free_port(host), keeper: None };
        server.go_on();
        Some(server)
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://{}:{}", self.host, self.port)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends it at once, and its connections with it.
    pub(crate) fn stop(&mut self) {
        if let Some(mut keeper) = self.keeper.take() {
            let mut told = keeper.stdin.take().expect("it is piped");
            told.write_all(b"stop\n").expect("the keeper listens");
            keeper.wait().expect("it is our child");
        }
    }

    /// Starts it, after a stop, at the same port.
    pub(crate) fn go_on(&mut self) {
        let log = fs::File::create(self.folder().join("log")).expect("a log");
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "sh"]).arg(self.folder()).arg(&self.program);
        command.args(["-a", &self.host.to_string(), "-p", &self.port.to_string()]);
        command.arg("-c").arg(self.folder().join("conf")).current_dir(self.folder());
        let other = log.try_clone().expect("a log");
        command.stdin(Stdio::piped()).stdout(log).stderr(other);
        self.keeper = Some(command.spawn().expect("a shell"));
        self.wait_until_it_greets();
    }

    /// It hangs: its port is open, and nothing comes back.
    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
    }

    pub(crate) fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, which: &str) {
        let pid = fs::read_to_string(self.folder().join("pid")).expect("it was started");
        let sent = Command::new("kill").args([which, pid.trim()]).status().expect("a program");
        assert!(sent.success());
    }

    fn wait_until_it_greets(&self) {
        let begun = SystemTime::now();
        while !self.greets() {
            let log = fs::read_to_string(self.folder().join("log")).unwrap_or_default();
            let waited = begun.elapsed().unwrap_or_default();
            assert!(waited < PATIENCE, "nats-server does not start:\n{log}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn greets(&self) -> bool {
        let connected = TcpStream::connect((self.host, self.port));
        let mut greeting = [0; 4];
        connected.is_ok_and(|mut stream| stream.read_exact(&mut greeting).is_ok())
            && greeting == *b"INFO"
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn program() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    // Debian has it where root looks only.
    let folders = env::split_paths(&path).chain(["/usr/sbin".into()]);
    folders.map(|folder| folder.join("nats-server")).find(|program| program.exists())
}

/// Straight to standard error, which is shown also for a test that passes.
fn tell_that_it_is_missing() {
    let required = env::var_os("DISTCACHE_REQUIRE_SERVICES").is_some_and(|value| value == "1");
    assert!(!required, "nats-server is required, and not installed: apt-get install nats-server");
    let message = "\nNOT RUN: a test needs nats-server, which is not installed \
                   (apt-get install nats-server)\n";
    io::stderr().write_all(message.as_bytes()).expect("standard error is open");
}

fn free_port(host: Ipv4Addr) -> u16 {
    let listener = TcpListener::bind((host, 0)).expect("a port");
    listener.local_addr().expect("its address").port()
}
