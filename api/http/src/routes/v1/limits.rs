//! `/v1/limits`: every bound, and how far it was ever filled.

use distcache::{Bound, Engine};
use serde::Serialize;

use super::super::{document, failure};
use super::batch;
use crate::events::Hub;
use crate::observe::Observer;
use crate::{Problem, Response};

/// `{"limits":[{"name","unit","keyspace","max","used","peak","reached"}]}`; `keyspace`
/// is null for what all of them share, `used` and `peak` where nobody can tell.
pub(in crate::routes) async fn report(
    engine: &Engine,
    observer: &Observer,
    events: &Hub,
) -> Result<Response, Problem> {
    let bounds = engine.limits_async().await.map_err(|error| failure::problem(&error))?;
    let mut doors = observer.door.bounds();
    doors.push(events.bound());
    doors.push(Bound::new("batch_keys", "keys", batch::KEYS_MAX as u64));
    Ok(of_bounds(doors.iter().chain(&bounds)))
}

/// The same of these bounds.
pub(crate) fn of_bounds<'a>(bounds: impl Iterator<Item = &'a Bound>) -> Response {
    document(&Limits { limits: bounds.map(BoundView::of).collect() })
}

#[derive(Serialize)]
struct Limits<'a> {
    limits: Vec<BoundView<'a>>,
}

#[derive(Serialize)]
struct BoundView<'a> {
    name: &'a str,
    unit: &'a str,
    keyspace: Option<&'a str>,
    max: u64,
    used: Option<u64>,
    peak: Option<u64>,
    reached: u64,
}

impl<'a> BoundView<'a> {
    fn of(bound: &'a Bound) -> Self {
        let Bound { name, unit, keyspace, max, used, peak, reached } = bound;
        let (max, used, peak, reached) = (*max, *used, *peak, *reached);
        Self { name, unit, keyspace: keyspace.as_deref(), max, used, peak, reached }
    }
}
