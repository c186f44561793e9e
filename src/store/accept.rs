//! Accepting a hook: everything that follows from it is written in one transaction.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::database::{Access, Asker};
use super::error::Stored;
use super::leases::{self, Lease};
use super::outbreaks::{self, Origin};
use super::receipts::{self, Answered, Receipt, ReceiptId, Replay};
use super::source_troubles::{self, Sighting};
use super::tx::{Tx, values, write};
use super::{Store, alerts, incidents, news, queue, rooms};
use crate::alert::{Alert, AlertState, DedupKey, SeverityResolver};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::incident::{
    Before, Folded, Incident, IncidentId, KnownAlert, Outcome, Reporter, Rules, State, fold,
};
use crate::room::Room;

/// Makes the room of an incident that opens now. Called inside the transaction, so it must be quick and
/// pure.
pub type OpenRoom = Arc<dyn Fn(&Incident, Timestamp) -> Room + Send + Sync>;

/// Takes rooms whose leases are committed, on the store's thread: it must be quick.
pub type HandOver = Arc<dyn Fn(Vec<Lease>) + Send + Sync>;

/// A verified hook on its way into the store.
#[derive(Clone)]
pub struct Acceptance {
    /// The new receipt's id.
    pub receipt: ReceiptId,
    /// The source, as named in the config.
    pub source: String,
    /// When it came.
    pub received_at: Timestamp,
    /// The proven id of this delivery, if it has one. A delivery that did something is answered as repeated when it
    /// comes again; one that did nothing gets the same answer, and is read anew under another
    /// [`reading`](Self::reading).
    pub replay_key: Option<String>,
    /// A fingerprint of the config and the program that decide what the body means.
    pub reading: String,
    /// The body as it came.
    pub body: Bytes,
    /// What was understood, possibly nothing.
    pub alerts: Vec<Alert>,
    /// Headers that say how the body is to be read, see [`KEPT_HEADERS`](crate::signature::KEPT_HEADERS).
    pub headers: Vec<(String, String)>,
    /// The receipt of the stored hook that an operator replays, if this is a replay.
    pub replays: Option<ReceiptId>,
    /// Why nothing was understood, if nothing was.
    pub ignored: Option<String>,
    /// What was not understood, if anything was not.
    pub trouble: Option<Sighting>,
    /// The operator's rules.
    pub rules: Rules,
    /// Incidents of one source and route that may begin at once; further ones join one of them.
    pub most_rooms: usize,
    /// Decides the severity of an alert whose earlier bodies said more than this one.
    pub resolve_severity: Arc<SeverityResolver>,
    /// Makes rooms.
    pub open_room: OpenRoom,
    /// For how long a room that opens is leased, and who takes it, if somebody does.
    pub hand_over: Option<(SignedDuration, HandOver)>,
}

impl fmt::Debug for Acceptance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptance")
            .field("receipt", &self.receipt)
            .field("source", &self.source)
            .field("alerts", &self.alerts.len())
            .finish_non_exhaustive()
    }
}

/// What came of taking in a hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// What to answer.
    pub receipt: Receipt,
    /// Whether a room has something to do because of it.
    pub wakes: bool,
    /// Rooms that were leased as they opened, until they are handed over.
    pub leases: Vec<Lease>,
}

impl Store {
    /// Takes in a verified hook: receipt, alerts, incidents, wanted rooms and news in one transaction.
    /// When this returns `Ok`, all of it is on disk. Dropped before it was begun, nothing is done at all.
    pub async fn accept(&self, hook: Acceptance) -> Stored<Accepted> {
        let asker = Asker::Source(hook.source.clone());
        let replay = hook.replay_key.as_deref().map(|key| Replay::of(&hook.source, key, &hook.reading));
        let hand_over = hook.hand_over.as_ref().map(|(_, hand_over)| Arc::clone(hand_over));
        // The leases are handed over even if nobody waits for the answer any more.
        let committed = move |accepted: &mut Accepted| {
            if let Some(hand_over) = hand_over {
                hand_over(std::mem::take(&mut accepted.leases));
            }
        };
        self.run("accept", Access::Write, asker, move |tx| accept(tx, &hook, replay), committed).await
    }
}

