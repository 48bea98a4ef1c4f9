//! The statements of a source.

use crate::rows::{Query, Rows, Table};
use crate::{ConfigError, Error};

/// How a database's SQL differs.
pub(crate) struct Dialect {
    /// What a parameter begins with.
    pub(crate) parameter: char,
    /// What stands behind a column that is one of many keys.
    pub(crate) is_one_of: &'static str,
}

/// What is said to the database. Stays the same for the source's whole life.
#[derive(Debug)]
pub(crate) struct Sql {
    /// By one key.
    pub(crate) one: Select,
    /// By many keys at once; without it, one after the other.
    pub(crate) many: Option<Select>,
    /// Parameters: key, value.
    pub(crate) store: Option<String>,
    /// Parameter: key.
    pub(crate) remove: Option<String>,
}

/// A statement that gives rows.
#[derive(Debug)]
pub(crate) struct Select {
    pub(crate) text: String,
    columns: Columns,
}

/// The columns that mean something; the others are left alone.
#[derive(Debug, Clone)]
struct Columns {
    /// Whether the key comes first and the value second, or the value first.
    keyed: bool,
    ttl: Option<String>,
    tags: Option<String>,
}

/// Where a row has what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) key: Option<usize>,
    pub(crate) value: usize,
    pub(crate) ttl: Option<usize>,
    pub(crate) tags: Option<usize>,
}

/// What the columns for TTL and tags are called in a table's rows, so that they
/// cannot be taken for others.
const TTL: &str = "distcache_ttl";
const TAGS: &str = "distcache_tags";

impl Sql {
    pub(crate) fn new(rows: &Rows, dialect: &Dialect) -> Result<Self, ConfigError> {
        match rows {
            Rows::Table(table) => Self::of_table(table, dialect),
            Rows::Query(query) => Ok(Self::of_query(query)),
        }
    }

    fn of_table(table: &Table, dialect: &Dialect) -> Result<Self, ConfigError> {
        let (key, value) = (quoted(&table.key)?, quoted(&table.value)?);
        let name = match &table.schema {
            Some(schema) => format!("{}.{}", quoted(schema)?, quoted(&table.name)?),
            None => quoted(&table.name)?,
        };
        // Columns are named with their table: SQLite takes a name in quotes
        // that is no column for a text, unless it is qualified.
        let mut listed = vec![format!("t.{key}"), format!("t.{value}")];
        for (column, alias) in [(&table.ttl, TTL), (&table.tags, TAGS)] {
            if let Some(column) = column {
                listed.push(format!("t.{} AS {alias}", quoted(column)?));
            }
        }
        let listed = listed.join(", ");
        let columns = Columns {
            keyed: true,
            ttl: table.ttl.as_ref().map(|_| TTL.to_owned()),
            tags: table.tags.as_ref().map(|_| TAGS.to_owned()),
        };
        let select = |condition: &str| Select {
            text: format!("SELECT {listed} FROM {name} AS t WHERE t.{key} {condition}"),
            columns: columns.clone(),
        };
        let p = dialect.parameter;
        Ok(Self {
            one: select(&format!("= {p}1")),
            many: Some(select(dialect.is_one_of)),
            store: Some(format!(
                "INSERT INTO {name} ({key}, {value}) VALUES ({p}1, {p}2) \
                 ON CONFLICT ({key}) DO UPDATE SET {value} = excluded.{value}"
            )),
            remove: Some(format!("DELETE FROM {name} WHERE {key} = {p}1")),
        })
    }

    fn of_query(query: &Query) -> Self {
        let select = |text: &String, keyed| Select {
            text: text.clone(),
            columns: Columns { keyed, ttl: query.ttl.clone(), tags: query.tags.clone() },
        };
        Self {
            one: select(&query.one, false),
            many: query.many.as_ref().map(|text| select(text, true)),
            store: query.store.clone(),
            remove: query.remove.clone(),
        }
    }

    /// The statement for a write.
    pub(crate) fn write(&self, removes: bool) -> Result<&str, Error> {
        let (statement, what) =
            if removes { (&self.remove, "remove") } else { (&self.store, "store") };
        statement.as_deref().ok_or(Error::NoStatement { what })
    }
}

impl Select {
    /// Finds the columns among those that the database announces.
    pub(crate) fn layout<'a>(&self, names: impl Iterator<Item = &'a str>) -> Result<Layout, Error> {
        let names: Vec<_> = names.collect();
        let find = |wanted: &Option<String>| match wanted {
            Some(wanted) => {
                let place = names.iter().position(|name| name == wanted);
                place.map(Some).ok_or_else(|| missing(wanted))
            }
            None => Ok(None),
        };
        let value = usize::from(self.columns.keyed);
        if names.len() <= value {
            let reason =
                format!("the query gives {} columns, and {} are needed", names.len(), value + 1);
            return Err(Error::Rejected { reason });
        }
        Ok(Layout {
            key: self.columns.keyed.then_some(0),
            value,
            ttl: find(&self.columns.ttl)?,
            tags: find(&self.columns.tags)?,
        })
    }
}

fn missing(column: &str) -> Error {
    Error::Missing { reason: format!("the query gives no column {column:?}") }
}

/// A name as an identifier, whatever characters it has.
fn quoted(name: &str) -> Result<String, ConfigError> {
    if name.is_empty() || name.contains('\0') {
        return Err(ConfigError::Name);
    }
    Ok(format!("\"{}\"", name.replace('"', "\"\"")))
}
