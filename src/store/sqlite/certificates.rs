//! Signers' certificates that were fetched once.

use rusqlite::{Connection, params};

use super::rows::{Stored, all, execute, millis};
use crate::clock::Timestamp;

/// Amazon has one per region at a time.
const MOST: i64 = 32;

pub(super) fn kept(db: &Connection) -> Stored<Vec<(String, Vec<u8>)>> {
    all(db, "SELECT address, pem FROM certificates", [], |r| Ok((r.get(0)?, r.get(1)?)))
}

pub(super) fn keep(db: &Connection, address: &str, pem: &[u8], now: Timestamp) -> Stored<()> {
    execute(
        db,
        "INSERT INTO certificates (address, pem, fetched_at) VALUES (?1, ?2, ?3)
         ON CONFLICT (address) DO UPDATE SET pem = ?2, fetched_at = ?3",
        params![address, pem, millis(now)],
    )?;
    execute(
        db,
        "DELETE FROM certificates WHERE address NOT IN
         (SELECT address FROM certificates ORDER BY fetched_at DESC, address LIMIT ?1)",
        [MOST],
    )?;
    Ok(())
}
