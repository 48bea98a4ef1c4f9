//! What stands in a path, a query or a header.

use distcache::HOT_KEYS_MAX;
use serde_json::{Value, json};

use crate::pairs::{TTL_SECONDS_MAX, TTL_SECONDS_MIN};
use crate::query;
use crate::routes::v1::keyspaces::hot;
use crate::routes::v1::keyspaces::walks::{ENTRIES, ENTRIES_MAX, PATTERN_BYTES_MAX};

/// As many as a value can bear; a test of the doors gives one more.
pub(super) const TAGS_MAX: usize = 31;
/// The bytes that a keyspace's name has at most: one character is one or more.
const NAME_CHARS_MAX: usize = 255;

/// An epoch, a node and a place, of which none is so large as to need all digits.
pub(super) const CURSOR: &str = "^[1-9][0-9]{0,18}-[0-9]{1,9}-[0-9]{1,19}$";

/// Where a parameter stands.
const PATH: &str = "path";
const QUERY: &str = "query";
const HEADER: &str = "header";

fn parameter(place: &str, name: &str, description: &str, schema: Value, example: Value) -> Value {
    json!({
        "in": place, "name": name, "required": place == PATH, "description": description,
        "schema": schema, "example": example,
    })
}

fn required(mut parameter: Value) -> Value {
    parameter["required"] = true.into();
    parameter
}

/// Names of keyspaces have no slash and no control character.
pub(super) fn keyspace(example: &str) -> Value {
    let schema = json!({
        "type": "string", "minLength": 1, "maxLength": NAME_CHARS_MAX,
        "pattern": "^[^/\\u0000-\\u001f\\u007f-\\u009f]+$",
    });
    parameter(
        PATH,
        "keyspace",
        "The name of a keyspace: at most 255 bytes.",
        schema,
        example.into(),
    )
}

pub(super) fn key() -> Value {
    let schema = json!({"type": "string", "minLength": 1});
    let description = "Any bytes, percent-encoded; a slash is `%2F`, a plus is a plus.";
    parameter(PATH, "key", description, schema, "user:42".into())
}

/// The key of the peer route, which takes all that is left of the path.
pub(super) fn key_with_slashes() -> Value {
    let mut key = key();
    key["description"] = "Any bytes, percent-encoded; a slash may be written as it is.".into();
    key
}

/// The key of `/`.
pub(super) fn key_in_query() -> Value {
    let schema = json!({"type": "string", "minLength": 1});
    required(parameter(QUERY, "key", "UTF-8; a plus is a blank.", schema, "user:42".into()))
}

pub(super) fn value_in_query() -> Value {
    let description = "The value. Without it, the body is the value; not both.";
    parameter(QUERY, "value", description, json!({"type": "string"}), "Ada".into())
}

/// The value of `/cache/set`.
pub(super) fn a_value_in_query() -> Value {
    let schema = json!({"type": "string", "minLength": 1});
    required(parameter(QUERY, "value", "UTF-8; a plus is a blank.", schema, "Ada".into()))
}

/// The TTL of `/cache/set`.
pub(super) fn a_whole_ttl() -> Value {
    required(whole_ttl())
}

pub(super) fn whole_ttl() -> Value {
    let schema = json!({"type": "integer", "minimum": 1, "maximum": query::TTL_SECONDS_MAX});
    parameter(QUERY, "ttl", "Seconds. Without it, what the keyspace says.", schema, 60.into())
}

pub(super) fn ttl() -> Value {
    let schema = json!({"oneOf": [
        {"type": "number", "minimum": TTL_SECONDS_MIN, "maximum": TTL_SECONDS_MAX},
        {"const": "none"},
    ]});
    let description = "Seconds, with a fraction if wanted and without an exponent; `none` for a \
        value that stays until it is evicted. Without it, what the keyspace says.";
    parameter(QUERY, "ttl", description, schema, 60.into())
}

pub(super) fn tags() -> Value {
    let schema = json!({"type": "array", "items": {"type": "string"}, "maxItems": TAGS_MAX});
    let description = "A tag by which the value can be forgotten; several are given one by one.";
    parameter(QUERY, "tag", description, schema, json!(["people"]))
}

pub(super) fn prefix() -> Value {
    let schema = json!({"type": "string", "minLength": 1});
    let description = "What the keys begin with. Either this or `tag`.";
    let mut prefix = parameter(QUERY, "prefix", description, schema, Value::Null);
    prefix.as_object_mut().expect("an object").remove("example");
    prefix
}

pub(super) fn by() -> Value {
    let schema = json!({"type": "integer", "format": "int64", "default": 1});
    parameter(QUERY, "by", "What to add.", schema, 1.into())
}

pub(super) fn pattern() -> Value {
    let schema = json!({"type": "string", "maxLength": PATTERN_BYTES_MAX, "default": "*"});
    let description = "Which keys: `*` is any bytes, `?` one byte, `[a-z]` one of these.";
    parameter(QUERY, "pattern", description, schema, "user:*".into())
}

pub(super) fn cursor() -> Value {
    let schema = json!({"type": "string", "pattern": CURSOR});
    let description = "What the page before said; without it, from the beginning.";
    parameter(QUERY, "cursor", description, schema, "1-0-0".into())
}

pub(super) fn limit() -> Value {
    let schema =
        json!({"type": "integer", "minimum": 1, "maximum": ENTRIES_MAX, "default": ENTRIES});
    parameter(QUERY, "limit", "How many entries to look at.", schema, 10.into())
}

pub(super) fn hot_limit() -> Value {
    let schema =
        json!({"type": "integer", "minimum": 1, "maximum": HOT_KEYS_MAX, "default": hot::KEYS});
    parameter(QUERY, "limit", "How many keys to list.", schema, 10.into())
}

pub(super) fn invalidations() -> Value {
    let schema = json!({"type": "boolean", "default": false});
    let description = "Whether to tell of each entry that has gone, by a hash of its key.";
    parameter(QUERY, "invalidations", description, schema, true.into())
}

/// What a condition's header may hold: at most 32 tags.
fn tag_list() -> Value {
    let tags = "^(W/)?\"[!#-~]*\"(, *(W/)?\"[!#-~]*\"){0,31}$";
    json!({"oneOf": [{"const": "*"}, {"type": "string", "pattern": tags}]})
}

pub(super) fn if_match() -> Value {
    let description = "Only if the value is one of these: `ETag`s, or `*` for any.";
    parameter(HEADER, "If-Match", description, tag_list(), "*".into())
}

pub(super) fn if_none_match() -> Value {
    let description = "Only if the value is none of these: `ETag`s, or `*` for any.";
    parameter(HEADER, "If-None-Match", description, tag_list(), "\"0-0\"".into())
}

pub(super) fn if_absent() -> Value {
    let description = "Only if there is no value.";
    let mut header =
        parameter(HEADER, "If-None-Match", description, json!({"const": "*"}), Value::Null);
    header.as_object_mut().expect("an object").remove("example");
    header
}

pub(super) fn cache_control() -> Value {
    let description = "`only-if-cached`: nothing is loaded.";
    parameter(
        HEADER,
        "Cache-Control",
        description,
        json!({"type": "string"}),
        "only-if-cached".into(),
    )
}
