//! What is done to one value without sending it: its TTL, its number, its end in
//! the cache.

use distcache::{Ttl, Until, codes};

use super::super::failure;
use super::key::{Call, not_found};
use crate::pairs::Pairs;
use crate::{Problem, Response};

impl Call<'_> {
    /// `GET .../ttl`: `{"ttl":SECONDS}`; `null` for a value that stays until it is
    /// evicted. Loads nothing, and is no use of the value.
    pub(super) async fn ttl(&self) -> Result<Response, Problem> {
        Pairs::of(self.request.query)?.finish("`ttl` takes no parameters")?;
        let ttl = self.keyspace.ttl_async(self.key).await;
        let document = match ttl.map_err(|error| failure::problem(&error))? {
            None => return Err(not_found()),
            Some(Ttl::UntilEvicted) => "{\"ttl\":null}\n".to_owned(),
            Some(Ttl::For(left)) => format!("{{\"ttl\":{}}}\n", left.as_secs_f64()),
        };
        Ok(Response::json(document.into_bytes()))
    }

    /// `POST .../touch[?ttl=S|none]`: the value stays so long from now on.
    pub(super) async fn touch(&self) -> Result<Response, Problem> {
        let mut pairs = Pairs::of(self.request.query)?;
        let until = pairs.take_ttl()?;
        pairs.finish("`touch` takes `ttl`")?;
        let was_there = match until {
            Until::Default => self.keyspace.touch_async(self.key).await,
            Until::For(ttl) => self.keyspace.expire_async(self.key, ttl).await,
            Until::Evicted => self.keyspace.persist_async(self.key).await,
        };
        no_content_if(was_there.map_err(|error| failure::problem(&error))?)
    }

    /// `POST .../increment[?by=N]`: `{"value":SUM}`.
    pub(super) async fn increment(&self) -> Result<Response, Problem> {
        let mut pairs = Pairs::of(self.request.query)?;
        let by = pairs.take("by")?.map_or(Ok(1), |text| whole(&text))?;
        pairs.finish("`increment` takes `by`")?;
        let sum = self.keyspace.increment_async(self.key, by).await;
        let sum = sum.map_err(|error| failure::problem(&error))?;
        Ok(Response::json(format!("{{\"value\":{sum}}}\n").into_bytes()))
    }

    /// `POST .../invalidate`: the store is not told.
    pub(super) async fn invalidate(&self) -> Result<Response, Problem> {
        Pairs::of(self.request.query)?.finish("`invalidate` of a key takes no parameters")?;
        let was_there = self.keyspace.invalidate_async(self.key).await;
        no_content_if(was_there.map_err(|error| failure::problem(&error))?)
    }
}

fn no_content_if(was_there: bool) -> Result<Response, Problem> {
    if was_there { Ok(Response::empty(204)) } else { Err(not_found()) }
}

/// A sign is as good as none, but not two.
fn whole(text: &str) -> Result<i64, Problem> {
    text.parse().map_err(|_no_number| {
        let detail = "`by` is a whole number from -9223372036854775808 to 9223372036854775807";
        Problem::new(400, codes::PARAMETER_INVALID).detail(detail)
    })
}
