//! What the gateway told: repeats known, rooms found, a row for each that it concerns.

use std::collections::BTreeSet;

use rusqlite::{Connection, params};

use super::orphans;
use super::rows::{self, Doc, Stored, all, execute, legible, millis, moment, read, write};
use super::steps::write_done;
use crate::clock::{SignedDuration, Timestamp, later};
use crate::gateway::{Notice, NoticeKind, Session, subject_has_token};
use crate::incident::IncidentId;
use crate::jid::GroupId;
use crate::room::{NoticeItem, Phase, Room};
use crate::store::{Entry, Finished, Happening, Hearing, Lease};

/// For this long a repeat is known. WAHA repeats for half a minute by default; a longer policy of days would
/// still be harmless, because a room goes by the moment at which something happened.
const KNOWN_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Notices read at once; what is left is heard the next time.
const AT_ONCE: i64 = 500;

pub(super) fn hear(db: &Connection, instance: &str, notices: &[Notice], now: Timestamp) -> Stored<Hearing> {
    let mut hearing = Hearing::default();
    let mut stirred: BTreeSet<IncidentId> = BTreeSet::new();
    for notice in notices {
        let rooms = concerned(db, instance, &notice.what, now)?;
        // What concerns nobody leaves nothing behind, not even its id.
        if rooms.is_empty() {
            continue;
        }
        if is_repeated(db, instance, notice, now)? {
            hearing.repeated += 1;
            continue;
        }
        let doc = write("notice", notice)?;
        for id in rooms {
            if let NoticeKind::WeJoined { group, .. } = &notice.what {
                hearing.second_groups += usize::from(is_second(db, id, group, instance, now)?);
            }
            execute(
                db,
                "INSERT INTO notices (incident, at, instance, doc) VALUES (?1, ?2, ?3, ?4)",
                params![id.0, millis(now), instance, doc],
            )?;
            stirred.insert(id);
        }
    }
    for id in &stirred {
        rows::stir(db, *id, now)?;
    }
    hearing.rooms = stirred.len();
    Ok(hearing)
}

/// Whether the provider told this before; remembers it otherwise.
fn is_repeated(db: &Connection, instance: &str, notice: &Notice, now: Timestamp) -> Stored<bool> {
    let Some(id) = &notice.id else { return Ok(false) };
    is_known(db, instance, id, now)
}

/// Whether an event of this id was told before; remembers it otherwise.
pub(super) fn is_known(db: &Connection, instance: &str, id: &str, now: Timestamp) -> Stored<bool> {
    execute(db, "DELETE FROM notices_seen WHERE at < ?1", [millis(later(now, -KNOWN_FOR))])?;
    let new = execute(
        db,
        "INSERT INTO notices_seen (instance, id, at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
        params![instance, id, millis(now)],
    )?;
    Ok(new == 0)
}

/// The rooms that a notice tells something new.
fn concerned(db: &Connection, instance: &str, what: &NoticeKind, now: Timestamp) -> Stored<Vec<IncidentId>> {
    match what {
        NoticeKind::Joined { group, .. }
        | NoticeKind::Left { group, .. }
        | NoticeKind::WeLeft { group }
        | NoticeKind::Renamed { group, .. }
        | NoticeKind::Changed { group } => rooms_of(db, group),
        NoticeKind::WeJoined { group, subject } => {
            let mut rooms = rooms_of(db, group)?;
            for id in subject.iter().flat_map(|subject| named_in(subject)) {
                let is_new = |room: Room| room.phase.group() != Some(group);
                if !rooms.contains(&id) && rows::legible_room(db, id)?.is_some_and(is_new) {
                    rooms.push(id);
                }
            }
            Ok(rooms)
        }
        NoticeKind::Message { chat, from_me: true, text: Some(text), .. } => {
            let group = what.group().map_or_else(|| Ok(Vec::new()), |group| rooms_of(db, group))?;
            let mut rooms = Vec::new();
            for id in group {
                if rows::legible_room(db, id)?.is_some_and(|room| room.awaits(chat, text)) {
                    rooms.push(id);
                }
            }
            Ok(rooms)
        }
        NoticeKind::Undelivered { message_id, .. } => rooms_that_said(db, message_id),
        NoticeKind::Session { session: Session::Working { .. } } => waiting(db, instance, now),
        NoticeKind::Session { session: Session::Down(_) } | NoticeKind::Message { .. } => Ok(Vec::new()),
    }
}

