//! A table that holds values by key.

/// A table (or view) with one row for a key.
///
/// Names are used exactly as they are written here, in quotes: PostgreSQL tells
/// `Todos` from `todos` then.
///
/// A row answers for the key that it bears, byte for byte. One that the
/// database only takes for equal (`Ab` for `ab` in a column that ignores case,
/// `ab ` for `ab` in a `char(3)`) is not found: the cache would hold it under
/// two keys, and a write to one of them would leave the other as it was.
///
/// To store, the key column needs a unique index or be the primary key. The
/// columns for TTL and tags are read only: a stored row keeps them as they are,
/// a new one gets the column's default.
#[derive(Debug, Clone)]
pub struct Table {
    pub(crate) schema: Option<String>,
    pub(crate) name: String,
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) ttl: Option<String>,
    pub(crate) tags: Option<String>,
}

impl Table {
    /// The table's name, its column of keys and its column of values. A value
    /// of NULL is not found.
    pub fn new(
        name: impl Into<String>,
        key_column: impl Into<String>,
        value_column: impl Into<String>,
    ) -> Self {
        Self {
            schema: None,
            name: name.into(),
            key: key_column.into(),
            value: value_column.into(),
            ttl: None,
            tags: None,
        }
    }

    /// The schema that the table is in; in SQLite, the name of the attached
    /// database. Default: where the database looks by itself, as for a name
    /// without a schema.
    #[must_use]
    pub fn schema(mut self, name: impl Into<String>) -> Self {
        self.schema = Some(name.into());
        self
    }

    /// A column with the seconds that a row's value may be cached, whole or
    /// not; zero or less for not at all, NULL for as long as the keyspace says.
    /// Default: none, because few tables have one.
    #[must_use]
    pub fn ttl_column(mut self, name: impl Into<String>) -> Self {
        self.ttl = Some(name.into());
        self
    }

    /// A column with the tags of a row: a text with commas between them (or in
    /// PostgreSQL a `text[]`), NULL for none. Default: none, because few tables
    /// have one.
    #[must_use]
    pub fn tags_column(mut self, name: impl Into<String>) -> Self {
        self.tags = Some(name.into());
        self
    }
}
