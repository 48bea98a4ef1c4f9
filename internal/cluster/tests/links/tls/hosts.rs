//! Those with whom a member connects: it asks nothing of one that does not prove itself.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use distcache_cluster::links::{CallFailed, NotSent};
use distcache_cluster::wire::{Address, ConnectFailed};
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::version::TLS12;
use rustls::{ServerConfig, ServerConnection};

use super::{HOST, NEVER, SHORT, Scene, asks_only, early, expired, member, secured, self_signed};
use crate::authority::{Authority, Pair};
use crate::support::{Member, address, get, patient, until};

/// Nothing was sent to whoever is there, and the others are there as before.
async fn assert_not_asked(scene: &Scene, there: &Address, cell: &str) {
    let asked = scene.one.links.call(there, get(b"secret"), patient());
    let failed = asked.await.expect_err(cell);
    let is_none = matches!(
        failed,
        CallFailed::NotSent(NotSent::NoConnection(
            ConnectFailed::Refused { .. } | ConnectFailed::TimedOut { .. }
        ))
    );
    assert!(is_none, "{cell}: {failed}");
    assert_eq!(scene.honest.get(&scene.one, b"b").await.expect(cell), "b");
    assert_eq!(scene.one.get(&scene.honest, b"c").await.expect(cell), "c");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_asks_nothing_of_one_whose_certificate_does_not_prove_it() {
    let scene = Scene::new().await;
    let (ours, theirs) = (&scene.ours, Authority::new());
    let cells = [
        ("of another authority", theirs.pair(HOST, |_| {})),
        ("expired", ours.pair(HOST, expired)),
        ("not yet valid", ours.pair(HOST, early)),
        ("of another host", ours.pair("elsewhere.example", |_| {})),
        ("of another address", ours.pair("127.0.0.2", |_| {})),
        ("self-signed", self_signed()),
        ("of a client, which is no member", ours.pair(HOST, asks_only)),
    ];
    for (cell, shown) in cells {
        let bad = member(9, secured(shown.trusting(ours.pem()))).await;
        assert_not_asked(&scene, &bad.address, cell).await;
        until("it has seen that", || bad.links.counts().refused == 1).await;
        assert_eq!(bad.echo.served(), 0, "{cell}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_asks_nothing_in_the_clear_and_one_in_the_clear_is_not_troubled() {
    let scene = Scene::new().await;
    let (clear, friend) = (Member::over_tcp(8).await, Member::over_tcp(9).await);
    assert_eq!(friend.get(&clear, b"a").await.unwrap(), "a");
    assert_not_asked(&scene, &clear.address, "in the clear").await;
    until("it has seen that", || clear.links.counts().refused == 1).await;
    assert_eq!(friend.get(&clear, b"b").await.unwrap(), "b");
    assert_eq!((clear.echo.served(), clear.links.linked().len()), (2, 1));
}

/// Listens, and does something with the first who comes. Returns what it has heard.
fn host(
    serve: impl FnOnce(TcpStream) -> Vec<u8> + Send + 'static,
) -> (Address, thread::JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let at = listener.local_addr().expect("it listens").into();
    let accept = move || serve(listener.accept().expect("one comes").0);
    let thread = thread::Builder::new().name("host".to_owned()).spawn(accept);
    (at, thread.expect("a thread"))
}

/// One that speaks no later version, and is otherwise as a member is.
fn of_version_1_2(Pair { certificate, key }: &Pair) -> ServerConnection {
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS12])
        .expect("a version of the provider")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("they fit");
    ServerConnection::new(Arc::new(config)).expect("it is configured")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_asks_nothing_of_one_that_speaks_something_else() {
    let scene = Scene::new().await;
    let mut old = of_version_1_2(&scene.ours.pair(HOST, |_| {}));
    let (at, heard) = host(move |mut socket| {
        while old.is_handshaking() && old.complete_io(&mut socket).is_ok() {}
        let mut heard = Vec::new();
        // There is nothing, or no connection any more.
        let _over = old.reader().read_to_end(&mut heard);
        heard
    });
    assert_not_asked(&scene, &at, "TLS 1.2").await;
    assert_eq!(heard.join().unwrap(), b"");
    let alert = &[21, 3, 3, 0, 2, 2, 40];
    for said in [&b"HTTP/1.1 200 OK\r\n\r\n"[..], &[22, 3, 3, 0xFF, 0xFF, 2], alert, b""] {
        let (at, heard) = host(move |mut socket| {
            let mut greeting = [0; 5];
            socket.read_exact(&mut greeting).expect("it greets");
            socket.write_all(said).expect("it reads");
            greeting.to_vec()
        });
        assert_not_asked(&scene, &at, "rubbish").await;
        assert_eq!(heard.join().unwrap()[0], 22, "a greeting of TLS is all it has heard");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_waits_for_one_that_stalls_no_longer_than_it_may() {
    let scene = Scene::with(NEVER, |settings| settings.connect_timeout = SHORT).await;
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let at = address(&silent.local_addr().expect("it listens").to_string());
    assert_not_asked(&scene, &at, "a stall").await;
    let (mut came, _) = silent.accept().expect("it came");
    let mut heard = Vec::new();
    // Cut off in the middle: it may be reset.
    let _over = came.read_to_end(&mut heard);
    assert_eq!(heard[0], 22, "a greeting of TLS is all it has heard");
}
