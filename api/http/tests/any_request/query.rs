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

const NAMES: &[&str] =
    &["key", "key", "value", "ttl", "tag", "by", "prefix", "pattern", "cursor", "limit", "colour"];

const TEXTS: &[&str] = &[
    "",
    "kept",
    "k",
    "a",
    "a+b",
    "%00",
    "%C3%B6",
    "%FF",
    "%",
    "none",
    "0",
    "1",
    "60",
    "0.5",
    "-1",
    "9223372036854775807",
    "1-0-0",
    "*",
    "[a-z]*",
];

/// Names that there are, with texts that may fit.
fn pairs() -> impl Strategy<Value = String> {
    let pair = (prop::sample::select(NAMES), prop::sample::select(TEXTS));
    prop::collection::vec(pair, 0..4).prop_map(|pairs| {
        let pairs: Vec<_> = pairs.iter().map(|(name, text)| format!("{name}={text}")).collect();
        pairs.join("&")
    })
}

fn asked() -> impl Strategy<Value = Asked> {
    prop::sample::select(&Asked::ALL[..])
}

#[test]
fn any_text_is_a_query_or_is_refused() {
    let any = prop::collection::vec(any::<char>(), 0..20).prop_map(String::from_iter);
    let text = prop_oneof![1 => any, 4 => text_of(PIECES, 9), 5 => pairs()];
    for_all((asked(), text), |server, (asked, query)| holds(server, asked, &query));
}
