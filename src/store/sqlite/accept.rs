//! Taking in a hook: everything it means, in one transaction.

use std::collections::BTreeMap;

use rusqlite::{Connection, named_params, params};

use super::queue;
use super::rows::{self, Doc, Stored, all, execute, first, legible, millis, write};
use crate::alert::{Alert, DedupKey};
use crate::incident::{
    Before, Folded, IncidentId, KnownAlert, Outcome, Reporter, State, fold, is_complete_list,
};
use crate::store::{Acceptance, Answered, Receipt};

pub(super) fn accept(db: &Connection, hook: &Acceptance) -> Stored<Receipt> {
    if let Some(key) = &hook.replay_key
        && let Some(receipt) = earlier_receipt(db, &hook.source, key)?
    {
        return Ok(receipt);
    }
    let mut incidents = Vec::new();
    for (key, alerts) in by_key(&hook.alerts) {
        incidents.push(fold_into(db, hook, key, &alerts)?);
    }
    let receipt = Receipt {
        id: hook.receipt.clone(),
        outcome: hook.ignored.as_ref().map(|_| Outcome::Ignored),
        reason: hook.ignored.clone(),
        replays: hook.replays.clone(),
        incidents,
    };
    execute(
        db,
        "INSERT INTO receipts (id, source, received_at, replay_key, headers, body, answer)
         VALUES (:id, :source, :received_at, :replay_key, :headers, :body, :answer)",
        named_params! {
            ":id": receipt.id,
            ":source": hook.source,
            ":received_at": millis(hook.received_at),
            ":replay_key": hook.replay_key,
            ":headers": write("headers", &hook.headers)?,
            ":body": hook.body.as_ref(),
            ":answer": write("receipt", &receipt)?,
        },
    )?;
    Ok(receipt)
}

/// The receipt of the same delivery, if it came before, with every outcome turned into "repeated".
fn earlier_receipt(db: &Connection, source: &str, replay_key: &str) -> Stored<Option<Receipt>> {
    let answer = first(
        db,
        "SELECT id, answer FROM receipts WHERE source = ?1 AND replay_key = ?2",
        [source, replay_key],
        |r| Ok((r.get::<_, String>(0)?, r.get::<_, Doc>(1)?)),
    )?;
    let Some((id, answer)) = answer else { return Ok(None) };
    let nothing =
        Receipt { id: id.clone(), incidents: Vec::new(), outcome: None, reason: None, replays: None };
    let mut receipt: Receipt = legible(db, "receipt", &id, answer)?.unwrap_or(nothing);
    for incident in &mut receipt.incidents {
        incident.outcome = Outcome::Repeated;
    }
    receipt.outcome = Some(Outcome::Repeated);
    receipt.reason = Some("this very delivery was accepted before".to_owned());
    Ok(Some(receipt))
}

/// The alerts of a body by incident, in the order in which the incidents first occur.
fn by_key(alerts: &[Alert]) -> Vec<(&DedupKey, Vec<Alert>)> {
    let mut places: BTreeMap<&DedupKey, usize> = BTreeMap::new();
    let mut groups: Vec<(&DedupKey, Vec<Alert>)> = Vec::new();
    for alert in alerts {
        let place = *places.entry(&alert.key).or_insert(groups.len());
        if place == groups.len() {
            groups.push((&alert.key, Vec::new()));
        }
        if let Some((_, group)) = groups.get_mut(place) {
            group.push(alert.clone());
        }
    }
    groups
}

fn fold_into(db: &Connection, hook: &Acceptance, key: &DedupKey, alerts: &[Alert]) -> Stored<Answered> {
    let now = hook.received_at;
    let before = rows::open_incident(db, key.as_str())?;
    let before = match before {
        Some(incident) => Some(Before {
            known: known_alerts(db, incident.id, alerts)?,
            room_is_over: rows::room_is_over(db, incident.id)?,
            incident,
        }),
        None => None,
    };
    let next = first(db, "SELECT coalesce(max(number), 0) + 1 FROM incidents", [], |r| r.get::<_, i64>(0))?;
    let number = || IncidentId(next.unwrap_or(1));
    let reporter = Reporter { source: &hook.source, judge: &*hook.judge };
    let folded = fold(before, alerts, reporter, number, hook.rules, now);
    if let Some(closed) = &folded.closed {
        rows::put_incident(db, closed)?;
        rows::stir(db, closed.id, now)?;
    }
    let severity = alerts.iter().map(|a| a.severity).min();
    let answered = Answered {
        id: folded.incident.as_ref().map(|i| i.id.to_string()),
        outcome: folded.outcome,
        severity: folded.incident.as_ref().map(|i| i.severity).or(severity).unwrap_or(hook.rules.open_at),
        reason: folded.reason.map(str::to_owned),
    };
    record(db, hook, &folded)?;
    Ok(answered)
}

