//! Who is let in over TLS, and who is not.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use distcache_cluster::wire::{
    Certificates, ConnectFailed, Identity, Listener, Pipe, Tcp, Tls, Wire,
};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, date_time_ymd};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::authority::Authority;
use crate::support::{PATIENCE, address, receive, send};

fn tls(certificates: Certificates) -> Arc<Tls> {
    Arc::new(Tls::new(certificates).expect("good certificates"))
}

fn wire(certificates: Certificates) -> Tcp {
    Tcp::secured(tls(certificates))
}

async fn listen(wire: &Tcp) -> Box<dyn Listener> {
    wire.listen(&address("127.0.0.1:0")).await.expect("a free port")
}

/// Whether a frame gets from one end to the other. The one who connects may only learn
/// that it was refused when it waits for an answer.
async fn is_let_in(from: &dyn Wire, listener: &mut dyn Listener) -> bool {
    let to = listener.address().clone();
    let accepts = async { listener.accept().await.expect("one comes").await };
    let (near, far) = tokio::join!(from.connect(&to, PATIENCE), accepts);
    let (Ok(mut near), Ok(mut far)) = (near, far) else { return false };
    say(&mut near, &mut far).await && say(&mut far, &mut near).await
}

async fn say(from: &mut Pipe, to: &mut Pipe) -> bool {
    send(from.outgoing.as_mut(), Bytes::from_static(b"a")).await.is_ok()
        && receive(to.incoming.as_mut()).await.is_some()
}

#[tokio::test]
async fn who_has_a_certificate_of_the_shared_authority_is_let_in_and_known_by_it() {
    let authority = Authority::new();
    let here = wire(authority.certify("127.0.0.1"));
    let mut listener = listen(&here).await;
    assert!(is_let_in(&here, listener.as_mut()).await);

    let to = listener.address().clone();
    let other = wire(authority.certify("member-7.example"));
    let accepts = async { listener.accept().await.unwrap().await };
    let (near, far) = tokio::join!(other.connect(&to, PATIENCE), accepts);
    let (near, far) = (near.unwrap().identity, far.unwrap().identity);
    assert!(near.may_be_at(&address("127.0.0.1:80")));
    assert!(far.may_be_at(&address("member-7.example:80")));
    assert!(!far.may_be_at(&address("member-8.example:80")), "not who it is");
    assert!(!far.may_be_at(&address("127.0.0.1:80")));
    assert!(Identity::Unproved.may_be_at(&address("member-8.example:80")));
}

#[tokio::test]
async fn who_cannot_prove_itself_is_refused_on_either_side() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let good = wire(ours.certify("127.0.0.1"));
    let with = |change: fn(&mut CertificateParams)| {
        wire(ours.certify_with("127.0.0.1", ours.pem(), change))
    };
    let bad = [
        ("of another authority", wire(theirs.certify_with("127.0.0.1", ours.pem(), |_| {}))),
        ("expired", with(|params| params.not_after = date_time_ymd(2000, 1, 1))),
        ("not yet valid", with(|params| params.not_before = date_time_ymd(2200, 1, 1))),
    ];
    for (what, bad) in bad {
        assert!(!is_let_in(&bad, listen(&good).await.as_mut()).await, "{what}, connects");
        assert!(!is_let_in(&good, listen(&bad).await.as_mut()).await, "{what}, listens");
    }
    let only_serves = with(|params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    });
    assert!(!is_let_in(&only_serves, listen(&good).await.as_mut()).await, "of another role");
    let elsewhere = wire(ours.certify("elsewhere.example"));
    assert!(!is_let_in(&good, listen(&elsewhere).await.as_mut()).await, "of another name");
    assert!(is_let_in(&good, listen(&good).await.as_mut()).await, "all others stay welcome");
}

