//! Reading and writing single rows: documents as JSON, moments as milliseconds.

use std::fmt::Display;

use rusqlite::types::{FromSql, FromSqlResult, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::hosts;
use super::lane::unavailable;
use super::{orphans, outbreaks};
use crate::alert::{AlertState, DedupKey};
use crate::clock::Timestamp;
use crate::incident::{Incident, IncidentId, KnownAlert, News, State};
use crate::room::{Inputs, NewsItem, Room, Urgency, Wish};
use crate::store::{Aside, ReceiptId, StoreError};

pub(super) type Stored<T> = Result<T, StoreError>;

pub(super) fn write<T: Serialize>(what: &'static str, value: &T) -> Stored<String> {
    serde_json::to_string(value).map_err(|e| StoreError::Corrupt { what, why: e.to_string() })
}

/// A document as it is stored, whatever its bytes are: what is wrong with them is found out by reading it.
#[derive(Debug)]
pub(super) struct Doc(Vec<u8>);

impl FromSql for Doc {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Ok(Self(match value {
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.to_vec(),
            ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => Vec::new(),
        }))
    }
}

impl AsRef<[u8]> for Doc {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// What a document says. One that cannot be read is set aside, so that it keeps nothing else waiting.
pub(super) fn legible<T: DeserializeOwned>(
    db: &Connection,
    what: &'static str,
    whose: impl Display,
    doc: impl AsRef<[u8]>,
) -> Stored<Option<T>> {
    match read(what, doc) {
        Ok(said) => Ok(Some(said)),
        Err(error) => set_aside(db, what, &whose.to_string(), &error.to_string()).map(|()| None),
    }
}

/// Remembers that something stored is left out, for the console, and says so once.
pub(super) fn set_aside(db: &Connection, what: &str, whose: &str, why: &str) -> Stored<()> {
    let sql = "INSERT INTO temp.aside (what, whose, why) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    if execute(db, sql, [what, whose, why])? > 0 {
        tracing::error!(what, whose, why, "something stored is set aside; everything else goes on");
    }
    Ok(())
}

/// What was set aside on this connection.
pub(super) fn aside(db: &Connection) -> Stored<Vec<Aside>> {
    all(db, "SELECT what, whose, why FROM temp.aside ORDER BY what, whose", [], |r| {
        Ok(Aside { what: r.get(0)?, whose: r.get(1)?, why: r.get(2)? })
    })
}

pub(super) fn read<T: DeserializeOwned>(what: &'static str, doc: impl AsRef<[u8]>) -> Stored<T> {
    // The text may hold people's names and numbers: only the place of the mistake is told.
    serde_json::from_slice(doc.as_ref())
        .map_err(|e| StoreError::Corrupt { what, why: format!("line {}, column {}", e.line(), e.column()) })
}

pub(super) fn millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

pub(super) fn moment(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
}

