//! Bytes as requests: each function makes one of them, and asks the server what
//! the tests of `api/http` ask it about theirs.
#![forbid(unsafe_code)]

#[path = "../../../api/http/tests/any_request/hold/mod.rs"]
mod hold;

use std::sync::LazyLock;

use distcache_http::Method;
use hold::path::Way;
use hold::{Server, body, headers, path, query};

/// One for all inputs: it is brought back to its beginning before each.
static SERVER: LazyLock<Server> = LazyLock::new(Server::start);

/// One of these, by the first byte, and what follows it.
fn first<'b, T: Copy>(all: &[T], bytes: &'b [u8]) -> Option<(T, &'b [u8])> {
    let (first, rest) = bytes.split_first()?;
    Some((all[usize::from(*first) % all.len()], rest))
}

/// What is asked, and then a query.
pub fn query(bytes: &[u8]) {
    let Some((asked, rest)) = first(&query::Asked::ALL, bytes) else { return };
    if let Ok(text) = str::from_utf8(rest) {
        query::holds(&SERVER, asked, text);
    }
}

const METHODS: [Method; 8] = [
    Method::Get,
    Method::Head,
    Method::Put,
    Method::Post,
    Method::Patch,
    Method::Delete,
    Method::Options,
    Method::Other,
];

/// A method and a path; or a key, and how each of its bytes is spelled; or the name
/// of a keyspace.
pub fn path(bytes: &[u8]) {
    let Some((kind, rest)) = first(&[0, 1, 2, 3], bytes) else { return };
    match kind {
        2 => key(rest),
        3 => name(rest),
        _ => {
            let Some((method, rest)) = first(&METHODS, rest) else { return };
            if let Ok(text) = str::from_utf8(rest) {
                path::holds(&SERVER, method, text);
            }
        }
    }
}

/// The longest key whose path fits into a request line with all of it escaped.
const KEY_BYTES_MAX: usize = 2_000;

fn key(bytes: &[u8]) {
    let Some((way, key)) = first(&Way::ALL, bytes) else { return };
    if (1..=KEY_BYTES_MAX).contains(&key.len()) {
        let spell = |&byte: &u8| match byte {
            _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            _ if byte % 2 == 0 => format!("%{byte:02x}"),
            _ => format!("%{byte:02X}"),
        };
        let spelled: String = key.iter().map(spell).collect();
        path::key_survives(&SERVER, key, &spelled, way);
    }
}

fn name(bytes: &[u8]) {
    let (spelled, other) = bytes.split_at(bytes.len() - bytes.len().min(2));
    match str::from_utf8(spelled) {
        Ok(spelled) if !spelled.contains('/') => path::name_survives(&SERVER, spelled, other),
        _ => {}
    }
}

/// What is asked, and then a body.
pub fn v1_body(bytes: &[u8]) {
    if let Some((asked, body)) = first(&body::Asked::ALL, bytes) {
        body::holds(&SERVER, asked, body);
    }
}

/// What is asked, and then the header's values, a line each.
pub fn headers(bytes: &[u8]) {
    if let Some((asked, lines)) = first(&headers::Asked::ALL, bytes) {
        let values: Vec<_> = lines.split(|&byte| byte == b'\n').collect();
        headers::holds(&SERVER, asked, &values);
    }
}
