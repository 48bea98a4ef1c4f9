//! Where in a database the values are.

mod query;
pub use query::Query;

mod table;
pub use table::Table;

/// Values by key: a table's columns, or what a query gives.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Rows {
    /// A table with a column for keys and one for values.
    Table(Table),
    /// One's own SQL.
    Query(Query),
}

impl From<Table> for Rows {
    fn from(table: Table) -> Self {
        Self::Table(table)
    }
}

impl From<Query> for Rows {
    fn from(query: Query) -> Self {
        Self::Query(query)
    }
}
