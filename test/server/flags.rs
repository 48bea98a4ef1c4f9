//! What an operator can set, and what is said when it cannot be.

use std::net::TcpListener;
#[cfg(target_os = "linux")]
use std::path::PathBuf;

use crate::support::{Door, Process, Server};

/// Runs the program with flags that it refuses; the one line that it says.
pub(crate) fn refusal(arguments: &[&str]) -> String {
    refusal_in(&[], arguments)
}

fn refusal_in(variables: &[(&str, &str)], arguments: &[&str]) -> String {
    let ended = Process::start_in(variables, arguments).wait();
    assert_eq!((ended.status, ended.stdout.as_str()), (Some(2), ""), "{arguments:?}: {ended:?}");
    let lines: Vec<_> = ended.stderr.lines().collect();
    let [line] = lines[..] else { panic!("one line, not {lines:#?}") };
    line.to_owned()
}

/// Checks that flags are refused in one line that has each of `parts`.
pub(crate) fn refused(arguments: &[&str], parts: &[&str]) {
    let line = refusal(arguments);
    for part in parts {
        assert!(line.contains(part), "no {part:?} in what {arguments:?} is told: {line}");
    }
}

fn help() -> String {
    let ended = Process::start(&["--help"]).wait();
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""));
    ended.stdout
}

#[test]
fn the_help_begins_with_what_the_program_is() {
    let help = help();
    let first = help.lines().next().unwrap();
    assert_eq!(first, "A cache server: values by key, in memory, over HTTP.");
    let usage = help.find("Usage: cache_manager").unwrap();
    assert!(usage < 400, "a few lines of what it does come before it, no more");
    assert!(help.contains("Try it:") && help.contains("curl"), "it ends with what to try");
}

/// The part of the help that explains one flag.
fn explanation<'a>(help: &'a str, flag: &str) -> &'a str {
    const INDENT: &str = "      ";
    let start = help.find(&format!("{INDENT}--{flag}"));
    let start = start.unwrap_or_else(|| panic!("--{flag} is missing"));
    let rest = &help[start + INDENT.len()..];
    &rest[..rest[2..].find("      --").map_or(rest.len(), |end| end + 2)]
}

