//! What sources sent that could not be taken.

use rusqlite::{Connection, Row, named_params, params};

use super::rows::{Stored, all, execute, first, millis, moment};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::store::source_trouble::{CALL_GAP, RETRY_GAP, SHOWN_FOR, Sighting, SourceTrouble, TroubleKind};

/// Rows of one kind, because strangers choose the names of some.
const ROWS: i64 = 16;
/// What stands for all beyond that.
const OTHERS: &str = "others";

const COLUMNS: &str = "kind, source, why, bytes, times, since, last_at";

/// Counts a sighting; what was seen last more than a day before begins anew.
pub(super) fn note(db: &Connection, seen: &Sighting, now: Timestamp) -> Stored<()> {
    let kind = seen.kind.as_str();
    let forgotten = millis(later(now, -SHOWN_FOR));
    execute(db, "DELETE FROM source_troubles WHERE last_at < ?1 AND kind = ?2", params![forgotten, kind])?;
    let is_known = "SELECT 1 FROM source_troubles WHERE kind = ?1 AND source = ?2";
    let known = first(db, is_known, params![kind, seen.source], |r| r.get::<_, i64>(0))?;
    let rows = first(db, "SELECT count(*) FROM source_troubles WHERE kind = ?1", [kind], |r| r.get(0))?;
    let is_full = known.is_none() && rows.unwrap_or(0) >= ROWS;
    execute(
        db,
        "INSERT INTO source_troubles (kind, source, why, bytes, times, since, last_at)
         VALUES (:kind, :source, :why, :bytes, :times, :now, :now)
         ON CONFLICT (kind, source) DO UPDATE
         SET why = :why, bytes = :bytes, times = times + :times, last_at = :now",
        named_params! {
            ":kind": kind,
            ":source": if is_full { OTHERS } else { seen.source.as_str() },
            ":why": seen.why,
            ":bytes": i64::try_from(seen.bytes).unwrap_or(i64::MAX),
            ":times": i64::try_from(seen.times).unwrap_or(i64::MAX),
            ":now": millis(now),
        },
    )?;
    Ok(())
}

/// What was seen within the last day, the newest first.
pub(super) fn list(db: &Connection, now: Timestamp) -> Stored<Vec<SourceTrouble>> {
    let query = format!(
        "SELECT {COLUMNS} FROM source_troubles WHERE last_at >= ?1 ORDER BY last_at DESC, kind, source"
    );
    let found = all(db, &query, [millis(later(now, -SHOWN_FOR))], trouble)?;
    Ok(found.into_iter().flatten().collect())
}

/// Takes the next one that the fallback webhook is to be told: proven, of a source that has opened rooms, not told
/// since it was seen last, and nothing of it within the hour. Whoever takes it has a minute to say that it is told.
pub(super) fn take_call(db: &Connection, now: Timestamp) -> Stored<Option<SourceTrouble>> {
    let query = format!(
        "SELECT {COLUMNS} FROM source_troubles
         WHERE kind IN (?1, ?2) AND last_at >= ?3
           AND (called_at IS NULL OR called_at < last_at AND (called_at <= ?4 OR called_at > ?5))
         ORDER BY last_at LIMIT 1"
    );
    let opens_rooms =
        "SELECT 1 FROM hooks JOIN rooms ON rooms.incident = hooks.incident WHERE hooks.source = ?1 LIMIT 1";
    let [not_understood, too_large] =
        [TroubleKind::NotUnderstood, TroubleKind::TooLarge].map(TroubleKind::as_str);
    let since = [later(now, -SHOWN_FOR), later(now, -CALL_GAP), now].map(millis);
    loop {
        let given = params![not_understood, too_large, since[0], since[1], since[2]];
        let Some(found) = first(db, &query, given, trouble)?.flatten() else { return Ok(None) };
        // One that never opened a room is asked about once an hour, because looking may take long.
        called_at(db, &found, now)?;
        if first(db, opens_rooms, [&found.seen.source], |r| r.get::<_, i64>(0))?.is_some() {
            let soon = later(later(now, RETRY_GAP), -CALL_GAP);
            called_at(db, &found, soon.min(later(found.last_at, SignedDuration::from_millis(-1))))?;
            return Ok(Some(found));
        }
    }
}

/// It was told, and is left alone for an hour.
pub(super) fn told(db: &Connection, told: &SourceTrouble, now: Timestamp) -> Stored<()> {
    called_at(db, told, now)
}

fn called_at(db: &Connection, told: &SourceTrouble, at: Timestamp) -> Stored<()> {
    execute(
        db,
        "UPDATE source_troubles SET called_at = ?1 WHERE kind = ?2 AND source = ?3",
        params![millis(at), told.seen.kind.as_str(), told.seen.source],
    )?;
    Ok(())
}

/// `None` if it is of a kind that this version does not know.
fn trouble(row: &Row<'_>) -> rusqlite::Result<Option<SourceTrouble>> {
    let number = |value: i64| u64::try_from(value).unwrap_or(0);
    let Some(kind) = TroubleKind::named(&row.get::<_, String>(0)?) else { return Ok(None) };
    let seen = Sighting {
        kind,
        source: row.get(1)?,
        why: row.get(2)?,
        bytes: number(row.get(3)?),
        times: number(row.get(4)?),
    };
    Ok(Some(SourceTrouble { seen, since: moment(row.get(5)?), last_at: moment(row.get(6)?) }))
}
