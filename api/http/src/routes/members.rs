//! `/v1/members`: who the members of the cluster are.

use distcache::Engine;

use super::document;
use crate::Response;
use crate::cluster::{self, Members};

/// `{"mode","cluster","me","address","epoch","leader","has_lease","weighs","members":[{"id",
/// "address","state","weight","zone"}]}`; of a server that is alone, without members.
pub(super) fn report(engine: &Engine) -> Response {
    document(&cluster::members(engine).unwrap_or_else(Members::alone))
}
