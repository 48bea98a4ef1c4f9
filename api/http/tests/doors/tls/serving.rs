//! What a client that knows the door gets.

use std::sync::Arc;

use distcache_http::Limits;
use rustls::version::{TLS12, TLS13};
use rustls::{HandshakeKind, ProtocolVersion};

use super::{HOST, SHORT, SecureClient, Secured};

#[test]
fn both_versions_of_tls_are_spoken() {
    let door = Secured::open();
    for (asked, spoken) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)]
    {
        let config = Arc::new(door.authority.trusted_over(&[asked]));
        let mut client = SecureClient::connect(door.address(), config, HOST).unwrap();
        assert_eq!(client.connection().protocol_version(), Some(spoken));
        assert_eq!(client.ask("PUT", "/v1/keyspaces/default/keys/a", b"b").0, 204);
        let read = client.ask("GET", "/v1/keyspaces/default/keys/a", b"");
        assert_eq!(read, (200, b"b".to_vec()), "on the same connection");
    }
}

#[test]
fn what_is_spoken_under_tls_is_http_1_1_and_nothing_else() {
    let door = Secured::open();
    let with = |offered: &[&str]| {
        let mut config = door.authority.trusted_over(&[&TLS13]);
        config.alpn_protocols = offered.iter().map(|name| name.as_bytes().to_vec()).collect();
        SecureClient::connect(door.address(), Arc::new(config), HOST)
    };
    let agreed = with(&["h2", "http/1.1"]).unwrap();
    assert_eq!(agreed.connection().alpn_protocol(), Some(b"http/1.1".as_slice()));
    assert_eq!(with(&[]).unwrap().connection().alpn_protocol(), None);
    let refused = with(&["h2"]).err().unwrap().to_string();
    assert!(refused.contains("NoApplicationProtocol"), "{refused}");
    door.assert_serves();
}

/// More than the kernel and TLS hold back: what TLS keeps must be flushed, too.
#[test]
fn a_large_value_goes_in_and_comes_out_whole() {
    let limits = Limits { body_bytes: 16 << 20, ..Limits::default() };
    let door = Secured::within(&limits);
    let value: Vec<u8> = (0..16 << 20).map(|place: u32| place.to_le_bytes()[2]).collect();
    let mut client = door.connect();
    assert_eq!(client.ask("PUT", "/v1/keyspaces/default/keys/a", &value).0, 204);
    let (status, read) = client.ask("GET", "/v1/keyspaces/default/keys/a", b"");
    assert!(status == 200 && read == value, "{status}, {} bytes", read.len());
}

#[test]
fn an_end_that_is_meant_is_said_so_under_tls() {
    let limits = Limits { idle_timeout: SHORT, header_timeout: SHORT, ..Limits::default() };
    let door = Secured::within(&limits);
    let mut idle = door.connect();
    assert!(idle.ends_in_order(), "after an idle time");
    let mut closing = door.connect();
    closing.send(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert_eq!(closing.answer().unwrap().0, 200);
    assert!(closing.ends_in_order(), "as the client wished");
    let mut late = door.connect();
    late.send(b"GET /livez HT");
    assert_eq!(late.answer().unwrap().0, 408);
    assert!(late.ends_in_order(), "behind a last word");
}

#[test]
fn a_client_that_comes_again_shakes_hands_in_fewer_steps() {
    let door = Secured::open();
    let config = door.trust();
    let kinds = [(); 2].map(|()| {
        let mut client = SecureClient::connect(door.address(), config.clone(), HOST).unwrap();
        assert_eq!(client.ask("GET", "/livez", b"").0, 200);
        client.connection().handshake_kind()
    });
    assert_eq!(kinds, [Some(HandshakeKind::Full), Some(HandshakeKind::Resumed)]);
}
