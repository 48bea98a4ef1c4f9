//! One file, the environment and flags; what is wrong with them, and what holds.

use tempfile::TempDir;

#[cfg(all(feature = "sqlite", feature = "postgres"))]
use crate::support::path_of;
use crate::support::{Process, Server};

/// A folder with a configuration file.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn with(text: &str) -> Self {
        let folder = Self(tempfile::tempdir().expect("a folder"));
        folder.write("users.toml", text.as_bytes());
        folder
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().expect("a path of ASCII").to_owned()
    }

    pub(crate) fn write(&self, name: &str, content: &[u8]) {
        std::fs::write(self.path(name), content).expect("a file");
    }

    pub(crate) fn file(&self) -> String {
        self.path("users.toml")
    }

    /// A text without the folder's own name.
    pub(crate) fn short(&self, text: &str) -> String {
        text.replace(&self.path(""), "")
    }

    /// Starts a server by the file, on a port of its own.
    pub(crate) fn serve(&self) -> Server {
        Server::start(&["--config", &self.file()])
    }

    /// What `config check` says of the file: its status and its lines.
    fn check(&self, more: &[&str]) -> (Option<i32>, Vec<String>) {
        let ended = Process::start(&[&["config", "check", &self.file()], more].concat()).wait();
        let text = self.short(&(ended.stdout + &ended.stderr));
        (ended.status, text.lines().map(str::to_owned).collect())
    }
}

/// The line of `config print` that is about a setting that is there once.
fn printed(variables: &[(&str, &str)], arguments: &[&str], setting: &str) -> String {
    let ended = Process::start_in(variables, &[&["config", "print"], arguments].concat()).wait();
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""));
    let line = ended.stdout.lines().find(|line| line.starts_with(&format!("{setting} = ")));
    let words = line.unwrap_or_else(|| panic!("no {setting} in {}", ended.stdout));
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_flag_wins_over_a_variable_and_that_over_the_file() {
    let folder = Folder::with("[engine]\ncapacity = '100MiB'\ndata_nodes = 2\n");
    let config = folder.file();
    let variable = [("DISTCACHE_CAPACITY", "200MiB")];
    let line = |variables: &[(&str, &str)], arguments: &[&str]| {
        folder.short(&printed(variables, arguments, "capacity"))
    };
    assert_eq!(line(&[], &[]), "capacity = \"256MiB\" # default");
    assert_eq!(line(&[], &["--config", &config]), "capacity = \"100MiB\" # users.toml:2");
    assert_eq!(
        line(&variable, &["--config", &config]),
        "capacity = \"200MiB\" # DISTCACHE_CAPACITY"
    );
    let flags = ["--config", &config, "--capacity", "300MiB"];
    assert_eq!(line(&variable, &flags), "capacity = \"300MiB\" # --capacity");

    // What is printed is what the server does.
    let named = [("DISTCACHE_CONFIG", config.as_str()), variable[0], ("DISTCACHE_PORT", "0")];
    let server = Server::of(Process::start_in(&named, &["--capacity", "300MiB"]));
    server.stdout.wait_for("capacity       300 MiB");
    assert_eq!(server.nodes().len(), 2);
    assert!(server.stdout.wait_for("configuration").ends_with("users.toml"));
}

