//! Those who connect with a member.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::Arc;

use distcache_cluster::proto::frame::Kind;
use distcache_cluster::proto::refusal::Reason;
use distcache_cluster::wire::Address;
use futures_util::future::{join, join_all};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, StreamOwned};
use tokio::task::spawn_blocking;

use super::stranger::{
    Tap, connection, frames_in, greeting, heard_after, heard_of, heard_of_second_greeting, rest,
    shaken, showing, socket, words, words_of,
};
use super::{
    HOST, SHORT, Scene, Tcp, Tls, early, expired, member, secured, self_signed, serves_only,
};
use crate::authority::{Authority, Pair};
use crate::support::{Member, address, until};

/// Does what would hold up the members, beside them.
async fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    spawn_blocking(work).await.expect("it does not panic")
}

/// Nothing, or the word of TLS that something is wrong.
fn is_alert(heard: &[u8]) -> bool {
    const ALERT: u8 = 21;
    const ALERT_BYTES: usize = 5 + 2;
    heard.is_empty() || (heard[0] == ALERT && heard.len() == ALERT_BYTES)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_connects_without_a_certificate_that_proves_it_is_refused_and_hears_nothing() {
    let scene = Scene::new().await;
    let (ours, theirs) = (&scene.ours, Authority::new());
    let own = |change: fn(&mut _)| Some(ours.pair(HOST, change));
    let cells: [(&str, Option<Pair>); 6] = [
        ("of another authority", Some(theirs.pair(HOST, |_| {}))),
        ("expired", own(expired)),
        ("not yet valid", own(early)),
        ("self-signed", Some(self_signed())),
        ("none", None),
        ("of a server, which is no member", own(serves_only)),
    ];
    for (number, (cell, shown)) in (1..).zip(cells) {
        let config = showing(ours, shown.as_ref(), &TLS13);
        let to = scene.one.address.clone();
        let heard = beside(move || heard_of(&to, config)).await;
        assert_eq!(heard, b"", "{cell}");
        scene.assert_refused(cell, number).await;
    }
}

/// It proves something, but not that it is a member at that address.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_shows_the_certificate_of_another_member_hears_a_refusal_and_nothing_else() {
    let scene = Scene::new().await;
    for (number, name) in (1..).zip(["elsewhere.example", "127.0.0.2", "*.example"]) {
        let config = showing(&scene.ours, Some(&scene.ours.pair(name, |_| {})), &TLS13);
        let to = scene.one.address.clone();
        let heard = frames_in(&beside(move || heard_of(&to, config)).await);
        let [Kind::Refusal(refusal)] = &heard[..] else { panic!("{name}: {heard:?}") };
        assert_eq!(refusal.reason(), Reason::NotCertified, "{name}");
        scene.assert_refused(name, number).await;
    }
}

