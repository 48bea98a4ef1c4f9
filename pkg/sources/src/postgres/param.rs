//! Keys and values, which are bytes, as PostgreSQL's types.

use std::error::Error;
use std::fmt;

use bytes::{BufMut, BytesMut};
use tokio_postgres::types::{IsNull, Kind, ToSql, Type, to_sql_checked};
use uuid::Uuid;

/// A parameter of a statement.
pub(super) enum Param<'a> {
    Bytes(&'a [u8]),
    Text(&'a str),
    Jsonb(&'a str),
    Bool(bool),
    Int2(i16),
    Int4(i32),
    Int8(i64),
    Oid(u32),
    Float4(f32),
    Float8(f64),
    Uuid(Uuid),
}

/// Why bytes are no parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Misfit {
    /// They are not written as a value of the type is.
    Form,
    /// The type is none that is supported.
    Type,
}

impl<'a> Param<'a> {
    /// Bytes as a value of a type. A number or UUID has one form only: a key
    /// that was found under two would be held twice, and a value that is
    /// written in another form would not be read back as it was stored.
    pub(super) fn new(of: &Type, bytes: &'a [u8]) -> Result<Self, Misfit> {
        if *of == Type::BYTEA {
            return Ok(Self::Bytes(bytes));
        }
        let text = std::str::from_utf8(bytes).ok();
        // PostgreSQL's texts have no NUL.
        let text = text.filter(|text| !text.contains('\0')).ok_or(Misfit::Form);
        Ok(match *of {
            Type::JSONB => Self::Jsonb(text?),
            Type::BOOL => Self::Bool(same(text?)?),
            Type::INT2 => Self::Int2(same(text?)?),
            Type::INT4 => Self::Int4(same(text?)?),
            Type::INT8 => Self::Int8(same(text?)?),
            Type::OID => Self::Oid(same(text?)?),
            Type::FLOAT4 => Self::Float4(text?.parse().ok().ok_or(Misfit::Form)?),
            Type::FLOAT8 => Self::Float8(text?.parse().ok().ok_or(Misfit::Form)?),
            Type::UUID => Self::Uuid(same(text?)?),
            _ if is_text(of) => Self::Text(text?),
            _ => match of.kind() {
                Kind::Domain(base) => return Self::new(base, bytes),
                _ => return Err(Misfit::Type),
            },
        })
    }
}

/// Reads a text that is written as it would be written again.
fn same<T: std::str::FromStr + ToString>(text: &str) -> Result<T, Misfit> {
    let value: T = text.parse().ok().ok_or(Misfit::Form)?;
    if value.to_string() == text { Ok(value) } else { Err(Misfit::Form) }
}

/// Whether a type is sent as plain text.
pub(super) fn is_text(of: &Type) -> bool {
    let known =
        [Type::TEXT, Type::VARCHAR, Type::BPCHAR, Type::NAME, Type::UNKNOWN, Type::JSON, Type::XML];
    known.contains(of) || matches!(of.kind(), Kind::Enum(_)) || of.name() == "citext"
}

impl ToSql for Param<'_> {
    fn to_sql(
        &self,
        of: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Bytes(bytes) => bytes.to_sql(of, out),
            Self::Text(text) => text.to_sql(of, out),
            Self::Jsonb(text) => {
                // The version of the format, and then the text.
                out.put_u8(1);
                out.put_slice(text.as_bytes());
                Ok(IsNull::No)
            }
            Self::Bool(value) => value.to_sql(of, out),
            Self::Int2(value) => value.to_sql(of, out),
            Self::Int4(value) => value.to_sql(of, out),
            Self::Int8(value) => value.to_sql(of, out),
            Self::Oid(value) => value.to_sql(of, out),
            Self::Float4(value) => value.to_sql(of, out),
            Self::Float8(value) => value.to_sql(of, out),
            Self::Uuid(value) => value.to_sql(of, out),
        }
    }

    /// Whatever [`Param::new`] has accepted.
    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl fmt::Debug for Param<'_> {
    /// The library logs parameters: this shows neither keys nor values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("_")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn misfit(of: &Type, bytes: &[u8]) -> Option<Misfit> {
        Param::new(of, bytes).err()
    }

    #[test]
    fn a_number_has_one_form() {
        for text in ["0", "7", "-32768", "32767"] {
            assert_eq!(misfit(&Type::INT2, text.as_bytes()), None, "{text}");
        }
        for text in ["", "007", "+7", "-0", " 7", "7.0", "seven", "32768", "\u{663}"] {
            assert_eq!(misfit(&Type::INT2, text.as_bytes()), Some(Misfit::Form), "{text}");
        }
        assert_eq!(misfit(&Type::INT8, b"9223372036854775808"), Some(Misfit::Form));
    }

    #[test]
    fn a_uuid_has_one_form() {
        let text = "67e55044-10b1-426f-9247-bb680e5fe0c8";
        assert_eq!(misfit(&Type::UUID, text.as_bytes()), None);
        for other in [text.to_uppercase(), text.replace('-', ""), format!("{{{text}}}")] {
            assert_eq!(misfit(&Type::UUID, other.as_bytes()), Some(Misfit::Form), "{other}");
        }
    }

    #[test]
    fn text_is_utf8_without_nul_and_bytea_is_anything() {
        assert_eq!(misfit(&Type::TEXT, "Ä'\n".as_bytes()), None);
        assert_eq!(misfit(&Type::TEXT, b"a\0b"), Some(Misfit::Form));
        assert_eq!(misfit(&Type::TEXT, b"\xff"), Some(Misfit::Form));
        assert_eq!(misfit(&Type::BYTEA, b"\0\xff"), None);
    }

    #[test]
    fn a_type_that_is_not_supported_is_said_to_be_so() {
        assert_eq!(misfit(&Type::NUMERIC, b"7"), Some(Misfit::Type));
        assert_eq!(misfit(&Type::TIMESTAMPTZ, b"now"), Some(Misfit::Type));
    }

    #[test]
    fn a_parameter_is_not_printed() {
        let param = Param::new(&Type::TEXT, b"secret").expect("text");
        assert_eq!(format!("{param:?}"), "_");
    }
}
