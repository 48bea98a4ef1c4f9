//! What a node promises, fact by fact.

mod copies;
mod entries;
mod keyspaces;
mod lifetimes;
mod loads;
mod many;
mod no_cache;
mod support;
mod traces;
