//! What sources sent that nobody was called for, because it could not be taken.

use super::Store;
use super::error::Stored;
use super::tx::{Row, Tx, values};
use crate::clock::{SignedDuration, Timestamp, later};

/// How long a trouble is shown after it was seen last.
pub const SHOWN_FOR: SignedDuration = SignedDuration::from_hours(24);
/// Between two calls of the fallback webhook about one source.
pub const CALL_GAP: SignedDuration = SignedDuration::from_hours(1);
/// How long whoever takes a call has for it.
pub const RETRY_GAP: SignedDuration = SignedDuration::from_mins(1);

/// What was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TroubleKind {
    /// A verified body that says nothing that is understood, or only in part.
    NotUnderstood,
    /// A body that is larger than may be sent, of a sender whose head has proven him.
    TooLarge,
    /// The same, of somebody who has proven nothing.
    TooLargeUnproven,
    /// An address that is no source's.
    NoSuchSource,
}

impl TroubleKind {
    const ALL: [Self; 4] = [Self::NotUnderstood, Self::TooLarge, Self::TooLargeUnproven, Self::NoSuchSource];

    /// A short fixed name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotUnderstood => "not_understood",
            Self::TooLarge => "too_large",
            Self::TooLargeUnproven => "too_large_unproven",
            Self::NoSuchSource => "no_such_source",
        }
    }

    /// The one of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// Something that was seen, once or as often as it came since it was written down last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// What was wrong.
    pub kind: TroubleKind,
    /// The source's name in the config; what stood in the address if there is none.
    pub source: String,
    /// Why, without anything of the body.
    pub why: String,
    /// How long the body was.
    pub bytes: u64,
    /// How often.
    pub times: u64,
}

/// All sightings of one kind and source, up to a day apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceTrouble {
    /// The newest, with the number of all.
    pub seen: Sighting,
    /// When the first of them was.
    pub since: Timestamp,
    /// When the newest was.
    pub last_at: Timestamp,
}

/// Rows of one kind, because strangers choose the names of some.
const ROWS: i64 = 16;
/// What stands for all beyond that.
const OTHERS: &str = "others";

const COLUMNS: &str = "kind, source, why, bytes, times, since, last_at";

impl Store {
    /// Writes down that something came which could not be taken. What [`Self::accept`] takes in says so itself.
    pub async fn note_source_trouble(&self, seen: Sighting, now: Timestamp) -> Stored<()> {
        self.write("note_source_trouble", move |tx| note(tx, &seen, now)).await
    }

    /// What came within the last day and could not be taken, the newest first.
    pub async fn source_troubles(&self, now: Timestamp) -> Stored<Vec<SourceTrouble>> {
        self.read("source_troubles", move |tx| list(tx, now)).await
    }

    /// Takes the next trouble that the fallback webhook is to be told of: of a source that has opened rooms, and once
    /// an hour. Unless [`Self::trouble_told`] follows, it is taken again after a minute.
    pub async fn take_trouble_call(&self, now: Timestamp) -> Stored<Option<SourceTrouble>> {
        self.write("take_trouble_call", move |tx| take_call(tx, now)).await
    }

    /// The fallback webhook was told: it is left alone for an hour.
    pub async fn trouble_told(&self, told: &SourceTrouble, now: Timestamp) -> Stored<()> {
        let told = told.clone();
        self.write("trouble_told", move |tx| called_at(tx, &told, now)).await
    }
}

/// Counts a sighting; what was seen last more than a day before begins anew.
pub(super) fn note(tx: &Tx<'_>, seen: &Sighting, now: Timestamp) -> Stored<()> {
    let kind = seen.kind.as_str();
    let forgotten = later(now, -SHOWN_FOR);
    tx.run("DELETE FROM source_troubles WHERE last_at < ?1 AND kind = ?2", values![forgotten, kind])?;
    let is_known = "SELECT 1 FROM source_troubles WHERE kind = ?1 AND source = ?2";
    let is_full = !tx.any(is_known, values![kind, seen.source])?
        && tx.count("SELECT count(*) FROM source_troubles WHERE kind = ?1", values![kind])? >= ROWS;
    tx.run(
        "INSERT INTO source_troubles (kind, source, why, bytes, times, since, last_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)
         ON CONFLICT (kind, source) DO UPDATE
         SET why = ?3, bytes = ?4, times = source_troubles.times + ?5, last_at = ?6",
        values![
            kind,
            if is_full { OTHERS } else { seen.source.as_str() },
            seen.why,
            i64::try_from(seen.bytes).unwrap_or(i64::MAX),
            i64::try_from(seen.times).unwrap_or(i64::MAX),
            now
        ],
    )
}

/// What was seen within the last day, the newest first.
fn list(tx: &Tx<'_>, now: Timestamp) -> Stored<Vec<SourceTrouble>> {
    let query = format!(
        "SELECT {COLUMNS} FROM source_troubles WHERE last_at >= ?1 ORDER BY last_at DESC, kind, source"
    );
    let found = tx.all(&query, values![later(now, -SHOWN_FOR)], trouble)?;
    Ok(found.into_iter().flatten().collect())
}

/// Takes the next one that the fallback webhook is to be told: proven, of a source that has opened rooms, not told
/// since it was seen last, and nothing of it within the hour. Whoever takes it has a minute to say that it is told.
fn take_call(tx: &Tx<'_>, now: Timestamp) -> Stored<Option<SourceTrouble>> {
    let query = format!(
        "SELECT {COLUMNS} FROM source_troubles
         WHERE kind IN (?1, ?2) AND last_at >= ?3
           AND (called_at IS NULL OR called_at < last_at AND (called_at <= ?4 OR called_at > ?5))
           AND EXISTS (SELECT 1 FROM rooms WHERE rooms.source = source_troubles.source)
         ORDER BY last_at LIMIT 1"
    );
    let [not_understood, too_large] =
        [TroubleKind::NotUnderstood, TroubleKind::TooLarge].map(TroubleKind::as_str);
    let since = [later(now, -SHOWN_FOR), later(now, -CALL_GAP), now];
    let found = tx
        .first(&query, values![not_understood, too_large, since[0], since[1], since[2]], trouble)?
        .flatten();
    if let Some(found) = &found {
        let soon = later(later(now, RETRY_GAP), -CALL_GAP);
        called_at(tx, found, soon.min(later(found.last_at, SignedDuration::from_millis(-1))))?;
    }
    Ok(found)
}

fn called_at(tx: &Tx<'_>, told: &SourceTrouble, at: Timestamp) -> Stored<()> {
    tx.run(
        "UPDATE source_troubles SET called_at = ?1 WHERE kind = ?2 AND source = ?3",
        values![at, told.seen.kind.as_str(), told.seen.source],
    )
}

/// `None` if it is of a kind that this version does not know.
fn trouble(row: &dyn Row) -> Stored<Option<SourceTrouble>> {
    let number = |value: i64| u64::try_from(value).unwrap_or(0);
    let Some(kind) = TroubleKind::named(&row.get::<String>(0)?) else { return Ok(None) };
    let seen = Sighting {
        kind,
        source: row.get(1)?,
        why: row.get(2)?,
        bytes: number(row.get(3)?),
        times: number(row.get(4)?),
    };
    Ok(Some(SourceTrouble { seen, since: row.get(5)?, last_at: row.get(6)? }))
}
