//! Taking in a hook: everything it means, in one transaction.

use std::collections::BTreeMap;

use rusqlite::{Connection, named_params, params};

use super::outbreaks::{self, Origin};
use super::queue;
use super::rows::{self, Doc, Stored, all, execute, first, legible, millis, write};
use super::source_troubles;
use crate::alert::{Alert, AlertState, DedupKey};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::incident::{
    Before, Folded, Incident, IncidentId, KnownAlert, Outcome, Reporter, SECOND_LIST, State, fold,
};
use crate::room::Room;
use crate::store::{Acceptance, Accepted, Answered, Receipt, StoreError};

pub(super) fn accept(db: &Connection, hook: &Acceptance) -> Stored<Accepted> {
    if let Some(key) = &hook.replay_key
        && let Some(receipt) = earlier_receipt(db, &hook.source, key, &hook.reading)?
    {
        return Ok(Accepted { receipt, wakes: false });
    }
    if let Some(trouble) = &hook.trouble {
        source_troubles::note(db, trouble, hook.received_at)?;
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
    let did_something = receipt.incidents.iter().any(|incident| incident.outcome != Outcome::Ignored);
    let replay_key = hook
        .replay_key
        .as_ref()
        .map(|key| if did_something { key.clone() } else { unspent(key, &hook.reading) });
    execute(
        db,
        "INSERT INTO receipts (id, source, received_at, replay_key, headers, body, answer)
         VALUES (:id, :source, :received_at, :replay_key, :headers, :body, :answer)",
        named_params! {
            ":id": receipt.id,
            ":source": hook.source,
            ":received_at": millis(hook.received_at),
            ":replay_key": replay_key,
            ":headers": write("headers", &hook.headers)?,
            ":body": hook.body.as_ref(),
            ":answer": write("receipt", &receipt)?,
        },
    )?;
    Ok(Accepted { receipt, wakes })
}

/// Under which key a delivery is kept that did nothing: it counts for the same reading only.
fn unspent(replay_key: &str, reading: &str) -> String {
    format!("{replay_key}/{reading}")
}

/// See [`Store::earlier_receipt`](crate::store::Store::earlier_receipt).
pub(super) fn earlier_receipt(
    db: &Connection,
    source: &str,
    replay_key: &str,
    reading: &str,
) -> Stored<Option<Receipt>> {
    let kept = |key: &str| {
        let sql = "SELECT id, answer FROM receipts WHERE source = ?1 AND replay_key = ?2";
        let kept = first(db, sql, [source, key], |r| Ok((r.get::<_, String>(0)?, r.get::<_, Doc>(1)?)))?;
        let Some((id, answer)) = kept else { return Ok(None) };
        let empty =
            || Receipt { id: id.clone(), incidents: Vec::new(), outcome: None, reason: None, replays: None };
        Ok::<_, StoreError>(Some(legible(db, "receipt", &id, answer)?.unwrap_or_else(empty)))
    };
    let Some(mut receipt) = kept(replay_key)? else { return kept(&unspent(replay_key, reading)) };
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
    let now = hook.received_at;
    let mut taken = Vec::new();
    // What belongs to another key's incident, all of it at once: an outbreak can have thousands.
    let mut joined: BTreeMap<IncidentId, Vec<Alert>> = BTreeMap::new();
    for (key, alerts) in by_key(alerts) {
        if let Some(id) = outbreaks::incident_of(db, key)? {
            joined.entry(id).or_default().extend(alerts);
            continue;
        }
        let before = before(db, hook, key, &alerts)?;
        let stored = before.incident.clone();
        let folded = fold_into(db, hook, before, &alerts)?;
        let opens = folded.incident.as_ref().filter(|_| folded.opens_room);
        let room = opens.map(|incident| (hook.open_room)(incident, now));
        if let Some(room) = room.as_ref().filter(|_| stored.is_none() || folded.closed.is_some()) {
            let route = room.summons.company();
            let of = Origin { source: &hook.source, route: &route };
            if let Some(id) = outbreaks::host(db, of, hook.most_rooms, now)? {
                if let Some(closed) = &folded.closed {
                    end(db, closed, now)?;
                }
                outbreaks::join(db, key, id, of, now)?;
                joined.entry(id).or_default().extend(alerts);
                continue;
            }
        }
        record(db, hook, key, stored.as_ref(), &folded, room.as_ref())?;
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
    let Some(stored) = rows::incident(db, id)? else { return Ok(Vec::new()) };
    let renamed = outbreaks::renamed(alerts);
    let mut before = Before {
        known: known_alerts(db, id, &renamed, hook.received_at)?,
        room_is_over: rows::room_is_over(db, id)?,
        incident: Some(stored.clone()),
    };
    forget_when(hook, &mut before);
    let mut folded = fold_into(db, hook, before, &renamed)?;
    if let Some(closed) = &folded.closed {
        // It has ended meanwhile, and with it the outbreak.
        end(db, closed, hook.received_at)?;
        return take_in(db, hook, alerts);
    }
    if let Some(after) = folded.incident.take() {
        folded.incident = Some(outbreaks::described(db, &stored, after)?);
    }
    record(db, hook, &stored.key, Some(&stored), &folded, None)?;
    let answer = answered(hook, &folded, alerts);
    Ok(vec![(folded, answer)])
}

/// The incident is over for good.
fn end(db: &Connection, closed: &Incident, now: Timestamp) -> Stored<()> {
    rows::put_incident(db, closed)?;
    rows::stir(db, closed.id, now)
}

fn fold_into(db: &Connection, hook: &Acceptance, before: Before, alerts: &[Alert]) -> Stored<Folded> {
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

/// What is known before a body.
fn before(db: &Connection, hook: &Acceptance, key: &DedupKey, alerts: &[Alert]) -> Stored<Before> {
    let mut before = known_before(db, hook, key, alerts)?;
    forget_when(hook, &mut before);
    Ok(before)
}

/// To a hook that an operator replays nothing is too late.
fn forget_when(hook: &Acceptance, before: &mut Before) {
    if hook.replays.is_some() {
        before.known.values_mut().for_each(KnownAlert::forget_when);
    }
}

fn known_before(db: &Connection, hook: &Acceptance, key: &DedupKey, alerts: &[Alert]) -> Stored<Before> {
    let newest = rows::newest_incident(db, key.as_str())?;
    let (open, closed) = newest.map_or((None, None), |incident| {
        if incident.is_closed() { (None, Some(incident)) } else { (Some(incident), None) }
    });
    let open = match open {
        None => under_another_key(db, hook, alerts)?,
        open => open,
    };
    let Some(incident) = open else {
        let mut known = closed
            .map(|closed| known_alerts(db, closed.id, alerts, hook.received_at))
            .transpose()?
            .unwrap_or_default();
        known.extend(earlier_ends(db, key, hook.received_at)?);
        return Ok(Before { known, ..Before::default() });
    };
    let known = known_alerts(db, incident.id, alerts, hook.received_at)?;
    Ok(Before { known, room_is_over: rows::room_is_over(db, incident.id)?, incident: Some(incident) })
}

/// Alerts of a body that are looked for under other keys: a group that moved has moved as a whole.
const LOOKED_FOR: usize = 20;
/// Two who saw the same outbreak begin agree about the moment this much.
const SAME_OUTBREAK: SignedDuration = SignedDuration::from_mins(2);

/// The open incident that has one of these alerts, told under another key: the route was edited, or it is another
/// Alertmanager of the same cluster.
fn under_another_key(db: &Connection, hook: &Acceptance, alerts: &[Alert]) -> Stored<Option<Incident>> {
    for alert in alerts.iter().filter(|alert| alert.has_fingerprint).take(LOOKED_FOR) {
        let found = all(
            db,
            "SELECT i.number, i.doc, a.doc FROM alerts a JOIN incidents i ON i.number = a.incident
             WHERE a.id = ?1 AND i.state IN ('open', 'resolved')",
            [&alert.id],
            |r| Ok((IncidentId(r.get(0)?), r.get::<_, Doc>(1)?, r.get::<_, Doc>(2)?)),
        )?;
        for (id, incident, known) in found {
            let Some(incident) = rows::legible_incident(db, id, incident)? else { continue };
            let Some(known) = legible::<KnownAlert>(db, "alert", id, known)? else { continue };
            let apart =
                alert.outbreak_at.zip(known.outbreak_at).map(|(one, other)| one.duration_since(other).abs());
            let goes_on =
                known.state != AlertState::Resolved && apart.is_some_and(|apart| apart <= SAME_OUTBREAK);
            if incident.source == hook.source && goes_on {
                return Ok(Some(incident));
            }
        }
    }
    Ok(None)
}

/// How long an end is remembered whose beginning did not come yet.
const BEGINNING_MAY_COME: SignedDuration = SignedDuration::from_hours(1);

fn earlier_ends(db: &Connection, key: &DedupKey, now: Timestamp) -> Stored<Vec<(String, KnownAlert)>> {
    let since = millis(later(now, -BEGINNING_MAY_COME));
    all(db, "SELECT id, doc FROM ends WHERE key = ?1 AND at > ?2", params![key.as_str(), since], |r| {
        Ok((r.get::<_, String>(0)?, r.get::<_, Doc>(1)?))
    })?
    .into_iter()
    .filter_map(|(id, doc)| {
        Some(legible(db, "end of an alert", "an earlier hook", doc).transpose()?.map(|end| (id, end)))
    })
    .collect()
}

fn remember_ends(
    db: &Connection,
    key: &DedupKey,
    ends: &BTreeMap<String, KnownAlert>,
    now: Timestamp,
) -> Stored<()> {
    if ends.is_empty() {
        return Ok(());
    }
    execute(db, "DELETE FROM ends WHERE at <= ?1", [millis(later(now, -BEGINNING_MAY_COME))])?;
    for (id, end) in ends {
        execute(
            db,
            "INSERT INTO ends (key, id, at, doc) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (key, id) DO UPDATE SET at = ?3, doc = ?4",
            params![key.as_str(), id, millis(now), write("alert", end)?],
        )?;
    }
    Ok(())
}

/// What is known of the alerts that a body names, and, if it is a complete list, of those that it named last and of
/// those that are missing for so long that this list decides. What has ended is not read, or an incident that keeps
/// seeing new alerts would cost more with each.
fn known_alerts(
    db: &Connection,
    id: IncidentId,
    alerts: &[Alert],
    now: Timestamp,
) -> Stored<BTreeMap<String, KnownAlert>> {
    let mut known = BTreeMap::new();
    if let Some(list) = alerts.iter().find(|alert| alert.is_listed) {
        known.extend(rows::listed_alerts(db, id, &list.key)?);
        known.extend(rows::missing_alerts(db, id, later(now, -SECOND_LIST), usize::MAX)?);
    }
    for alert in alerts {
        if known.contains_key(&alert.id) {
            continue;
        }
        let doc = first(
            db,
            "SELECT doc FROM alerts WHERE incident = ?1 AND id = ?2",
            params![id.0, alert.id],
            |r| r.get::<_, Doc>(0),
        )?;
        if let Some(doc) = doc {
            let read = legible(db, "alert", id, doc)?.unwrap_or_else(|| KnownAlert::presumed(alert, now));
            known.insert(alert.id.clone(), read);
        }
    }
    Ok(known)
}

/// How exactly it is kept when an incident was heard of last: repeats within this time write nothing.
const HEARD_WITHIN: SignedDuration = SignedDuration::from_secs(10);

/// Whether nothing of an incident has changed but when it was heard of, and that only a little.
fn is_same(stored: &Incident, now: &Incident) -> bool {
    let is_close =
        now.heard_at.duration_since(stored.heard_at) < HEARD_WITHIN && stored.heard_at <= now.heard_at;
    is_close && *stored == Incident { heard_at: stored.heard_at, look_at: stored.look_at, ..now.clone() }
}

/// Writes what came of a fold; `room` is the one that it opens.
fn record(
    db: &Connection,
    hook: &Acceptance,
    key: &DedupKey,
    stored: Option<&Incident>,
    folded: &Folded,
    room: Option<&Room>,
) -> Stored<()> {
    let now = hook.received_at;
    if let Some(closed) = &folded.closed {
        end(db, closed, now)?;
    }
    let Some(incident) = &folded.incident else { return remember_ends(db, key, &folded.alerts, now) };
    if !stored.is_some_and(|stored| is_same(stored, incident)) {
        rows::put_incident(db, incident)?;
    }
    for (id, alert) in &folded.alerts {
        rows::put_alert(db, incident.id, id, alert)?;
    }
    execute(
        db,
        "INSERT OR REPLACE INTO hooks (incident, receipt, source, at, outcome) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![incident.id.0, hook.receipt, hook.source, millis(now), write("outcome", &folded.outcome)?],
    )?;
    if let Some(news) = &folded.news {
        rows::add_news(db, incident.id, Some(&hook.receipt), news, now)?;
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
        |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get::<_, Doc>(3)?)),
    )?
    .into_iter()
    .filter_map(|(at, receipt, source, outcome)| {
        let outcome = legible(db, "outcome of a hook", id, outcome).transpose()?;
        Some(outcome.map(|outcome| (at, receipt, source, outcome)))
    })
    .collect()
}
