//! Columns of a row, as bytes, TTL and tags.

use std::error::Error as StdError;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use tokio_postgres::types::{FromSql, Kind, Type};
use uuid::Uuid;

use super::param::is_text;
use crate::Error;
use crate::database::{Layout, Row, tags};

/// A value as the server sends it.
#[derive(Clone, Copy)]
struct Raw<'a> {
    of: &'a Type,
    bytes: &'a [u8],
}

/// Bytes as the server sends them, of whatever type.
struct Bytes<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Bytes<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// The column at a place; `None` for NULL.
fn raw(row: &tokio_postgres::Row, place: usize) -> Option<Raw<'_>> {
    let of = row.columns()[place].type_();
    row.get::<_, Option<Bytes<'_>>>(place).map(|Bytes(bytes)| Raw { of, bytes })
}

/// The bytes of a column; `None` for NULL.
pub(super) fn bytes(row: &tokio_postgres::Row, place: usize) -> Result<Option<Vec<u8>>, Error> {
    raw(row, place).map(render).transpose()
}

/// What a row says beside its key.
pub(super) fn read(row: &tokio_postgres::Row, layout: Layout) -> Result<Row, Error> {
    let at = |place: Option<usize>| place.and_then(|place| raw(row, place));
    Ok(Row {
        value: bytes(row, layout.value)?,
        ttl_seconds: at(layout.ttl).map(seconds).transpose()?,
        tags: at(layout.tags).map_or(Ok(Vec::new()), texts)?,
    })
}

fn render(raw: Raw<'_>) -> Result<Vec<u8>, Error> {
    let text = match *raw.of {
        Type::BYTEA => return Ok(raw.bytes.to_vec()),
        // Before the text stands the version of the format.
        Type::JSONB => return Ok(raw.bytes.get(1..).unwrap_or_default().to_vec()),
        Type::BOOL => raw.get::<bool>()?.to_string(),
        Type::INT2 => raw.get::<i16>()?.to_string(),
        Type::INT4 => raw.get::<i32>()?.to_string(),
        Type::INT8 => raw.get::<i64>()?.to_string(),
        Type::OID => raw.get::<u32>()?.to_string(),
        Type::FLOAT4 => format!("{:?}", raw.get::<f32>()?),
        Type::FLOAT8 => format!("{:?}", raw.get::<f64>()?),
        Type::UUID => raw.get::<Uuid>()?.to_string(),
        Type::TIMESTAMPTZ => raw.get::<Timestamp>()?.to_string(),
        Type::TIMESTAMP => raw.get::<DateTime>()?.to_string(),
        Type::DATE => raw.get::<Date>()?.to_string(),
        _ if is_text(raw.of) => return Ok(raw.bytes.to_vec()),
        _ => match raw.of.kind() {
            Kind::Domain(base) => return render(Raw { of: base, ..raw }),
            _ => return Err(raw.unsupported()),
        },
    };
    Ok(text.into_bytes())
}

fn seconds(raw: Raw<'_>) -> Result<f64, Error> {
    match *raw.of {
        Type::INT2 => raw.get::<i16>().map(f64::from),
        Type::INT4 => raw.get::<i32>().map(f64::from),
        #[expect(clippy::cast_precision_loss, reason = "seconds beyond 2^52 are for ever")]
        Type::INT8 => raw.get::<i64>().map(|seconds| seconds as f64),
        Type::FLOAT4 => raw.get::<f32>().map(f64::from),
        Type::FLOAT8 => raw.get::<f64>(),
        _ => Err(raw.unsupported()),
    }
}

fn texts(raw: Raw<'_>) -> Result<Vec<String>, Error> {
    match *raw.of {
        Type::TEXT_ARRAY | Type::VARCHAR_ARRAY => {
            Ok(raw.get::<Vec<Option<String>>>()?.into_iter().flatten().collect())
        }
        _ if is_text(raw.of) => Ok(tags(&raw.get::<String>()?)),
        _ => Err(raw.unsupported()),
    }
}

impl<'a> Raw<'a> {
    fn get<T: FromSql<'a>>(self) -> Result<T, Error> {
        // It says nothing of use: a time of infinity, or one beyond the year
        // 9999, is the only value that a server sends and this cannot read.
        let reason = "a value in it is out of range; cast it to text";
        T::from_sql(self.of, self.bytes).ok().ok_or(Error::Row { reason })
    }

    fn unsupported(self) -> Error {
        Error::Type { of: self.of.to_string() }
    }
}
