//! Queries and forms: of any text, and of the pieces that they are made of.

use proptest::prelude::*;

use crate::hold::query::{Asked, holds};
use crate::{for_all, text_of};

const PIECES: &[&str] = &[
    "key=",
    "value=",
    "ttl=",
    "tag=",
    "by=",
    "prefix=",
    "pattern=",
    "cursor=",
    "limit=",
    "&",
    "&",
    "&",
    "=",
    "+",
    "%",
    "%2",
    "%00",
    "%2B",
    "%26",
    "%3D",
    "%C3%B6",
    "%c3",
    "%FF",
    "kept",
    "k",
    "a",
    "none",
    "0",
    "1",
    "60",
    "0.5",
    "-1",
    "315360000",
    "315360001",
    "9223372036854775807",
    "1-0-0",
    "*",
    "?",
    "[",
    "\\",
    "key=kept&",
    "key=a&value=b",
];

fn asked() -> impl Strategy<Value = Asked> {
    prop::sample::select(&Asked::ALL[..])
}

#[test]
fn any_text_is_a_query_or_is_refused() {
    let any = prop::collection::vec(any::<char>(), 0..20).prop_map(String::from_iter);
    let text = prop_oneof![1 => any, 4 => text_of(PIECES, 9)];
    for_all((asked(), text), |server, (asked, query)| holds(server, asked, &query));
}