#[test]
fn the_help_tells_of_each_flag_its_unit_default_and_variable() {
    let help = help();
    let flags = [
        ("config", "FILE", ""),
        ("listen", "ADDRESS", "127.0.0.1:8080"),
        ("port", "PORT", ""),
        ("mode", "MODE", "alone"),
        ("nodes", "ADDRESSES", "localhost:8081,localhost:8082,localhost:8083"),
        ("peers", "ADDRESSES", ""),
        ("peers-dns", "NAME:PORT", ""),
        ("peers-srv", "NAME", ""),
        ("peers-kubernetes", "SERVICE:PORT_NAME", ""),
        ("peers-nats", "URLS", ""),
        ("transport", "HOW", "tcp"),
        ("peer-listen", "ADDRESS", "the address of the HTTP server, its port + 10000"),
        ("advertise", "ADDRESS", "as nodes or peers name this server"),
        ("cluster-name", "NAME", "distcache"),
        ("expect", "NUMBER", "as many as nodes, peers, dns or srv name"),
        ("lease", "TIME", "2s"),
        ("on-minority", "WHAT", "pass-through"),
        ("zone", "NAME", "unknown"),
        ("weight", "NUMBER", "1"),
        ("near-bytes", "SIZE", "a 32nd of the capacity"),
        ("balance", "HOW", "round-robin"),
        ("request-timeout", "TIME", "10s"),
        ("tries", "NUMBER", "16"),
        ("hedge-after", "TIME", "never"),
        ("health-every", "TIME", "1s"),
        ("health-timeout", "TIME", "1s"),
        ("node-connections", "NUMBER", "1024"),
        ("data-nodes", "NUMBER", "one a core, at least 4"),
        ("capacity", "SIZE", "256MiB"),
        ("max-entries", "NUMBER", "as many as fit"),
        ("max-value", "SIZE", "8MiB"),
        ("eviction", "POLICY", "lru"),
        ("dispatch", "WHERE", "inline"),
        ("http-server", "SERVER", Door::DEFAULT.name()),
        ("log", "FILTER", "info"),
        ("otel-endpoint", "URL", ""),
        ("slow-after", "TIME", "1"),
        ("allow-origin", "ORIGIN", ""),
        ("allow-host", "HOST", ""),
        ("token-file", "FILE", ""),
        ("read-token-file", "FILE", ""),
        ("tls-cert", "FILE", ""),
        ("tls-key", "FILE", ""),
        ("tls-ca", "FILE", ""),
        ("insecure", "", ""),
        ("max-request-line", "SIZE", "8KiB"),
        ("max-header-bytes", "SIZE", "16KiB"),
        ("max-headers", "NUMBER", "100"),
        ("max-connections", "NUMBER", "10000"),
        ("max-in-flight", "NUMBER", "4096"),
        ("max-buffered", "SIZE", "64MiB"),
        ("handshake-timeout", "TIME", "5"),
        ("header-timeout", "TIME", "10"),
        ("body-timeout", "TIME", "30"),
        ("idle-timeout", "TIME", "75"),
        ("write-timeout", "TIME", "30"),
        ("ready-when-warm", "", ""),
        ("drain-delay", "TIME", "0"),
        ("shutdown-timeout", "TIME", "10"),
    ];
    for (flag, unit, default) in flags {
        let text = explanation(&help, flag);
        let unit = if unit.is_empty() { String::new() } else { format!(" <{unit}>") };
        assert!(text.starts_with(&format!("--{flag}{unit}\n")), "{text}");
        let told = format!("[default: {default}");
        assert!(default.is_empty() || text.contains(&told), "no {told:?} in {text}");
        let variable = format!("DISTCACHE_{}", flag.to_uppercase().replace('-', "_"));
        assert!(text.contains(&variable), "no {variable} in {text}");
    }
    assert_eq!(help.matches("[env: ").count(), flags.len(), "no flag is missing in this test");
}

