//! Reading and writing single rows: documents as JSON, moments as milliseconds.

use rusqlite::{Connection, OptionalExtension, Row, named_params, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::hosts;
use super::lane::unavailable;
use super::{orphans, outbreaks};
use crate::alert::{AlertState, DedupKey};
use crate::clock::Timestamp;
use crate::incident::{Incident, IncidentId, KnownAlert, News, State};
use crate::room::{NewsItem, Room, Urgency, Wanted, Wish};
use crate::store::StoreError;

pub(super) type Stored<T> = Result<T, StoreError>;

pub(super) fn write<T: Serialize>(what: &'static str, value: &T) -> Stored<String> {
    serde_json::to_string(value).map_err(|e| StoreError::Corrupt { what, why: e.to_string() })
}

pub(super) fn read<T: DeserializeOwned>(what: &'static str, text: &str) -> Stored<T> {
    // The text may hold people's names and numbers: only the place of the mistake is told.
    serde_json::from_str(text)
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

/// The newest incident of a key: the one that is not closed, if there is one.
pub(super) fn newest_incident(db: &Connection, key: &str) -> Stored<Option<Incident>> {
    first(db, "SELECT doc FROM incidents WHERE key = ?1 ORDER BY number DESC LIMIT 1", [key], |r| {
        r.get::<_, String>(0)
    })?
    .map(|doc| read("incident", &doc))
    .transpose()
}

pub(super) fn incident(db: &Connection, id: IncidentId) -> Stored<Option<Incident>> {
    first(db, "SELECT doc FROM incidents WHERE number = ?1", [id.0], |r| r.get::<_, String>(0))?
        .map(|doc| read("incident", &doc))
        .transpose()
}

/// Whether the incident had a room that is over for good.
pub(super) fn room_is_over(db: &Connection, id: IncidentId) -> Stored<bool> {
    let sql = "SELECT phase IN ('closed', 'skipped') FROM rooms WHERE incident = ?1";
    Ok(first(db, sql, [id.0], |r| r.get::<_, bool>(0))?.unwrap_or(false))
}

pub(super) fn put_incident(db: &Connection, incident: &Incident) -> Stored<()> {
    let (state, resolved_at) = match incident.state {
        State::Open => ("open", None),
        State::Resolved { resolved_at, .. } => ("resolved", Some(resolved_at)),
        State::Closed { .. } => ("closed", None),
    };
    execute(
        db,
        "INSERT INTO incidents (number, key, state, resolved_at, look_at, doc)
         VALUES (:number, :key, :state, :resolved_at, :look_at, :doc)
         ON CONFLICT (number) DO UPDATE
         SET key = :key, state = :state, resolved_at = :resolved_at, look_at = :look_at, doc = :doc",
        named_params! {
            ":number": incident.id.0,
            ":key": incident.key.as_str(),
            ":state": state,
            ":resolved_at": resolved_at.map(millis),
            ":look_at": incident.closes_at().or(incident.look_at).map(millis),
            ":doc": write("incident", incident)?,
        },
    )?;
    if incident.is_closed() {
        outbreaks::end(db, incident.id)?;
    }
    Ok(())
}

pub(super) fn room(db: &Connection, id: IncidentId) -> Stored<Option<Room>> {
    first(db, "SELECT doc FROM rooms WHERE incident = ?1", [id.0], |r| r.get::<_, String>(0))?
        .map(|doc| read("room", &doc))
        .transpose()
}

/// Something that the incident's room should hear; without a receipt where no hook told it.
pub(super) fn add_news(
    db: &Connection,
    id: IncidentId,
    receipt: Option<&str>,
    news: &News,
    now: Timestamp,
) -> Stored<()> {
    execute(
        db,
        "INSERT INTO news (incident, seq, at, receipt, doc)
         SELECT ?1, coalesce(max(seq), 0) + 1, ?2, ?3, ?4 FROM news WHERE incident = ?1",
        params![id.0, millis(now), receipt, write("piece of news", news)?],
    )?;
    Ok(())
}

pub(super) fn put_alert(db: &Connection, incident: IncidentId, id: &str, alert: &KnownAlert) -> Stored<()> {
    let fires = alert.state != AlertState::Resolved;
    execute(
        db,
        "INSERT INTO alerts (incident, id, doc, listed_by, missing_since) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (incident, id) DO UPDATE SET doc = ?3, listed_by = ?4, missing_since = ?5",
        params![
            incident.0,
            id,
            write("alert", alert)?,
            alert.listed_by.as_ref().filter(|_| fires && alert.missing_since.is_none()).map(DedupKey::as_str),
            alert.missing_since.filter(|_| fires).map(millis),
        ],
    )?;
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
    known(all(db, sql, params![incident.0, millis(since), limit], |r| Ok((r.get(0)?, r.get(1)?)))?)
}

/// Alerts of an incident that a complete list named when it came last.
pub(super) fn listed_alerts(
    db: &Connection,
    incident: IncidentId,
    list: &DedupKey,
) -> Stored<Vec<(String, KnownAlert)>> {
    let sql = "SELECT id, doc FROM alerts WHERE incident = ?1 AND listed_by = ?2";
    known(all(db, sql, params![incident.0, list.as_str()], |r| Ok((r.get(0)?, r.get(1)?)))?)
}

fn known(rows: Vec<(String, String)>) -> Stored<Vec<(String, KnownAlert)>> {
    rows.into_iter().map(|(id, doc)| Ok((id, read("alert", &doc)?))).collect()
}

/// Pieces of news read at once; what is left is told the next time.
const NEWS: i64 = 500;

/// What is wanted of a room now, and how often something came up for it.
pub(super) fn wanted(db: &Connection, room: &Room) -> Stored<(Wanted, i64)> {
    let id = room.incident;
    let missing = || StoreError::Corrupt { what: "room", why: "it has no incident".to_owned() };
    let incident = incident(db, id)?.ok_or_else(missing)?;
    let news = all(
        db,
        "SELECT seq, at, doc FROM news WHERE incident = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
        [id.0, room.heard, NEWS],
        |r| Ok((r.get::<_, i64>(0)?, r.get::<_, i64>(1)?, r.get::<_, String>(2)?)),
    )?
    .into_iter()
    .map(|(seq, at, doc)| Ok(NewsItem { seq, at: moment(at), news: read("piece of news", &doc)? }))
    .collect::<Stored<Vec<_>>>()?;
    let (wish, stirred) = first(db, "SELECT wish, stirred FROM rooms WHERE incident = ?1", [id.0], |r| {
        Ok((r.get::<_, Option<String>>(0)?, r.get::<_, i64>(1)?))
    })?
    .ok_or_else(missing)?;
    let wish = wish.map(|doc| read::<Wish>("wish", &doc)).transpose()?;
    let (host, guests) = (hosts::host_of(db, room)?, hosts::guests_of(db, id)?);
    let notices = super::hearing::unheard(db, id, room.noticed)?;
    let orphans = orphans::wanted(db, id)?;
    let stances = super::consents::stances(db, room)?;
    Ok((Wanted { incident, news, wish, notices, host, guests, orphans, stances }, stirred))
}

/// What an operator asked of a room that is not done yet.
pub(super) fn wish(db: &Connection, id: IncidentId) -> Stored<Option<Wish>> {
    let doc =
        first(db, "SELECT wish FROM rooms WHERE incident = ?1", [id.0], |r| r.get::<_, Option<String>>(0))?;
    doc.flatten().map(|doc| read("wish", &doc)).transpose()
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