fn known_alerts(db: &Connection, id: IncidentId, alerts: &[Alert]) -> Stored<BTreeMap<String, KnownAlert>> {
    let mut known = BTreeMap::new();
    if is_complete_list(alerts) {
        let all = all(db, "SELECT id, doc FROM alerts WHERE incident = ?1", [id.0], |r| {
            Ok((r.get::<_, String>(0)?, r.get::<_, Doc>(1)?))
        })?;
        for (alert, doc) in all {
            if let Some(doc) = legible(db, "alert", id, doc)? {
                known.insert(alert, doc);
            }
        }
        return Ok(known);
    }
    for alert in alerts {
        let doc = first(
            db,
            "SELECT doc FROM alerts WHERE incident = ?1 AND id = ?2",
            params![id.0, alert.id],
            |r| r.get::<_, Doc>(0),
        )?;
        // As if it were not there: what is said of it now is what is known.
        if let Some(doc) = doc
            && let Some(doc) = legible(db, "alert", id, doc)?
        {
            known.insert(alert.id.clone(), doc);
        }
    }
    Ok(known)
}

fn record(db: &Connection, hook: &Acceptance, folded: &Folded) -> Stored<()> {
    let Some(incident) = &folded.incident else { return Ok(()) };
    let now = hook.received_at;
    rows::put_incident(db, incident)?;
    for (id, alert) in &folded.alerts {
        execute(
            db,
            "INSERT INTO alerts (incident, id, doc) VALUES (?1, ?2, ?3)
             ON CONFLICT (incident, id) DO UPDATE SET doc = ?3",
            params![incident.id.0, id, write("alert", alert)?],
        )?;
    }
    execute(
        db,
        "INSERT INTO hooks (incident, receipt, source, at, outcome) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![incident.id.0, hook.receipt, hook.source, millis(now), write("outcome", &folded.outcome)?],
    )?;
    if let Some(news) = &folded.news {
        execute(
            db,
            "INSERT INTO news (incident, seq, at, receipt, doc)
             SELECT ?1, coalesce(max(seq), 0) + 1, ?2, ?3, ?4 FROM news WHERE incident = ?1",
            params![incident.id.0, millis(now), hook.receipt, write("piece of news", news)?],
        )?;
    }
    if folded.opens_room {
        let room = (hook.open_room)(incident, now);
        execute(
            db,
            "INSERT INTO rooms (incident, phase, doc, wake_at, touched_at, route, rank)
             VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6)",
            params![
                incident.id.0,
                room.phase.name().as_str(),
                write("room", &room)?,
                millis(now),
                room.summons.company(),
                queue::rank(&room)
            ],
        )?;
    } else if folded.news.is_some() {
        if incident.state != State::Open {
            // Nothing fires: nobody waits for a group any more.
            queue::leave(db, incident.id, now)?;
        }
        rows::stir(db, incident.id, now)?;
    }
    Ok(())
}

/// Which hooks touched an incident.
pub(super) fn hooks(db: &Connection, id: IncidentId) -> Stored<Vec<(i64, String, String, Outcome)>> {
    all(
        db,
        "SELECT at, receipt, source, outcome FROM hooks WHERE incident = ?1 ORDER BY at, receipt",
        [id.0],
        |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get::<_, Doc>(3)?)),
    )?
    .into_iter()
    .filter_map(|(at, receipt, source, outcome)| {
        let outcome = legible(db, "outcome of a hook", id, outcome).transpose()?;
        Some(outcome.map(|outcome| (at, receipt, source, outcome)))
    })
    .collect()
}
