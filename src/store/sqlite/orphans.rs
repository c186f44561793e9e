//! Groups that carry an incident's id but are not its room: recorded, never forgotten, closed on request.

use rusqlite::{Connection, params};

use super::hosts;
use super::rows::{self, Stored, all, execute, first, millis, moment, write};
use crate::clock::Timestamp;
use crate::incident::IncidentId;
use crate::jid::GroupId;
use crate::room::{Event, LeftDuplicate, Orphaned, Phase, Room, Stage, Standby, Wish, duplicates};
use crate::store::{Orphan, OrphanState, WishTaken};

/// Of so many rooms one is enough to know a list that is not whole.
const KNOWN_ROOMS: i64 = 50;

/// Records a group, unless it is known already; true if it is new.
pub(super) fn put(
    db: &Connection,
    id: IncidentId,
    group: &GroupId,
    instance: Option<&str>,
    how: &str,
    now: Timestamp,
) -> Stored<bool> {
    let new = execute(
        db,
        "INSERT INTO orphans (group_id, incident, instance, found_at, how, state)
         VALUES (?1, ?2, ?3, ?4, ?5, 'open')
         ON CONFLICT (group_id) DO NOTHING",
        params![group.as_str(), id.0, instance, millis(now), how],
    )?;
    Ok(new > 0)
}

/// The room's group is no orphan; the group that it had before is one, if an operator took another.
pub(super) fn settle(
    db: &Connection,
    before: Option<&Room>,
    room: &Room,
    event: Option<&Event>,
    now: Timestamp,
) -> Stored<()> {
    let own = hosts::own_group(room);
    if let (Some(before), Some(Event::Resume { group: Some(_) } | Event::NewGroup)) = (before, event)
        && let Some(left) = hosts::own_group(before).filter(|group| Some(*group) != own)
    {
        let how = "was the room until an operator wanted another group";
        put(db, room.incident, left, before.instance.as_deref(), how, now)?;
    }
    if let Some(group) = own {
        execute(db, "DELETE FROM orphans WHERE group_id = ?1", [group.as_str()])?;
    }
    Ok(())
}

/// An orphan as stored, with its incident.
fn find(db: &Connection, group: &GroupId) -> Stored<Option<(IncidentId, String)>> {
    first(db, "SELECT incident, state FROM orphans WHERE group_id = ?1", [group.as_str()], |r| {
        Ok((IncidentId(r.get(0)?), r.get::<_, String>(1)?))
    })
}

/// Those of one incident, oldest first.
pub(super) fn of(db: &Connection, id: IncidentId) -> Stored<Vec<Orphan>> {
    Ok(between(db, id, id)?.into_iter().map(|(_, orphan)| orphan).collect())
}

/// Those of all incidents from `from` to `to`.
pub(super) fn between(
    db: &Connection,
    from: IncidentId,
    to: IncidentId,
) -> Stored<Vec<(IncidentId, Orphan)>> {
    type Row = (i64, String, Option<String>, i64, String, String, Option<i64>, Option<String>);
    let found: Vec<Row> = all(
        db,
        "SELECT incident, group_id, instance, found_at, how, state, changed_at, trouble
         FROM orphans WHERE incident BETWEEN ?1 AND ?2 ORDER BY incident, found_at, group_id",
        [from.0, to.0],
        |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?, r.get(5)?, r.get(6)?, r.get(7)?)),
    )?;
    found
        .into_iter()
        .filter_map(|(incident, group, instance, found_at, how, state, changed_at, trouble)| {
            let Ok(group) = group.parse() else {
                let why = "its group id is malformed";
                let whose = IncidentId(incident).to_string();
                return rows::set_aside(db, "second group", &whose, why).err().map(Err);
            };
            let orphan = Orphan {
                group,
                instance,
                found_at: moment(found_at),
                how,
                state: state_of(&state),
                changed_at: changed_at.map(moment),
                trouble,
            };
            Some(Ok((IncidentId(incident), orphan)))
        })
        .collect()
}

fn state_of(word: &str) -> OrphanState {
    match word {
        "closing" => OrphanState::Closing,
        "closed" => OrphanState::Closed,
        _ => OrphanState::Open,
    }
}

/// Those that a worker has to know of: all that are not closed.
pub(super) fn wanted(db: &Connection, id: IncidentId) -> Stored<Vec<Orphaned>> {
    let open = of(db, id)?.into_iter().filter(|orphan| orphan.state != OrphanState::Closed);
    Ok(open
        .map(|orphan| Orphaned {
            closing: orphan.state == OrphanState::Closing,
            found_at: orphan.found_at,
            group: orphan.group,
            instance: orphan.instance,
        })
        .collect())
}

