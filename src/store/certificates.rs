//! Signers' certificates that were fetched once.

use super::Store;
use super::error::Stored;
use super::tx::values;
use crate::clock::Timestamp;

/// Amazon has one per region at a time.
const MOST: i64 = 32;

impl Store {
    /// The signers' certificates that were fetched, by their address.
    pub async fn certificates(&self) -> Stored<Vec<(String, Vec<u8>)>> {
        let sql = "SELECT address, pem FROM certificates";
        self.read("certificates", move |tx| tx.all(sql, &[], |r| Ok((r.get(0)?, r.get(1)?)))).await
    }

    /// Keeps a signer's certificate, in place of the oldest if there are many.
    pub async fn keep_certificate(&self, address: &str, pem: Vec<u8>, now: Timestamp) -> Stored<()> {
        let address = address.to_owned();
        self.write("keep_certificate", move |tx| {
            tx.run(
                "INSERT INTO certificates (address, pem, fetched_at) VALUES (?1, ?2, ?3)
                 ON CONFLICT (address) DO UPDATE SET pem = ?2, fetched_at = ?3",
                values![address, pem, now],
            )?;
            tx.run(
                "DELETE FROM certificates WHERE address NOT IN
                 (SELECT address FROM certificates ORDER BY fetched_at DESC, address LIMIT ?1)",
                values![MOST],
            )
        })
        .await
    }
}
