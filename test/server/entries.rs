//! Hard keys and values, through the whole program and back: byte-exact, or
//! refused with the documented code. Two different keys never share a value.

use serde_json::json;

use crate::support::{Client, Door, Server, escaped, head, on_each_door};

on_each_door! {
    /// Empty values, control characters, separators, both normal forms, and
    /// keys that differ in one byte only.
    keys_come_back_as_they_were_sent_and_never_collide,
    escapes_in_either_case_and_plus_are_what_a_form_means_by_them,
    what_decodes_to_no_utf_8_is_refused,
    a_key_is_needed_and_once,
    a_long_key_is_stored_and_one_that_is_too_long_is_refused,
    a_value_of_any_bytes_comes_back_as_octets,
    values_of_any_size_up_to_the_limit_come_back_byte_exact,
    a_value_over_the_limit_is_refused_and_the_old_one_stays,
}

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// So many bytes, in which no piece repeats soon.
fn bytes(count: usize) -> Vec<u8> {
    (0..count)
        .map(|at| u8::try_from((at ^ (at >> 8) ^ (at >> 16)) & 0xFF).expect("masked"))
        .collect()
}

/// Characters that mean something to some layer below.
const HARD_CHARACTERS: [&str; 22] = [
    "\0",
    "\n",
    "\r",
    "\t",
    " ",
    "\"",
    "#",
    "%",
    "&",
    "'",
    "+",
    ".",
    "/",
    ":",
    "=",
    "?",
    "\\",
    "\x7F",
    "\u{e9}",
    "e\u{301}",
    "\u{5d0}",
    "\u{1f600}",
];

/// Keys that are all different, if hardly so.
fn hard_keys() -> Vec<String> {
    let mut keys: Vec<String> = (0..=0x7F_u8).map(|byte| char::from(byte).to_string()).collect();
    for first in HARD_CHARACTERS {
        keys.extend(HARD_CHARACTERS.map(|second| format!("{first}{second}")));
    }
    keys.extend(["\u{e9}", "e\u{301}", "\u{5d0}", "\u{1f600}"].map(str::to_owned));
    keys.extend(
        ["%00", "%2F", "%2f", "%25", "%C0%AF", "a\0", "a\0\0", "&ttl=1"].map(str::to_owned),
    );
    keys.extend(
        ["\u{202e}\u{5d0}\u{5d1}", "\u{5d1}\u{5d0}", "../..", "a b", "a+b"].map(str::to_owned),
    );
    keys.extend([250, 251, 2 * KIB].map(|length| "k".repeat(length)));
    keys.sort();
    keys.dedup();
    keys
}

fn keys_come_back_as_they_were_sent_and_never_collide(door: Door) {
    let keys = hard_keys();
    assert!(600 < keys.len());
    let server = door.start(&[]);
    let mut client = server.connect();
    for (number, key) in keys.iter().enumerate() {
        let target = format!("/?key={}&value={number}", escaped(key));
        let reply = client.ask("POST", &target, "", b"");
        assert_eq!(reply.status, 200, "{key:?}: {reply:?}");
        assert_eq!(reply.json(), json!({"key": key, "value": number.to_string()}));
    }
    for (number, key) in keys.iter().enumerate() {
        let hit = client.get(key).json();
        assert_eq!((&hit["key"], &hit["value"]), (&json!(key), &json!(number.to_string())));
    }
    for key in &keys {
        let reply = client.ask("DELETE", &format!("/?key={}", escaped(key)), "", b"");
        assert_eq!(reply.json(), json!({"key": key}));
        assert!(client.get(key).is_problem(404, "DC-201"), "{key:?}");
    }
}

fn escapes_in_either_case_and_plus_are_what_a_form_means_by_them(door: Door) {
    let cases = [
        ("%00", "\0"),
        ("%2F", "/"),
        ("%2f", "/"),
        ("/", "/"),
        ("%25", "%"),
        ("%252F", "%2F"),
        ("+", " "),
        ("%20", " "),
        ("%2B", "+"),
        ("..", ".."),
        ("%2E%2e", ".."),
        ("a=b", "a=b"),
        ("%6B", "k"),
        ("%C3%A9", "\u{e9}"),
        ("e%CC%81", "e\u{301}"),
    ];
    let server = door.start(&[]);
    let mut client = server.connect();
    for (sent, key) in cases {
        let reply = client.ask("POST", &format!("/?key={sent}&value=1"), "", b"");
        assert_eq!(reply.json(), json!({"key": key, "value": "1"}), "{sent}");
    }
}

