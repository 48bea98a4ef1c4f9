//! Any text as a query, or as a form.

use distcache::codes::{self, Code};
use distcache_http::{HeaderName, Method};
use serde_json::{Value, json};

use super::reading::{escaped, pairs};
use super::server::{Answer, Ask, KEY, Server, VALUE};

/// What is asked with the text.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Asked {
    Get,
    Delete,
    /// Once as a query, once as a form.
    Post,
    Put,
    Touch,
    Increment,
    Scan,
    Invalidate,
}

impl Asked {
    pub(crate) const ALL: [Self; 8] = [
        Self::Get,
        Self::Delete,
        Self::Post,
        Self::Put,
        Self::Touch,
        Self::Increment,
        Self::Scan,
        Self::Invalidate,
    ];
}

/// What is asked is what the text says, read a second time; else it is refused with
/// the right code, and has changed nothing.
pub(crate) fn holds(server: &Server, asked: Asked, query: &str) {
    server.begin();
    match asked {
        Asked::Get => read(server, Method::Get, query),
        Asked::Delete => read(server, Method::Delete, query),
        Asked::Post => post(server, query),
        Asked::Put => put(server, query),
        Asked::Touch => touch(server, query),
        Asked::Increment => increment(server, query),
        Asked::Scan => scan(server, query),
        Asked::Invalidate => invalidate(server, query),
    }
}

/// What the parameters of `/` say.
#[derive(Debug, Default)]
struct Meant {
    key: Option<String>,
    value: Option<String>,
    ttl: Option<String>,
}

/// Reads them a second time.
fn meant(query: &str) -> Result<Meant, Code> {
    let mut meant = Meant::default();
    for (name, text) in pairs(query).ok_or(codes::ENCODING_INVALID)? {
        let place = match &*name {
            "key" => &mut meant.key,
            "value" => &mut meant.value,
            "ttl" if !is_whole_seconds(&text) => return Err(codes::TTL_INVALID),
            "ttl" => &mut meant.ttl,
            _ => return Err(codes::PARAMETER_UNKNOWN),
        };
        if place.replace(text).is_some() {
            return Err(codes::PARAMETER_REPEATED);
        }
    }
    Ok(meant)
}

/// From a second to ten years.
fn is_whole_seconds(text: &str) -> bool {
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let digits = text.trim_start_matches('0');
    let seconds = if digits.len() < 12 { digits.parse().unwrap_or(0) } else { u64::MAX };
    is_digits && (1..=315_360_000).contains(&seconds)
}

fn required(key: Option<String>) -> Result<String, Code> {
    key.filter(|key| !key.is_empty()).ok_or(codes::KEY_MISSING)
}

/// `GET` and `DELETE` of `/`.
fn read(server: &Server, method: Method, query: &str) {
    let answer = server.ask_first(Ask::new(method, "/").query(query));
    let key = meant(query).and_then(|meant| match (meant.value, meant.ttl) {
        (None, None) => required(meant.key),
        _ => Err(codes::PARAMETER_UNKNOWN),
    });
    match key {
        Err(code) => assert!(answer.is(400, code), "{query:?} is {code}: {answer:?}"),
        Ok(key) if key == KEY => assert_eq!(answer.status, 200, "{query:?}"),
        Ok(key) => assert!(answer.is(404, codes::NOT_FOUND), "{key:?}: {answer:?}"),
    }
}

/// `POST` of `/`: what was stored is told, and read again.
fn post(server: &Server, query: &str) {
    let answer = server.ask_first(Ask::new(Method::Post, "/").query(query));
    let meant = meant(query);
    let has_value = meant.as_ref().is_ok_and(|meant| meant.value.is_some());
    match meant.and_then(|meant| Ok((required(meant.key)?, meant.value.unwrap_or_default()))) {
        Err(code) => assert!(answer.is(400, code), "{query:?} is {code}: {answer:?}"),
        Ok((key, value)) => {
            assert_eq!(answer.json(), json!({"key": key, "value": value}), "{query:?}");
            assert_stored(server, &key, &value);
        }
    }
    server.begin();
    let form = post_form(server, query);
    if has_value {
        // As a form it says the same.
        let told = |answer: &Answer| (answer.status, answer.code.clone(), answer.body.clone());
        assert_eq!(told(&form), told(&answer), "{query:?}");
    } else {
        assert_eq!(form.status, 400, "{query:?}: {form:?}");
    }
}

fn post_form(server: &Server, form: &str) -> Answer {
    let kind = [(HeaderName::ContentType, b"application/x-www-form-urlencoded".to_vec())];
    server.ask_first(Ask::new(Method::Post, "/").headers(&kind).body(form.as_bytes()))
}

/// The key is there, byte for byte, with the value; written otherwise, it is found.
fn assert_stored(server: &Server, key: &str, value: &str) {
    assert!(server.keys().contains(key.as_bytes()), "{key:?} is not there");
    let query = format!("key={}", escaped(key.as_bytes()));
    let got = server.ask(Ask::new(Method::Get, "/").query(&query)).json();
    assert_eq!((&got["key"], &got["value"]), (&json!(key), &json!(value)));
}

const ENTRY: &str = "/v1/keyspaces/default/keys/kept";

/// The texts of a name; none where the query cannot be read.
fn given(query: &str, name: &str) -> Vec<String> {
    let pairs = pairs(query).unwrap_or_default();
    pairs.into_iter().filter(|(known, _)| known == name).map(|(_, text)| text).collect()
}

