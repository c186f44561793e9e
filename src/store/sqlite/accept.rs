//! Taking in a hook: everything it means, in one transaction.

use std::borrow::Cow;
use std::collections::BTreeMap;

use rusqlite::{Connection, params};
use sha2::{Digest, Sha256};

use super::outbreaks::{self, Origin};
use super::rows::{self, Doc, Stored, all, execute, first, legible, millis, write};
use super::source_troubles;
use super::{queue, steps};
use crate::alert::{Alert, AlertState, DedupKey};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::incident::{
    Before, Folded, Incident, IncidentId, KnownAlert, Outcome, Reporter, SECOND_LIST, State, fold,
};
use crate::room::Room;
use crate::store::{Acceptance, Accepted, Answered, Lease, Receipt, ReceiptId};

/// By what a delivery is known that comes again: 64 bits of a hash. Among a thousand million deliveries the chance that
/// any two share them is under 3 %.
#[derive(Debug, Clone, Copy)]
pub(super) struct Replay {
    /// Once it has done something.
    spent: i64,
    /// While it has done nothing: it counts for the same reading only.
    unspent: i64,
}

impl Replay {
    pub(super) fn of(source: &str, key: &str, reading: &str) -> Self {
        let short = |parts: &[&str]| {
            let mut hash = Sha256::new();
            for part in parts {
                hash.update(part.as_bytes());
                hash.update([0]);
            }
            hash.finalize().first_chunk().copied().map_or(0, i64::from_be_bytes)
        };
        Self { spent: short(&[source, key]), unspent: short(&[source, key, reading]) }
    }
}

pub(super) fn accept(db: &Connection, hook: &Acceptance, replay: Option<Replay>) -> Stored<Accepted> {
    if let Some(replay) = replay
        && let Some(receipt) = earlier_receipt(db, replay)?
    {
        return Ok(Accepted { receipt, wakes: false, leases: Vec::new() });
    }
    if let Some(trouble) = &hook.trouble {
        source_troubles::note(db, trouble, hook.received_at)?;
    }
    let mut leases = Vec::new();
    let taken = take_in(db, hook, &hook.alerts, &mut leases)?;
    let wakes = taken.iter().any(|(wakes, _)| *wakes);
    let incidents = taken.into_iter().map(|(_, answered)| answered).collect();
    let receipt = Receipt {
        id: hook.receipt,
        outcome: hook.ignored.as_ref().map(|_| Outcome::Ignored),
        reason: hook.ignored.clone(),
        replays: hook.replays,
        incidents,
    };
    let did_something = receipt.incidents.iter().any(|incident| incident.outcome != Outcome::Ignored);
    execute(
        db,
        "INSERT INTO receipts (id, source, received_at, replay, answer) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            receipt.id.0,
            hook.source,
            millis(hook.received_at),
            replay.map(|replay| if did_something { replay.spent } else { replay.unspent }),
            write("receipt", &receipt)?,
        ],
    )?;
    execute(
        db,
        "INSERT INTO bodies (receipt, headers, body) VALUES (?1, ?2, ?3)",
        params![receipt.id.0, write("headers", &hook.headers)?, hook.body.as_ref()],
    )?;
    Ok(Accepted { receipt, wakes, leases })
}

/// See [`Store::earlier_receipt`](crate::store::Store::earlier_receipt).
pub(super) fn earlier_receipt(db: &Connection, replay: Replay) -> Stored<Option<Receipt>> {
    let sql = "SELECT id, replay, answer FROM receipts WHERE replay IN (?1, ?2)";
    let read = |r: &rusqlite::Row<'_>| Ok((r.get::<_, i64>(0)?, r.get::<_, i64>(1)?, r.get::<_, Doc>(2)?));
    let found = all(db, sql, [replay.spent, replay.unspent], read)?;
    let Some((id, key, answer)) = found.into_iter().max_by_key(|(_, key, _)| *key == replay.spent) else {
        return Ok(None);
    };
    let id = ReceiptId(id);
    let empty = || Receipt { id, incidents: Vec::new(), outcome: None, reason: None, replays: None };
    let mut receipt = legible(db, "receipt", id, answer)?.unwrap_or_else(empty);
    if key == replay.spent {
        for incident in &mut receipt.incidents {
            incident.outcome = Outcome::Repeated;
        }
        receipt.outcome = Some(Outcome::Repeated);
        receipt.reason = Some("this very delivery was accepted before".to_owned());
    }
    Ok(Some(receipt))
}