fn accept(tx: &Tx<'_>, hook: &Acceptance, replay: Option<Replay>) -> Stored<Accepted> {
    if let Some(replay) = replay
        && let Some(receipt) = receipts::earlier(tx, replay)?
    {
        return Ok(Accepted { receipt, wakes: false, leases: Vec::new() });
    }
    if let Some(trouble) = &hook.trouble {
        source_troubles::note(tx, trouble, hook.received_at)?;
    }
    let mut leases = Vec::new();
    let taken = take_in(tx, hook, &hook.alerts, &mut leases)?;
    let wakes = taken.iter().any(|(wakes, _)| *wakes);
    let incidents = taken.into_iter().map(|(_, answered)| answered).collect();
    let receipt = Receipt {
        id: hook.receipt,
        outcome: hook.ignored.as_ref().map(|_| Outcome::Ignored),
        reason: hook.ignored.clone(),
        replays: hook.replays,
        incidents,
    };
    let (source, came) = (&hook.source, (&hook.headers[..], &hook.body));
    receipts::put(tx, (&receipt, replay), source, came, hook.received_at)?;
    Ok(Accepted { receipt, wakes, leases })
}

/// The alerts of a body by incident, in the order in which the incidents first occur.
fn by_key(alerts: &[Alert]) -> Vec<(&DedupKey, Cow<'_, [Alert]>)> {
    // Most bodies have alerts of one key only.
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
    tx: &Tx<'_>,
    hook: &Acceptance,
    alerts: &[Alert],
    leases: &mut Vec<Lease>,
) -> Stored<Vec<(bool, Answered)>> {
    let now = hook.received_at;
    let mut taken = Vec::new();
    // Alerts that belong to another key's incident are folded all at once: an outbreak can have thousands.
    let mut joined: BTreeMap<IncidentId, Vec<Alert>> = BTreeMap::new();
    for (key, alerts) in by_key(alerts) {
        let before = match before(tx, hook, key, &alerts)? {
            Known::Here(before) => *before,
            Known::Joined(id) => {
                joined.entry(id).or_default().extend(alerts.into_owned());
                continue;
            }
        };
        let stored = before.incident.clone();
        let folded = fold_into(tx, hook, before, &alerts)?;
        let opens = folded.incident.as_ref().filter(|_| folded.opens_room);
        let room = opens.map(|incident| (hook.open_room)(incident, now));
        if let Some(room) = room.as_ref().filter(|_| stored.is_none() || folded.closed.is_some()) {
            let route = room.summons.company();
            let of = Origin { source: &hook.source, route: &route };
            if let Some(id) = outbreaks::host(tx, of, hook.most_rooms, now)? {
                if let (Some(closed), Some(stored)) = (&folded.closed, &stored) {
                    end(tx, stored, closed, now)?;
                }
                outbreaks::join(tx, key, id, of, now)?;
                joined.entry(id).or_default().extend(alerts.into_owned());
                continue;
            }
        }
        let lease_for = hook.hand_over.as_ref().map(|(lease_for, _)| *lease_for);
        let held = lease_for.map(|lease_for| (tx.token(), later(now, lease_for)));
        let opened = room.as_ref().map(|room| (room, held.as_ref()));
        let wakes = record(tx, hook, key, stored.as_ref(), &folded, opened)?;
        taken.push((wakes, answered(hook, &folded, &alerts)));
        if let (Some(room), Some(held)) = (room, held) {
            let is_new = stored.is_none();
            leases.push(leases::of_new(tx, room, folded.incident.filter(|_| is_new), held)?);
        }
    }
    for (id, alerts) in joined {
        taken.extend(take_into(tx, hook, id, &alerts, leases)?);
    }
    Ok(taken)
}