#[tokio::test]
async fn clear_text_and_tls_do_not_mix() {
    let secured = wire(Authority::new().certify("127.0.0.1"));
    assert!(!is_let_in(&Tcp::clear(), listen(&secured).await.as_mut()).await);
    let mut clear = listen(&Tcp::clear()).await;
    let to = clear.address().clone();
    let accepts = async {
        let mut pipe = clear.accept().await.unwrap().await.unwrap();
        receive(pipe.incoming.as_mut()).await
    };
    let (failed, heard) = tokio::join!(secured.connect(&to, PATIENCE), accepts);
    assert!(matches!(failed, Err(ConnectFailed::Refused { .. })), "{failed:?}");
    assert!(heard.is_none(), "a greeting of TLS is no frame");
}

#[tokio::test]
async fn one_who_stalls_in_the_handshake_is_cut_and_delays_nobody() {
    let within = Duration::from_millis(50);
    let wire = wire(Authority::new().certify("127.0.0.1")).handshake_timeout(within);
    let mut listener = listen(&wire).await;
    let mut stalls = TcpStream::connect(listener.address().as_str()).await.unwrap();
    let opening = listener.accept().await.unwrap();
    assert!(is_let_in(&wire, listener.as_mut()).await, "the other is not waited for");
    let failed = timeout(PATIENCE, opening).await.unwrap();
    assert!(matches!(failed, Err(ConnectFailed::TimedOut { .. })), "{failed:?}");
    assert_eq!(stalls.read(&mut [0]).await.unwrap(), 0, "it was cut");
}

#[tokio::test]
async fn half_a_handshake_and_rubbish_are_refused() {
    let wire = wire(Authority::new().certify("127.0.0.1"));
    let mut listener = listen(&wire).await;
    for rubbish in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xFF; 1000], &[22, 3, 1, 0, 5, 1, 0, 0, 1, 3]]
    {
        let mut stranger = TcpStream::connect(listener.address().as_str()).await.unwrap();
        stranger.write_all(rubbish).await.unwrap();
        stranger.shutdown().await.unwrap();
        let opened = timeout(PATIENCE, listener.accept().await.unwrap()).await.unwrap();
        assert!(matches!(opened, Err(ConnectFailed::Refused { .. })), "{opened:?}");
    }
    assert!(is_let_in(&wire, listener.as_mut()).await);
}

#[tokio::test]
async fn certificates_are_swapped_without_a_restart_and_leave_connections_alone() {
    let (old, new) = (Authority::new(), Authority::new());
    let tls = tls(old.certify("127.0.0.1"));
    let here = Tcp::secured(tls.clone());
    let of_old = wire(old.certify("127.0.0.1"));
    let mut listener = listen(&here).await;
    let to = listener.address().clone();
    let accepts = async { listener.accept().await.unwrap().await };
    let (near, far) = tokio::join!(of_old.connect(&to, PATIENCE), accepts);
    let (mut near, mut far) = (near.unwrap(), far.unwrap());

    tls.swap(new.certify("127.0.0.1")).unwrap();
    assert!(say(&mut near, &mut far).await && say(&mut far, &mut near).await, "it goes on");
    assert!(!is_let_in(&of_old, listener.as_mut()).await, "the old ones count no more");
    assert!(is_let_in(&wire(new.certify("127.0.0.1")), listener.as_mut()).await);
}

#[test]
fn certificates_that_cannot_be_used_are_told_by_what_is_wrong() {
    let (one, other) = (Authority::new(), Authority::new());
    let told = |ca: &str, chain: &str, key: &str| {
        let read = Certificates::from_pem(ca.as_bytes(), chain.as_bytes(), key.as_bytes());
        read.and_then(Tls::new).unwrap_err().to_string()
    };
    let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
    assert_eq!(told("", "", ""), "the certificate of the authority has no certificate in it");
    assert_eq!(told(one.pem(), "", ""), "the certificate of the member has no certificate in it");
    let no_key = told(one.pem(), other.pem(), "");
    assert!(no_key.starts_with("the private key cannot be read: "), "{no_key}");
    let strange = told(one.pem(), other.pem(), &key);
    assert!(strange.starts_with("the certificates cannot be used: "), "{strange}");
}
