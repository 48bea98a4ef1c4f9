//! `/cache/set` and `/cache/get`: the interface of `CachelyGo`, to the keyspace `default`.
//!
//! Its answers are kept byte by byte, its own refusals too; whatever it took by mistake
//! (a TTL below one second, a parameter twice) and whatever it did not know is refused as
//! everywhere here. A write is a POST: by a GET every page could make a browser write.

use bytes::Bytes;
use distcache::{Item, Keyspace, codes};

use super::{failure, v1};
use crate::pairs::Pairs;
use crate::query::parse_ttl;
use crate::{Problem, Request, Response};

/// What of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OfCachely {
    Get,
    Set,
}

/// `GET /cache/get?key=K`.
pub(super) async fn get(keyspace: &Keyspace, request: &Request<'_>) -> Result<Response, Problem> {
    let mut pairs = Pairs::of(request.query)?;
    let key = pairs.take("key")?;
    pairs.finish("only `key` is known to this request")?;
    let Some(key) = key.filter(|key| !key.is_empty()) else {
        return Ok(plain(400, "Missing key parameter\n"));
    };
    let found = keyspace.get_async(key.as_bytes()).await;
    let Some(found) = found.map_err(|error| failure::problem(&error))? else {
        return Ok(plain(404, "Key not found or expired\n"));
    };
    let Ok(text) = str::from_utf8(&found) else {
        let detail = "the value is not UTF-8: `/v1` gives its bytes";
        return Err(Problem::new(406, codes::NOT_ACCEPTABLE).detail(detail));
    };
    let status = v1::cache_status(keyspace, &found);
    let response = Response::json(json_string(text));
    Ok(response.with_header("cache-control", "no-cache").with_header("cache-status", status))
}

/// `POST /cache/set?key=K&value=V&ttl=SECONDS`.
pub(super) async fn set(keyspace: &Keyspace, request: &Request<'_>) -> Result<Response, Problem> {
    let mut pairs = Pairs::of(request.query)?;
    let (key, value, ttl) = (pairs.take("key")?, pairs.take("value")?, pairs.take("ttl")?);
    pairs.finish("the known parameters are `key`, `value` and `ttl`")?;
    let (Some(key), Some(value), Some(ttl)) = (key, value, ttl) else {
        return Ok(plain(400, MISSING));
    };
    if [&key, &value, &ttl].into_iter().any(|text| text.is_empty()) {
        return Ok(plain(400, MISSING));
    }
    let Ok(ttl) = parse_ttl(&ttl) else { return Ok(plain(400, "Invalid TTL\n")) };
    let item = Item::new(key.as_bytes(), value.as_bytes()).ttl(ttl);
    keyspace.put_item_async(&item).await.map_err(|error| failure::problem(&error))?;
    Ok(plain(200, format!("Cache entry set for key: {key}")))
}

const MISSING: &str = "Missing parameters\n";

/// The key is repeated: a browser must not take it for a page.
fn plain(status: u16, text: impl Into<Bytes>) -> Response {
    Response::of_type(status, "text/plain; charset=utf-8", text.into())
        .with_header("x-content-type-options", "nosniff")
}

/// A string and a line's end as Go's encoder writes them: what HTML or JavaScript might
/// stumble over is escaped.
fn json_string(text: &str) -> Vec<u8> {
    let json = serde_json::to_string(text).expect("a text is JSON");
    let mut escaped = String::with_capacity(json.len() + 1);
    for character in json.chars() {
        match character {
            '<' => escaped.push_str("\\u003c"),
            '>' => escaped.push_str("\\u003e"),
            '&' => escaped.push_str("\\u0026"),
            '\u{2028}' => escaped.push_str("\\u2028"),
            '\u{2029}' => escaped.push_str("\\u2029"),
            other => escaped.push(other),
        }
    }
    escaped.push('\n');
    escaped.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_escaped_as_go_does_and_says_the_same() {
        let text = "<a href=\"&\">\u{2028}\u{f6}\u{7f}\n";
        let bytes = json_string(text);
        let expected = "\"\\u003ca href=\\\"\\u0026\\\"\\u003e\\u2028\u{f6}\u{7f}\\n\"\n";
        assert_eq!(str::from_utf8(&bytes).unwrap(), expected);
        assert_eq!(serde_json::from_slice::<String>(&bytes).unwrap(), text);
    }
}
