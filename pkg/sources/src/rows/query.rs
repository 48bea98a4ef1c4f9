//! Values that a query gives.

/// One's own SQL, for values that are no column of a table.
///
/// ```
/// # use distcache_sources::Query;
/// let todos = Query::new("SELECT json_object('title', title) FROM todos WHERE id = ?1")
///     .many("SELECT id, json_object('title', title) FROM todos WHERE id IN rarray(?1)");
/// ```
///
/// The key is the one parameter, `?1` in SQLite and `$1` in PostgreSQL.
#[derive(Debug, Clone)]
pub struct Query {
    pub(crate) one: String,
    pub(crate) many: Option<String>,
    pub(crate) store: Option<String>,
    pub(crate) remove: Option<String>,
    pub(crate) ttl: Option<String>,
    pub(crate) tags: Option<String>,
}

impl Query {
    /// A query for one key. Its first column is the value. No row, or NULL, is
    /// not found; more than one row is an error.
    pub fn new(sql: impl Into<String>) -> Self {
        Self { one: sql.into(), many: None, store: None, remove: None, ttl: None, tags: None }
    }

    /// A query for many keys at once: its first column is the key, its second
    /// the value, in any order of rows. Its parameter stands for all keys:
    /// `WHERE id IN rarray(?1)` in SQLite, `WHERE id = ANY ($1)` in PostgreSQL.
    /// Default: none; many keys are then asked for one after the other.
    #[must_use]
    pub fn many(mut self, sql: impl Into<String>) -> Self {
        self.many = Some(sql.into());
        self
    }

    /// A statement that stores: its first parameter is the key, its second the
    /// value. It may be run twice for one write. Default: none; the source
    /// cannot be written to.
    #[must_use]
    pub fn store(mut self, sql: impl Into<String>) -> Self {
        self.store = Some(sql.into());
        self
    }

    /// A statement that removes; its parameter is the key. It may be run twice
    /// for one write. Default: none; nothing can be removed from the source.
    #[must_use]
    pub fn remove(mut self, sql: impl Into<String>) -> Self {
        self.remove = Some(sql.into());
        self
    }

    /// The column of the results that has the seconds that a value may be
    /// cached; see [`Table::ttl_column`](crate::Table::ttl_column). Default:
    /// none.
    #[must_use]
    pub fn ttl_column(mut self, name: impl Into<String>) -> Self {
        self.ttl = Some(name.into());
        self
    }

    /// The column of the results that has the tags; see
    /// [`Table::tags_column`](crate::Table::tags_column). Default: none.
    #[must_use]
    pub fn tags_column(mut self, name: impl Into<String>) -> Self {
        self.tags = Some(name.into());
        self
    }
}
