//! What all databases have in common: connections that are lent, used, and
//! replaced when they break.

mod failure;
pub(crate) use failure::Failure;

mod load;
pub(crate) use load::Load;

mod pool;
use pool::{Lease, Pool};

mod sheet;
pub(crate) use sheet::{Row, Sheet, tags};

mod sql;
pub(crate) use sql::{Dialect, Layout, Select, Sql};

#[cfg(test)]
mod tests;

use std::sync::Arc;

use distcache::{Answer, Context, SourceError};

use crate::{Error, Wait};

/// One open connection to a database.
pub(crate) trait Link: Sized {
    /// What it is opened with.
    type Settings: Send + Sync;

    fn open(settings: &Arc<Self::Settings>, load: &Load<'_>) -> Result<Self, Failure>;

    /// One answer for each key, or one failure for all.
    fn fetch(&mut self, keys: &[&[u8]], load: &Load<'_>) -> Result<Answers, Failure>;

    /// Makes all writes, or none.
    fn write(&mut self, writes: &[Write<'_>], load: &Load<'_>) -> Result<(), Failure>;

    /// Tries the statements out, as far as that changes nothing.
    fn check(&mut self, load: &Load<'_>) -> Result<(), Failure>;
}

pub(crate) type Answers = Vec<Result<Answer, Error>>;

/// A key, and the value to store, or `None` to remove it.
pub(crate) type Write<'a> = (&'a [u8], Option<&'a [u8]>);

/// A database, as the sources see it.
pub(crate) struct Database<L: Link> {
    settings: Arc<L::Settings>,
    pool: Pool<L>,
}

impl<L: Link> Database<L> {
    /// Connects to nothing yet.
    pub(crate) fn new(settings: L::Settings, connections: usize) -> Self {
        Self { settings: Arc::new(settings), pool: Pool::new(connections) }
    }

    pub(crate) fn settings(&self) -> &L::Settings {
        &self.settings
    }

    pub(crate) fn check(&self, context: &Context) -> Result<(), SourceError> {
        Ok(self.on_a_link(context, L::check)?)
    }

    pub(crate) fn fetch(&self, key: &[u8], context: &Context) -> Result<Answer, SourceError> {
        let mut answers = self.on_a_link(context, |link, load| link.fetch(&[key], load))?;
        Ok(answers.pop().expect("an answer for each key")?)
    }

    pub(crate) fn fetch_many(
        &self,
        keys: &[&[u8]],
        context: &Context,
    ) -> Result<distcache::Answers, SourceError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let answers = self.on_a_link(context, |link, load| link.fetch(keys, load))?;
        Ok(answers.into_iter().map(|answer| Ok(answer?)).collect())
    }

    pub(crate) fn write(&self, write: Write<'_>, context: &Context) -> Result<(), SourceError> {
        Ok(self.on_a_link(context, |link, load| link.write(&[write], load))?)
    }

    pub(crate) fn write_many(
        &self,
        writes: &[Write<'_>],
        context: &Context,
    ) -> Vec<Result<(), SourceError>> {
        if writes.is_empty() {
            return Vec::new();
        }
        match self.on_a_link(context, |link, load| link.write(writes, load)) {
            Ok(()) => writes.iter().map(|_| Ok(())).collect(),
            Err(Failure::Refused(error)) if 1 < writes.len() && blames_one(&error) => {
                writes.iter().map(|write| self.write(*write, context)).collect()
            }
            Err(failure) => writes.iter().map(|_| Err(failure.clone().into())).collect(),
        }
    }

    /// Runs a task on a connection: on one that is open, and if that turns out
    /// to be broken, once more on a new one. So a database that was restarted
    /// is answering again with the first load that reaches it.
    fn on_a_link<T>(
        &self,
        context: &Context,
        task: impl Fn(&mut L, &Load<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let load = &Load::new(context);
        load.check(Wait::Start)?;
        let mut lease = self.pool.lend(load)?;
        if let Some(link) = lease.take() {
            match run(&mut lease, link, load, &task) {
                Err(Failure::Lost(error)) => log::info!("opening a new connection: {error}"),
                result => return result,
            }
        }
        let link = L::open(&self.settings, load)?;
        run(&mut lease, link, load, &task)
    }
}

/// Whether a batch failed because of one of its writes. The others are not to
/// suffer for it.
fn blames_one(error: &Error) -> bool {
    matches!(error, Error::Rejected { .. } | Error::Key { .. } | Error::Value { .. })
}

/// Runs a task, and keeps the connection for others if it is still good.
fn run<L, T>(
    lease: &mut Lease<'_, L>,
    mut link: L,
    load: &Load<'_>,
    task: impl Fn(&mut L, &Load<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let result = task(&mut link, load);
    if result.as_ref().err().is_none_or(Failure::keeps_the_link) {
        lease.put_back(link);
    }
    result
}
