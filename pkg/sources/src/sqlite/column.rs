//! Columns of a row, as bytes, TTL and tags.

use rusqlite::types::ValueRef;

use crate::Error;
use crate::database::{Layout, Row, tags};

/// The bytes of a value; `None` for NULL.
pub(super) fn bytes(value: ValueRef<'_>) -> Option<Vec<u8>> {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string().into_bytes()),
        ValueRef::Real(number) => Some(format!("{number:?}").into_bytes()),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(bytes.to_vec()),
    }
}

/// What a row says beside its key.
pub(super) fn row(row: &rusqlite::Row<'_>, layout: Layout) -> rusqlite::Result<Result<Row, Error>> {
    let at = |place: Option<usize>| match place {
        Some(place) => row.get_ref(place),
        None => Ok(ValueRef::Null),
    };
    let (value, ttl, tags) = (row.get_ref(layout.value)?, at(layout.ttl)?, at(layout.tags)?);
    Ok(read(value, ttl, tags))
}

fn read(value: ValueRef<'_>, ttl: ValueRef<'_>, tags: ValueRef<'_>) -> Result<Row, Error> {
    Ok(Row { value: bytes(value), ttl_seconds: seconds(ttl)?, tags: texts(tags)? })
}

fn seconds(value: ValueRef<'_>) -> Result<Option<f64>, Error> {
    match value {
        ValueRef::Null => Ok(None),
        #[expect(clippy::cast_precision_loss, reason = "seconds beyond 2^52 are for ever")]
        ValueRef::Integer(seconds) => Ok(Some(seconds as f64)),
        ValueRef::Real(seconds) => Ok(Some(seconds)),
        ValueRef::Text(_) | ValueRef::Blob(_) => Err(wrong("its TTL is no number")),
    }
}

fn texts(value: ValueRef<'_>) -> Result<Vec<String>, Error> {
    match value {
        ValueRef::Null => Ok(Vec::new()),
        ValueRef::Text(text) => match std::str::from_utf8(text) {
            Ok(text) => Ok(tags(text)),
            Err(_) => Err(wrong("its tags are no UTF-8")),
        },
        ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Blob(_) => {
            Err(wrong("its tags are no text"))
        }
    }
}

fn wrong(reason: &'static str) -> Error {
    Error::Row { reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rendered_so_that_they_read_back_the_same() {
        let text = |value| String::from_utf8(bytes(value).expect("a value")).expect("digits");
        assert_eq!(text(ValueRef::Integer(-42)), "-42");
        for (number, rendered) in [(0.1, "0.1"), (1.0, "1.0"), (1e21, "1e21"), (-2.5e-9, "-2.5e-9")]
        {
            assert_eq!(text(ValueRef::Real(number)), rendered);
        }
    }

    #[test]
    fn a_ttl_that_is_no_number_is_an_error() {
        let read = |ttl| read(ValueRef::Text(b"v"), ttl, ValueRef::Null);
        assert!(read(ValueRef::Text(b"soon")).is_err());
        assert_eq!(read(ValueRef::Integer(3)).expect("a row").ttl_seconds, Some(3.0));
    }

    #[test]
    fn tags_that_are_no_text_are_an_error() {
        let read = |tags| read(ValueRef::Text(b"v"), ValueRef::Null, tags);
        assert!(read(ValueRef::Integer(1)).is_err());
        assert!(read(ValueRef::Text(b"\xff")).is_err());
        assert_eq!(read(ValueRef::Text(b"a,b")).expect("a row").tags, ["a", "b"]);
    }
}
