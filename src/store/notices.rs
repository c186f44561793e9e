//! Notices of the gateway: repeats are dropped, and each room that a notice concerns gets a row.

use std::collections::BTreeSet;

use super::error::Stored;
use super::tx::{Tx, read, values, write};
use super::{Store, duplicates, rooms};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::gateway::{Notice, NoticeKind, subject_has_token};
use crate::incident::IncidentId;
use crate::jid::GroupId;
use crate::room::{NoticeItem, Phase, Room};

/// How long the id of a notice is kept. WAHA repeats for half a minute by default; a later repeat would be harmless,
/// because a room goes by the moment at which something happened.
const KNOWN_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Notices read at once; what is left is heard the next time.
const AT_ONCE: i64 = 500;

/// What came of notices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hearing {
    /// Rooms that have something to hear.
    pub rooms: usize,
    /// Notices that were told before.
    pub repeated: usize,
    /// Groups that carry an incident's id beside its room, told of for the first time.
    pub second_groups: usize,
}

impl Store {
    /// Takes in what the gateway told `instance` by itself: repeats are known by their ids, and each room that
    /// it concerns finds it in [`Inputs`](crate::room::Inputs) and is due now. When this returns `Ok`, all of it is on
    /// disk.
    pub async fn take_notices(
        &self,
        instance: &str,
        notices: Vec<Notice>,
        now: Timestamp,
    ) -> Stored<Hearing> {
        let instance = instance.to_owned();
        self.write("take_notices", move |tx| take(tx, &instance, &notices, now)).await
    }
}

fn take(tx: &Tx<'_>, instance: &str, notices: &[Notice], now: Timestamp) -> Stored<Hearing> {
    let mut hearing = Hearing::default();
    let mut concerns: BTreeSet<IncidentId> = BTreeSet::new();
    for notice in notices {
        let rooms = concerned(tx, &notice.what)?;
        // A notice that concerns no room is not stored, not even its id.
        if rooms.is_empty() {
            continue;
        }
        if is_repeated(tx, instance, notice, now)? {
            hearing.repeated += 1;
            continue;
        }
        let doc = write("notice", notice)?;
        for id in rooms {
            if let NoticeKind::WeJoined { group, .. } = &notice.what {
                hearing.second_groups += usize::from(is_second(tx, id, group, instance, now)?);
            }
            tx.run(
                "INSERT INTO notices (incident, at, instance, doc) VALUES (?1, ?2, ?3, ?4)",
                values![id, now, instance, doc],
            )?;
            concerns.insert(id);
        }
    }
    for id in &concerns {
        rooms::changed(tx, *id, now)?;
    }
    hearing.rooms = concerns.len();
    Ok(hearing)
}

/// Whether the provider told this before; remembers it otherwise.
fn is_repeated(tx: &Tx<'_>, instance: &str, notice: &Notice, now: Timestamp) -> Stored<bool> {
    let Some(id) = &notice.id else { return Ok(false) };
    is_known(tx, instance, id, now)
}

/// Whether an event of this id was told before; remembers it otherwise.
pub(super) fn is_known(tx: &Tx<'_>, instance: &str, id: &str, now: Timestamp) -> Stored<bool> {
    tx.run("DELETE FROM notices_seen WHERE at < ?1", values![later(now, -KNOWN_FOR)])?;
    let new = tx.execute(
        "INSERT INTO notices_seen (instance, id, at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
        values![instance, id, now],
    )?;
    Ok(new == 0)
}

/// The rooms that a notice tells something new.
fn concerned(tx: &Tx<'_>, what: &NoticeKind) -> Stored<Vec<IncidentId>> {
    match what {
        NoticeKind::Joined { group, .. }
        | NoticeKind::Left { group, .. }
        | NoticeKind::WeLeft { group }
        | NoticeKind::Renamed { group, .. }
        | NoticeKind::Changed { group } => rooms_of(tx, group),
        NoticeKind::WeJoined { group, subject } => {
            let mut rooms = rooms_of(tx, group)?;
            for id in subject.iter().flat_map(|subject| named_in(subject)) {
                let is_new = |room: Room| room.phase.group() != Some(group);
                if !rooms.contains(&id) && rooms::legible(tx, id)?.is_some_and(is_new) {
                    rooms.push(id);
                }
            }
            Ok(rooms)
        }
        NoticeKind::Message { chat, from_me: true, text: Some(text), .. } => {
            let group = what.group().map_or_else(|| Ok(Vec::new()), |group| rooms_of(tx, group))?;
            let mut rooms = Vec::new();
            for id in group {
                if rooms::legible(tx, id)?.is_some_and(|room| room.awaits(chat, text)) {
                    rooms.push(id);
                }
            }
            Ok(rooms)
        }
        NoticeKind::Undelivered { message_id, .. } => rooms_that_said(tx, message_id),
        NoticeKind::Session { .. } | NoticeKind::Message { .. } => Ok(Vec::new()),
    }
}

fn rooms_of(tx: &Tx<'_>, group: &GroupId) -> Stored<Vec<IncidentId>> {
    tx.all(
        "SELECT incident FROM rooms WHERE group_id = ?1 AND phase NOT IN ('closed', 'skipped')",
        values![group.as_str()],
        |r| r.get(0),
    )
}

/// Rooms that are not over and handed this message over.
fn rooms_that_said(tx: &Tx<'_>, message_id: &str) -> Stored<Vec<IncidentId>> {
    tx.some(
        "SELECT d.doc FROM rooms r JOIN room_docs d ON d.incident = r.incident
         WHERE r.phase NOT IN ('closed', 'skipped')
           AND r.phase IN ('wanted', 'creating', 'unsure', 'live', 'closing', 'parked')
           AND d.doc LIKE ?1",
        values![format!("%{message_id}%")],
        |r| {
            let room = read::<Room>("room", r.doc(0)).ok();
            let said = |room: &Room| {
                let mut all = room.tasks.messages();
                all.any(|(_, said)| said.message_id.as_deref() == Some(message_id))
            };
            Ok(room.filter(said).map(|room| room.incident))
        },
    )
}

/// The incidents that a subject names.
fn named_in(subject: &str) -> Vec<IncidentId> {
    let words = subject.split(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_'));
    let named = words.filter_map(|word| word.parse::<IncidentId>().ok());
    named.filter(|id| subject_has_token(subject, &id.to_string())).collect()
}

/// Records a group that our number has joined and that is not known to be the room's; a room without one takes it.
/// True if there is a duplicate from now on.
fn is_second(tx: &Tx<'_>, id: IncidentId, group: &GroupId, instance: &str, now: Timestamp) -> Stored<bool> {
    let Some(room) = rooms::legible(tx, id)? else { return Ok(false) };
    if room.phase.group() == Some(group) {
        return Ok(false);
    }
    let is_new =
        duplicates::add(tx, id, group, Some(instance), "the provider told that our number is in it", now)?;
    let may_be_it =
        matches!(room.phase, Phase::Wanted { .. } | Phase::Creating { .. } | Phase::Unsure { .. });
    Ok(is_new && !may_be_it)
}

/// What a room has not heard yet.
pub(super) fn unheard(tx: &Tx<'_>, id: IncidentId, noticed: i64) -> Stored<Vec<NoticeItem>> {
    tx.some(
        "SELECT id, at, instance, doc FROM notices WHERE incident = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
        values![id, noticed, AT_ONCE],
        |r| {
            let (seq, at, instance) = (r.get(0)?, r.get(1)?, r.get(2)?);
            Ok(tx.legible("notice", id, r.doc(3)).map(|notice| NoticeItem { seq, at, instance, notice }))
        },
    )
}