fn rooms_of(db: &Connection, group: &GroupId) -> Stored<Vec<IncidentId>> {
    all(
        db,
        "SELECT incident FROM rooms WHERE group_id = ?1 AND phase NOT IN ('closed', 'skipped')",
        [group.as_str()],
        |r| Ok(IncidentId(r.get(0)?)),
    )
}

/// Rooms that are not over and handed this message over.
fn rooms_that_said(db: &Connection, message_id: &str) -> Stored<Vec<IncidentId>> {
    all(
        db,
        "SELECT r.incident FROM rooms r JOIN room_docs d ON d.incident = r.incident
         WHERE r.phase NOT IN ('closed', 'skipped') AND EXISTS
             (SELECT 1 FROM json_each(d.doc, '$.tasks') t
              WHERE json_extract(t.value, '$.said.message_id') = ?1)",
        [message_id],
        |r| Ok(IncidentId(r.get(0)?)),
    )
}

/// The incidents that a subject names.
fn named_in(subject: &str) -> Vec<IncidentId> {
    let words = subject.split(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_'));
    let named = words.filter_map(|word| word.parse::<IncidentId>().ok());
    named.filter(|id| subject_has_token(subject, &id.to_string())).collect()
}

/// Records a group of which the provider tells that our number is in it and that is not the room, as far as is
/// known: the room takes it if it has none. True if there is one too many from now on.
fn is_second(
    db: &Connection,
    id: IncidentId,
    group: &GroupId,
    instance: &str,
    now: Timestamp,
) -> Stored<bool> {
    let Some(room) = rows::legible_room(db, id)? else { return Ok(false) };
    if room.phase.group() == Some(group) {
        return Ok(false);
    }
    let is_new =
        orphans::put(db, id, group, Some(instance), "the provider told that our number is in it", now)?;
    let may_be_it =
        matches!(room.phase, Phase::Wanted { .. } | Phase::Creating { .. } | Phase::Unsure { .. });
    Ok(is_new && !may_be_it)
}

/// Rooms that sleep until this number, or any for those without one, may be called again.
fn waiting(db: &Connection, instance: &str, now: Timestamp) -> Stored<Vec<IncidentId>> {
    let asleep = all(
        db,
        "SELECT d.doc FROM rooms r JOIN room_docs d ON d.incident = r.incident
         WHERE r.wake_at > ?1 AND r.phase NOT IN ('closed', 'skipped') AND r.phase <> 'parked'",
        [millis(now)],
        |r| r.get::<_, Doc>(0),
    )?;
    let mut rooms = Vec::new();
    for doc in asleep {
        let Ok(room) = read::<Room>("room", &doc) else { continue };
        let by_it = room.instance.as_deref().is_none_or(|own| own == instance);
        let held = room.hold_until.is_some_and(|until| until > now);
        if by_it && (held || matches!(room.phase, Phase::Wanted { .. })) {
            rooms.push(room.incident);
        }
    }
    Ok(rooms)
}

/// Writes a room that has heard what was told.
pub(super) fn heed(db: &Connection, lease: &Lease, room: &Room, now: Timestamp) -> Stored<Finished> {
    if !write_done(db, lease, now)? {
        return Ok(Finished::Stray);
    }
    super::steps::finish(db, room, now)
}

/// What a room has not heard yet.
pub(super) fn unheard(db: &Connection, id: IncidentId, noticed: i64) -> Stored<Vec<NoticeItem>> {
    all(
        db,
        "SELECT id, at, instance, doc FROM notices WHERE incident = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
        [id.0, noticed, AT_ONCE],
        |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get::<_, Doc>(3)?)),
    )?
    .into_iter()
    .filter_map(|(seq, at, instance, doc)| {
        let notice = legible(db, "notice", id, doc).transpose()?;
        Some(notice.map(|notice| NoticeItem { seq, at: moment(at), instance, notice }))
    })
    .collect()
}

/// Everything that was told of a room, for its timeline.
pub(super) fn told(db: &Connection, id: IncidentId) -> Stored<Vec<Entry>> {
    all(db, "SELECT at, instance, doc FROM notices WHERE incident = ?1 ORDER BY id", [id.0], |r| {
        Ok((r.get(0)?, r.get(1)?, r.get::<_, Doc>(2)?))
    })?
    .into_iter()
    .filter_map(|(at, instance, doc)| {
        let notice = legible::<Notice>(db, "notice", id, doc).transpose()?;
        let told = |notice: Notice| Entry {
            at: moment(at),
            what: Happening::Notice { instance, notice: notice.what },
        };
        Some(notice.map(told))
    })
    .collect()
}
