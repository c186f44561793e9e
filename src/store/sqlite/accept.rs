//! Taking in a hook: everything it means, in one transaction.

use std::collections::BTreeMap;

use rusqlite::{Connection, named_params, params};

use super::outbreaks::{self, Origin};
use super::queue;
use super::rows::{self, Stored, all, execute, first, millis, read, write};
use crate::alert::{Alert, AlertState, DedupKey};
use crate::incident::{
    Before, Folded, Incident, IncidentId, KnownAlert, Outcome, Reporter, State, fold, is_complete_list,
};
use crate::room::Room;
use crate::store::{Acceptance, Accepted, Answered, Receipt};

pub(super) fn accept(db: &Connection, hook: &Acceptance) -> Stored<Accepted> {
    if let Some(key) = &hook.replay_key
        && let Some(receipt) = earlier_receipt(db, &hook.source, key)?
    {
        return Ok(Accepted { receipt, wakes: false });
    }
    let taken = take_in(db, hook, &hook.alerts)?;
    let wakes =
        taken.iter().any(|(folded, _)| folded.closed.is_some() || folded.opens_room || folded.news.is_some());
    let incidents = taken.into_iter().map(|(_, answered)| answered).collect();
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
    Ok(Accepted { receipt, wakes })
}

/// The receipt of the same delivery, if it came before, with every outcome turned into "repeated".
fn earlier_receipt(db: &Connection, source: &str, replay_key: &str) -> Stored<Option<Receipt>> {
    let answer = first(
        db,
        "SELECT answer FROM receipts WHERE source = ?1 AND replay_key = ?2",
        [source, replay_key],
        |r| r.get::<_, String>(0),
    )?;
    let Some(answer) = answer else { return Ok(None) };
    let mut receipt: Receipt = read("receipt", &answer)?;
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

/// Folds the alerts of a body into their incidents.
fn take_in(db: &Connection, hook: &Acceptance, alerts: &[Alert]) -> Stored<Vec<(Folded, Answered)>> {
    let mut taken = Vec::new();
    // What belongs to another key's incident, all of it at once: an outbreak can have thousands.
    let mut joined: BTreeMap<IncidentId, Vec<Alert>> = BTreeMap::new();
    for (key, alerts) in by_key(alerts) {
        let before = rows::open_incident(db, key.as_str())?;
        let host = if before.is_none() { outbreaks::incident_of(db, key)? } else { None };
        if let Some(id) = host {
            joined.entry(id).or_default().extend(alerts);
            continue;
        }
        let folded = fold_into(db, hook, before, &alerts)?;
        let room = folded
            .incident
            .as_ref()
            .filter(|_| folded.opens_room)
            .map(|i| (hook.open_room)(i, hook.received_at));
        if let Some(room) = &room {
            let route = room.summons.company();
            let of = Origin { source: &hook.source, route: &route };
            if let Some(id) = outbreaks::host(db, of, hook.most_rooms, hook.received_at)? {
                outbreaks::join(db, key, id, of, hook.received_at)?;
                if let Some(closed) = &folded.closed {
                    end(db, closed, hook)?;
                }
                joined.entry(id).or_default().extend(alerts);
                continue;
            }
        }
        record(db, hook, &folded, room.as_ref())?;
        let answer = answered(hook, &folded, &alerts);
        taken.push((folded, answer));
    }
    for (id, alerts) in joined {
        taken.extend(take_into(db, hook, id, &alerts)?);
    }
    Ok(taken)
}

/// Folds alerts of other keys into the incident `id`.
fn take_into(
    db: &Connection,
    hook: &Acceptance,
    id: IncidentId,
    alerts: &[Alert],
) -> Stored<Vec<(Folded, Answered)>> {
    let before = rows::incident(db, id)?;
    let mut folded = fold_into(db, hook, before.clone(), &outbreaks::renamed(alerts))?;
    if let Some(closed) = &folded.closed {
        // It has ended meanwhile, and with it the outbreak.
        end(db, closed, hook)?;
        return take_in(db, hook, alerts);
    }
    if let (Some(before), Some(after)) = (&before, folded.incident.take()) {
        folded.incident = Some(outbreaks::described(db, before, after)?);
    }
    record(db, hook, &folded, None)?;
    let answer = answered(hook, &folded, alerts);
    Ok(vec![(folded, answer)])
}

/// The incident is over for good.
fn end(db: &Connection, closed: &Incident, hook: &Acceptance) -> Stored<()> {
    rows::put_incident(db, closed)?;
    rows::stir(db, closed.id, hook.received_at)
}

fn fold_into(
    db: &Connection,
    hook: &Acceptance,
    before: Option<Incident>,
    alerts: &[Alert],
) -> Stored<Folded> {
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
    Ok(fold(before, alerts, reporter, number, hook.rules, hook.received_at))
}

fn answered(hook: &Acceptance, folded: &Folded, alerts: &[Alert]) -> Answered {
    let severity = alerts.iter().map(|a| a.severity).min();
    Answered {
        id: folded.incident.as_ref().map(|i| i.id.to_string()),
        outcome: folded.outcome,
        severity: folded.incident.as_ref().map(|i| i.severity).or(severity).unwrap_or(hook.rules.open_at),
        reason: folded.reason.map(str::to_owned),
    }
}

/// What is known of the alerts that a body names, and, if it is a complete list, of those that fire by the list
/// before: what has ended is not read, or an incident that keeps seeing new ones would cost more with each.
fn known_alerts(db: &Connection, id: IncidentId, alerts: &[Alert]) -> Stored<BTreeMap<String, KnownAlert>> {
    let mut known = BTreeMap::new();
    let list = alerts.iter().find_map(|alert| alert.listed_by.as_ref());
    if let Some(list) = list.filter(|_| is_complete_list(alerts)) {
        let listed = all(
            db,
            "SELECT id, doc FROM alerts WHERE incident = ?1 AND listed_by = ?2",
            params![id.0, list],
            |r| Ok((r.get::<_, String>(0)?, r.get::<_, String>(1)?)),
        )?;
        for (id, doc) in listed {
            known.insert(id, read("alert", &doc)?);
        }
    }
    for alert in alerts {
        if known.contains_key(&alert.id) {
            continue;
        }
        let doc = first(
            db,
            "SELECT doc FROM alerts WHERE incident = ?1 AND id = ?2",
            params![id.0, alert.id],
            |r| r.get::<_, String>(0),
        )?;
        if let Some(doc) = doc {
            known.insert(alert.id.clone(), read("alert", &doc)?);
        }
    }
    Ok(known)
}

/// Writes what came of a fold; `room` is the one that it opens.
fn record(db: &Connection, hook: &Acceptance, folded: &Folded, room: Option<&Room>) -> Stored<()> {
    if let Some(closed) = &folded.closed {
        end(db, closed, hook)?;
    }
    let Some(incident) = &folded.incident else { return Ok(()) };
    let now = hook.received_at;
    rows::put_incident(db, incident)?;
    for (id, alert) in &folded.alerts {
        let fires = alert.state != AlertState::Resolved;
        let listed_by = alert.listed_by.as_deref().filter(|_| fires);
        execute(
            db,
            "INSERT INTO alerts (incident, id, listed_by, doc) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (incident, id) DO UPDATE SET listed_by = ?3, doc = ?4",
            params![incident.id.0, id, listed_by, write("alert", alert)?],
        )?;
    }
    execute(
        db,
        "INSERT OR REPLACE INTO hooks (incident, receipt, source, at, outcome) VALUES (?1, ?2, ?3, ?4, ?5)",
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
    if let Some(room) = room {
        execute(
            db,
            "INSERT INTO rooms (incident, phase, doc, wake_at, touched_at, opened_at, route, rank, urgency, source)
             VALUES (?1, ?2, ?3, ?4, ?4, ?4, ?5, ?6, ?7, ?8)",
            params![
                incident.id.0,
                room.phase.name().as_str(),
                write("room", room)?,
                millis(now),
                room.summons.company(),
                queue::rank(room),
                room.own_urgency() as i64,
                hook.source
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
        |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get::<_, String>(3)?)),
    )?
    .into_iter()
    .map(|(at, receipt, source, outcome)| Ok((at, receipt, source, read("outcome", &outcome)?)))
    .collect()
}
