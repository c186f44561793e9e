//! What a transaction is written with: statements with values, rows, documents.
//!
//! Values and rows borrow from whoever holds them, so nothing is copied on the way, and nothing above knows which
//! database runs them. Statements are written in the part of SQL that `SQLite` and PostgreSQL have in common: numbered
//! values, `ON CONFLICT`, `RETURNING`, `IS DISTINCT FROM`; no row ids, no functions of one of them, no numbers as
//! conditions.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{StoreError, Stored};
use super::replica::Replica;
use crate::clock::Timestamp;
use crate::incident::IncidentId;

/// What stands in a column, or is given to a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// Nothing.
    Null,
    /// A number, a moment in milliseconds, or 0 and 1 for no and yes.
    Integer(i64),
    /// A text or a document.
    Text(&'a str),
    /// What is neither.
    Bytes(&'a [u8]),
}

/// What a database does within a transaction. Values stand in a statement as `?1`, `?2` and so on.
pub trait Statements {
    /// Runs a statement; returns how many rows it changed.
    fn execute(&self, sql: &str, values: &[Value<'_>]) -> Stored<usize>;

    /// Runs a statement. Whether it fails may be found out later, before the commit.
    fn run(&self, sql: &str, values: &[Value<'_>]) -> Stored<()> {
        self.execute(sql, values).map(drop)
    }

    /// Hands over the rows of a statement one by one, until `each` answers false.
    fn query(
        &self,
        sql: &str,
        values: &[Value<'_>],
        each: &mut dyn FnMut(&dyn Row) -> Stored<bool>,
    ) -> Stored<()>;
}

/// One row that was found.
pub trait Row {
    /// What stands in a column, counted from 0.
    fn value(&self, column: usize) -> Value<'_>;
}

impl dyn Row + '_ {
    /// The column as what it is meant to be.
    pub(super) fn get<T: FromValue>(&self, column: usize) -> Stored<T> {
        let other =
            || StoreError::Corrupt { what: "row", why: format!("column {column} holds something else") };
        T::from_value(self.value(column)).ok_or_else(other)
    }

    /// The document in a column, whatever it is: what is wrong with it is found out by reading it.
    pub(super) fn doc(&self, column: usize) -> &[u8] {
        match self.value(column) {
            Value::Text(text) => text.as_bytes(),
            Value::Bytes(bytes) => bytes,
            Value::Null | Value::Integer(_) => &[],
        }
    }

    /// The same, if there is one.
    pub(super) fn doc_if_any(&self, column: usize) -> Option<&[u8]> {
        (self.value(column) != Value::Null).then(|| self.doc(column))
    }
}

/// What a column can be read as.
pub(super) trait FromValue: Sized {
    fn from_value(value: Value<'_>) -> Option<Self>;
}

/// What can be given to a statement.
pub(super) trait ToValue {
    fn to_value(&self) -> Value<'_>;
}

/// What is stored as a number, with how to read and write it.
macro_rules! numbers {
    ($($kind:ty: $read:expr, $write:expr;)*) => {$(
        impl FromValue for $kind {
            fn from_value(value: Value<'_>) -> Option<Self> {
                if let Value::Integer(number) = value { Some($read(number)) } else { None }
            }
        }

        impl ToValue for $kind {
            fn to_value(&self) -> Value<'_> {
                Value::Integer($write(*self))
            }
        }
    )*};
}

numbers! {
    i64: |number| number, |number| number;
    bool: |number| number != 0, i64::from;
    usize: |number| Self::try_from(number).unwrap_or(0), |number| i64::try_from(number).unwrap_or(i64::MAX);
    Timestamp: |number| Self::from_millisecond(number).unwrap_or(Self::MAX), Self::as_millisecond;
    IncidentId: Self, |id: Self| id.0;
}

/// The same for what is stored as a text or as bytes.
macro_rules! texts {
    ($($variant:ident: $kind:ty, $part:ty;)*) => {$(
        impl FromValue for $kind {
            fn from_value(value: Value<'_>) -> Option<Self> {
                if let Value::$variant(it) = value { Some(it.to_owned()) } else { None }
            }
        }

        impl ToValue for $kind {
            fn to_value(&self) -> Value<'_> {
                Value::$variant(self)
            }
        }

        impl ToValue for $part {
            fn to_value(&self) -> Value<'_> {
                Value::$variant(self)
            }
        }
    )*};
}

texts! {
    Text: String, str;
    Bytes: Vec<u8>, [u8];
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: Value<'_>) -> Option<Self> {
        if value == Value::Null { Some(None) } else { T::from_value(value).map(Some) }
    }
}

impl<T: ToValue> ToValue for Option<T> {
    fn to_value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, ToValue::to_value)
    }
}

impl<T: ToValue + ?Sized> ToValue for &T {
    fn to_value(&self) -> Value<'_> {
        (**self).to_value()
    }
}

/// The values of a statement, borrowed.
macro_rules! values {
    ($($value:expr),* $(,)?) => { &[$($crate::store::tx::ToValue::to_value(&$value)),*] };
}
pub(super) use values;

