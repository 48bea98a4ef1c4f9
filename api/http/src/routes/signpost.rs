//! Where a key lives: told to who passes requests on, and could ask its owner at once.

use distcache::Engine;

use super::Aim;
use crate::cluster;
use crate::{HeaderName, Request, Response};

/// The header by which a member says who it is, at `/readyz`: its id, as `/v1/members` has
/// it.
pub const MEMBER_HEADER: &str = "distcache-member";

/// The header by which a member says who owns the key of a request, if that is another, to
/// one that came through somebody ([`HeaderName::Via`]): the owner's id.
pub const OWNER_HEADER: &str = "distcache-owner";

/// Adds who owns the key of a request, for who has passed it on. What it was aimed at is
/// read once more: of requests that come from clients nothing is.
pub(super) fn tell(engine: &Engine, request: &Request<'_>, response: Response) -> Response {
    if request.headers.value_of(HeaderName::Via).is_none() {
        return response;
    }
    match other_owner(engine, request) {
        Some(owner) => response.with_header(OWNER_HEADER, owner),
        None => response,
    }
}

fn other_owner(engine: &Engine, request: &Request<'_>) -> Option<String> {
    let aimed = Aim::of(request).key?;
    let keyspace = engine.keyspace(str::from_utf8(&aimed.keyspace).ok()?).ok()?;
    cluster::other_owner(&keyspace, &aimed.key)
}

/// Adds who this member is.
pub(super) fn introduce(engine: &Engine, response: Response) -> Response {
    match cluster::me(engine) {
        Some(me) => response.with_header(MEMBER_HEADER, me),
        None => response,
    }
}