#[test]
fn the_version_is_that_of_the_package() {
    let ended = Process::start(&["--version"]).wait();
    let version = format!("cache_manager {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!((ended.status, ended.stdout), (Some(0), version));
}

#[test]
fn one_dash_is_as_good_as_two() {
    let process = Process::start(&["-port=0", "-data-nodes", "3", "-capacity=64MiB"]);
    let server = Server::of(process);
    assert_eq!(server.nodes().len(), 3);
    server.stdout.wait_for("64 MiB");
    let ended = Process::start(&["-help"]).wait();
    assert!(ended.stdout.contains("Usage:"));
}

#[test]
fn a_variable_sets_what_its_flag_would_and_the_flag_wins() {
    let variables = [("DISTCACHE_DATA_NODES", "3"), ("DISTCACHE_PORT", "0")];
    let server = Server::of(Process::start_in(&variables, &[]));
    assert_eq!(server.nodes().len(), 3);
    let server = Server::of(Process::start_in(&variables, &["--data-nodes", "2"]));
    assert_eq!(server.nodes().len(), 2);
    let line = refusal_in(&[("DISTCACHE_DATA_NODES", "many")], &[]);
    assert!(line.starts_with("DC-301") && line.contains("many"), "{line}");
}

#[test]
fn where_to_listen_is_said_once_by_flags_or_once_by_variables() {
    let both = ["--listen", "127.0.0.1:0", "--port", "0"];
    refused(&both, &["DC-301", "--listen", "--port"]);
    let variables = [("DISTCACHE_LISTEN", "127.0.0.1:0"), ("DISTCACHE_PORT", "0")];
    assert!(refusal_in(&variables, &[]).contains("DISTCACHE_LISTEN and DISTCACHE_PORT"));
    // A flag wins over the variable of the other, which could not be listened on.
    let elsewhere = [("DISTCACHE_LISTEN", "192.0.2.1:1")];
    let server = Server::of(Process::start_in(&elsewhere, &["--port", "0"]));
    assert!(server.address().ip().is_loopback());
}

#[test]
fn a_mistake_is_one_clear_line_with_a_code() {
    refused(&["--capacty", "1GiB"], &["DC-301", "'--capacty'", "'--capacity'"]);
    refused(&["frobnicate"], &["DC-301", "'frobnicate'"]);
    refused(&["--port"], &["DC-301", "--port", "value is required"]);
    refused(&["--port", "65536"], &["DC-301", "--port", "65536", "0 to 65535"]);
    refused(&["--listen", "localhost"], &["DC-301", "localhost"]);
    refused(&["--capacity", "1TB"], &["DC-301", "KiB, MiB and GiB"]);
    let policies = ["lru", "s3-fifo", "sieve", "w-tinylfu", "fifo"];
    refused(&["--eviction", "random"], &[&["DC-301", "random"], &policies[..]].concat());
    refused(&["--dispatch", "both"], &["DC-301", "both", "inline", "worker"]);
    refused(&["--http-server", "apache"], &["DC-301", "apache", "hyper", "tiny_http"]);
    refused(&["--log", "loud"], &["DC-301", "loud", "debug"]);
    refused(&["--idle-timeout", "0"], &["DC-301", "--idle-timeout", "greater than 0"]);
    refused(&["--port", "0", "--max-headers", "0"], &["DC-301", "headers", "1 to 1000"]);
    refused(&["--port", "0", "--data-nodes", "0"], &["DC-301", "--data-nodes", "1 to 1024"]);
    refused(&["--port", "0", "--data-nodes", "9", "--max-entries", "8"], &["DC-112", "8", "9"]);
    refused(&["--port", "0", "--capacity", "1MiB"], &["DC-112", "524288"]);
}

#[test]
fn a_port_in_use_is_one_clear_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let address = format!("127.0.0.1:{port}");
    refused(&["--port", &port], &["DC-302", &address, "in use", "--port"]);
}

/// One node has the whole capacity, so that a quarter of its share is known.
#[test]
fn a_value_over_a_quarter_of_a_nodes_share_is_refused_with_both_numbers() {
    let one_node = ["--port", "0", "--data-nodes", "1", "--capacity", "64MiB", "--max-value"];
    let quarter = (16_u32 << 20).to_string();
    let over = ((16_u32 << 20) + 1).to_string();
    refused(&[&one_node[..], &[&over]].concat(), &["DC-112", &over, &quarter]);
    drop(Server::of(Process::start(&[&one_node[..], &[&quarter]].concat())));
}

/// Who is still there when `newcomers` were put one by one into one node that
/// holds three, and had `a`, `b` and `c`, of which `a` was read.
fn survivors(policy: &str, newcomers: &str) -> String {
    let arguments = ["--data-nodes", "1", "--max-entries", "3", "--eviction", policy];
    let server = Server::start(&arguments);
    let mut client = server.connect();
    "abc".chars().for_each(|key| client.put(&key.to_string(), b""));
    assert!(client.get_octets("a").is_some());
    newcomers.chars().for_each(|key| client.put(&key.to_string(), b""));
    "abcdef".chars().filter(|key| client.get_octets(&key.to_string()).is_some()).collect()
}

/// LRU keeps the three used last, and FIFO the three put last. SIEVE's hand
/// spares `a` for its hit, drops the untouched `b` and `c`, and then the newcomer
/// `d`, which nobody has asked for. With S3-FIFO and W-TinyLFU one newcomer drops
/// the other; but W-TinyLFU has `a` among the protected, and for S3-FIFO one use
/// of it was not enough.
#[test]
fn the_eviction_policy_is_the_one_asked_for() {
    assert_eq!(survivors("lru", "de"), "ade");
    assert_eq!(survivors("fifo", "de"), "cde");
    assert_eq!(survivors("sieve", "def"), "aef");
    assert_eq!(survivors("s3-fifo", "def"), "bcf");
    assert_eq!(survivors("w-tinylfu", "def"), "abf");
}