/// By hand: no library that is of use today sends it.
fn old_greeting(minor: u8) -> Vec<u8> {
    let mut body = vec![3, minor];
    body.extend([7; 32]); // its random number
    body.push(0); // no session
    body.extend([0, 6, 0xC0, 0x09, 0xC0, 0x13, 0x00, 0x2F]); // suites of that time
    body.extend([1, 0]); // no compression
    let bytes = u8::try_from(body.len()).expect("it is short");
    [vec![22, 3, 1, 0, bytes + 4, 1, 0, 0, bytes], body].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_speaks_something_else_hears_an_alert_at_most() {
    let scene = Scene::new().await;
    let hello = greeting(&scene.ours);
    let mut endless = vec![22, 3, 1, 0xFF, 0xFF];
    endless.extend([0; 100]);
    let mut cells = vec![
        ("TLS 1.0".to_owned(), old_greeting(1)),
        ("TLS 1.1".to_owned(), old_greeting(2)),
        ("TLS 1.2, as it was".to_owned(), old_greeting(3)),
        ("in the clear".to_owned(), words()),
        ("HTTP".to_owned(), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec()),
        ("nothing".to_owned(), Vec::new()),
        ("a record of 64 KiB".to_owned(), endless),
        ("greeted twice".to_owned(), [&hello[..40], &hello].concat()),
    ];
    for end in (1..hello.len()).step_by(17) {
        cells.push((format!("cut off after {end} bytes"), hello[..end].to_vec()));
    }
    for (number, (cell, sent)) in (1..).zip(cells) {
        let to = scene.one.address.clone();
        let heard = beside(move || heard_after(&to, &sent)).await;
        assert!(is_alert(&heard), "{cell}: {heard:?}");
        scene.assert_refused(&cell, number).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_speaks_tls_1_2_only_is_refused() {
    let scene = Scene::new().await;
    let config = showing(&scene.ours, Some(&scene.ours.pair(HOST, |_| {})), &TLS12);
    let to = scene.one.address.clone();
    assert_eq!(beside(move || heard_of(&to, config)).await, b"");
    scene.assert_refused("TLS 1.2", 1).await;
}

/// There is no renegotiation in TLS 1.3: who greets again ends the connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_greets_again_within_a_connection_is_cut_off() {
    /// The word that something is wrong, encrypted: head, level, what, type, seal.
    const ALERT_BYTES: usize = 5 + 2 + 1 + 16;
    let scene = Scene::new().await;
    let config = showing(&scene.ours, Some(&scene.ours.pair(HOST, |_| {})), &TLS13);
    let (to, hello) = (scene.one.address.clone(), greeting(&scene.ours));
    let heard = beside(move || heard_of_second_greeting(&to, config, &hello)).await;
    assert!(heard.len() <= ALERT_BYTES, "{heard:?}");
    scene.assert_refused("greeted again", 1).await;
}

/// How a greeting is cut into pieces.
type Pieces = fn(&[u8]) -> Vec<Vec<u8>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_whose_greeting_comes_byte_by_byte_or_in_records_of_one_is_served() {
    let scene = Scene::new().await;
    let one_by_one = |greeting: &[u8]| greeting.iter().map(|byte| vec![*byte]).collect();
    let in_records = |greeting: &[u8]| {
        let (head, message) = greeting.split_at(5);
        message.iter().map(|byte| vec![head[0], head[1], head[2], 0, 1, *byte]).collect()
    };
    let ways: [(&str, Pieces); 2] =
        [("byte by byte", one_by_one), ("in records of one", in_records)];
    for (dial, (cell, way)) in (1..).zip(ways) {
        let config = showing(&scene.ours, Some(&scene.ours.pair(HOST, |_| {})), &TLS13);
        let to = scene.one.address.clone();
        beside(move || slow_is_served(&to, config, way, dial)).await;
        until("it is gone", || scene.one.links.linked().len() == 1).await;
        assert_eq!(scene.one.echo.served() as u64, 1 + dial, "{cell}");
    }
    assert_eq!(scene.one.links.counts().refused, 0);
}

fn slow_is_served(to: &Address, config: ClientConfig, way: Pieces, dial: u64) {
    let (mut connection, mut socket) = (connection(config), socket(to));
    let mut greeting = Vec::new();
    connection.write_tls(&mut greeting).expect("into memory");
    for piece in way(&greeting) {
        socket.write_all(&piece).expect("it is read");
    }
    let mut stream = StreamOwned::new(connection, socket);
    stream.write_all(&words_of(dial)).expect("it is read");
    let mut heard = Vec::new();
    while frames_in(&heard).len() < 2 {
        let mut some = [0; 1024];
        let count = stream.read(&mut some).expect("an answer");
        assert!(0 < count, "it was cut off");
        heard.extend_from_slice(&some[..count]);
    }
    let heard = frames_in(&heard);
    assert!(matches!(heard[..2], [Kind::Hello(_), Kind::Reply(_)]), "{heard:?}");
}

/// Stalled in the handshake of TLS, or behind it: each is cut, and delays nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_stalls_is_cut_wherever_it_does() {
    let scene = Scene::with(SHORT, |settings| settings.handshake_timeout = SHORT).await;
    let hello = greeting(&scene.ours);
    let begins = [&b""[..], &hello[..1], &hello[..hello.len() / 2], &hello[..hello.len() - 1]];
    let before = begins.map(|begin| {
        let (to, begin) = (scene.one.address.clone(), begin.to_vec());
        beside(move || {
            let mut socket = socket(&to);
            socket.write_all(&begin).expect("it is read");
            rest(&mut socket)
        })
    });
    let good = || showing(&scene.ours, Some(&scene.ours.pair(HOST, |_| {})), &TLS13);
    let words = words();
    let behind = [&b""[..], &words[..3], &words[..20]].map(|said| {
        let (to, config, said) = (scene.one.address.clone(), good(), said.to_vec());
        beside(move || {
            let (connection, socket) = shaken(&to, config);
            let mut stream = StreamOwned::new(connection, socket);
            stream.write_all(&said).expect("it is read");
            rest(&mut stream)
        })
    });
    let (before, behind) = join(join_all(before), join_all(behind)).await;
    assert!(before.iter().chain(&behind).all(Vec::is_empty), "cut without a word");
    until("each is counted", || scene.one.links.counts().refused == 7).await;
    scene.assert_serves("stalls", 1).await;
}

/// Its sending side is closed, and nothing says so under TLS.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_half_gone_behind_the_handshake_is_let_go() {
    let scene = Scene::new().await;
    let config = showing(&scene.ours, Some(&scene.ours.pair(HOST, |_| {})), &TLS13);
    let to = scene.one.address.clone();
    let heard = beside(move || {
        let (connection, socket) = shaken(&to, config);
        socket.shutdown(Shutdown::Write).expect("it is open");
        rest(&mut StreamOwned::new(connection, socket))
    });
    assert_eq!(heard.await, b"");
    scene.assert_refused("half gone", 1).await;
}

