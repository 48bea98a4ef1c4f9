//! Another certificate without a restart.

use std::fs;
use std::path::Path;

use super::{Certs, ask};
use crate::support::{Process, Server};

fn shown(certs: &Certs, server: &Server) -> Vec<u8> {
    let answer = ask(Path::new(&certs.path("ca.pem")), server.address(), "GET", "/livez");
    answer.expect("an answer").shown.to_vec()
}

#[test]
fn a_signal_makes_the_server_show_what_the_files_have_now() {
    let certs = Certs::new();
    let server = certs.serve(&[]);
    let before = shown(&certs, &server);
    server.signal("HUP");
    server.stderr.wait_for("changed: 0, for the next start: 0");
    assert_eq!(shown(&certs, &server), before);
    certs.renew();
    assert_eq!(shown(&certs, &server), before, "not before the signal");
    server.signal("HUP");
    server.stderr.wait_for("changed: [server] tls_cert: another certificate");
    assert_ne!(shown(&certs, &server), before);
    assert_eq!(server.end().status, Some(0));
}

#[test]
fn what_does_not_go_together_is_refused_by_name_and_the_old_one_stays() {
    let certs = Certs::new();
    let server = certs.serve(&[]);
    let before = shown(&certs, &server);
    let key = fs::read(certs.path("localhost-key.pem")).unwrap();
    certs.renew();
    fs::write(certs.path("localhost-key.pem"), key).unwrap();
    server.signal("HUP");
    let told = server.stderr.wait_for("DC-309");
    assert!(told.contains(&certs.path("localhost.pem")), "{told}");
    assert!(told.contains(&certs.path("localhost-key.pem")), "{told}");
    assert!(told.contains("the private key is not that of the certificate"), "{told}");
    server.stderr.wait_for("DC-329");
    assert_eq!(shown(&certs, &server), before);
    fs::remove_file(certs.path("localhost.pem")).unwrap();
    server.signal("HUP");
    let told = server.stderr.wait_for("DC-325");
    assert!(told.contains(&certs.path("localhost.pem")), "{told}");
    assert_eq!(shown(&certs, &server), before);
    certs.renew();
    server.signal("HUP");
    server.stderr.wait_for("another certificate");
    assert_ne!(shown(&certs, &server), before);
}

/// Nothing else of a reload that is refused holds, either.
#[test]
fn a_certificate_is_changed_with_all_other_settings_or_not_at_all() {
    let certs = Certs::new();
    let file = certs.path("users.toml");
    let write = |keyspaces: &str| {
        let server = "[server]\ntls_cert = 'localhost.pem'\ntls_key = 'localhost-key.pem'\n";
        fs::write(&file, server.to_owned() + keyspaces).unwrap();
    };
    write("");
    let server = Server::of(Process::start(&["--config", &file, "--port", "0"]));
    let before = shown(&certs, &server);
    certs.renew();
    write("[keyspaces.a]\ntll = 5\n");
    server.signal("HUP");
    server.stderr.wait_for("DC-329");
    assert_eq!(shown(&certs, &server), before);
    write("[keyspaces.a]\n");
    server.signal("HUP");
    server.stderr.wait_for("another certificate");
    assert_ne!(shown(&certs, &server), before);
}
