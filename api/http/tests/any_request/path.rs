//! Paths of any pieces, keys and names of any bytes.

use distcache_http::Method;
use proptest::prelude::*;

use crate::hold::path::{Way, holds, key_survives, name_survives};
use crate::{for_all, text_of};

const PIECES: &[&str] = &[
    "/",
    "/",
    "/",
    "/v1",
    "/v1/keyspaces",
    "/v1/keyspaces/default",
    "/v1/keyspaces/default/keys/",
    "/v1/keyspaces/default/keys/",
    "/v1/keyspaces/default/keys/kept",
    "/v1/trace/default/",
    "/keys/",
    "/batch/get",
    "/scan",
    "/clear",
    "/stats",
    "/hot",
    "/ttl",
    "/touch",
    "/increment",
    "/invalidate",
    "/_distcache/",
    "/_distcache/default/",
    "/_distcache/admin/peers",
    "/livez",
    "/v1/status",
    "default",
    "kept",
    "a",
    ".",
    "..",
    "+",
    "%",
    "%2",
    "%2F",
    "%2f",
    "%00",
    "%FF",
    "%C3%B6",
    "%6B",
];

const METHODS: &[Method] = &[
    Method::Get,
    Method::Head,
    Method::Put,
    Method::Put,
    Method::Post,
    Method::Patch,
    Method::Delete,
    Method::Options,
    Method::Other,
];

/// Bytes, and how each of them is written.
fn spelled() -> impl Strategy<Value = (Vec<u8>, String)> {
    prop::collection::vec((any::<u8>(), 0..3_u8), 1..24).prop_map(|all| {
        let spell = |(byte, how): &(u8, u8)| {
            let may_stand = byte.is_ascii_graphic() && !b"%/?#".contains(byte);
            match how {
                0 if may_stand => char::from(*byte).to_string(),
                1 => format!("%{byte:02x}"),
                _ => format!("%{byte:02X}"),
            }
        };
        (all.iter().map(|(byte, _)| *byte).collect(), all.iter().map(spell).collect())
    })
}

#[test]
fn any_path_is_there_for_some_methods_or_for_none() {
    let method = prop::sample::select(METHODS);
    for_all((method, text_of(PIECES, 7)), |server, (method, path)| holds(server, method, &path));
}

#[test]
fn a_key_of_any_bytes_comes_back_by_every_way() {
    let way = prop::sample::select(&Way::ALL[..]);
    for_all((spelled(), way), |server, ((key, spelled), way)| {
        key_survives(server, &key, &spelled, way);
    });
}

#[test]
fn a_keyspace_has_the_name_that_its_path_spells() {
    let name = prop_oneof![
        spelled().prop_map(|(_, spelled)| spelled),
        text_of(&["a", "b", "default", "%C3%B6", "%EF%BF%BD", "%FF", "%20", "+", ".."], 4)
            .prop_filter("one segment", |name| !name.contains('/')),
    ];
    let other = prop::collection::vec(any::<u8>(), 0..3);
    for_all((name, other), |server, (name, other)| name_survives(server, &name, &other));
}
