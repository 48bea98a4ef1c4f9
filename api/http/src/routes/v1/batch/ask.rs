//! What a batch asks for.

use std::fmt;
use std::time::Duration;

use distcache::{Item, Until, Version, codes};
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use super::KEYS_MAX;
use crate::etag::Tagger;
use crate::list::List;
use crate::object::Object;
use crate::octets::Octets;
use crate::{Problem, body, pairs};

/// Tags that an item may list: more than a value can have.
pub(crate) const TAGS_MAX: usize = 64;

/// `{"keys":[...]}`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Keys<'a> {
    #[serde(borrow)]
    keys: List<Octets<'a>, KEYS_MAX>,
}

const KEYS_LIKE: &str = r#"{"keys":["text",{"base64":"..."}]}"#;

impl<'a> Keys<'a> {
    pub(super) fn read(body: &'a [u8]) -> Result<Self, Problem> {
        let Object(asked): Object<Self> = body::read(body, KEYS_LIKE)?;
        check_count(&asked.keys)?;
        check_keys(&asked.keys.kept)?;
        Ok(asked)
    }

    pub(super) fn bytes(&self) -> Vec<&[u8]> {
        self.keys.kept.iter().map(|key| &*key.0).collect()
    }
}

/// `{"items":[{"key":...,"value":...}]}`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Items<'a> {
    #[serde(borrow)]
    items: List<Object<Put<'a>>, KEYS_MAX>,
}

const ITEMS_LIKE: &str = "{\"items\":[{\"key\":\"text\",\"value\":{\"base64\":\"...\"},\
    \"ttl\":SECONDS or \"none\",\"tags\":[\"...\"],\"content_type\":\"...\",\"if_match\":\"VERSION\" or \"*\",\
    \"if_none_match\":\"*\"}]}, where key and value must be, and a version is what a batch said";

/// One value to be put.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Put<'a> {
    #[serde(borrow)]
    key: Octets<'a>,
    #[serde(borrow)]
    value: Octets<'a>,
    #[serde(default)]
    ttl: Lifetime,
    #[serde(default)]
    tags: List<String, TAGS_MAX>,
    #[serde(default)]
    content_type: Option<String>,
    #[serde(default)]
    if_match: Option<String>,
    #[serde(default)]
    if_none_match: Option<Star>,
}

/// What is to be put.
pub(super) struct Puts<'a>(pub(super) Vec<Put<'a>>);

impl<'a> Puts<'a> {
    pub(super) fn read(body: &'a [u8]) -> Result<Self, Problem> {
        let Object(asked): Object<Items<'a>> = body::read(body, ITEMS_LIKE)?;
        check_count(&asked.items)?;
        let items: Vec<Put<'a>> = asked.items.kept.into_iter().map(|Object(put)| put).collect();
        check_keys(items.iter().map(|item| &item.key))?;
        if items.iter().any(|item| item.if_match.is_some() && item.if_none_match.is_some()) {
            let detail = "an item takes `if_match` or `if_none_match`, not both";
            return Err(Problem::new(400, codes::CONDITION_INVALID).detail(detail));
        }
        Ok(Self(items))
    }
}

impl Put<'_> {
    pub(super) fn item(&self, tagger: Tagger) -> Item<'_> {
        let item = Item::new(&self.key.0, &self.value.0).until(self.ttl.0);
        let content_type = self.content_type.as_deref();
        let item = content_type.into_iter().fold(item, Item::content_type);
        // One more than can be is told by the engine, for this key alone.
        let item = self.tags.kept.iter().fold(item, |item, tag| item.tag(tag));
        match (self.if_match.as_deref(), &self.if_none_match) {
            (None, None) => item,
            (None, Some(Star)) => item.if_absent(),
            (Some("*"), _) => item.if_present(),
            // No value that is kept has the version zero.
            (Some(tag), _) => item.if_version(tagger.version(tag).unwrap_or(Version::ZERO)),
        }
    }
}

fn check_count<T>(list: &List<T, KEYS_MAX>) -> Result<(), Problem> {
    if !list.is_too_long() {
        return Ok(());
    }
    let detail = format!("the batch has {} keys, and at most {KEYS_MAX} are taken", list.count);
    Err(Problem::new(413, codes::BATCH_TOO_LARGE).detail(detail))
}

fn check_keys<'a>(keys: impl IntoIterator<Item = &'a Octets<'a>>) -> Result<(), Problem> {
    let empty = keys.into_iter().position(|key| key.0.is_empty());
    let Some(at) = empty else { return Ok(()) };
    let detail = format!("key number {} of the batch is empty", at + 1);
    Err(Problem::new(400, codes::KEY_MISSING).detail(detail))
}

/// `ttl`: seconds, or `"none"`.
#[derive(Default)]
struct Lifetime(Until);

impl<'de> Deserialize<'de> for Lifetime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LifetimeVisitor).map(Self)
    }
}

struct LifetimeVisitor;

impl Visitor<'_> for LifetimeVisitor {
    type Value = Until;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("seconds, or \"none\"")
    }

    fn visit_u64<E: Error>(self, seconds: u64) -> Result<Until, E> {
        self.visit_f64(u32::try_from(seconds).map_or(f64::INFINITY, f64::from))
    }

    fn visit_f64<E: Error>(self, seconds: f64) -> Result<Until, E> {
        let in_range = (pairs::TTL_SECONDS_MIN..=pairs::TTL_SECONDS_MAX).contains(&seconds);
        let ttl = in_range.then(|| Duration::from_secs_f64(seconds));
        ttl.map(Until::For).ok_or_else(|| E::custom("out of range"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Until, E> {
        if text == "none" { Ok(Until::Evicted) } else { Err(E::custom("neither of them")) }
    }
}

/// `"*"`, and nothing else.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Star;

impl TryFrom<String> for Star {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        if text == "*" { Ok(Self) } else { Err("only `*` can stand here") }
    }
}
