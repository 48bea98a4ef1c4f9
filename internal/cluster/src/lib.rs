//! INTERNAL to distcache: how processes become one cache.
//!
//! Members speak over [`links`], which carry frames over a [`wire`]; what is in
//! the frames is described in `api/cluster/distcache.proto`, and is [`proto`] here.
#![forbid(unsafe_code)]

pub mod links;
pub mod proto;
pub mod wire;
