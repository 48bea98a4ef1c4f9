//! A batch to the server, and what becomes of each of its items.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use distcache::{Code, codes};
use serde::{Deserialize, Serialize, Serializer};
use ureq::http::{HeaderValue, Method};

use crate::door::{Answer, Ask, Target};
use crate::fault::code_of;
use crate::{Door, Fault, Item, Life};

/// A value from here on goes as it is, and not as JSON.
const ALONE_BYTES_MIN: usize = 64 << 10;

/// Why it failed; none if it is stored.
type Outcome = Option<Code>;

/// Whether an item goes by a request of its own.
pub(super) fn goes_alone(item: &Item) -> bool {
    ALONE_BYTES_MIN <= item.value.len()
}

/// Sends items of different keys. What becomes of each, in their order.
///
/// # Errors
/// When the server does not answer, or nobody is let in; what has become of them
/// is unknown then.
pub(super) fn batch(door: &Door, keyspace: &str, items: &[&Item]) -> Result<Vec<Outcome>, Fault> {
    let mut outcomes = once(door, keyspace, items)?;
    for number in 0..door.retries() {
        let again: Vec<usize> =
            (0..items.len()).filter(|&at| outcomes[at].is_some_and(is_temporary)).collect();
        if again.is_empty() {
            break;
        }
        Door::wait_to_retry(number);
        let those: Vec<&Item> = again.iter().map(|&at| items[at]).collect();
        for (at, outcome) in again.iter().zip(once(door, keyspace, &those)?) {
            outcomes[*at] = outcome;
        }
    }
    Ok(outcomes)
}

fn once(door: &Door, keyspace: &str, items: &[&Item]) -> Result<Vec<Outcome>, Fault> {
    match items {
        [] => Ok(Vec::new()),
        [item] if goes_alone(item) => alone_or(door, keyspace, item, together),
        _ => together(door, keyspace, items),
    }
}

/// By `batch/put`.
fn together(door: &Door, keyspace: &str, items: &[&Item]) -> Result<Vec<Outcome>, Fault> {
    let target = Target::keyspace(keyspace, "batch/put");
    let body =
        serde_json::to_vec(&Puts { items: items.iter().map(|item| Put::of(item)).collect() })
            .expect("texts and numbers are JSON");
    let answer = door.call(&Ask {
        method: Method::POST,
        target: target.as_str(),
        content_type: Some(HeaderValue::from_static("application/json")),
        body: &body,
    })?;
    match (answer.status, items) {
        (200, _) => {
            results(&answer, items.len()).ok_or_else(|| door.strange(target.as_str(), &answer))
        }
        // Too long as JSON, and perhaps not as it is.
        (413, [item]) => {
            alone_or(door, keyspace, item, |_, _, _| refused(door, &target, &answer, 1))
        }
        // There is no such keyspace: no part of it would be better.
        (404, _) | (_, [_]) => refused(door, &target, &answer, items.len()),
        // One item must not fail the others: halves find it.
        (400..=499, _) => {
            let (first, second) = items.split_at(items.len() / 2);
            let mut outcomes = once(door, keyspace, first)?;
            outcomes.extend(once(door, keyspace, second)?);
            Ok(outcomes)
        }
        _ => refused(door, &target, &answer, items.len()),
    }
}

/// By `PUT`, with the value as it is; or by `otherwise` where the path would be too
/// long.
fn alone_or(
    door: &Door,
    keyspace: &str,
    item: &Item,
    otherwise: impl FnOnce(&Door, &str, &[&Item]) -> Result<Vec<Outcome>, Fault>,
) -> Result<Vec<Outcome>, Fault> {
    let target = Target::key(keyspace, &item.key);
    let target = match item.life {
        Life::OfKeyspace => target,
        Life::UntilEvicted => target.with("ttl", "none"),
        Life::Millis(ms) => target.with("ttl", &seconds(ms).to_string()),
    };
    let target = item.tags.iter().fold(target, |target, tag| target.with("tag", tag));
    if !target.is_short() {
        return otherwise(door, keyspace, &[item]);
    }
    let content_type = item.content_type.as_ref().map(|text| HeaderValue::from_str(text));
    let Ok(content_type) = content_type.transpose() else {
        return Ok(vec![Some(codes::CONTENT_TYPE_INVALID)]);
    };
    let answer = door.call(&Ask {
        method: Method::PUT,
        target: target.as_str(),
        content_type,
        body: &item.value,
    })?;
    if answer.status == 204 { Ok(vec![None]) } else { refused(door, &target, &answer, 1) }
}

