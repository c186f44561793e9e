//! A transaction as those see it who write one: statements with values, rows, documents, and what cannot be read.
//!
//! Values and rows borrow, so nothing is copied on the way, and nothing above knows which database it is. Statements
//! are written in what SQLite and PostgreSQL have in common.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{StoreError, Stored};
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

impl FromValue for i64 {
    fn from_value(value: Value<'_>) -> Option<Self> {
        if let Value::Integer(number) = value { Some(number) } else { None }
    }
}

impl FromValue for bool {
    fn from_value(value: Value<'_>) -> Option<Self> {
        i64::from_value(value).map(|number| number != 0)
    }
}

impl FromValue for Timestamp {
    fn from_value(value: Value<'_>) -> Option<Self> {
        i64::from_value(value).map(moment)
    }
}

impl FromValue for IncidentId {
    fn from_value(value: Value<'_>) -> Option<Self> {
        i64::from_value(value).map(Self)
    }
}

impl FromValue for String {
    fn from_value(value: Value<'_>) -> Option<Self> {
        if let Value::Text(text) = value { Some(text.to_owned()) } else { None }
    }
}

impl FromValue for Vec<u8> {
    fn from_value(value: Value<'_>) -> Option<Self> {
        if let Value::Bytes(bytes) = value { Some(bytes.to_vec()) } else { None }
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: Value<'_>) -> Option<Self> {
        if value == Value::Null { Some(None) } else { T::from_value(value).map(Some) }
    }
}

/// What can be given to a statement.
pub(super) trait ToValue {
    fn to_value(&self) -> Value<'_>;
}

impl ToValue for i64 {
    fn to_value(&self) -> Value<'_> {
        Value::Integer(*self)
    }
}

/// A limit.
impl ToValue for usize {
    fn to_value(&self) -> Value<'_> {
        Value::Integer(i64::try_from(*self).unwrap_or(i64::MAX))
    }
}

impl ToValue for bool {
    fn to_value(&self) -> Value<'_> {
        Value::Integer(i64::from(*self))
    }
}

/// Whole milliseconds since 1970.
impl ToValue for Timestamp {
    fn to_value(&self) -> Value<'_> {
        Value::Integer(millis(*self))
    }
}

impl ToValue for IncidentId {
    fn to_value(&self) -> Value<'_> {
        Value::Integer(self.0)
    }
}

impl ToValue for str {
    fn to_value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl ToValue for String {
    fn to_value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl ToValue for [u8] {
    fn to_value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}

impl ToValue for Vec<u8> {
    fn to_value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}

impl<T: ToValue + ?Sized> ToValue for &T {
    fn to_value(&self) -> Value<'_> {
        (**self).to_value()
    }
}

impl<T: ToValue> ToValue for Option<T> {
    fn to_value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, ToValue::to_value)
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
    pub(super) fn list(&self) -> Vec<Aside> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let aside = |((what, whose), why): (&(String, String), &String)| Aside {
            what: what.clone(),
            whose: whose.clone(),
            why: why.clone(),
        };
        all.iter().map(aside).collect()
    }
}

/// A transaction under way.
pub(super) struct Tx<'a> {
    statements: &'a dyn Statements,
    asides: &'a Asides,
}

impl<'a> Tx<'a> {
    pub(super) fn new(statements: &'a dyn Statements, asides: &'a Asides) -> Self {
        Self { statements, asides }
    }

    /// Runs a statement; returns how many rows it changed.
    pub(super) fn execute(&self, sql: &str, values: &[Value<'_>]) -> Stored<usize> {
        self.statements.execute(sql, values)
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

    /// Remembers that something stored is left out, for the console, and says so once.
    pub(super) fn set_aside(&self, what: &str, whose: &str, why: &str) {
        let mut all = self.asides.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry((what.to_owned(), whose.to_owned())).or_insert_with(|| {
            tracing::error!(what, whose, why, "something stored is set aside; everything else goes on");
            why.to_owned()
        });
    }

    /// It has gone well again.
    pub(super) fn take_back(&self, what: &str, whose: &str) {
        let mut all = self.asides.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(&(what.to_owned(), whose.to_owned()));
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

pub(super) fn millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

pub(super) fn moment(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
}
