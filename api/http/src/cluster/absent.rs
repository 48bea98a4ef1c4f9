//! The same surface for a server that was built without the feature `cluster`: it is
//! alone.

#[path = "view.rs"]
mod view;
pub(crate) use view::{Member, Members};

use distcache::Engine;

use crate::etag::Tagger;

pub(crate) fn members(_: &Engine) -> Option<Members> {
    None
}

pub(crate) fn tagger(_: &Engine) -> Option<Tagger> {
    None
}