#[test]
fn the_server_says_everything_that_is_wrong_and_does_not_start() {
    let folder = Folder::with("[engine]\ncapactiy = '1GiB'\n\n[server]\nport = 65536\n");
    let ended = Process::start_in(
        &[("DISTCACHE_KEYSPACES__A__TLL", "5")],
        &["--config", &folder.file(), "--data-nodes", "many"],
    )
    .wait();
    assert_eq!((ended.status, ended.stdout.as_str()), (Some(2), ""));
    let told = folder.short(&ended.stderr);
    let lines: Vec<_> = told.lines().collect();
    let expected = [
        "users.toml:2:1: DC-322 there is no \"capactiy\" in [engine]; the nearest is \"capacity\"",
        "users.toml:5:8: DC-323 port: \"65536\" is out of range; give a whole number from 0 to 65535",
        "DC-301 DISTCACHE_KEYSPACES__A__TLL: there is no \"tll\" in [keyspaces.NAME]; the nearest is \
         \"ttl\"",
        "DC-301 --data-nodes: \"many\" is no whole number; give a whole number from 1 to 1024",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_file_that_cannot_be_read_is_one_clear_line() {
    let told = |file: &str| {
        let ended = Process::start(&["--config", file]).wait();
        assert_eq!((ended.status, ended.stdout.as_str()), (Some(2), ""));
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
        ended.stderr
    };
    let folder = Folder::with("");
    let missing = told(&folder.path("nowhere.toml"));
    assert!(missing.contains("nowhere.toml: DC-320 ") && missing.contains("No such file"));
    assert!(told(&folder.path("")).contains("DC-320 it is a directory"));
    folder.write("users.toml", &vec![b'#'; (1 << 20) + 1]);
    assert!(told(&folder.file()).contains("DC-320 it has more than 1048576 bytes"));
    folder.write("users.toml", b"[server]\n\xFF");
    assert!(told(&folder.file()).contains("users.toml:2:1: DC-320 it is not UTF-8"));
}

#[test]
fn a_check_says_that_a_file_is_right_or_what_is_wrong() {
    let folder = Folder::with("[keyspaces.users]\nttl = '5m'\n");
    let right = "users.toml: right; keyspaces: 2, sources: 0, warnings: 0".to_owned();
    assert_eq!(folder.check(&[]), (Some(0), vec![right]));

    folder.write("users.toml", b"[keyspaces.users]\nbytes_max = '1KiB'\n");
    let (status, lines) = folder.check(&[]);
    assert_eq!((status, lines.len()), (Some(2), 1), "{lines:?}");
    assert!(lines[0].starts_with("users.toml:1:12: DC-123 keyspace \"users\": "), "{lines:?}");

    folder.write("users.toml", b"[keyspaces.users]\nstale_if_error = '5m'\n");
    let (status, lines) = folder.check(&[]);
    assert_eq!(status, Some(0));
    assert!(lines[0].starts_with("users.toml:2:18: DC-326 "), "{lines:?}");
    assert!(lines[1].ends_with("warnings: 1"), "{lines:?}");
}

#[cfg(feature = "sqlite")]
#[test]
fn a_check_that_connects_asks_each_source_once() {
    let folder =
        Folder::with("[keyspaces.a.source]\nkind = 'sqlite'\nfile = 'users.db'\ntable = 'users'\n");
    folder.write("users.db", b"");
    assert_eq!(folder.check(&[]).0, Some(0), "the file is there");
    let (status, lines) = folder.check(&["--connect"]);
    assert_eq!(status, Some(2));
    let told = &lines[0];
    assert!(told.starts_with("users.toml:1:14: DC-330 the source does not answer"), "{told}");
    assert!(told.contains("users"), "{told}");
    users(&folder);
    let (status, lines) = folder.check(&["--connect"]);
    assert_eq!((status, lines.last().unwrap().contains("sources: 1, each asked")), (Some(0), true));
}

/// A database with one user.
#[cfg(feature = "sqlite")]
fn users(folder: &Folder) -> rusqlite::Connection {
    let users = rusqlite::Connection::open(folder.path("users.db")).expect("a database");
    users
        .execute_batch(
            "CREATE TABLE users (key INTEGER PRIMARY KEY, value TEXT);
             INSERT INTO users VALUES (42, 'Ada')",
        )
        .expect("a table");
    users
}

#[cfg(feature = "sqlite")]
#[test]
fn a_keyspace_reads_through_to_a_database_by_its_file_alone() {
    let folder = Folder::with(
        "[keyspaces.default]\nttl = '10m'\n[keyspaces.default.source]\nkind = 'sqlite'\n\
         file = 'users.db'\ntable = 'users'\nwrites = 'through'\n\
         [keyspaces.names.source]\nkind = 'sqlite'\nfile = 'users.db'\nkeys = 'integer'\n\
         query = 'SELECT upper(value) FROM users WHERE key = ?1'\n",
    );
    let database = users(&folder);
    let server = folder.serve();
    assert_eq!(server.get("42").json()["value"], "Ada");
    assert_eq!(server.get("7").status, 404);
    let name = |key: u32| {
        server.ask("GET", &format!("/v1/keyspaces/names/keys/{key}"), "", b"").text().to_owned()
    };
    assert_eq!(name(42), "ADA");
    server.put("7", b"Bob");
    let stored: String = database
        .query_row("SELECT value FROM users WHERE key = 7", [], |row| row.get(0))
        .expect("it was written through");
    assert_eq!(stored, "Bob");
    assert_eq!(name(7), "BOB");
    // What was read is there without the database.
    database.execute_batch("DELETE FROM users").expect("it can be written to");
    assert_eq!(server.get("42").json()["value"], "Ada");
}

#[cfg(feature = "file")]
#[test]
fn a_keyspace_reads_through_to_the_files_of_a_directory() {
    let folder = Folder::with("[keyspaces.default.source]\nkind = 'file'\ndirectory = '.'\n");
    folder.write("greeting", b"hello");
    let server = folder.serve();
    assert_eq!(server.get("greeting").json()["value"], "hello");
    assert_eq!(server.get("../greeting").status, 404);
}

/// The one server is the source of the other.
#[cfg(feature = "http")]
#[test]
fn a_keyspace_reads_through_to_another_server() {
    let behind = Server::start(&[]);
    behind.put("42", b"Ada");
    let url = format!("http://{}/v1/keyspaces/default/keys/{{key}}", behind.address());
    let folder =
        Folder::with(&format!("[keyspaces.default.source]\nkind = 'http'\nurl = '{url}'\n"));
    let right = "users.toml: right; keyspaces: 1, sources: 1, each asked, warnings: 0".to_owned();
    assert_eq!(folder.check(&["--connect"]), (Some(0), vec![right]));
    let server = folder.serve();
    assert_eq!(server.get("42").json()["value"], "Ada");
    assert_eq!(server.get("7").status, 404);
    behind.end();
    let (status, lines) = folder.check(&["--connect"]);
    assert!(status == Some(2) && lines[0].contains("DC-330"), "{lines:?}");
}

#[cfg(not(feature = "sqlite"))]
#[test]
fn a_source_that_is_not_built_in_is_refused() {
    let folder = Folder::with("[keyspaces.a.source]\nkind = 'sqlite'\nfile = 'a'\ntable = 't'\n");
    folder.write("a", b"");
    let (status, lines) = folder.check(&[]);
    assert_eq!(status, Some(2));
    assert!(lines[0].contains("DC-324") && lines[0].contains("--features sqlite"), "{lines:?}");
}

#[cfg(all(feature = "sqlite", feature = "postgres"))]
#[test]
fn the_example_is_right() {
    let example = path_of("cmd/cache_manager/deploy/users.toml");
    let text = std::fs::read_to_string(example).expect("the example");
    let folder = Folder::with(&text);
    let database = rusqlite::Connection::open(folder.path("users.db")).expect("a database");
    database
        .execute_batch("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)")
        .expect("a table");
    assert_eq!(
        folder.check(&["--connect"]).1.last().unwrap().split("; ").next(),
        Some("users.toml: right")
    );
    // What it has as a comment is right too.
    let (_, other) = text.split_once("# The same over PostgreSQL").expect("the other source");
    let lines = other.lines().filter_map(|line| line.strip_prefix("# "));
    let settings: Vec<_> =
        lines.filter(|line| line.contains(" = ") || line.starts_with('[')).collect();
    let settings = settings.join("\n");
    folder.write("users.toml", settings.replace("/etc/distcache/", "").as_bytes());
    folder.write("password", b"open-sesame\n");
    assert_eq!(folder.check(&[]).0, Some(0), "{settings}");
}

#[cfg(feature = "postgres")]
#[test]
fn a_secret_is_in_no_output_and_in_no_log() {
    const SECRET: &str = "open-sesame";
    let folder = Folder::with(
        "[log]\nfilter = 'trace'\n[keyspaces.default.source]\nkind = 'postgres'\ntable = 't'\n\
         url = 'host=127.0.0.1 port=1 user=cache dbname=cache'\npassword_file = 'password'\n\
         [keyspaces.b.source]\nkind = 'postgres'\ntable = 't'\n\
         url = 'postgres://cache:open-sesame@127.0.0.1:1/cache'\npassword = 'open-sesame'\n",
    );
    folder.write("password", SECRET.as_bytes());
    let file = folder.file();
    let mut said = String::new();
    for arguments in
        [&["config", "print"][..], &["config", "check"], &["config", "check", "--connect"]]
    {
        let ended = Process::start(&[arguments, &["--config", &file]].concat()).wait();
        said += &(ended.stdout + &ended.stderr);
    }
    let server = folder.serve();
    said += server.get("42").text();
    said += server.ask("GET", "/v1/keyspaces/b/keys/42", "", b"").text();
    server.signal("HUP");
    server.stderr.wait_for("settings were read again");
    let ended = server.end();
    said += &(ended.stdout + &ended.stderr);
    assert!(
        said.contains("DC-131") && said.contains("DC-327") && said.contains("<hidden>"),
        "{said}"
    );
    assert!(!said.contains(SECRET), "{said}");
}
