//! Who members are to the server, and who sees whom.

use std::fs;
use std::time::Duration;

use distcache_cluster::nats::NatsAccount;
use distcache_cluster::wire::{ConnectFailed, Wire};
use tempfile::TempDir;

use super::{rig, wire, wire_by};
use crate::nats_certificates::certified;
use crate::nats_server::NatsServer;
use crate::support::{PATIENCE, Rig, address, receive, send};

async fn works(rig: &Rig) {
    let (mut near, mut far) = rig.pipe().await;
    send(near.outgoing.as_mut(), vec![5; 1_000].into()).await.expect("it works");
    assert_eq!(receive(far.incoming.as_mut()).await.expect("it arrives"), vec![5; 1_000]);
}

fn rig_by(account: NatsAccount) -> Rig {
    Rig::new(std::sync::Arc::new(wire_by(account)), address("member.example:0"))
}

#[tokio::test]
async fn members_with_another_prefix_are_not_there() {
    let Some(server) = NatsServer::start() else { return };
    let one = wire(&server).prefix("one.wire").expect("a good prefix");
    let other = wire(&server).prefix("other.wire").expect("a good prefix");
    let at = address("member.example:7");
    let listener = one.listen(&at).await.expect("it is free");
    let failed = other.connect(&at, PATIENCE).await.expect_err("it is not there");
    assert!(failed.to_string().contains("nobody listens there on NATS"), "{failed}");
    let second = other.listen(&at).await.expect("it is free there");
    drop((listener, second));
}

#[tokio::test]
async fn who_is_not_let_in_is_told_so_and_no_secret_is() {
    let users = "authorization { users: [ { user: cache, password: open-sesame } ] }";
    let Some(server) = NatsServer::start_with(users) else { return };
    let file = server.folder().join("password");
    let with_file = || NatsAccount::at([server.url()]).password_file("cache", &file);
    for account in [NatsAccount::at([server.url()]), with_file()] {
        fs::write(&file, "wrong-sesame\n").expect("written");
        let failed = wire_by(account).connect(&address("a:1"), PATIENCE).await;
        let failed = failed.expect_err("it is not let in");
        assert!(matches!(failed, ConnectFailed::Refused { .. }), "{failed}");
        assert!(failed.to_string().contains("authorization violation"), "{failed}");
        assert!(!format!("{failed:?}").contains("sesame"), "{failed:?}");
    }
    fs::write(&file, "open-sesame\n").expect("written");
    works(&rig_by(with_file())).await;
}

/// What the server does not allow it tells by the way: that is told, and not waited for.
#[tokio::test]
async fn who_may_not_say_or_hear_there_is_told_so() {
    for denied in
        ["publish: { deny: \"distcache.wire.>\" }", "subscribe: { deny: \"distcache.wire.>\" }"]
    {
        let user = format!("{{ user: a, password: b, permissions: {{ {denied} }} }}");
        let users = format!("authorization {{ users: [ {user} ] }}");
        let Some(server) = NatsServer::start_with(&users) else { return };
        let file = server.folder().join("password");
        fs::write(&file, "b").expect("written");
        let wire = wire_by(NatsAccount::at([server.url()]).password_file("a", file));
        let Err(failed) = wire.listen(&address("a:1")).await else {
            panic!("{denied}: it listens")
        };
        assert!(failed.to_string().contains("Permissions Violation"), "{denied}: {failed}");
        let failed = wire.connect(&address("a:1"), PATIENCE).await.expect_err("it may not");
        assert!(failed.to_string().contains("Permissions Violation"), "{denied}: {failed}");
    }
}

/// One that was killed is not known to be gone for a while: its place is free all the same.
#[tokio::test]
async fn who_listens_and_says_nothing_holds_nobody_off() {
    let Some(server) = NatsServer::start() else { return };
    let spy = super::Spy::at(&server).await;
    let (dead, at) = (wire(&server), address("member.example:9"));
    drop(dead.listen(&at).await.expect("it is free"));
    let silent = spy.client.subscribe("distcache.wire.at.member_2eexample_3a9").await;
    spy.flush().await;
    let rig = Rig::new(std::sync::Arc::new(wire(&server)), at);
    works(&rig).await;
    drop(silent);
}

#[tokio::test]
async fn a_server_and_its_members_prove_to_each_other_who_they_are() {
    let folder = TempDir::new().expect("a directory");
    let tls = certified(&folder);
    let Some(server) = NatsServer::start_in(folder, &tls) else { return };
    let file = |name: &str| server.folder().join(name);
    let account = NatsAccount::at([server.url()])
        .authority(file("ca.pem"))
        .certificate(file("member.pem"), file("member-key.pem"));
    works(&rig_by(account)).await;
    let stranger = wire_by(NatsAccount::at([server.url()]));
    let failed = stranger.connect(&address("a:1"), PATIENCE).await.expect_err("it is unknown");
    assert!(failed.to_string().contains("UnknownIssuer"), "{failed}");
    let nobody = wire_by(NatsAccount::at([server.url()]).authority(file("ca.pem")));
    nobody.connect(&address("a:1"), PATIENCE).await.expect_err("it proves nothing");
}

#[tokio::test]
async fn a_server_without_tls_is_not_spoken_to_where_it_is_asked_for() {
    let Some(server) = NatsServer::start() else { return };
    let secured = server.url().replace("nats://", "tls://");
    let wire = wire_by(NatsAccount::at([secured]));
    wire.connect(&address("a:1"), Duration::from_secs(10)).await.expect_err("it is in the clear");
    works(&rig(&server)).await;
}
