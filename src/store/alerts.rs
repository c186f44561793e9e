//! The alerts of incidents, and ends that came before their beginnings.

use std::collections::BTreeMap;

use super::error::Stored;
use super::tx::{Tx, Value, values, write};
use crate::alert::{Alert, AlertState, DedupKey};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::incident::{IncidentId, KnownAlert, SECOND_LIST};

/// How long an end is kept while its beginning has not come.
const BEGINNING_MAY_COME: SignedDuration = SignedDuration::from_hours(1);

pub(super) fn put(
    tx: &Tx<'_>,
    incident: IncidentId,
    id: &str,
    alert: &KnownAlert,
    is_new: bool,
) -> Stored<()> {
    let fires = alert.state != AlertState::Resolved;
    let listed_by = alert.listed_by.as_ref().filter(|_| fires && alert.missing_since.is_none());
    let (doc, missing_since) = (write("alert", alert)?, alert.missing_since.filter(|_| fires));
    let listed_by = listed_by.map(DedupKey::as_str);
    let values = values![incident, id, doc, listed_by, missing_since];
    // SQLite writes the indexes of every column that is set, changed or not.
    let same = "UPDATE alerts SET doc = ?3
                WHERE incident = ?1 AND id = ?2
                  AND listed_by IS NOT DISTINCT FROM ?4 AND missing_since IS NOT DISTINCT FROM ?5";
    if is_new || tx.execute(same, values)? == 0 {
        tx.run(
            "INSERT INTO alerts (incident, id, doc, listed_by, missing_since) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (incident, id) DO UPDATE SET doc = ?3, listed_by = ?4, missing_since = ?5",
            values,
        )?;
    }
    Ok(())
}

/// Alerts of an incident that no list has named since then, the longest missing first.
pub(super) fn missing(
    tx: &Tx<'_>,
    incident: IncidentId,
    since: Timestamp,
    limit: usize,
) -> Stored<Vec<(String, KnownAlert)>> {
    let sql = "SELECT id, doc FROM alerts WHERE incident = ?1 AND missing_since <= ?2
               ORDER BY missing_since LIMIT ?3";
    known(tx, incident, sql, values![incident, since, limit])
}

/// Alerts of an incident that the last complete list named. Those that it left out are [`missing`].
fn listed(tx: &Tx<'_>, incident: IncidentId, list: &DedupKey) -> Stored<Vec<(String, KnownAlert)>> {
    let sql = "SELECT id, doc FROM alerts
               WHERE incident = ?1 AND listed_by = ?2 AND missing_since IS NULL";
    known(tx, incident, sql, values![incident, list.as_str()])
}

fn known(
    tx: &Tx<'_>,
    incident: IncidentId,
    sql: &str,
    values: &[Value<'_>],
) -> Stored<Vec<(String, KnownAlert)>> {
    tx.some(sql, values, |r| {
        let id = r.get(0)?;
        Ok(tx.legible("alert", incident, r.doc(1)).map(|alert| (id, alert)))
    })
}

/// What is known of the alerts in a body. For a complete list also of those that the list before named, and of those
/// that are missing for so long that this list decides. Ended alerts are not read: an incident with ever new alerts
/// would cost more with each.
pub(super) fn known_of(
    tx: &Tx<'_>,
    id: IncidentId,
    alerts: &[Alert],
    now: Timestamp,
) -> Stored<BTreeMap<String, KnownAlert>> {
    let mut known = BTreeMap::new();
    if let Some(list) = alerts.iter().find(|alert| alert.is_listed) {
        known.extend(listed(tx, id, &list.key)?);
        known.extend(missing(tx, id, later(now, -SECOND_LIST), usize::MAX)?);
    }
    for alert in alerts {
        if known.contains_key(&alert.id) {
            continue;
        }
        let sql = "SELECT doc FROM alerts WHERE incident = ?1 AND id = ?2";
        let found = tx.first(sql, values![id, alert.id], |r| {
            Ok(tx.legible("alert", id, r.doc(0)).unwrap_or_else(|| KnownAlert::presumed(alert, now)))
        })?;
        if let Some(found) = found {
            known.insert(alert.id.clone(), found);
        }
    }
    Ok(known)
}

/// Ends whose beginnings have not come yet.
pub(super) fn earlier_ends(tx: &Tx<'_>, key: &DedupKey, now: Timestamp) -> Stored<Vec<(String, KnownAlert)>> {
    let sql = "SELECT id, doc FROM ends WHERE key = ?1 AND at > ?2";
    tx.some(sql, values![key.as_str(), later(now, -BEGINNING_MAY_COME)], |r| {
        let id = r.get(0)?;
        Ok(tx.legible("end of an alert", "an earlier hook", r.doc(1)).map(|end| (id, end)))
    })
}

pub(super) fn remember_ends(
    tx: &Tx<'_>,
    key: &DedupKey,
    ends: &BTreeMap<String, KnownAlert>,
    now: Timestamp,
) -> Stored<()> {
    if ends.is_empty() {
        return Ok(());
    }
    tx.run("DELETE FROM ends WHERE at <= ?1", values![later(now, -BEGINNING_MAY_COME)])?;
    for (id, end) in ends {
        tx.run(
            "INSERT INTO ends (key, id, at, doc) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (key, id) DO UPDATE SET at = ?3, doc = ?4",
            values![key.as_str(), id, now, write("alert", end)?],
        )?;
    }
    Ok(())
}