/// Whether the query can be read, and has these names only.
fn names_only(query: &str, names: &[&str]) -> bool {
    pairs(query).is_some_and(|pairs| pairs.iter().all(|(name, _)| names.contains(&&**name)))
}

/// Any of its tags forgets what was put with them; its TTL is kept.
fn put(server: &Server, query: &str) {
    let answer = server.ask_first(Ask::new(Method::Put, ENTRY).query(query).body(b"new"));
    let (ttls, tags) = (given(query, "ttl"), given(query, "tag"));
    if answer.status != 204 {
        let is_plain = names_only(query, &["tag"])
            && tags.len() <= TAGS_MAX
            && query.matches('&').count() < PAIRS_MAX;
        return assert!(!is_plain && answer.status == 400, "{query:?}: {answer:?}");
    }
    assert!(names_only(query, &["ttl", "tag"]) && ttls.len() < 2, "{query:?}");
    assert_ttl(server, ttls.first().map(String::as_str));
    if let Some(tag) = tags.last() {
        let query = format!("tag={}", escaped(tag.as_bytes()));
        let path = "/v1/keyspaces/default/invalidate";
        assert_eq!(server.ask(Ask::new(Method::Post, path).query(&query)).status, 204);
        assert_eq!(server.ask(Ask::new(Method::Get, ENTRY)).status, 404, "{tag:?}");
    }
}

/// Tags that a value can have, and parameters that a query can.
const TAGS_MAX: usize = 31;
const PAIRS_MAX: usize = 64;

fn touch(server: &Server, query: &str) {
    let path = format!("{ENTRY}/touch");
    let answer = server.ask_first(Ask::new(Method::Post, &path).query(query));
    if answer.status == 204 {
        let ttls = given(query, "ttl");
        assert!(names_only(query, &["ttl"]) && ttls.len() < 2, "{query:?}");
        assert_ttl(server, ttls.first().map(String::as_str));
    } else {
        assert!(answer.status == 400 && !query.is_empty(), "{query:?}: {answer:?}");
    }
}

/// Some of the seconds that were asked for are left, and none beyond.
fn assert_ttl(server: &Server, asked: Option<&str>) {
    let left = server.ask(Ask::new(Method::Get, &format!("{ENTRY}/ttl")));
    match asked {
        None | Some("none") => assert_eq!(left.json()["ttl"], Value::Null, "{asked:?}"),
        Some(seconds) => {
            let seconds: f64 = seconds.parse().expect("what was taken is a number");
            // Of a short time nothing may be left by now.
            let left = if left.status == 404 {
                0.0
            } else {
                left.json()["ttl"].as_f64().expect("seconds")
            };
            assert!(
                left <= seconds + 0.001 && (left != 0.0 || seconds < 60.0),
                "{left} of {seconds}"
            );
        }
    }
}

fn increment(server: &Server, query: &str) {
    let path = "/v1/keyspaces/default/keys/n/increment";
    let answer = server.ask_first(Ask::new(Method::Post, path).query(query));
    let by = given(query, "by");
    if answer.is_refusal() {
        return assert!(answer.status == 400 && !query.is_empty(), "{query:?}: {answer:?}");
    }
    assert!(names_only(query, &["by"]) && by.len() < 2, "{query:?}");
    let by: i64 =
        by.first().map_or(Ok(1), |text| text.parse()).expect("what was taken is a number");
    assert_eq!(answer.json(), json!({"value": by}), "{query:?}");
}

/// A page has no other keys than there are.
fn scan(server: &Server, query: &str) {
    let answer = server.ask_first(Ask::new(Method::Get, "/v1/keyspaces/default/scan").query(query));
    if answer.is_refusal() {
        let is_plain = names_only(query, &[]);
        return assert!(answer.status == 400 && !is_plain, "{query:?}: {answer:?}");
    }
    assert!(names_only(query, &["pattern", "cursor", "limit"]), "{query:?}");
    assert!(["pattern", "cursor", "limit"].iter().all(|name| given(query, name).len() < 2));
    let keys = answer.json()["keys"].as_array().expect("a list").clone();
    assert!(keys.is_empty() || keys == [KEY], "{query:?}: {keys:?}");
    let is_all = given(query, "cursor").is_empty() && given(query, "pattern").is_empty();
    assert!(!is_all || !keys.is_empty() || !given(query, "limit").is_empty(), "{query:?}");
}

/// What does not begin with the prefix stays.
fn invalidate(server: &Server, query: &str) {
    let path = "/v1/keyspaces/default/invalidate";
    let answer = server.ask_first(Ask::new(Method::Post, path).query(query));
    if answer.is_refusal() {
        return assert_eq!(answer.status, 400, "{query:?}: {answer:?}");
    }
    assert!(names_only(query, &["tag", "prefix"]), "{query:?}");
    let prefix = given(query, "prefix");
    assert!(prefix.len() < 2, "{query:?}");
    let is_gone = prefix.first().is_some_and(|prefix| KEY.starts_with(&**prefix));
    let kept = server.keyspace().peek(KEY.as_bytes()).expect("the engine runs");
    let value = kept.map(|kept| kept.to_vec());
    assert_eq!(value.as_deref(), (!is_gone).then_some(VALUE.as_bytes()), "{query:?}");
}
