//! Headers of any bytes, and of the pieces that they are made of.

use proptest::prelude::*;

use crate::hold::headers::{Asked, TAG_HERE, TOKEN_HERE, holds};
use crate::{for_all, text_of};

const PIECES: &[&str] = &[
    "\"",
    "\"\u{1}\"",
    "W/",
    "\"1-ab\"",
    "\"0\u{1}\"",
    "\"+\u{1}\"",
    "\u{1}",
    "*",
    ",",
    ",",
    " ",
    "\t",
    ";",
    "=",
    "q=0",
    "q=0.5",
    "Q=1",
    "application/octet-stream",
    "application/json",
    "APPLICATION/OCTET-STREAM",
    "*/*",
    "text/html",
    "only-if-cached",
    "Only-If-Cached",
    "no-store",
    "text/plain",
    "charset=",
    "Bearer ",
    "bearer ",
    "Basic ",
    "\u{2}",
    "\u{2}",
    "localhost",
    "127.0.0.1",
    "[::1]",
    ":8080",
    "http://",
    "https://",
    ".",
    "evil.example",
    "null",
    "same-origin",
    "none",
];

fn asked() -> impl Strategy<Value = Asked> {
    prop::sample::select(&Asked::ALL[..])
}

#[test]
fn any_bytes_are_headers_that_say_what_they_say_or_are_refused() {
    assert_eq!((TAG_HERE, TOKEN_HERE), (1, 2), "as they stand in the pieces");
    let any = prop::collection::vec(any::<u8>(), 0..20);
    let value = prop_oneof![1 => any, 4 => text_of(PIECES, 6).prop_map(String::into_bytes)];
    let values = prop::collection::vec(value, 0..4);
    for_all((asked(), values), |server, (asked, values)| {
        let values: Vec<_> = values.iter().map(Vec::as_slice).collect();
        holds(server, asked, &values);
    });
}
