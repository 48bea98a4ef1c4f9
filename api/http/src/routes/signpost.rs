//! Where a key lives: told to who passes requests on, and could ask its owner at once.

use distcache::Engine;

use super::aim::Entry;
use crate::cluster;
use crate::{HeaderName, Request, Response};

/// The header by which a member says who it is, at `/readyz`: its id, as `/v1/members` has
/// it.
pub const MEMBER_HEADER: &str = "distcache-member";

/// The header by which a member says who owns the key of a request, if that is another, to
/// one that came through somebody ([`HeaderName::Via`]): the owner's id.
pub const OWNER_HEADER: &str = "distcache-owner";

/// Adds who owns the entry that a request is about, for who has passed it on.
pub(super) fn tell(
    entry: Option<&Entry<'_>>,
    request: &Request<'_>,
    response: Response,
) -> Response {
    let passed_on = entry.filter(|_| request.headers.value_of(HeaderName::Via).is_some());
    match passed_on.and_then(|Entry { keyspace, key }| cluster::other_owner(keyspace, key)) {
        Some(owner) => response.with_header(OWNER_HEADER, owner),
        None => response,
    }
}

/// Adds who this member is.
pub(super) fn introduce(engine: &Engine, response: Response) -> Response {
    match cluster::me(engine) {
        Some(me) => response.with_header(MEMBER_HEADER, me),
        None => response,
    }
}
