//! Who is let in: tokens in files, and no open door to other machines.

use std::io::Write;

use crate::flags::refused;
#[cfg(feature = "hyper")]
use crate::support::Process;
use crate::support::Server;

const WRITES: &str = "writes-writes-writes";
const READS: &str = "reads-reads-reads-reads";

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(text.as_bytes()).expect("room for it");
    file
}

fn name(file: &tempfile::NamedTempFile) -> &str {
    file.path().to_str().expect("a path of ASCII")
}

#[test]
fn a_token_lets_in_who_has_it() {
    let (writers, readers) =
        (file(&format!("# the service\n\n{WRITES}\n")), file(&format!("{READS}\r\n")));
    let server =
        Server::start(&["--token-file", name(&writers), "--read-token-file", name(&readers)]);
    let ask = |method: &str, token: &str| {
        let header = match token {
            "" => String::new(),
            token => format!("Authorization: Bearer {token}\r\n"),
        };
        server.ask(method, "/v1/keyspaces/default/keys/a", &header, b"").status
    };
    assert_eq!(ask("PUT", WRITES), 204);
    assert_eq!(["", READS, WRITES].map(|token| ask("GET", token)), [401, 200, 200]);
    assert_eq!(["", READS, WRITES].map(|token| ask("DELETE", token)), [401, 403, 204]);
    for path in ["/?key=a", "/v1/nodes"] {
        let reply = server.ask("GET", path, "", b"");
        assert_eq!(
            (reply.status, reply.header("www-authenticate")),
            (401, Some("Bearer")),
            "{path}"
        );
    }
    assert_eq!(server.ask("GET", "/livez", "", b"").status, 200);
    let ended = server.end();
    for secret in [WRITES, READS] {
        assert!(!ended.stdout.contains(secret) && !ended.stderr.contains(secret));
    }
}

#[test]
fn without_a_token_other_machines_are_not_let_in() {
    refused(&["--listen", "0.0.0.0:0"], &["DC-304", "0.0.0.0:0", "--token-file"]);
    refused(&["--listen", "[::]:0"], &["DC-304", "--insecure"]);
}

#[cfg(feature = "hyper")]
#[test]
fn with_a_token_other_machines_are_let_in() {
    let writers = file(WRITES);
    let server =
        Server::of(Process::start(&["--listen", "0.0.0.0:0", "--token-file", name(&writers)]));
    assert!(!server.end().stdout.contains("DC-304"));
}

#[test]
fn a_file_without_a_good_token_is_refused_by_name() {
    let cases = [("", "no token"), ("short", "16"), ("one with blanks in it", "visible")];
    for (text, why) in cases {
        let file = file(text);
        refused(&["--port", "0", "--token-file", name(&file)], &["DC-307", name(&file), why]);
    }
    refused(&["--port", "0", "--read-token-file", "/nowhere/t"], &["DC-307", "/nowhere/t"]);
}