#[test]
fn entries_are_limited_if_asked_for() {
    let server = Server::start(&["--max-entries", "100"]);
    let mut client = server.connect();
    (0..1_000).for_each(|n| client.put(&n.to_string(), b""));
    let there = (0..1_000).filter(|n| client.get_octets(&n.to_string()).is_some()).count();
    assert!((1..=100).contains(&there), "{there}");
    server.stdout.wait_for("at most 100");
}

/// The kernel tells how long a node's worker has been on a core: for every
/// request, or for its regular work only, once a second.
#[cfg(target_os = "linux")]
#[test]
fn dispatch_decides_which_thread_does_the_work() {
    let worker_time = |dispatch: &str| {
        let server = Server::start(&["--data-nodes", "1", "--dispatch", dispatch]);
        server.sum_of("entries", |entries| entries == 0);
        let before = core_time_ns(server.id(), "distcache-node-");
        let mut client = server.connect();
        (0..2_000).for_each(|n| client.put(&n.to_string(), b""));
        core_time_ns(server.id(), "distcache-node-") - before
    };
    let (inline, worker) = (worker_time("inline"), worker_time("worker"));
    assert!(3 * inline < worker, "{inline} ns inline, {worker} ns by worker");
}

/// How long a thread of the process has run.
#[cfg(target_os = "linux")]
fn core_time_ns(process: u32, name: &str) -> u64 {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).expect("it runs");
    let mut paths = threads.map(|thread| thread.expect("it runs").path());
    let read = |path: PathBuf| std::fs::read_to_string(path).expect("it runs");
    let thread = paths.find(|path| read(path.join("comm")).starts_with(name));
    let times = read(thread.expect("a thread of that name").join("schedstat"));
    let (ran, _) = times.split_once(' ').expect("three numbers");
    ran.parse().expect("a number")
}

#[cfg(feature = "hyper")]
#[test]
fn the_http_server_is_the_one_asked_for() {
    let name_of = |door: Door| {
        let reply = door.start(&[]).ask("GET", "/livez", "", b"");
        reply.header("server").unwrap_or("no name").to_owned()
    };
    assert!(name_of(Door::TinyHttp).contains("tiny-http"));
    assert_eq!(name_of(Door::Hyper), "no name");
}

#[cfg(not(feature = "hyper"))]
#[test]
fn a_server_that_is_not_built_in_is_refused() {
    refused(&["--port", "0", "--http-server", "hyper"], &["DC-305", "--features hyper"]);
}

#[test]
fn tiny_http_is_refused_where_other_machines_could_reach_it() {
    let arguments = ["--listen", "0.0.0.0:0", "--http-server", "tiny_http", "--insecure"];
    refused(&arguments, &["DC-303", "loopback", "0.0.0.0"]);
}

#[cfg(feature = "hyper")]
#[test]
fn an_address_that_other_machines_can_reach_is_warned_of() {
    let server = Server::of(Process::start(&["--listen", "0.0.0.0:0", "--insecure"]));
    let warning = server.stdout.wait_for("DC-304");
    assert!(warning.starts_with("unsafe") && warning.contains("--insecure"), "{warning}");
    let at_home = Server::start(&[]).end().stdout;
    assert!(!at_home.contains("DC-304"), "{at_home}");
}

#[test]
fn the_log_says_as_much_as_was_asked_for() {
    let said = |level: &str| Server::start(&["--log", level]).end().stderr;
    assert_eq!(said("off"), "");
    assert_eq!(said("warn"), "");
    let info = said("info");
    assert!(info.contains("draining") && !info.contains("DEBUG"), "{info}");
    assert!(said("debug").contains("DEBUG"));
}
