//! Outbreaks: of more incidents of one source and route at once than groups could be made for, the further ones
//! belong to one of them.
//!
//! Nothing of them is lost: their alerts are alerts of that incident, and what is told of their keys later, the end
//! too, finds it.

use rusqlite::{Connection, params};

use super::rows::{Stored, execute, first, millis};
use crate::alert::{Alert, DedupKey};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::incident::{Incident, IncidentId};

/// Within which time they begin.
const WINDOW: SignedDuration = SignedDuration::from_mins(10);

/// Whose incidents are counted together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin<'a> {
    pub(super) source: &'a str,
    pub(super) route: &'a str,
}

/// The incident that deals with what is told of this key, if it is not one of its own.
pub(super) fn incident_of(db: &Connection, key: &DedupKey) -> Stored<Option<IncidentId>> {
    first(
        db,
        "SELECT j.incident FROM joined j JOIN incidents i ON i.number = j.incident
         WHERE j.key = ?1 AND i.state <> 'closed'",
        [key.as_str()],
        |r| r.get(0).map(IncidentId),
    )
}

/// The incident that one more of this origin belongs to, once `most` have begun within a short time.
pub(super) fn host(
    db: &Connection,
    of: Origin<'_>,
    most: usize,
    now: Timestamp,
) -> Stored<Option<IncidentId>> {
    let since = millis(later(now, -WINDOW));
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let counted = |sql| {
        let count = first(db, sql, params![of.source, of.route, since, most], |r| r.get::<_, i64>(0))?;
        Ok(count.unwrap_or(0))
    };
    let opened = counted(
        "SELECT count(*) FROM (SELECT 1 FROM rooms
         WHERE source = ?1 AND route = ?2 AND opened_at > ?3 LIMIT ?4)",
    )?;
    let joined = counted(
        "SELECT count(*) FROM (SELECT 1 FROM joined
         WHERE source = ?1 AND route = ?2 AND at > ?3 LIMIT ?4)",
    )?;
    if opened + joined < most {
        return Ok(None);
    }
    let last = first(
        db,
        "SELECT j.incident FROM joined j JOIN incidents i ON i.number = j.incident
         WHERE j.source = ?1 AND j.route = ?2 AND j.at > ?3 AND i.state <> 'closed' ORDER BY j.at DESC LIMIT 1",
        params![of.source, of.route, since],
        |r| r.get(0).map(IncidentId),
    )?;
    if last.is_some() {
        return Ok(last);
    }
    // One whose people meet already, or will first.
    first(
        db,
        "SELECT r.incident FROM rooms r JOIN incidents i ON i.number = r.incident
         WHERE r.source = ?1 AND r.route = ?2 AND r.opened_at > ?3 AND i.state = 'open'
           AND r.phase IN ('wanted', 'creating', 'unsure', 'live')
         ORDER BY r.group_id IS NULL, r.guest_of IS NOT NULL, r.incident LIMIT 1",
        params![of.source, of.route, since],
        |r| r.get(0).map(IncidentId),
    )
}

/// What is told of `key` belongs to the incident `id` from now on.
pub(super) fn join(
    db: &Connection,
    key: &DedupKey,
    id: IncidentId,
    of: Origin<'_>,
    now: Timestamp,
) -> Stored<()> {
    execute(
        db,
        "INSERT OR REPLACE INTO joined (key, incident, source, route, at) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![key.as_str(), id.0, of.source, of.route, millis(now)],
    )?;
    Ok(())
}

/// Alerts of other keys by names of their own: two keys may call different conditions the same.
pub(super) fn renamed(alerts: &[Alert]) -> Vec<Alert> {
    let named = |alert: &Alert| Alert { id: format!("{} {}", alert.key, alert.id), ..alert.clone() };
    alerts.iter().map(named).collect()
}

/// The incident after alerts of other keys came into it: what it is called and whom it concerns stays, and it says
/// how many there are.
pub(super) fn described(db: &Connection, before: &Incident, after: Incident) -> Stored<Incident> {
    let count =
        first(db, "SELECT count(*) FROM joined WHERE incident = ?1", [before.id.0], |r| r.get::<_, i64>(0))?
            .unwrap_or(0);
    let end = "at once from the same source and route: they are told here together.";
    let own = match before.summary.split_once('\n') {
        Some((first, rest)) if first.ends_with(end) => rest,
        _ => before.summary.trim_end_matches(end),
    };
    Ok(Incident {
        key: before.key.clone(),
        title: before.title.clone(),
        summary: format!("And {count} more {end}\n{own}"),
        labels: before.labels.clone(),
        ..after
    })
}

/// The incident is over: its keys begin incidents of their own again.
pub(super) fn end(db: &Connection, id: IncidentId) -> Stored<()> {
    execute(db, "DELETE FROM joined WHERE incident = ?1", [id.0])?;
    Ok(())
}
