//! Statements that a server has prepared, and what it said about them.

use tokio_postgres::types::{Kind, Type};
use tokio_postgres::{Client, Statement};

use super::fault::Fault;
use crate::Error;
use crate::database::{Layout, Select};

/// A query, prepared.
#[derive(Debug, Clone)]
pub(super) struct Prepared {
    pub(super) statement: Statement,
    pub(super) layout: Layout,
    /// The type of a key.
    pub(super) key: Type,
}

/// A write, prepared.
#[derive(Debug, Clone)]
pub(super) struct PreparedWrite {
    pub(super) statement: Statement,
    pub(super) key: Type,
    /// The type of the value; `None` for a removal.
    pub(super) value: Option<Type>,
}

/// Everything that is prepared on one connection, each when it is first needed.
#[derive(Debug, Default)]
pub(super) struct Statements {
    one: Option<Prepared>,
    many: Option<Prepared>,
    store: Option<PreparedWrite>,
    remove: Option<PreparedWrite>,
}

impl Statements {
    pub(super) async fn one(&mut self, client: &Client, sql: &Select) -> Result<Prepared, Fault> {
        if let Some(known) = &self.one {
            return Ok(known.clone());
        }
        let prepared = prepare(client, sql).await?;
        Ok(self.one.insert(prepared).clone())
    }

    pub(super) async fn many(&mut self, client: &Client, sql: &Select) -> Result<Prepared, Fault> {
        if let Some(known) = &self.many {
            return Ok(known.clone());
        }
        let mut prepared = prepare(client, sql).await?;
        let Kind::Array(key) = prepared.key.kind() else {
            let reason = format!(
                "its parameter is to be an array of keys, as in \"= ANY ($1)\", and is {}",
                prepared.key
            );
            return Err(Error::Rejected { reason }.into());
        };
        prepared.key = key.clone();
        Ok(self.many.insert(prepared).clone())
    }

    pub(super) async fn write(
        &mut self,
        client: &Client,
        sql: &str,
        removes: bool,
    ) -> Result<PreparedWrite, Fault> {
        let place = if removes { &mut self.remove } else { &mut self.store };
        if let Some(known) = place {
            return Ok(known.clone());
        }
        let statement = client.prepare(sql).await.map_err(Fault::Prepare)?;
        let (key, value) = match statement.params() {
            [key] if removes => (key.clone(), None),
            [key, value] if !removes => (key.clone(), Some(value.clone())),
            other => return Err(wrong_count(other.len(), if removes { 1 } else { 2 })),
        };
        Ok(place.insert(PreparedWrite { statement, key, value }).clone())
    }
}

async fn prepare(client: &Client, sql: &Select) -> Result<Prepared, Fault> {
    let statement = client.prepare(&sql.text).await.map_err(Fault::Prepare)?;
    let layout = sql.layout(statement.columns().iter().map(tokio_postgres::Column::name))?;
    let key = match statement.params() {
        [key] => key.clone(),
        other => return Err(wrong_count(other.len(), 1)),
    };
    Ok(Prepared { statement, layout, key })
}

fn wrong_count(needed: usize, given: usize) -> Fault {
    let reason = format!("it has {needed} parameters, and {given} are given to it");
    Error::Rejected { reason }.into()
}
