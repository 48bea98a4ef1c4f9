//! What SQLite makes of a column's declared type.

use super::Keys;

/// The type of the keys in a column, from its declared type. The rules are
/// SQLite's own (<https://www.sqlite.org/datatype3.html>, 3.1), except that
/// a number that is not whole, or no type at all, is bound as text: the row
/// that is found must bear the key anyway.
pub(super) fn keys(declared: &str) -> Keys {
    let declared = declared.to_ascii_uppercase();
    let is = |part: &str| declared.contains(part);
    if is("INT") {
        Keys::Integer
    } else if is("BLOB") && !is("CHAR") && !is("CLOB") && !is("TEXT") {
        Keys::Blob
    } else {
        Keys::Text
    }
}

/// Whether values of a column are bound as blobs.
pub(super) fn is_blob(declared: &str) -> bool {
    keys(declared) == Keys::Blob
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declared_type_says_how_keys_are_bound() {
        for declared in ["INTEGER", "int", "BIGINT UNSIGNED", "FLOATING POINT"] {
            assert_eq!(keys(declared), Keys::Integer, "{declared}");
        }
        for declared in ["TEXT", "varchar(20)", "CLOB", "", "NUMERIC", "DATE", "REAL", "ANY"] {
            assert_eq!(keys(declared), Keys::Text, "{declared}");
        }
        assert_eq!(keys("blob"), Keys::Blob);
    }
}
