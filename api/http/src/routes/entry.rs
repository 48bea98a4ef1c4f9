//! `/`: one entry of the cache, read, written and removed.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use distcache::{Item, Keyspace, Value, codes};

use super::{failure, json};
use crate::accept::Preference;
use crate::query::{Parameters, Takes, repeated_parameter, required_key};
use crate::{HeaderName, Problem, Request, Response};

/// `GET /?key=K`.
///
/// A value that is UTF-8 comes as JSON, and as bytes for those who prefer
/// `application/octet-stream`. One that is not cannot be JSON: 406 for those who
/// did not name that type.
pub(super) async fn get(keyspace: &Keyspace, request: &Request<'_>) -> Result<Response, Problem> {
    let key = Parameters::parse(request.query.unwrap_or_default(), Takes::Key)?.into_key()?;
    let found = keyspace.get_async(key.as_bytes()).await;
    let found = found.map_err(|error| failure::problem(&error))?;
    let value = found.ok_or_else(|| not_found(&key))?.into_value();
    let preference = Preference::of(request.headers.value_of(HeaderName::Accept));
    if preference == Preference::Octets {
        return Ok(octets(value));
    }
    match str::from_utf8(&value) {
        Ok(text) => Ok(Response::json(json::hit(&key, keyspace.owner(key.as_bytes()), text))),
        Err(_) if preference == Preference::JsonThenOctets => Ok(octets(value)),
        Err(_) => Err(Problem::new(406, codes::NOT_ACCEPTABLE)),
    }
}

/// `POST /?key=K[&value=V][&ttl=SECONDS]`.
///
/// Without `value` in the query, the body is the value: as it is, or, where it
/// is a form, that form's `value`; an empty body is an empty value. The answer
/// repeats the value, or `null` for one that is not UTF-8: it has been stored,
/// and `GET` with `Accept: application/octet-stream` returns it.
pub(super) async fn post(keyspace: &Keyspace, request: &Request<'_>) -> Result<Response, Problem> {
    let write = Write::of(request)?;
    let item = Item::new(write.key.as_bytes(), &write.value);
    let item = match write.ttl {
        Some(ttl) => item.ttl(ttl),
        None => item,
    };
    keyspace.put_item_async(&item).await.map_err(|error| failure::problem(&error))?;
    let text = str::from_utf8(&write.value).ok();
    Ok(Response::json(json::stored(&write.key, text)))
}

/// `DELETE /?key=K`.
pub(super) async fn delete(
    keyspace: &Keyspace,
    request: &Request<'_>,
) -> Result<Response, Problem> {
    let key = Parameters::parse(request.query.unwrap_or_default(), Takes::Key)?.into_key()?;
    let deleted = keyspace.delete_async(key.as_bytes()).await;
    let was_there = deleted.map_err(|error| failure::problem(&error))?;
    if was_there { Ok(Response::json(json::deleted(&key))) } else { Err(not_found(&key)) }
}

/// The bytes of a value, counted and not copied.
fn octets(value: Value) -> Response {
    Response::octets(Bytes::from_owner(value))
}

fn not_found(key: &str) -> Problem {
    Problem::new(404, codes::NOT_FOUND).detail(format!("there is no value for the key {key:?}"))
}

/// What a POST asks to store.
struct Write<'a> {
    key: Cow<'a, str>,
    value: Cow<'a, [u8]>,
    ttl: Option<Duration>,
}

impl<'a> Write<'a> {
    fn of(request: &'a Request<'_>) -> Result<Self, Problem> {
        let query = Parameters::parse(request.query.unwrap_or_default(), Takes::KeyValueTtl)?;
        let body = &request.body[..];
        match query.value {
            Some(_) if !body.is_empty() => Err(Problem::new(400, codes::VALUE_TWICE)),
            Some(value) => {
                let value = match value {
                    Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                    Cow::Owned(text) => Cow::Owned(text.into_bytes()),
                };
                Ok(Self { key: required_key(query.key)?, value, ttl: query.ttl })
            }
            None if !body.is_empty() && is_form(request) => Self::of_form(query, body),
            None => Ok(Self { key: required_key(query.key)?, value: body.into(), ttl: query.ttl }),
        }
    }

    /// A form gives the value, and the key and the ttl unless the query did.
    fn of_form(query: Parameters<'a>, body: &'a [u8]) -> Result<Self, Problem> {
        let text = str::from_utf8(body).ok().ok_or_else(form_without_value)?;
        let form = Parameters::parse(text, Takes::KeyValueTtl).map_err(|problem| {
            // `curl -d hello` sends its text as a form too: say what it takes.
            if names_value(text) { problem } else { form_without_value() }
        })?;
        let value = form.value.ok_or_else(form_without_value)?;
        Ok(Self {
            key: required_key(one_of(query.key, form.key, "key")?)?,
            value: value.into_owned().into_bytes().into(),
            ttl: one_of(query.ttl, form.ttl, "ttl")?,
        })
    }
}

/// What is given in the query or in the form, but not in both.
fn one_of<T>(query: Option<T>, form: Option<T>, name: &str) -> Result<Option<T>, Problem> {
    match (query, form) {
        (Some(_), Some(_)) => Err(repeated_parameter(name)),
        (query, form) => Ok(query.or(form)),
    }
}

fn is_form(request: &Request<'_>) -> bool {
    let content_type = request.headers.value_of(HeaderName::ContentType).unwrap_or_default();
    let media_type = content_type.split(|&byte| byte == b';').next().unwrap_or_default();
    media_type.trim_ascii().eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
}

fn names_value(form: &str) -> bool {
    form.split('&').any(|pair| pair.split('=').next() == Some("value"))
}

fn form_without_value() -> Problem {
    Problem::new(400, codes::FORM_WITHOUT_VALUE)
}
