//! News: what a room should hear of its incident.

use super::error::Stored;
use super::receipts::ReceiptId;
use super::tx::{Tx, values, write};
use crate::clock::Timestamp;
use crate::incident::{IncidentId, News};
use crate::room::NewsItem;

/// Pieces of news read at once; what is left is told the next time.
const AT_ONCE: i64 = 500;

/// Adds something that the incident's room should hear, with the receipt of the hook that brought it, if one did.
/// Returns whether the room has to wake: a mere change joins a piece of news that is not told yet.
pub(super) fn add(
    tx: &Tx<'_>,
    id: IncidentId,
    receipt: Option<ReceiptId>,
    news: &News,
    now: Timestamp,
) -> Stored<bool> {
    let untold = if matches!(news, News::Changed { was: None, .. }) { untold(tx, id)? } else { None };
    let receipt = receipt.map(|id| id.0);
    if let Some((seq, earlier @ News::Changed { .. })) = untold {
        let both = write("piece of news", &earlier.followed_by(news.clone()))?;
        tx.run(
            "UPDATE news SET at = ?3, receipt = ?4, doc = ?5 WHERE incident = ?1 AND seq = ?2",
            values![id, seq, now, receipt, both],
        )?;
        return Ok(false);
    }
    tx.run(
        "INSERT INTO news (incident, seq, at, receipt, doc)
         VALUES (?1, (SELECT coalesce(max(seq), 0) + 1 FROM news WHERE incident = ?1), ?2, ?3, ?4)",
        values![id, now, receipt, write("piece of news", news)?],
    )?;
    Ok(true)
}

/// The last piece of news that no message tells yet, unless the holder of the room has read it.
fn untold(tx: &Tx<'_>, id: IncidentId) -> Stored<Option<(i64, News)>> {
    let found = tx.first(
        "SELECT n.seq, n.doc FROM rooms r JOIN news n ON n.incident = r.incident
         WHERE r.incident = ?1 AND n.seq > r.news_told AND (r.lease_token IS NULL OR n.seq > r.news_read)
         ORDER BY n.seq DESC LIMIT 1",
        values![id],
        |r| Ok((r.get(0)?, tx.legible("piece of news", id, r.doc(1)))),
    )?;
    Ok(found.and_then(|(seq, news)| news.map(|news| (seq, news))))
}

/// What a room that has heard the news up to `heard` has not heard yet.
pub(super) fn since(tx: &Tx<'_>, id: IncidentId, heard: i64) -> Stored<Vec<NewsItem>> {
    tx.some(
        "SELECT seq, at, doc FROM news WHERE incident = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
        values![id, heard, AT_ONCE],
        |r| {
            let (seq, at) = (r.get(0)?, r.get(1)?);
            Ok(tx.legible("piece of news", id, r.doc(2)).map(|news| NewsItem { seq, at, news }))
        },
    )
}

/// Records that the holder of the room has read its news up to here.
pub(super) fn has_read(tx: &Tx<'_>, id: IncidentId, news: &[NewsItem]) -> Stored<()> {
    if let Some(last) = news.last() {
        let sql = "UPDATE rooms SET news_read = ?2 WHERE incident = ?1 AND news_read < ?2";
        tx.run(sql, values![id, last.seq])?;
    }
    Ok(())
}
