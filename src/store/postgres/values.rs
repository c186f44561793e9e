//! Values and rows as PostgreSQL sends them.

use std::borrow::Cow;
use std::error::Error;

use bytes::{BufMut, BytesMut};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::store::tx::{Row, Value};

type Converted<T> = Result<T, Box<dyn Error + Sync + Send>>;

impl ToSql for Value<'_> {
    fn to_sql(&self, wanted: &Type, out: &mut BytesMut) -> Converted<IsNull> {
        match *self {
            Value::Null => return Ok(IsNull::Yes),
            Value::Integer(number) => match *wanted {
                Type::INT8 => out.put_i64(number),
                Type::INT4 => out.put_i32(number.try_into()?),
                _ => return Err(format!("a number is given for a {wanted}").into()),
            },
            Value::Text(text) => out.put_slice(storable(text).as_bytes()),
            Value::Bytes(bytes) => out.put_slice(bytes),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// A text of PostgreSQL holds no NUL, which a monitoring tool may well send.
fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) }
}

/// What stands in a column of whatever type.
struct Column<'a>(Value<'a>);

impl<'a> FromSql<'a> for Column<'a> {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Converted<Self> {
        Ok(Self(match *kind {
            Type::INT8 => Value::Integer(i64::from_be_bytes(raw.try_into()?)),
            Type::INT4 => Value::Integer(i32::from_be_bytes(raw.try_into()?).into()),
            Type::BOOL => Value::Integer(i64::from(raw != [0])),
            Type::BYTEA => Value::Bytes(raw),
            _ => Value::Text(str::from_utf8(raw)?),
        }))
    }

    fn from_sql_null(_: &Type) -> Converted<Self> {
        Ok(Self(Value::Null))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl Row for tokio_postgres::Row {
    fn value(&self, column: usize) -> Value<'_> {
        self.try_get::<_, Column<'_>>(column).map_or(Value::Null, |column| column.0)
    }
}

/// A value that outlives the call it was given in.
#[derive(Debug)]
pub(super) enum Kept {
    Null,
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl From<Value<'_>> for Kept {
    fn from(value: Value<'_>) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Integer(number) => Self::Integer(number),
            Value::Text(text) => Self::Text(text.to_owned()),
            Value::Bytes(bytes) => Self::Bytes(bytes.to_vec()),
        }
    }
}

impl ToSql for Kept {
    fn to_sql(&self, wanted: &Type, out: &mut BytesMut) -> Converted<IsNull> {
        let value = match self {
            Self::Null => Value::Null,
            Self::Integer(number) => Value::Integer(*number),
            Self::Text(text) => Value::Text(text),
            Self::Bytes(bytes) => Value::Bytes(bytes),
        };
        value.to_sql(wanted, out)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}