/// Folds alerts of other keys into the incident `id`.
fn take_into(
    tx: &Tx<'_>,
    hook: &Acceptance,
    id: IncidentId,
    alerts: &[Alert],
    leases: &mut Vec<Lease>,
) -> Stored<Vec<(bool, Answered)>> {
    let Some(stored) = incidents::of(tx, id)? else { return Ok(Vec::new()) };
    let renamed = outbreaks::renamed(alerts);
    let mut before = Before {
        known: alerts::known_of(tx, id, &renamed, hook.received_at)?,
        room_is_over: rooms::is_over(tx, id)?,
        incident: Some(stored.clone()),
    };
    forget_when(hook, &mut before);
    let mut folded = fold_into(tx, hook, before, &renamed)?;
    if let Some(closed) = &folded.closed {
        // The incident has ended meanwhile, and the outbreak with it.
        end(tx, &stored, closed, hook.received_at)?;
        return take_in(tx, hook, alerts, leases);
    }
    if let Some(after) = folded.incident.take() {
        folded.incident = Some(outbreaks::described(tx, &stored, after)?);
    }
    let wakes = record(tx, hook, &stored.key, Some(&stored), &folded, None)?;
    Ok(vec![(wakes, answered(hook, &folded, alerts))])
}

/// The incident is over for good.
fn end(tx: &Tx<'_>, stored: &Incident, closed: &Incident, now: Timestamp) -> Stored<()> {
    incidents::change(tx, stored, closed)?;
    rooms::changed(tx, closed.id, now)
}