/// What was recorded of a member is of no use to who has not its key.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_was_recorded_and_is_played_again_is_refused() {
    let scene = Scene::new().await;
    let config = showing(&scene.ours, Some(&scene.ours.pair(HOST, |_| {})), &TLS13);
    let to = scene.one.address.clone();
    let recorded = beside(move || {
        let tap = Tap { socket: socket(&to), sent: Vec::new() };
        let mut stream = StreamOwned::new(connection(config), tap);
        stream.write_all(&words()).expect("it is read");
        stream.read_exact(&mut [0; 4]).expect("it is answered");
        stream.sock.sent
    });
    let recorded = recorded.await;
    until("it was served, and is gone", || {
        scene.one.echo.served() == 2 && scene.one.links.linked().len() == 1
    })
    .await;
    let ended = scene.one.links.counts().ended;
    for _ in 0..3 {
        let (to, recorded) = (scene.one.address.clone(), recorded.clone());
        beside(move || heard_after(&to, &recorded)).await;
    }
    until("each is refused", || scene.one.links.counts().refused == 3).await;
    assert_eq!(scene.one.echo.served(), 2, "nothing is done again");
    assert_eq!(scene.honest.get(&scene.one, b"b").await.unwrap(), "b");
    assert_eq!((ended, scene.one.links.counts().ended), (1, 1));
}

/// The authority is replaced while members are there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_another_authority_has_come_the_old_one_counts_no_more_and_links_stay() {
    let (old, new) = (Authority::new(), Authority::new());
    let tls = Arc::new(Tls::new(old.certify(HOST)).unwrap());
    let wire = Arc::new(Tcp::secured(tls.clone()));
    let one = Member::start(wire, 1, &address("127.0.0.1:0"), |_| {}).await;
    let before = member(2, secured(old.certify(HOST))).await;
    assert_eq!(before.get(&one, b"a").await.unwrap(), "a");
    tls.swap(new.certify(HOST)).unwrap();
    let config = showing(&old, Some(&old.pair(HOST, |_| {})), &TLS13);
    let to = one.address.clone();
    assert_eq!(beside(move || heard_of(&to, config)).await, b"", "it believes nobody");
    // Who believes the new one, and shows what the old one has signed.
    let config = showing(&new, Some(&old.pair(HOST, |_| {})), &TLS13);
    let to = one.address.clone();
    assert_eq!(beside(move || heard_of(&to, config)).await, b"");
    until("both were refused", || one.links.counts().refused == 2).await;
    let after = member(3, secured(new.certify(HOST))).await;
    assert_eq!(after.get(&one, b"b").await.unwrap(), "b");
    assert_eq!(one.get(&after, b"c").await.unwrap(), "c");
    assert_eq!(before.get(&one, b"d").await.unwrap(), "d", "its link is there");
    assert_eq!((one.links.counts().ended, one.echo.served()), (0, 3));
}
