//! Outbreaks: when one source and route begins more incidents at once than there can be groups, the further keys join
//! one of them.
//!
//! Nothing is lost: the alerts of a joined key become alerts of that incident, and so does whatever comes of the key
//! later, its end too.

use super::error::Stored;
use super::tx::{Tx, values};
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

/// The incident that this key has joined, if it has.
pub(super) fn incident_of(tx: &Tx<'_>, key: &DedupKey) -> Stored<Option<IncidentId>> {
    tx.first(
        "SELECT j.incident FROM joined j JOIN incidents i ON i.number = j.incident
         WHERE j.key = ?1 AND i.state <> 'closed'",
        values![key.as_str()],
        |r| r.get(0),
    )
}

/// The incident that one more of this origin belongs to, once `most` have begun within a short time.
pub(super) fn host(tx: &Tx<'_>, of: Origin<'_>, most: usize, now: Timestamp) -> Stored<Option<IncidentId>> {
    let since = later(now, -WINDOW);
    let counted = |sql| tx.count(sql, values![of.source, of.route, since, most]);
    let opened = counted(
        "SELECT count(*) FROM (SELECT 1 FROM rooms
         WHERE source = ?1 AND route = ?2 AND opened_at > ?3 LIMIT ?4) AS counted",
    )?;
    let joined = counted(
        "SELECT count(*) FROM (SELECT 1 FROM joined
         WHERE source = ?1 AND route = ?2 AND at > ?3 LIMIT ?4) AS counted",
    )?;
    if usize::try_from(opened + joined).is_ok_and(|begun| begun < most) {
        return Ok(None);
    }
    let last = tx.first(
        "SELECT j.incident FROM joined j JOIN incidents i ON i.number = j.incident
         WHERE j.source = ?1 AND j.route = ?2 AND j.at > ?3 AND i.state <> 'closed'
         ORDER BY j.at DESC LIMIT 1",
        values![of.source, of.route, since],
        |r| r.get(0),
    )?;
    if last.is_some() {
        return Ok(last);
    }
    // The best host has a group already, or will get one first.
    tx.first(
        "SELECT r.incident FROM rooms r JOIN incidents i ON i.number = r.incident
         WHERE r.source = ?1 AND r.route = ?2 AND r.opened_at > ?3 AND i.state = 'open'
           AND r.phase IN ('wanted', 'creating', 'unsure', 'live')
         ORDER BY r.group_id IS NULL, r.guest_of IS NOT NULL, r.incident LIMIT 1",
        values![of.source, of.route, since],
        |r| r.get(0),
    )
}

/// Alerts of `key` belong to the incident `id` from now on.
pub(super) fn join(
    tx: &Tx<'_>,
    key: &DedupKey,
    id: IncidentId,
    of: Origin<'_>,
    now: Timestamp,
) -> Stored<()> {
    tx.run(
        "INSERT INTO joined (key, incident, source, route, at) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (key) DO UPDATE SET incident = ?2, source = ?3, route = ?4, at = ?5",
        values![key.as_str(), id, of.source, of.route, now],
    )
}

/// Alerts of joined keys, renamed: two keys may have different conditions of one name.
pub(super) fn renamed(alerts: &[Alert]) -> Vec<Alert> {
    let named = |alert: &Alert| Alert { id: format!("{} {}", alert.key, alert.id), ..alert.clone() };
    alerts.iter().map(named).collect()
}

/// The incident after other keys joined it: title and labels stay, and the summary counts the keys.
pub(super) fn described(tx: &Tx<'_>, before: &Incident, after: Incident) -> Stored<Incident> {
    let count = tx.count("SELECT count(*) FROM joined WHERE incident = ?1", values![before.id])?;
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

/// Frees the keys of an incident that is over.
pub(super) fn end(tx: &Tx<'_>, id: IncidentId) -> Stored<()> {
    tx.run("DELETE FROM joined WHERE incident = ?1", values![id])
}
