//! Who members are to the server, and the server to them.

use std::fs;

use tempfile::TempDir;

use crate::announcing;
use crate::nats_certificates::certified;
use crate::nats_server::NatsServer;
use crate::support::{until_failed, until_listed};

const ADDRESS: &str = "10.0.0.1:18081";

#[test]
fn a_password_and_a_token_come_from_files_that_are_read_again() {
    let users = "authorization { users: [ { user: cache, password: sesame } ] }";
    let Some(server) = NatsServer::start_with(users) else { return };
    let file = server.folder().join("password");
    let nobody = announcing(&server, ADDRESS).build().unwrap();
    until_failed(&nobody, "authorization violation");
    let one = announcing(&server, ADDRESS).password_file("cache", &file).build().unwrap();
    until_failed(&one, "password: No such file");
    fs::write(&file, "wrong").expect("written");
    let told = until_failed(&one, "authorization violation");
    assert!(!told.contains("wrong"), "{told}");
    fs::write(&file, "sesame\n").expect("written");
    until_listed(&one, &[ADDRESS]);

    let Some(server) = NatsServer::start_with("authorization { token: sesame }") else { return };
    let one = announcing(&server, ADDRESS).token_file(&file).build().unwrap();
    until_listed(&one, &[ADDRESS]);
    fs::write(&file, "x".repeat(70_000)).expect("written");
    let other = announcing(&server, ADDRESS).token_file(&file).build().unwrap();
    until_failed(&other, "it is longer than 64 KiB");
}

#[test]
fn credentials_that_are_none_are_told_by_file_and_nothing_of_them_is_shown() {
    let Some(server) = NatsServer::start() else { return };
    let file = server.folder().join("creds");
    fs::write(&file, "-----BEGIN NATS USER JWT-----\nsesame\n").expect("written");
    let one = announcing(&server, ADDRESS).credentials_file(&file).build().unwrap();
    let told = until_failed(&one, "creds: no credentials");
    assert!(!told.contains("sesame"), "{told}");
}

#[test]
fn who_may_not_speak_or_listen_is_told_so() {
    for permissions in ["publish: { deny: \">\" }", "subscribe: { deny: \">\" }"] {
        let user = format!("{{ user: a, password: b, permissions: {{ {permissions} }} }}");
        let users = format!("authorization {{ users: [ {user} ] }}");
        let Some(server) = NatsServer::start_with(&users) else { return };
        let file = server.folder().join("password");
        fs::write(&file, "b").expect("written");
        let one = announcing(&server, ADDRESS).password_file("a", file).build().unwrap();
        until_failed(&one, "Permissions Violation");
    }
}

#[test]
fn a_server_and_its_members_prove_to_each_other_who_they_are() {
    let folder = TempDir::new().expect("a directory");
    let tls = certified(&folder);
    let Some(server) = NatsServer::start_in(folder, &tls) else { return };
    let file = |name: &str| server.folder().join(name);
    let one = announcing(&server, ADDRESS)
        .authority(file("ca.pem"))
        .certificate(file("member.pem"), file("member-key.pem"))
        .build()
        .unwrap();
    until_listed(&one, &[ADDRESS]);
    let nobody = announcing(&server, ADDRESS).authority(file("ca.pem")).build().unwrap();
    until_failed(&nobody, "NATS did not say");
    let stranger = announcing(&server, ADDRESS).build().unwrap();
    let told = until_failed(&stranger, "UnknownIssuer");
    assert!(told.starts_with("NATS did not say where members are: "), "{told}");
}

#[test]
fn a_server_without_tls_is_not_spoken_to_where_it_is_asked_for() {
    let Some(server) = NatsServer::start() else { return };
    let secured = server.url().replace("nats://", "tls://");
    let one = distcache_discovery::Nats::at([secured], ADDRESS).build().unwrap();
    until_failed(&one, "NATS did not say");
    let authority = server.folder().join("conf");
    let other = announcing(&server, ADDRESS).authority(authority).build().unwrap();
    until_failed(&other, "NATS did not say");
}