fn what_decodes_to_no_utf_8_is_refused(door: Door) {
    let lone = (0x80..=0xFF_u8).map(|byte| format!("%{byte:02X}"));
    let longer = ["%C0%AF", "%ED%A0%80", "%F5%80%80%80", "%C3", "%", "%2", "%zz", "a%C3%28"];
    let server = door.start(&[]);
    let mut client = server.connect();
    for bad in lone.chain(longer.map(str::to_owned)) {
        for (method, target) in [
            ("GET", format!("/?key={bad}")),
            ("DELETE", format!("/?key={bad}")),
            ("POST", format!("/?key={bad}&value=1")),
            ("POST", format!("/?key=k&value={bad}")),
        ] {
            let reply = client.ask(method, &target, "", b"");
            assert!(reply.is_problem(400, "DC-207"), "{method} {target}: {reply:?}");
        }
    }
    assert!(client.get("k").is_problem(404, "DC-201"), "nothing of it was stored");
}

fn a_key_is_needed_and_once(door: Door) {
    let server = door.start(&[]);
    let cases = [
        ("GET", "/", "DC-204"),
        ("GET", "/?key=", "DC-204"),
        ("DELETE", "/?key", "DC-204"),
        ("POST", "/?key=&value=1", "DC-204"),
        ("POST", "/?value=1", "DC-204"),
        ("GET", "/?key=a&key=b", "DC-205"),
        ("POST", "/?key=a&key=a&value=1", "DC-205"),
    ];
    for (method, target, code) in cases {
        assert!(server.ask(method, target, "", b"").is_problem(400, code), "{method} {target}");
    }
}

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

fn a_long_key_is_stored_and_one_that_is_too_long_is_refused(door: Door) {
    let server = door.start(&["--max-request-line", "64000"]);
    let mut client = server.connect();
    let long = "k".repeat(63_000);
    client.put(&long, b"1");
    assert_eq!(client.get(&long).json()["key"], json!(long));
    assert_eq!(client.get_octets(&long[1..]), None, "one byte less is another key");

    // 64 KiB is one byte more than a key may have. It fits into a form.
    let longest = "k".repeat(64 * KIB);
    let form = format!("key={longest}&value=1");
    let reply = client.ask("POST", "/", FORM, form.as_bytes());
    assert!(reply.is_problem(400, "DC-106"), "{:?}", reply.problem());
    let reply = client.ask("POST", "/", FORM, format!("key={}&value=1", &longest[1..]).as_bytes());
    assert_eq!(reply.status, 200);

    // Into a request line it does not, where there is a limit for that.
    if door.name() == "hyper" {
        let reply = client.get(&longest);
        assert!(reply.is_problem(414, "DC-214"), "{:?}", reply.problem());
    }
}

fn a_value_of_any_bytes_comes_back_as_octets(door: Door) {
    let server = door.start(&[]);
    let mut client = server.connect();
    let every: Vec<u8> = (0..=0xFF).collect();
    let reply = client.ask("POST", "/?key=every", "", &every);
    assert_eq!((reply.status, reply.json()), (200, json!({"key": "every", "value": null})));
    assert_eq!(client.get_octets("every").as_deref(), Some(&every[..]));
    assert!(client.get("every").is_problem(406, "DC-208"), "JSON cannot say it");
    for byte in 0..=0xFF_u8 {
        client.put("one", &[byte]);
        assert_eq!(client.get_octets("one").as_deref(), Some(&[byte][..]));
    }
    for text in ["", "\0", "\u{2028}\"\\", "e\u{301}", "\u{1f600}"] {
        client.put("text", text.as_bytes());
        assert_eq!(client.get("text").json()["value"], json!(text));
    }
}

/// Enough for values of 64 MiB on each of four nodes.
const ROOMY: [&str; 4] = ["--capacity", "2GiB", "--max-value", "64MiB"];

fn values_of_any_size_up_to_the_limit_come_back_byte_exact(door: Door) {
    let server = door.start(&ROOMY);
    let mut client = server.connect();
    for size in [0, 1, MIB - 1, MIB, MIB + 1, 64 * MIB] {
        let value = bytes(size);
        let key = format!("size {size}");
        client.put(&key, &value);
        let found = client.get_octets(&key).expect("it was stored");
        assert!(found == value, "{size} bytes came back as {} others", found.len());
    }
}

fn a_value_over_the_limit_is_refused_and_the_old_one_stays(door: Door) {
    let server = door.start(&["--max-value", "1MiB"]);
    server.put("k", &bytes(MIB - 1));
    server.put("k", &bytes(MIB));
    for size in [MIB + 1, 64 * MIB] {
        let reply = announce(&mut server.connect(), size);
        assert_eq!(reply, (413, "DC-211".to_owned()), "{size} bytes");
    }
    let whole = server.ask("POST", "/?key=k", "", &bytes(MIB + 1));
    assert!(whole.is_problem(413, "DC-211"));
    assert!(server.connect().get_octets("k") == Some(bytes(MIB)), "the last good value");
    assert_still_serves(&server);
}

/// Announces a body, and reads what is said to that.
fn announce(client: &mut Client, body_bytes: usize) -> (u16, String) {
    client.send(head("POST", "/?key=k", "", body_bytes));
    client.reply().problem()
}

fn assert_still_serves(server: &Server) {
    assert_eq!(server.ask("GET", "/livez", "", b"").status, 200);
}
