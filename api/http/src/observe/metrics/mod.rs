//! `/metrics`: what is counted and measured, as `OpenMetrics`.
//!
//! Nothing is registered beforehand, and nothing is global: each scrape asks the
//! engine and the doors, and writes what they tell. A label is the name of a
//! keyspace, a node, or one of a few words; never a key.

mod doors;
mod engine;
mod family;

use family::Families;
pub use family::{Family, Labels};

use distcache::{Bound, CacheError, Engine, Error};
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;

use super::Observer;
use crate::Response;

/// As a scraper asks for it: text of `OpenMetrics` 1.0.
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Everything, as it is now.
pub(crate) async fn scrape(engine: &Engine, observer: &Observer) -> Result<Response, Error> {
    let mut families = doors::families(observer);
    families.extend(engine::families(engine, observer).await?);
    Ok(page(families))
}

/// What is told where there is no engine: of the door, of bounds, and more.
pub(crate) fn of_front(
    observer: &Observer,
    bounds: impl Iterator<Item = Bound>,
    more: Vec<Family>,
) -> Vec<Family> {
    let mut families = doors::families(observer);
    families.extend(doors::of_bounds(bounds));
    families.extend(more);
    families
}

/// All of them on a page.
pub(crate) fn page(families: Vec<Family>) -> Response {
    let mut registry = Registry::with_prefix("distcache");
    registry.register_collector(Box::new(Families(families)));
    let mut page = String::new();
    text::encode(&mut page, &registry).expect("a String takes all text");
    Response::of_type(200, CONTENT_TYPE, page.into())
}

/// Whether a keyspace was removed while its numbers were asked for.
fn is_gone(error: &Error) -> bool {
    matches!(error, Error::Cache(CacheError::KeyspaceUnknown { .. }))
}