fn fold_into(tx: &Tx<'_>, hook: &Acceptance, before: Before, alerts: &[Alert]) -> Stored<Folded> {
    let mut failed = None;
    let number = || {
        let sql = "SELECT coalesce(max(number), 0) + 1 FROM incidents";
        let next = tx.count(sql, &[]).unwrap_or_else(|error| {
            failed = Some(error);
            1
        });
        IncidentId(next)
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

fn before(tx: &Tx<'_>, hook: &Acceptance, key: &DedupKey, alerts: &[Alert]) -> Stored<Known> {
    let mut known = known_before(tx, hook, key, alerts)?;
    if let Known::Here(before) = &mut known {
        forget_when(hook, before);
    }
    Ok(known)
}

/// A replay by an operator is never too late.
fn forget_when(hook: &Acceptance, before: &mut Before) {
    if hook.replays.is_some() {
        before.known.values_mut().for_each(KnownAlert::forget_when);
    }
}

fn known_before(tx: &Tx<'_>, hook: &Acceptance, key: &DedupKey, alerts: &[Alert]) -> Stored<Known> {
    let open = match incidents::open(tx, key)? {
        Some(open) => Some(open),
        None => match outbreaks::incident_of(tx, key)? {
            Some(id) => return Ok(Known::Joined(id)),
            None => under_another_key(tx, hook, alerts)?,
        },
    };
    let Some((incident, room_is_over)) = open else {
        let mut known = match incidents::last_closed(tx, key)? {
            Some(closed) => alerts::known_of(tx, closed, alerts, hook.received_at)?,
            None => BTreeMap::new(),
        };
        known.extend(alerts::earlier_ends(tx, key, hook.received_at)?);
        return Ok(Known::Here(Box::new(Before { known, ..Before::default() })));
    };
    let known = alerts::known_of(tx, incident.id, alerts, hook.received_at)?;
    Ok(Known::Here(Box::new(Before { known, room_is_over, incident: Some(incident) })))
}

/// How many alerts of a body are looked up under other keys: a group that moved has moved as a whole.
const LOOKED_FOR: usize = 20;
/// How far apart two reports of the beginning of one outbreak may be.
const SAME_OUTBREAK: SignedDuration = SignedDuration::from_mins(2);

/// The open incident that has one of these alerts under another key, as after the edit of a route or from another
/// Alertmanager of the same cluster.
fn under_another_key(tx: &Tx<'_>, hook: &Acceptance, alerts: &[Alert]) -> Stored<Option<(Incident, bool)>> {
    for alert in alerts.iter().filter(|alert| alert.has_fingerprint).take(LOOKED_FOR) {
        let found = tx.all(
            "SELECT i.number, i.doc, a.doc FROM alerts a JOIN incidents i ON i.number = a.incident
             WHERE a.id = ?1 AND i.state IN ('open', 'resolved')",
            values![alert.id],
            |r| {
                let id = r.get(0)?;
                let known = tx.legible::<KnownAlert>("alert", id, r.doc(2));
                Ok((id, tx.legible("incident", id, r.doc(1)), known))
            },
        )?;
        for (id, incident, known) in found {
            let Some(incident) = incidents::or_unreadable(tx, id, incident)? else { continue };
            let Some(known) = known else { continue };
            let apart =
                alert.outbreak_at.zip(known.outbreak_at).map(|(one, other)| one.duration_since(other).abs());
            let goes_on =
                known.state != AlertState::Resolved && apart.is_some_and(|apart| apart <= SAME_OUTBREAK);
            if incident.source == hook.source && goes_on {
                return Ok(Some((incident, rooms::is_over(tx, id)?)));
            }
        }
    }
    Ok(None)
}

/// Repeats within this time do not update when the incident was last heard of.
const HEARD_WITHIN: SignedDuration = SignedDuration::from_secs(10);

/// Whether only the time of the last report has changed, and only a little.
fn is_same(stored: &Incident, now: &Incident) -> bool {
    let is_close =
        now.heard_at.duration_since(stored.heard_at) < HEARD_WITHIN && stored.heard_at <= now.heard_at;
    is_close && *stored == Incident { heard_at: stored.heard_at, look_at: stored.look_at, ..now.clone() }
}

/// Writes what came of a fold; `room` is the one that it opens, with the token and the end of its lease. Says whether a room has something to do now.
fn record(
    tx: &Tx<'_>,
    hook: &Acceptance,
    key: &DedupKey,
    stored: Option<&Incident>,
    folded: &Folded,
    room: Option<(&Room, Option<&(String, Timestamp)>)>,
) -> Stored<bool> {
    let now = hook.received_at;
    if let (Some(closed), Some(stored)) = (&folded.closed, stored) {
        end(tx, stored, closed, now)?;
    }
    let Some(incident) = &folded.incident else {
        alerts::remember_ends(tx, key, &folded.alerts, now)?;
        return Ok(folded.closed.is_some());
    };
    let stored = stored.filter(|stored| stored.id == incident.id);
    match stored {
        None => incidents::add(tx, incident)?,
        Some(stored) if is_same(stored, incident) => {}
        Some(stored) => incidents::change(tx, stored, incident)?,
    }
    for (id, alert) in &folded.alerts {
        alerts::put(tx, incident.id, id, alert, stored.is_none())?;
    }
    if folded.outcome != Outcome::Repeated {
        tx.run(
            "INSERT INTO hooks (incident, receipt, source, at, outcome) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (incident, receipt) DO UPDATE SET source = ?3, at = ?4, outcome = ?5",
            values![incident.id, hook.receipt.0, hook.source, now, write("outcome", &folded.outcome)?],
        )?;
    }
    let is_new = match &folded.news {
        Some(news) => news::add(tx, incident.id, Some(hook.receipt), news, now)?,
        None => false,
    };
    if let Some((room, held)) = room {
        let (token, until) = held.map(|(token, until)| (token.as_str(), *until)).unzip();
        tx.run(
            "INSERT INTO rooms
             (incident, phase, wake_at, opened_at, route, rank, urgency, source, lease_token, lease_until)
             VALUES (?1, ?2, ?3, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            values![
                incident.id,
                room.phase.name().as_str(),
                now,
                room.summons.company(),
                queue::rank(room),
                room.own_urgency() as i64,
                hook.source,
                token,
                until
            ],
        )?;
        let doc = write("room", room)?;
        tx.run("INSERT INTO room_docs (incident, doc) VALUES (?1, ?2)", values![incident.id, doc])?;
    } else if is_new {
        if incident.state != State::Open {
            // Nobody needs a group any more when nothing fires.
            queue::leave(tx, incident.id, now)?;
        }
        rooms::changed(tx, incident.id, now)?;
    }
    Ok(folded.closed.is_some() || room.is_some() || is_new)
}