/// One column of one row, if there is a row.
pub(super) fn first<T>(
    db: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
    take: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> Stored<Option<T>> {
    db.prepare_cached(sql)
        .and_then(|mut statement| statement.query_row(params, take).optional())
        .map_err(unavailable)
}

/// All rows.
pub(super) fn all<T>(
    db: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
    take: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Stored<Vec<T>> {
    db.prepare_cached(sql)
        .and_then(|mut statement| statement.query_map(params, take)?.collect())
        .map_err(unavailable)
}

/// Runs a statement; returns how many rows it changed.
pub(super) fn execute(db: &Connection, sql: &str, params: impl rusqlite::Params) -> Stored<usize> {
    db.prepare_cached(sql).and_then(|mut statement| statement.execute(params)).map_err(unavailable)
}

/// The incident of a key that is not closed, and whether it had a room that is over for good.
pub(super) fn open_incident(db: &Connection, key: &DedupKey) -> Stored<Option<(Incident, bool)>> {
    let sql = "SELECT i.number, i.doc, coalesce(r.phase IN ('closed', 'skipped'), 0)
               FROM incidents i LEFT JOIN rooms r ON r.incident = i.number
               WHERE i.key = ?1 AND i.state IN ('open', 'resolved')";
    let row =
        first(db, sql, [key.as_str()], |r| Ok((IncidentId(r.get(0)?), r.get::<_, Doc>(1)?, r.get(2)?)))?;
    let Some((id, doc, room_is_over)) = row else { return Ok(None) };
    Ok(legible_incident(db, id, doc)?.map(|incident| (incident, room_is_over)))
}

/// The incident of a key that was closed last.
pub(super) fn last_closed(db: &Connection, key: &DedupKey) -> Stored<Option<IncidentId>> {
    let sql = "SELECT number FROM incidents WHERE key = ?1 AND state = 'closed' ORDER BY number DESC LIMIT 1";
    first(db, sql, [key.as_str()], |r| r.get(0).map(IncidentId))
}

/// An incident that cannot be read stands in nobody's way: what comes next under its key is a new one.
pub(super) fn legible_incident(db: &Connection, id: IncidentId, doc: Doc) -> Stored<Option<Incident>> {
    let incident = legible(db, "incident", id, doc)?;
    if incident.is_none() {
        let sql =
            "UPDATE incidents SET state = 'unreadable', resolved_at = NULL, look_at = NULL WHERE number = ?1";
        execute(db, sql, [id.0])?;
    }
    Ok(incident)
}

pub(super) fn incident(db: &Connection, id: IncidentId) -> Stored<Option<Incident>> {
    first(db, "SELECT doc FROM incidents WHERE number = ?1", [id.0], |r| r.get::<_, Doc>(0))?
        .map(|doc| read("incident", &doc))
        .transpose()
}

/// Whether the incident had a room that is over for good.
pub(super) fn room_is_over(db: &Connection, id: IncidentId) -> Stored<bool> {
    let sql = "SELECT phase IN ('closed', 'skipped') FROM rooms WHERE incident = ?1";
    Ok(first(db, sql, [id.0], |r| r.get::<_, bool>(0))?.unwrap_or(false))
}

/// What an incident is looked for by.
fn columns(incident: &Incident) -> (&DedupKey, &'static str, Option<i64>, Option<i64>) {
    let (state, resolved_at) = match incident.state {
        State::Open => ("open", None),
        State::Resolved { resolved_at, .. } => ("resolved", Some(resolved_at)),
        State::Closed { .. } => ("closed", None),
    };
    let look_at = incident.closes_at().or(incident.look_at);
    (&incident.key, state, resolved_at.map(millis), look_at.map(millis))
}

pub(super) fn add_incident(db: &Connection, incident: &Incident) -> Stored<()> {
    let (key, state, resolved_at, look_at) = columns(incident);
    let doc = write("incident", incident)?;
    execute(
        db,
        "INSERT INTO incidents (number, key, state, resolved_at, look_at, doc) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![incident.id.0, key.as_str(), state, resolved_at, look_at, doc],
    )?;
    Ok(())
}

/// Writes an incident anew that was `before`.
pub(super) fn change_incident(db: &Connection, before: &Incident, incident: &Incident) -> Stored<()> {
    let (id, doc) = (incident.id.0, write("incident", incident)?);
    let (key, state, resolved_at, look_at) = columns(incident);
    if columns(before) == columns(incident) {
        // Indexes are written whether their columns change or not.
        execute(db, "UPDATE incidents SET doc = ?2 WHERE number = ?1", params![id, doc])?;
        return Ok(());
    }
    execute(
        db,
        "UPDATE incidents SET doc = ?2, key = ?3, state = ?4, resolved_at = ?5, look_at = ?6 WHERE number = ?1",
        params![id, doc, key.as_str(), state, resolved_at, look_at],
    )?;
    if incident.is_closed() {
        outbreaks::end(db, incident.id)?;
    }
    Ok(())
}

pub(super) fn room(db: &Connection, id: IncidentId) -> Stored<Option<Room>> {
    first(db, "SELECT doc FROM room_docs WHERE incident = ?1", [id.0], |r| r.get::<_, Doc>(0))?
        .map(|doc| read("room", &doc))
        .transpose()
}

/// The same for whoever can do without it.
pub(super) fn legible_room(db: &Connection, id: IncidentId) -> Stored<Option<Room>> {
    let doc = first(db, "SELECT doc FROM room_docs WHERE incident = ?1", [id.0], |r| r.get::<_, Doc>(0))?;
    doc.map_or(Ok(None), |doc| legible(db, "room", id, doc))
}

/// Adds something that the incident's room should hear; without a receipt where no hook told it. Returns whether the
/// room has to look at it now: what only goes on is told together with what waits to be told already.
pub(super) fn add_news(
    db: &Connection,
    id: IncidentId,
    receipt: Option<ReceiptId>,
    news: &News,
    now: Timestamp,
) -> Stored<bool> {
    let waiting = if matches!(news, News::Changed { was: None, .. }) { waiting_news(db, id)? } else { None };
    let receipt = receipt.map(|id| id.0);
    if let Some((seq, earlier @ News::Changed { .. })) = waiting {
        let both = write("piece of news", &earlier.followed_by(news.clone()))?;
        execute(
            db,
            "UPDATE news SET at = ?3, receipt = ?4, doc = ?5 WHERE incident = ?1 AND seq = ?2",
            params![id.0, seq, millis(now), receipt, both],
        )?;
        return Ok(false);
    }
    execute(
        db,
        "INSERT INTO news (incident, seq, at, receipt, doc)
         SELECT ?1, coalesce(max(seq), 0) + 1, ?2, ?3, ?4 FROM news WHERE incident = ?1",
        params![id.0, millis(now), receipt, write("piece of news", news)?],
    )?;
    Ok(true)
}

/// The last piece of news that no message tells yet, unless somebody who works on the room has read it.
fn waiting_news(db: &Connection, id: IncidentId) -> Stored<Option<(i64, News)>> {
    let sql = "SELECT n.seq, n.doc FROM rooms r JOIN news n ON n.incident = r.incident
               WHERE r.incident = ?1 AND n.seq > r.news_told AND (r.lease_token IS NULL OR n.seq > r.news_read)
               ORDER BY n.seq DESC LIMIT 1";
    let Some((seq, doc)) = first(db, sql, [id.0], |r| Ok((r.get(0)?, r.get::<_, Doc>(1)?)))? else {
        return Ok(None);
    };
    Ok(legible(db, "piece of news", id, doc)?.map(|news| (seq, news)))
}

/// Whoever holds the room has read its news up to here.
pub(super) fn has_read(db: &Connection, wanted: &Inputs) -> Stored<()> {
    if let Some(last) = wanted.news.last() {
        let sql = "UPDATE rooms SET news_read = ?2 WHERE incident = ?1 AND news_read < ?2";
        execute(db, sql, [wanted.incident.id.0, last.seq])?;
    }
    Ok(())
}

pub(super) fn put_alert(
    db: &Connection,
    incident: IncidentId,
    id: &str,
    alert: &KnownAlert,
    is_new: bool,
) -> Stored<()> {
    let fires = alert.state != AlertState::Resolved;
    let listed_by = alert.listed_by.as_ref().filter(|_| fires && alert.missing_since.is_none());
    let values = params![
        incident.0,
        id,
        write("alert", alert)?,
        listed_by.map(DedupKey::as_str),
        alert.missing_since.filter(|_| fires).map(millis),
    ];
    // Indexes are written whether their columns change or not.
    let same = "UPDATE alerts SET doc = ?3
                WHERE incident = ?1 AND id = ?2 AND listed_by IS ?4 AND missing_since IS ?5";
    if is_new || execute(db, same, values)? == 0 {
        execute(
            db,
            "INSERT INTO alerts (incident, id, doc, listed_by, missing_since) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (incident, id) DO UPDATE SET doc = ?3, listed_by = ?4, missing_since = ?5",
            values,
        )?;
    }
    Ok(())
}

/// Alerts of an incident that no list has named since then, the longest missing first.
pub(super) fn missing_alerts(
    db: &Connection,
    incident: IncidentId,
    since: Timestamp,
    limit: usize,
) -> Stored<Vec<(String, KnownAlert)>> {
    let sql = "SELECT id, doc FROM alerts WHERE incident = ?1 AND missing_since <= ?2
               ORDER BY missing_since LIMIT ?3";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    known(
        db,
        incident,
        all(db, sql, params![incident.0, millis(since), limit], |r| Ok((r.get(0)?, r.get(1)?)))?,
    )
}

/// Alerts of an incident that a complete list named when it came last.
pub(super) fn listed_alerts(
    db: &Connection,
    incident: IncidentId,
    list: &DedupKey,
) -> Stored<Vec<(String, KnownAlert)>> {
    let sql = "SELECT id, doc FROM alerts WHERE incident = ?1 AND listed_by = ?2";
    known(db, incident, all(db, sql, params![incident.0, list.as_str()], |r| Ok((r.get(0)?, r.get(1)?)))?)
}

fn known(
    db: &Connection,
    incident: IncidentId,
    rows: Vec<(String, Doc)>,
) -> Stored<Vec<(String, KnownAlert)>> {
    let legible = |(id, doc)| Some(legible(db, "alert", incident, doc).transpose()?.map(|alert| (id, alert)));
    rows.into_iter().filter_map(legible).collect()
}

/// Pieces of news read at once; what is left is told the next time.
const NEWS: i64 = 500;

/// What is wanted of a room now, and how often something came up for it.
pub(super) fn wanted(db: &Connection, room: &Room) -> Stored<(Inputs, i64)> {
    let id = room.incident;
    let missing = || StoreError::Corrupt { what: "room", why: "it has no incident".to_owned() };
    let incident = incident(db, id)?.ok_or_else(missing)?;
    let news = all(
        db,
        "SELECT seq, at, doc FROM news WHERE incident = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
        [id.0, room.last_news, NEWS],
        |r| Ok((r.get::<_, i64>(0)?, r.get::<_, i64>(1)?, r.get::<_, Doc>(2)?)),
    )?
    .into_iter()
    .filter_map(|(seq, at, doc)| {
        let news = legible(db, "piece of news", id, doc).transpose()?;
        Some(news.map(|news| NewsItem { seq, at: moment(at), news }))
    })
    .collect::<Stored<Vec<_>>>()?;
    let (wish, stirred) = first(db, "SELECT wish, stirred FROM rooms WHERE incident = ?1", [id.0], |r| {
        Ok((r.get::<_, Option<Doc>>(0)?, r.get::<_, i64>(1)?))
    })?
    .ok_or_else(missing)?;
    let wish = wish.map_or(Ok(None), |doc| legible::<Wish>(db, "wish", id, doc))?;
    let (host, guests) = (hosts::host_of(db, room)?, hosts::guests_of(db, id)?);
    let notices = super::hearing::unheard(db, id, room.last_notice)?;
    let orphans = orphans::wanted(db, id)?;
    let stances = super::consents::stances(db, room)?;
    Ok((Inputs { incident, news, wish, notices, host, guests, orphans, stances }, stirred))
}

/// What an operator asked of a room that is not done yet.
pub(super) fn wish(db: &Connection, id: IncidentId) -> Stored<Option<Wish>> {
    let doc =
        first(db, "SELECT wish FROM rooms WHERE incident = ?1", [id.0], |r| r.get::<_, Option<Doc>>(0))?;
    doc.flatten().map_or(Ok(None), |doc| legible(db, "wish", id, doc))
}

/// Something came up for the room: it is due now, and whoever holds it must not put it to sleep.
pub(super) fn stir(db: &Connection, id: IncidentId, now: Timestamp) -> Stored<()> {
    execute(
        db,
        "UPDATE rooms SET stirred = stirred + 1, wake_at = min(coalesce(wake_at, ?2), ?2),
                urgency = min(urgency, ?3)
         WHERE incident = ?1",
        [id.0, millis(now), Urgency::News as i64],
    )?;
    Ok(())
}
