//! The same surface for a server that was built without the feature `cluster`: it is
//! alone.

#[path = "view.rs"]
mod view;
pub(crate) use view::{Member, Members};

use distcache::{Engine, Keyspace};

use crate::etag::Tagger;

pub(crate) fn members(_: &Engine) -> Option<Members> {
    None
}

pub(crate) fn me(_: &Engine) -> Option<String> {
    None
}

pub(crate) fn other_owner(_: &Keyspace, _: &[u8]) -> Option<String> {
    None
}

pub(crate) fn tagger(_: &Engine) -> Option<Tagger> {
    None
}
