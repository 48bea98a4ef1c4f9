//! Values to store, as values of SQLite.

use rusqlite::types::{ToSqlOutput, ValueRef};

/// As text if it may be: text can be searched, and compared with texts.
pub(super) fn value(bytes: &[u8], as_blob: bool) -> ToSqlOutput<'_> {
    let value = if as_blob || std::str::from_utf8(bytes).is_err() {
        ValueRef::Blob(bytes)
    } else {
        ValueRef::Text(bytes)
    };
    ToSqlOutput::Borrowed(value)
}
