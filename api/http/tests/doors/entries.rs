//! Keys and values of every kind: byte-exact, or the documented 4xx.

use distcache_http::Limits;
use distcache_http::doors::Kind;

use crate::support::{Reply, TestDoor, escaped, on_each_door};

on_each_door! {
    keys_of_every_kind_are_exact_and_never_collide,
    every_single_byte_is_a_key_or_is_refused,
    keys_of_every_length_are_exact_or_refused,
    values_of_every_byte_are_exact,
    values_of_every_size_are_exact_or_refused,
}

const OCTETS: &str = "Accept: application/octet-stream\r\n";

fn keys_of_every_kind_are_exact_and_never_collide(door: &TestDoor) {
    let keys = [
        "a",
        "A",
        " ",
        "  ",
        "+",
        "a+b",
        "a b",
        "%",
        "%20",
        "%2F",
        "%252F",
        "/",
        "//",
        "..",
        ".",
        "../..",
        "&",
        "=",
        "a=b",
        "a&b=c",
        "&ttl=1",
        "?",
        "#",
        "\0",
        "a\0",
        "\0a",
        "\r\n",
        "\t",
        "\u{7f}",
        "\"",
        "\\",
        "{\"key\":1}",
        "null",
        "\u{e9}",
        "e\u{301}",
        "\u{212b}",
        "\u{c5}",
        "\u{5e9}\u{5dc}\u{5d5}\u{5dd}",
        "\u{202e}abc",
        "\u{1f600}",
        "\u{1f468}\u{200d}\u{1f469}",
        "\u{feff}",
        "\u{fffd}",
        "\u{10ffff}",
        "\u{2028}",
    ];
    for (number, key) in keys.iter().enumerate() {
        let target = format!("/?key={}&value={number}", escaped(key.as_bytes()));
        assert_eq!(door.ask("POST", &target, "", b"").json()["key"], *key);
    }
    for (number, key) in keys.iter().enumerate() {
        let found = door.get(key).json();
        assert_eq!((&found["key"], &found["value"]), (&(*key).into(), &number.to_string().into()));
    }
}

fn every_single_byte_is_a_key_or_is_refused(door: &TestDoor) {
    let mut client = door.connect();
    for byte in 0..=255_u8 {
        let target = format!("/?key={}&value={byte}", escaped(&[byte]));
        let reply = client.ask("POST", &target, "", b"");
        if byte.is_ascii() {
            assert_eq!(reply.json()["key"], char::from(byte).to_string());
        } else {
            assert_eq!((reply.status, reply.code().as_str()), (400, "DC-207"), "{byte:#x}");
        }
    }
    for byte in 0..=127_u8 {
        let found = client.ask("GET", &format!("/?key={}", escaped(&[byte])), "", b"");
        assert_eq!(found.json()["value"], byte.to_string());
    }
}

fn keys_of_every_length_are_exact_or_refused(door: &TestDoor) {
    for length in [1, 250, 251, 4_000, 8_100] {
        let key = "k".repeat(length);
        let stored = door.ask("POST", &format!("/?key={key}"), "", length.to_string().as_bytes());
        assert_eq!(stored.status, 200, "{length}");
        let found = door.ask("GET", &format!("/?key={key}"), "", b"").json();
        assert_eq!((&found["key"], &found["value"]), (&key.into(), &length.to_string().into()));
    }
    // A URL of 64 KiB is over the limit of the request line; tiny_http has none.
    let longest = "k".repeat(65_535);
    let reply = door.ask("GET", &format!("/?key={longest}"), "", b"");
    match door.kind {
        Kind::Hyper => assert_eq!((reply.status, reply.code().as_str()), (414, "DC-214")),
        Kind::TinyHttp => assert_eq!((reply.status, reply.code().as_str()), (404, "DC-201")),
    }
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let stored = door.ask("POST", "/", form, format!("key={longest}&value=1").as_bytes());
    assert_eq!(stored.json()["key"], longest);
    let refused = door.ask("POST", "/", form, format!("key={longest}k&value=1").as_bytes());
    assert_eq!((refused.status, refused.code().as_str()), (400, "DC-106"));
}

fn values_of_every_byte_are_exact(door: &TestDoor) {
    let value: Vec<u8> = (0..=255).collect();
    assert_eq!(door.ask("POST", "/?key=all", "", &value).status, 200);
    assert_eq!(door.ask("GET", "/?key=all", OCTETS, b"").body, value);
    let text: String = (0..=0x2fff).filter_map(char::from_u32).collect();
    let stored = door.ask("POST", "/?key=text", "", text.as_bytes());
    assert_eq!(stored.json()["value"], text);
    assert_eq!(door.get("text").json()["value"], text);
}

fn values_of_every_size_are_exact_or_refused(door: &TestDoor) {
    const MIB: usize = 1 << 20;
    for size in [0, 1, 255, 4_096, MIB - 1, MIB, MIB + 1] {
        let value = pattern(size);
        assert_eq!(door.ask("POST", "/?key=sized", "", &value).status, 200, "{size}");
        let found = door.ask("GET", "/?key=sized", OCTETS, b"");
        assert!(found.status == 200 && found.body == value, "{size}");
    }
    let over = Limits::default().body_bytes + 1;
    let refused = announce(door, over);
    assert_eq!((refused.status, refused.code().as_str()), (413, "DC-211"));

    let roomy = Limits { body_bytes: 65 * MIB, buffered_bytes: 256 * MIB, ..Limits::default() };
    let door = TestDoor::routes_within(door.kind, &roomy);
    let value = pattern(64 * MIB);
    let stored = door.ask("POST", "/?key=large", "Content-Type: image/png\r\n", &value);
    if stored.status == 413 {
        assert_eq!(stored.code(), "DC-105");
    } else {
        let found = door.ask("GET", "/?key=large", OCTETS, b"");
        assert!(found.status == 200 && found.body == value);
    }
}

/// Announces a body and sends all of it that is asked for.
fn announce(door: &TestDoor, bytes: usize) -> Reply {
    let mut client = door.connect();
    let expect = "Expect: 100-continue\r\n";
    let length = format!("Content-Length: {bytes}\r\n");
    client.send(format!("POST /?key=a HTTP/1.1\r\nHost: localhost\r\n{expect}{length}\r\n"));
    let reply = client.reply();
    // tiny_http reads a refused body to its end before it lets the request go.
    client.send_in_vain(vec![0; bytes]);
    reply
}

/// Bytes that are neither text nor all the same.
fn pattern(size: usize) -> Vec<u8> {
    let period: Vec<u8> = (0..=255).rev().chain((128..=255).step_by(7)).collect();
    period.into_iter().cycle().take(size).collect()
}