/// Something stored that is left out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Aside {
    /// What sort of thing.
    pub what: String,
    /// Of which incident, or of whom.
    pub whose: String,
    /// Why. Names a place, never what stands there.
    pub why: String,
}

/// What was found to be unreadable, or to break the work on it, since the start.
#[derive(Debug, Default)]
pub(super) struct Asides(Mutex<BTreeMap<(String, String), String>>);

impl Asides {
    fn all(&self) -> MutexGuard<'_, BTreeMap<(String, String), String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn list(&self) -> Vec<Aside> {
        let aside = |((what, whose), why): (&(String, String), &String)| Aside {
            what: what.clone(),
            whose: whose.clone(),
            why: why.clone(),
        };
        self.all().iter().map(aside).collect()
    }

    /// Remembers that something stored is left out, for the console, and says so once.
    pub(super) fn add(&self, what: &str, whose: &str, why: &str) {
        self.all().entry((what.to_owned(), whose.to_owned())).or_insert_with(|| {
            tracing::error!(what, whose, why, "something stored is set aside; everything else goes on");
            why.to_owned()
        });
    }

    /// Forgets what has gone well since.
    pub(super) fn remove(&self, what: &str, whose: &str) {
        self.all().remove(&(what.to_owned(), whose.to_owned()));
    }
}

/// A transaction under way.
pub(super) struct Tx<'a> {
    statements: &'a dyn Statements,
    asides: &'a Asides,
    replica: &'a Replica,
}

impl<'a> Tx<'a> {
    pub(super) fn new(statements: &'a dyn Statements, asides: &'a Asides, replica: &'a Replica) -> Self {
        Self { statements, asides, replica }
    }

    /// A new proof of a lease.
    pub(super) fn token(&self) -> String {
        self.replica.token()
    }

    /// Runs a statement; returns how many rows it changed.
    pub(super) fn execute(&self, sql: &str, values: &[Value<'_>]) -> Stored<usize> {
        self.statements.execute(sql, values)
    }

    /// Runs a statement.
    pub(super) fn run(&self, sql: &str, values: &[Value<'_>]) -> Stored<()> {
        self.statements.run(sql, values)
    }

    /// What `take` makes of the first row, if there is one.
    pub(super) fn first<T>(
        &self,
        sql: &str,
        values: &[Value<'_>],
        take: impl Fn(&dyn Row) -> Stored<T>,
    ) -> Stored<Option<T>> {
        let mut found = None;
        self.statements.query(sql, values, &mut |row| {
            found = Some(take(row)?);
            Ok(false)
        })?;
        Ok(found)
    }

    /// What `take` makes of each row.
    pub(super) fn all<T>(
        &self,
        sql: &str,
        values: &[Value<'_>],
        take: impl Fn(&dyn Row) -> Stored<T>,
    ) -> Stored<Vec<T>> {
        let mut found = Vec::new();
        self.statements.query(sql, values, &mut |row| {
            found.push(take(row)?);
            Ok(true)
        })?;
        Ok(found)
    }

    /// The same, without the rows of which `take` makes nothing.
    pub(super) fn some<T>(
        &self,
        sql: &str,
        values: &[Value<'_>],
        take: impl Fn(&dyn Row) -> Stored<Option<T>>,
    ) -> Stored<Vec<T>> {
        let mut found = Vec::new();
        self.statements.query(sql, values, &mut |row| {
            found.extend(take(row)?);
            Ok(true)
        })?;
        Ok(found)
    }

    /// Whether there is a row.
    pub(super) fn any(&self, sql: &str, values: &[Value<'_>]) -> Stored<bool> {
        Ok(self.first(sql, values, |_| Ok(()))?.is_some())
    }

    /// The number in the one row of a count.
    pub(super) fn count(&self, sql: &str, values: &[Value<'_>]) -> Stored<i64> {
        Ok(self.first(sql, values, |row| row.get(0))?.unwrap_or(0))
    }

    /// What a document says. One that cannot be read is set aside, so that it keeps nothing else waiting.
    pub(super) fn legible<T: DeserializeOwned>(
        &self,
        what: &'static str,
        whose: impl Display,
        doc: &[u8],
    ) -> Option<T> {
        read(what, doc).map_err(|error| self.set_aside(what, &whose.to_string(), &error.to_string())).ok()
    }

    /// Remembers that something stored is left out.
    pub(super) fn set_aside(&self, what: &str, whose: &str, why: &str) {
        self.asides.add(what, whose, why);
    }
}

/// A document, to be stored.
pub(super) fn write<T: Serialize + ?Sized>(what: &'static str, value: &T) -> Stored<String> {
    serde_json::to_string(value).map_err(|e| StoreError::Corrupt { what, why: e.to_string() })
}

/// What a stored document says.
pub(super) fn read<T: DeserializeOwned>(what: &'static str, doc: &[u8]) -> Stored<T> {
    // The text may hold people's names and numbers: only the place of the mistake is told.
    serde_json::from_slice(doc)
        .map_err(|e| StoreError::Corrupt { what, why: format!("line {}, column {}", e.line(), e.column()) })
}