/// The same for all.
fn refused(
    door: &Door,
    target: &Target,
    answer: &Answer,
    items: usize,
) -> Result<Vec<Outcome>, Fault> {
    match answer.code {
        Some(code) => Ok(vec![Some(code); items]),
        None => Err(door.strange(target.as_str(), answer)),
    }
}

/// Whether it may go well later: nothing was done, or nobody knows whether.
fn is_temporary(code: Code) -> bool {
    [
        codes::TIMED_OUT,
        codes::NODE_FAILED,
        codes::BUSY,
        codes::NO_NODES,
        codes::STORE_TIMED_OUT,
        codes::STORE_BUSY,
    ]
    .contains(&code)
}

#[derive(Deserialize)]
struct Results {
    results: Vec<Done>,
}

#[derive(Deserialize)]
struct Done {
    status: String,
    code: Option<String>,
}

/// What each item has become, if that is what the answer says.
fn results(answer: &Answer, items: usize) -> Option<Vec<Outcome>> {
    let Results { results } = serde_json::from_slice(&answer.body).ok()?;
    let outcome = |done: Done| match (done.status.as_str(), done.code) {
        ("stored", _) => Some(None),
        (_, Some(code)) => code_of(&code).map(Some),
        (_, None) => None,
    };
    let outcomes: Option<Vec<Outcome>> = results.into_iter().map(outcome).collect();
    outcomes.filter(|outcomes| outcomes.len() == items)
}

#[derive(Serialize)]
struct Puts<'a> {
    items: Vec<Put<'a>>,
}

#[derive(Serialize)]
struct Put<'a> {
    key: Octets<'a>,
    value: Octets<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<Ttl>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    tags: &'a [String],
}

impl<'a> Put<'a> {
    fn of(item: &'a Item) -> Self {
        let ttl = match item.life {
            Life::OfKeyspace => None,
            Life::UntilEvicted => Some(Ttl::None("none")),
            Life::Millis(ms) => Some(Ttl::Seconds(seconds(ms))),
        };
        Self {
            key: Octets(&item.key),
            value: Octets(&item.value),
            ttl,
            content_type: item.content_type.as_deref(),
            tags: &item.tags,
        }
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Ttl {
    None(&'static str),
    Seconds(f64),
}

/// Exact to a millisecond: ten years of them have 39 bits.
fn seconds(ms: u64) -> f64 {
    let (whole, rest) = (ms / 1_000, ms % 1_000);
    let whole = u32::try_from(whole).unwrap_or(u32::MAX);
    f64::from(whole) + f64::from(u16::try_from(rest).unwrap_or_default()) / 1_000.0
}

/// Bytes as the routes take them: a text, or `{"base64":"..."}`.
struct Octets<'a>(&'a [u8]);

#[derive(Serialize)]
struct InBase64 {
    base64: String,
}

impl Serialize for Octets<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match str::from_utf8(self.0) {
            Ok(text) => text.serialize(serializer),
            Err(_) => InBase64 { base64: STANDARD.encode(self.0) }.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_written_as_the_route_takes_them() {
        let line = br#"{"key":"a","value_base64":"/wA=","ttl_ms":1500,"tags":["t"]}"#;
        let other = br#"{"key":"b","value":"\n","ttl_ms":null,"content_type":"text/html"}"#;
        let items = [&line[..], &other[..]].map(|line| Item::parse(line).unwrap());
        let puts = Puts { items: items.iter().map(Put::of).collect() };
        let expected = concat!(
            r#"{"items":[{"key":"a","value":{"base64":"/wA="},"ttl":1.5,"tags":["t"]},"#,
            r#"{"key":"b","value":"\n","ttl":"none","content_type":"text/html"}]}"#
        );
        assert_eq!(serde_json::to_string(&puts).unwrap(), expected);
    }

    #[test]
    fn a_time_in_seconds_is_exact() {
        assert_eq!(seconds(1).to_string(), "0.001");
        assert_eq!(seconds(crate::TTL_MS_MAX).to_string(), "315360000");
        assert_eq!(seconds(crate::TTL_MS_MAX - 1).to_string(), "315359999.999");
    }
}
