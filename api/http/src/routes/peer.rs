//! `GET /_distcache/{group}/{key}`: the peer route of rohitlohar45/distcache, a
//! group being a keyspace.
//!
//! Everything behind the group is the key, slashes included, as it was there. The
//! answer is its protobuf message, `Response { bytes value = 1; }`; or the bytes
//! themselves for who asks for `application/octet-stream`.

use bytes::Bytes;
use distcache::{Keyspace, Value, codes};

use super::{failure, v1};
use crate::accept::Preference;
use crate::escapes::decode;
use crate::pairs::Pairs;
use crate::{HeaderName, Problem, Request, Response};

pub(super) async fn get(
    keyspace: &Keyspace,
    key: &str,
    request: &Request<'_>,
) -> Result<Response, Problem> {
    Pairs::of(request.query)?.finish("this path takes no parameters")?;
    let key = decode(key)?;
    if key.is_empty() {
        return Err(Problem::new(400, codes::KEY_MISSING).detail("nothing follows the group"));
    }
    let found = keyspace.get_async(&key).await.map_err(|error| failure::problem(&error))?;
    let found = found.ok_or_else(v1::not_found)?;
    let status = v1::cache_status(keyspace, &found);
    let value = found.into_value();
    let response = match Preference::of(request.headers.value_of(HeaderName::Accept)) {
        Preference::Json => Response::of_type(200, "application/x-protobuf", message(&value)),
        Preference::JsonThenOctets | Preference::Octets => {
            Response::octets(Bytes::from_owner(value))
        }
    };
    let response = response.with_header("cache-control", "no-cache");
    Ok(response
        .with_header("cache-status", status)
        .with_header("x-content-type-options", "nosniff"))
}

/// Field 1, of bytes: what protobuf calls wire type 2.
const VALUE_TAG: u8 = 1 << 3 | 2;

/// The message. A field that is empty is left out, as proto3 wants it.
fn message(value: &Value) -> Bytes {
    if value.is_empty() {
        return Bytes::new();
    }
    let mut message = Vec::with_capacity(value.len() + 11);
    message.push(VALUE_TAG);
    let mut length = value.len();
    while 0x7F < length {
        message.push(u8::try_from(length & 0x7F).expect("seven bits") | 0x80);
        length >>= 7;
    }
    message.push(u8::try_from(length).expect("seven bits"));
    message.extend_from_slice(value);
    message.into()
}