/// How many are not closed.
pub(super) fn count_open(db: &Connection) -> Stored<i64> {
    let count =
        first(db, "SELECT count(*) FROM orphans WHERE state <> 'closed'", [], |r| r.get::<_, i64>(0))?;
    Ok(count.unwrap_or(0))
}

/// Stores that an operator wants one closed.
pub(super) fn close(db: &Connection, id: IncidentId, group: &GroupId, now: Timestamp) -> Stored<WishTaken> {
    let Some(room) = rows::room(db, id)? else { return Ok(WishTaken::NoSuchRoom) };
    let refusal = match find(db, group)? {
        Some((of, _)) if of != id => Some(format!("{group} belongs to {of}")),
        None => Some(format!("{group} is not recorded as a second group of {id}")),
        Some((_, state)) if state == "closed" => Some(format!("{group} is closed already")),
        Some(_) if !duplicates::is_possible(&room.phase) => {
            let name = room.phase.name().as_str();
            Some(format!("the room is {name}: nobody can be told where it is; adopt this group, or wait"))
        }
        Some(_) => None,
    };
    if let Some(why) = refusal {
        return Ok(WishTaken::No(why));
    }
    execute(
        db,
        "UPDATE orphans SET state = 'closing', changed_at = ?2, trouble = NULL WHERE group_id = ?1",
        params![group.as_str(), millis(now)],
    )?;
    asked(db, id, &format!("close the second group {group}"), now)?;
    rows::stir(db, id, now)?;
    Ok(WishTaken::Yes)
}

/// What came of closing one.
pub(super) fn end(db: &Connection, end: &LeftDuplicate, now: Timestamp) -> Stored<()> {
    let state = if end.stuck.is_some() { "open" } else { "closed" };
    execute(
        db,
        "UPDATE orphans SET state = ?2, changed_at = ?3, trouble = ?4 WHERE group_id = ?1",
        params![end.group.as_str(), state, millis(now), end.stuck],
    )?;
    Ok(())
}

/// Why an operator's wish for another group cannot be taken, if it cannot.
pub(super) fn objection(db: &Connection, room: &Room, wish: &Wish) -> Stored<Option<String>> {
    let Wish::Resume { group: Some(group) } = wish else { return Ok(None) };
    let is_live = matches!(room.phase, Phase::Live { .. });
    let lives_in_it = all(
        db,
        "SELECT incident FROM rooms WHERE group_id = ?1 AND phase NOT IN ('closed', 'skipped')",
        [group.as_str()],
        |r| Ok(IncidentId(r.get(0)?)),
    )?;
    if let Some(other) = lives_in_it.into_iter().find(|id| *id != room.incident) {
        return Ok(Some(format!("{group} is the room of {other}, which is not over")));
    }
    Ok(match find(db, group)? {
        Some((of, _)) if of != room.incident => Some(format!("{group} belongs to {of}")),
        Some((_, state)) if state != "open" => Some(format!("{group} is {state}: our number leaves it")),
        None if is_live => {
            Some(format!("the room is live; only a recorded second group can take its place, not {group}"))
        }
        Some(_) | None => None,
    })
}

/// Groups in which a number is known to be.
pub(super) fn groups_of(db: &Connection, instance: &str) -> Stored<Vec<GroupId>> {
    let sql = "SELECT d.doc FROM rooms r JOIN room_docs d ON d.incident = r.incident
               WHERE r.phase NOT IN ('closed', 'skipped') AND r.phase IN ('live', 'closing')
               ORDER BY r.incident DESC LIMIT ?1";
    let docs = all(db, sql, [KNOWN_ROOMS], |r| r.get::<_, rows::Doc>(0))?;
    let rooms = docs.iter().filter_map(|doc| rows::read::<Room>("room", doc).ok());
    let is_in = |room: &Room| {
        let stands_by = |s: &Standby| s.instance == instance && matches!(s.stage, Stage::Ready { .. });
        room.ousted_at.is_none()
            && (room.instance.as_deref() == Some(instance) || room.standby.iter().any(stands_by))
    };
    let mut groups: Vec<GroupId> =
        rooms.filter(is_in).filter_map(|room| room.phase.group().cloned()).collect();
    let recorded = "SELECT group_id FROM orphans WHERE instance = ?1 AND state = 'open'";
    let beside = all(db, recorded, [instance], |r| r.get::<_, String>(0))?;
    groups.extend(beside.iter().filter_map(|group| group.parse().ok()));
    Ok(groups)
}

/// A line for the timeline.
pub(super) fn asked(db: &Connection, id: IncidentId, words: &str, now: Timestamp) -> Stored<()> {
    execute(
        db,
        "INSERT INTO journal (incident, at, kind, note, spent) VALUES (?1, ?2, 'asked', ?3, 0)",
        params![id.0, millis(now), write("wish", &words)?],
    )?;
    Ok(())
}
