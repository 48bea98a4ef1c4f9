//! A PostgreSQL server for tests, started and stopped by them.
//!
//! It needs the programs `initdb`, `postgres` and `psql`, and nothing else: it
//! lives in a temporary directory, listens on a free loopback port, and does
//! not outlive the process of the tests. Where the programs are missing, the
//! tests that need them do not run, and say so; with
//! `DISTCACHE_REQUIRE_SERVICES=1` that is a failure.

use std::fs::Permissions;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, SystemTime};
use std::{env, fs, io, thread};

use tempfile::TempDir;

pub(crate) const USER: &str = "cache";
pub(crate) const PASSWORD: &str = "open-sesame";

/// Longer than a busy machine takes to start or stop a server.
const PATIENCE: Duration = Duration::from_mins(1);

/// Ends the server when it is told so. When its standard input ends without a
/// word, the tests have ended, however they did: nothing is to be left then.
const KEEPER: &str = r#"
    trap '' HUP INT TERM # They are for the tests, and come here, too.
    folder=$1; shift
    "$@" & server=$!
    read -r word
    kill -INT "$server"; wait "$server"
    if [ -z "$word" ]; then cd / && rm -rf "$folder"; fi
"#;

pub(crate) struct PostgresServer {
    programs: PathBuf,
    folder: TempDir,
    port: u16,
    /// Whom the server runs as, where the tests run as root: it refuses to.
    user: Option<(u32, u32)>,
    /// `None` while it is stopped.
    keeper: Option<Child>,
}

impl PostgresServer {
    /// A new, empty server; `None` where there is no such program.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// One that finds these files, by name and content, in the directory of its
    /// configuration. One called `postgresql.auto.conf` is part of that.
    pub(crate) fn start_with(files: &[(&str, &str)]) -> Option<Self> {
        let Some(programs) = programs() else {
            tell_that_it_is_missing();
            return None;
        };
        let folder = TempDir::new().expect("a temporary directory");
        let user = fs::metadata(folder.path()).expect("it is there").uid();
        let user = (user == 0).then(unprivileged_user);
        if let Some((user, group)) = user {
            chown(folder.path(), Some(user), Some(group)).expect("root may");
        }
        let mut server = Self { programs, folder, port: free_port(), user, keeper: None };
        server.make_files();
        for (name, content) in files {
            server.write(&server.data().join(name), content);
        }
        server.go_on();
        Some(server)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// For a client that is to connect to a database.
    pub(crate) fn connection(&self, database: &str) -> String {
        Self::connection_by(self.port, database)
    }

    /// For one that connects by another port.
    pub(crate) fn connection_by(port: u16, database: &str) -> String {
        format!("host=127.0.0.1 port={port} user={USER} password={PASSWORD} dbname={database}")
    }

    /// Runs SQL by `psql`, and gives what it prints, a line a row.
    pub(crate) fn sql(&self, database: &str, sql: &str) -> String {
        let output = self.psql(database, sql);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{sql}: {error}");
        String::from_utf8(output.stdout).expect("UTF-8").trim_end().to_owned()
    }

    /// Ends it as an administrator does, and its connections with it.
    pub(crate) fn stop(&mut self) {
        if let Some(mut keeper) = self.keeper.take() {
            let mut told = keeper.stdin.take().expect("it is piped");
            told.write_all(b"stop\n").expect("the keeper listens");
            keeper.wait().expect("it is our child");
        }
    }

    /// Starts it, after a stop, with what it had.
    pub(crate) fn go_on(&mut self) {
        let log = fs::File::create(self.folder.path().join("log")).expect("a log");
        let mut command = self.command("sh");
        command.args(["-c", KEEPER, "sh"]).arg(self.folder.path());
        command
            .arg(self.programs.join("postgres"))
            .arg("-D")
            .arg(self.data())
            .arg("-p")
            .arg(self.port.to_string());
        for setting in [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "fsync=off",
            "shared_preload_libraries=pg_stat_statements",
        ] {
            command.args(["-c", setting]);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
        self.keeper = Some(command.spawn().expect("a shell"));
        self.wait_until_it_answers();
    }

    fn wait_until_it_answers(&self) {
        let begun = SystemTime::now();
        while !self.psql("postgres", "SELECT 1").status.success() {
            let waited = begun.elapsed().unwrap_or_default();
            let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(waited < PATIENCE, "PostgreSQL does not start:\n{log}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn make_files(&self) {
        let password = self.folder.path().join("password");
        self.write(&password, PASSWORD);
        let mut command = self.command(self.programs.join("initdb"));
        command.arg("-D").arg(self.data()).arg("--pwfile").arg(password);
        command.args(["-U", USER, "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync"]);
        let output = command.output().expect("the program is there");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "initdb: {error}");
    }

    /// Writes a file that the server may read, and nobody else.
    fn write(&self, file: &Path, content: &str) {
        fs::write(file, content).expect("written");
        fs::set_permissions(file, Permissions::from_mode(0o600)).expect("it is ours");
        if let Some((user, group)) = self.user {
            chown(file, Some(user), Some(group)).expect("root may");
        }
    }

    fn psql(&self, database: &str, sql: &str) -> Output {
        let mut command = self.command(self.programs.join("psql"));
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql]);
        command.arg(self.connection(database)).output().expect("the program is there")
    }

    fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command.current_dir(self.folder.path());
        command
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Where the newest of the installed servers is, or the one in the path.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let debian = versions.filter_map(|version| {
        let number: u32 = version.file_name().to_str()?.parse().ok()?;
        Some((number, version.path().join("bin")))
    });
    let debian = debian.filter(|(_, folder)| is_complete(folder)).max();
    let path = env::var_os("PATH").unwrap_or_default();
    let in_path = || env::split_paths(&path).find(|folder| is_complete(folder));
    debian.map(|(_, folder)| folder).or_else(in_path)
}

fn is_complete(folder: &Path) -> bool {
    ["initdb", "postgres", "psql"].iter().all(|program| folder.join(program).exists())
}

/// Straight to standard error, which is shown also for a test that passes.
fn tell_that_it_is_missing() {
    let required = env::var_os("DISTCACHE_REQUIRE_SERVICES").is_some_and(|value| value == "1");
    assert!(!required, "PostgreSQL is required, and not installed: apt-get install postgresql");
    let message = "\nNOT RUN: a test needs PostgreSQL, which is not installed \
                   (apt-get install postgresql)\n";
    io::stderr().write_all(message.as_bytes()).expect("standard error is open");
}

/// The account of the server's package, or the one of nobody.
fn unprivileged_user() -> (u32, u32) {
    let accounts = fs::read_to_string("/etc/passwd").expect("accounts");
    let ids = |name: &str| {
        let line = accounts.lines().find(|line| line.starts_with(&format!("{name}:")))?;
        let mut fields = line.split(':').skip(2).map(str::parse);
        Some((fields.next()?.ok()?, fields.next()?.ok()?))
    };
    ids("postgres").or_else(|| ids("nobody")).expect("an account that is not root's")
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("its address").port()
}