/// The alerts of a body by incident, in the order in which the incidents first occur.
fn by_key(alerts: &[Alert]) -> Vec<(&DedupKey, Cow<'_, [Alert]>)> {
    // As most bodies are.
    if let Some(first) = alerts.first()
        && alerts.iter().all(|alert| alert.key == first.key)
    {
        return vec![(&first.key, Cow::Borrowed(alerts))];
    }
    let mut places: BTreeMap<&DedupKey, usize> = BTreeMap::new();
    let mut groups: Vec<(&DedupKey, Cow<'_, [Alert]>)> = Vec::new();
    for alert in alerts {
        let place = *places.entry(&alert.key).or_insert(groups.len());
        if place == groups.len() {
            groups.push((&alert.key, Cow::Owned(Vec::new())));
        }
        if let Some((_, group)) = groups.get_mut(place) {
            group.to_mut().push(alert.clone());
        }
    }
    groups
}

/// Folds the alerts of a body into their incidents; says of each whether its room has something to do now.
fn take_in(
    db: &Connection,
    hook: &Acceptance,
    alerts: &[Alert],
    leases: &mut Vec<Lease>,
) -> Stored<Vec<(bool, Answered)>> {
    let now = hook.received_at;
    let mut taken = Vec::new();
    // What belongs to another key's incident, all of it at once: an outbreak can have thousands.
    let mut joined: BTreeMap<IncidentId, Vec<Alert>> = BTreeMap::new();
    for (key, alerts) in by_key(alerts) {
        let before = match before(db, hook, key, &alerts)? {
            Known::Here(before) => *before,
            Known::Joined(id) => {
                joined.entry(id).or_default().extend(alerts.into_owned());
                continue;
            }
        };
        let stored = before.incident.clone();
        let folded = fold_into(db, hook, before, &alerts)?;
        let opens = folded.incident.as_ref().filter(|_| folded.opens_room);
        let room = opens.map(|incident| (hook.open_room)(incident, now));
        if let Some(room) = room.as_ref().filter(|_| stored.is_none() || folded.closed.is_some()) {
            let route = room.summons.company();
            let of = Origin { source: &hook.source, route: &route };
            if let Some(id) = outbreaks::host(db, of, hook.most_rooms, now)? {
                if let (Some(closed), Some(stored)) = (&folded.closed, &stored) {
                    end(db, stored, closed, now)?;
                }
                outbreaks::join(db, key, id, of, now)?;
                joined.entry(id).or_default().extend(alerts.into_owned());
                continue;
            }
        }
        let wakes = record(db, hook, key, stored.as_ref(), &folded, room.as_ref())?;
        taken.push((wakes, answered(hook, &folded, &alerts)));
        if let (Some(room), Some((lease_for, _))) = (room, &hook.hand_over) {
            leases.push(steps::lease_new(db, room, later(now, *lease_for))?);
        }
    }
    for (id, alerts) in joined {
        taken.extend(take_into(db, hook, id, &alerts, leases)?);
    }
    Ok(taken)
}

/// Folds alerts of other keys into the incident `id`.
fn take_into(
    db: &Connection,
    hook: &Acceptance,
    id: IncidentId,
    alerts: &[Alert],
    leases: &mut Vec<Lease>,
) -> Stored<Vec<(bool, Answered)>> {
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
        end(db, &stored, closed, hook.received_at)?;
        return take_in(db, hook, alerts, leases);
    }
    if let Some(after) = folded.incident.take() {
        folded.incident = Some(outbreaks::described(db, &stored, after)?);
    }
    let wakes = record(db, hook, &stored.key, Some(&stored), &folded, None)?;
    Ok(vec![(wakes, answered(hook, &folded, alerts))])
}

/// The incident is over for good.
fn end(db: &Connection, stored: &Incident, closed: &Incident, now: Timestamp) -> Stored<()> {
    rows::change_incident(db, stored, closed)?;
    rows::stir(db, closed.id, now)
}

