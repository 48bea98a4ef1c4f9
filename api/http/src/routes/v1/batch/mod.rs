//! `POST /v1/keyspaces/{ks}/batch/get|put|delete`: many keys in one request, a
//! result for each, in their order.

mod answer;
pub(crate) mod ask;

use distcache::{Item, Keyspace};

use crate::etag::Tagger;
use crate::pairs::Pairs;
use crate::{Problem, Request, Response};
use answer::Results;
use ask::{Keys, Puts};

/// What a batch does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::routes) enum OfBatch {
    Get,
    Put,
    Delete,
}

/// Keys that one batch may have: as many as a node serves within a millisecond.
pub(crate) const KEYS_MAX: usize = 1_000;

/// A request about many keys.
pub(in crate::routes) struct Batch<'a> {
    pub(in crate::routes) keyspace: &'a Keyspace,
    pub(in crate::routes) tagger: Tagger,
    pub(in crate::routes) request: &'a Request<'a>,
}

impl Batch<'_> {
    pub(in crate::routes) async fn answer(&self, does: OfBatch) -> Result<Response, Problem> {
        Pairs::of(self.request.query)?.finish("a batch takes no parameters")?;
        match does {
            OfBatch::Get => self.get().await,
            OfBatch::Put => self.put().await,
            OfBatch::Delete => self.delete().await,
        }
    }

    async fn get(&self) -> Result<Response, Problem> {
        let asked = Keys::read(&self.request.body)?;
        let keys = asked.bytes();
        let answers = self.keyspace.get_many_async(&keys).await;
        let values = answers.iter().flatten().flatten().map(|found| found.len()).sum();
        let mut results = Results::with_room_for(answers.len(), values, self.tagger);
        for answer in &answers {
            match answer {
                Ok(Some(found)) => results.found(found),
                Ok(None) => results.plain("absent"),
                Err(error) => results.failed(error),
            }
        }
        Ok(results.response().of_a_read())
    }

    async fn put(&self) -> Result<Response, Problem> {
        let asked = Puts::read(&self.request.body)?;
        let items: Vec<Item<'_>> = asked.0.iter().map(|put| put.item(self.tagger)).collect();
        let answers = self.keyspace.put_many_async(&items).await;
        let mut results = Results::with_room_for(answers.len(), 0, self.tagger);
        for answer in &answers {
            match answer {
                Ok(version) => results.stored(*version),
                Err(error) => results.failed(error),
            }
        }
        Ok(results.response())
    }

    async fn delete(&self) -> Result<Response, Problem> {
        let asked = Keys::read(&self.request.body)?;
        let answers = self.keyspace.delete_many_async(&asked.bytes()).await;
        let mut results = Results::with_room_for(answers.len(), 0, self.tagger);
        for answer in &answers {
            match answer {
                Ok(true) => results.plain("deleted"),
                Ok(false) => results.plain("absent"),
                Err(error) => results.failed(error),
            }
        }
        Ok(results.response())
    }
}
