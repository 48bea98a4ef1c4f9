//! Carries what members agree on over their links.

use std::fmt;
use std::sync::{OnceLock, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::time::Instant;

use crate::agreement::{Post, Unreached};
use crate::links::Links;
use crate::proto::reply::Outcome;
use crate::proto::request::Operation;
use crate::proto::{Reply, Request};
use crate::view::Address;
use crate::wire;

/// The agreement's post, over the links.
#[derive(Default)]
pub(super) struct LinkPost {
    /// Known when they have begun, which is after the agreement has.
    links: OnceLock<Weak<Links>>,
}

impl LinkPost {
    pub(super) fn begin(&self, links: Weak<Links>) {
        // Whoever begins says it once.
        let _ = self.links.set(links);
    }

    async fn carry(&self, to: &Address, message: Bytes, within: Duration) -> Result<Bytes, String> {
        let links = self.links.get().and_then(Weak::upgrade).ok_or("the links are closed")?;
        let address: wire::Address =
            to.as_str().parse().map_err(|error: wire::NotAnAddress| error.to_string())?;
        let operation = Some(Operation::Agreement(message));
        let request = Request { operation, ..Request::default() };
        let asked = links.call(&address, request, Instant::now() + within).await;
        match asked.map_err(|error| error.to_string())? {
            Reply { outcome: Some(Outcome::Agreement(answer)), .. } => Ok(answer),
            Reply { outcome: Some(Outcome::Busy(_)), .. } => Err("it is busy".to_owned()),
            _ => Err("it has answered something else".to_owned()),
        }
    }
}

impl Post for LinkPost {
    fn ask(
        &self,
        to: &Address,
        message: Bytes,
        within: Duration,
    ) -> BoxFuture<'_, Result<Bytes, Unreached>> {
        let to = to.clone();
        Box::pin(async move {
            let carried = self.carry(&to, message, within).await;
            carried.map_err(|why| Unreached { to, why })
        })
    }
}

impl fmt::Debug for LinkPost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkPost")
    }
}
