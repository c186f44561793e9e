//! Moves all that a stopped bridge has stored from a file into a database, and compares both before it counts.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::error::{StoreError, Stored};
use super::postgres::{self, Address};
use super::schema::{Table, tables};
use super::sqlite;
use super::tx::{Row, Statements, Value};

/// What is of one process only, or made anew.
const NOT_MOVED: [&str; 3] = ["pulse", "replicas", "duties"];
/// What a new database holds a first row of.
const PREFILLED: [&str; 1] = ["clock"];
/// Rows that are sent before their answers are waited for.
const SENT_AT_ONCE: u64 = 500;

/// A table that was moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Its name.
    pub table: &'static str,
    /// How many rows it has there, as it has here.
    pub rows: u64,
    /// Made of all its rows, there as here.
    pub checksum: u64,
}

/// Moves everything from the store in the file `from`, which nobody may have open, to the database `to`, which must
/// hold nothing yet. All of it is there afterwards, or nothing. `progress` is told of each table and how many of its
/// rows are on their way. Not to be called on a thread of a runtime.
pub fn migrate(from: &Path, to: &Address, progress: &mut dyn FnMut(&'static str, u64)) -> Stored<Vec<Moved>> {
    sqlite::look_alone(from, |file| postgres::fill(to, |database| move_all(file, database, progress)))
}

fn move_all(
    from: &dyn Statements,
    to: &dyn Statements,
    progress: &mut dyn FnMut(&'static str, u64),
) -> Stored<Vec<Moved>> {
    let tables: Vec<Table> = tables().into_iter().filter(|t| !NOT_MOVED.contains(&t.name)).collect();
    for table in &tables {
        if PREFILLED.contains(&table.name) {
            to.run(&format!("DELETE FROM {}", table.name), &[])?;
        } else if summary(to, table)?.0 > 0 {
            return Err(StoreError::NotEmpty);
        }
    }
    let moved = tables.iter().map(|table| {
        let (rows, checksum) = move_table(from, to, table, progress)?;
        if summary(to, table)? != (rows, checksum) {
            let why = "what arrived is not what was sent; nothing was moved".to_owned();
            return Err(StoreError::Corrupt { what: table.name, why });
        }
        Ok(Moved { table: table.name, rows, checksum })
    });
    moved.collect()
}

fn move_table(
    from: &dyn Statements,
    to: &dyn Statements,
    table: &Table,
    progress: &mut dyn FnMut(&'static str, u64),
) -> Stored<(u64, u64)> {
    let places: Vec<String> = (1..=table.columns.len()).map(|place| format!("?{place}")).collect();
    let sql =
        format!("INSERT INTO {} ({}) VALUES ({})", table.name, table.columns.join(", "), places.join(", "));
    let (mut rows, mut checksum) = (0_u64, 0_u64);
    all_rows(from, table, &mut |values| {
        rows += 1;
        checksum = checksum.wrapping_add(hash(values));
        if rows.is_multiple_of(SENT_AT_ONCE) {
            progress(table.name, rows);
            to.execute(&sql, values).map(drop)
        } else {
            to.run(&sql, values)
        }
    })?;
    progress(table.name, rows);
    Ok((rows, checksum))
}

/// How many rows a table has, and a checksum of them in any order.
fn summary(of: &dyn Statements, table: &Table) -> Stored<(u64, u64)> {
    let (mut rows, mut checksum) = (0_u64, 0_u64);
    all_rows(of, table, &mut |values| {
        rows += 1;
        checksum = checksum.wrapping_add(hash(values));
        Ok(())
    })?;
    Ok((rows, checksum))
}

fn all_rows(
    of: &dyn Statements,
    table: &Table,
    each: &mut dyn FnMut(&[Value<'_>]) -> Stored<()>,
) -> Stored<()> {
    let sql = format!("SELECT {} FROM {}", table.columns.join(", "), table.name);
    of.query(&sql, &[], &mut |row: &dyn Row| {
        let values: Vec<Value<'_>> = (0..table.columns.len()).map(|column| row.value(column)).collect();
        each(&values).map(|()| true)
    })
}

fn hash(values: &[Value<'_>]) -> u64 {
    let mut hash = Sha256::new();
    let mut add = |kind: u8, bytes: &[u8]| {
        hash.update([kind]);
        hash.update(bytes.len().to_be_bytes());
        hash.update(bytes);
    };
    for value in values {
        match value {
            Value::Null => add(0, &[]),
            Value::Integer(number) => add(1, &number.to_be_bytes()),
            // A database may hold no NUL in a text.
            Value::Text(text) => add(2, text.replace('\0', "\u{fffd}").as_bytes()),
            Value::Bytes(bytes) => add(3, bytes),
        }
    }
    hash.finalize().first_chunk().copied().map_or(0, u64::from_be_bytes)
}