fn fold_into(db: &Connection, hook: &Acceptance, before: Before, alerts: &[Alert]) -> Stored<Folded> {
    let mut failed = None;
    let number = || {
        let sql = "SELECT coalesce(max(number), 0) + 1 FROM incidents";
        let next = first(db, sql, [], |r| r.get(0)).unwrap_or_else(|error| {
            failed = Some(error);
            None
        });
        IncidentId(next.unwrap_or(1))
    };
    let reporter = Reporter { source: &hook.source, resolve_severity: &*hook.resolve_severity };
    let folded = fold(before, alerts, reporter, number, hook.rules, hook.received_at);
    failed.map_or(Ok(folded), Err)
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

/// What is known before a body of the alerts of one key.
enum Known {
    Here(Box<Before>),
    /// They belong to this incident of another key.
    Joined(IncidentId),
}

fn before(db: &Connection, hook: &Acceptance, key: &DedupKey, alerts: &[Alert]) -> Stored<Known> {
    let mut known = known_before(db, hook, key, alerts)?;
    if let Known::Here(before) = &mut known {
        forget_when(hook, before);
    }
    Ok(known)
}

/// To a hook that an operator replays nothing is too late.
fn forget_when(hook: &Acceptance, before: &mut Before) {
    if hook.replays.is_some() {
        before.known.values_mut().for_each(KnownAlert::forget_when);
    }
}

fn known_before(db: &Connection, hook: &Acceptance, key: &DedupKey, alerts: &[Alert]) -> Stored<Known> {
    let open = match rows::open_incident(db, key)? {
        Some(open) => Some(open),
        None => match outbreaks::incident_of(db, key)? {
            Some(id) => return Ok(Known::Joined(id)),
            None => under_another_key(db, hook, alerts)?,
        },
    };
    let Some((incident, room_is_over)) = open else {
        let mut known = match rows::last_closed(db, key)? {
            Some(closed) => known_alerts(db, closed, alerts, hook.received_at)?,
            None => BTreeMap::new(),
        };
        known.extend(earlier_ends(db, key, hook.received_at)?);
        return Ok(Known::Here(Box::new(Before { known, ..Before::default() })));
    };
    let known = known_alerts(db, incident.id, alerts, hook.received_at)?;
    Ok(Known::Here(Box::new(Before { known, room_is_over, incident: Some(incident) })))
}

/// Alerts of a body that are looked for under other keys: a group that moved has moved as a whole.
const LOOKED_FOR: usize = 20;
/// Two who saw the same outbreak begin agree about the moment this much.
const SAME_OUTBREAK: SignedDuration = SignedDuration::from_mins(2);

/// The open incident that has one of these alerts, told under another key: the route was edited, or it is another
/// Alertmanager of the same cluster.
fn under_another_key(
    db: &Connection,
    hook: &Acceptance,
    alerts: &[Alert],
) -> Stored<Option<(Incident, bool)>> {
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
                return Ok(Some((incident, rows::room_is_over(db, id)?)));
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

/// Writes what came of a fold; `room` is the one that it opens. Says whether a room has something to do now.
fn record(
    db: &Connection,
    hook: &Acceptance,
    key: &DedupKey,
    stored: Option<&Incident>,
    folded: &Folded,
    room: Option<&Room>,
) -> Stored<bool> {
    let now = hook.received_at;
    if let (Some(closed), Some(stored)) = (&folded.closed, stored) {
        end(db, stored, closed, now)?;
    }
    let Some(incident) = &folded.incident else {
        remember_ends(db, key, &folded.alerts, now)?;
        return Ok(folded.closed.is_some());
    };
    let stored = stored.filter(|stored| stored.id == incident.id);
    match stored {
        None => rows::add_incident(db, incident)?,
        Some(stored) if is_same(stored, incident) => {}
        Some(stored) => rows::change_incident(db, stored, incident)?,
    }
    for (id, alert) in &folded.alerts {
        rows::put_alert(db, incident.id, id, alert, stored.is_none())?;
    }
    if folded.outcome != Outcome::Repeated {
        execute(
            db,
            "INSERT OR REPLACE INTO hooks (incident, receipt, source, at, outcome) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                incident.id.0,
                hook.receipt.0,
                hook.source,
                millis(now),
                write("outcome", &folded.outcome)?
            ],
        )?;
    }
    let is_new = match &folded.news {
        Some(news) => rows::add_news(db, incident.id, Some(hook.receipt), news, now)?,
        None => false,
    };
    if let Some(room) = room {
        execute(
            db,
            "INSERT INTO rooms (incident, phase, wake_at, touched_at, opened_at, route, rank, urgency, source)
             VALUES (?1, ?2, ?3, ?3, ?3, ?4, ?5, ?6, ?7)",
            params![
                incident.id.0,
                room.phase.name().as_str(),
                millis(now),
                room.summons.company(),
                queue::rank(room),
                room.own_urgency() as i64,
                hook.source
            ],
        )?;
        let doc = write("room", room)?;
        execute(db, "INSERT INTO room_docs (incident, doc) VALUES (?1, ?2)", params![incident.id.0, doc])?;
    } else if is_new {
        if incident.state != State::Open {
            // Nothing fires: nobody waits for a group any more.
            queue::leave(db, incident.id, now)?;
        }
        rows::stir(db, incident.id, now)?;
    }
    Ok(folded.closed.is_some() || room.is_some() || is_new)
}

/// Which hooks changed an incident.
pub(super) fn hooks(db: &Connection, id: IncidentId) -> Stored<Vec<(i64, ReceiptId, String, Outcome)>> {
    all(
        db,
        "SELECT at, receipt, source, outcome FROM hooks WHERE incident = ?1 ORDER BY receipt",
        [id.0],
        |r| Ok((r.get(0)?, ReceiptId(r.get(1)?), r.get(2)?, r.get::<_, Doc>(3)?)),
    )?
    .into_iter()
    .filter_map(|(at, receipt, source, outcome)| {
        let outcome = legible(db, "outcome of a hook", id, outcome).transpose()?;
        Some(outcome.map(|outcome| (at, receipt, source, outcome)))
    })
    .collect()
}
