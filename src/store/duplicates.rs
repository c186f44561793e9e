//! Groups that carry an incident's id but are not its room: recorded, never forgotten, closed on request.

use serde::{Deserialize, Serialize};

use super::error::Stored;
use super::rooms::{self, WishTaken};
use super::tx::{Tx, read, values};
use super::{Store, journal, shared_rooms};
use crate::clock::Timestamp;
use crate::incident::IncidentId;
use crate::jid::GroupId;
use crate::room::{Event, LeftDuplicate, OpenDuplicate, Phase, Room, Stage, Standby, Wish, duplicates};

/// How many rooms are named to recognise an incomplete list of groups by.
const KNOWN_ROOMS: i64 = 50;

/// A group that carries an incident's id but is not its room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duplicate {
    /// The group.
    pub group: GroupId,
    /// The linked number that is in it, if that is known.
    pub instance: Option<String>,
    /// When we learned of it.
    pub found_at: Timestamp,
    /// How.
    pub how: String,
    /// What was done about it.
    pub state: DuplicateState,
    /// Since when.
    pub changed_at: Option<Timestamp>,
    /// Why it could not be closed, if that was tried.
    pub trouble: Option<String>,
}

impl Duplicate {
    /// Whether nothing is left to do about it.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.state == DuplicateState::Closed
    }
}

/// What was done about a group beside the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DuplicateState {
    /// Nothing.
    Open,
    /// An operator wants it closed.
    Closing,
    /// Its people were told where the room is, and our number has left.
    Closed,
}

impl Store {
    /// Groups in which a number is known to be: those of its living rooms, and recorded ones beside them.
    pub async fn groups_of(&self, instance: &str) -> Stored<Vec<GroupId>> {
        let instance = instance.to_owned();
        self.read("groups_of", move |tx| groups_of(tx, &instance)).await
    }

    /// Stores that an operator wants a recorded second group closed.
    pub async fn close_duplicate(&self, id: IncidentId, group: GroupId, now: Timestamp) -> Stored<WishTaken> {
        self.write("close_duplicate", move |tx| close(tx, id, &group, now)).await
    }

    /// How many second groups are not closed.
    pub async fn open_duplicates(&self) -> Stored<i64> {
        let sql = "SELECT count(*) FROM duplicates WHERE state <> 'closed'";
        self.read("open_duplicates", |tx| tx.count(sql, &[])).await
    }
}

/// Records a group, unless it is known already; true if it is new.
pub(super) fn add(
    tx: &Tx<'_>,
    id: IncidentId,
    group: &GroupId,
    instance: Option<&str>,
    how: &str,
    now: Timestamp,
) -> Stored<bool> {
    let new = tx.execute(
        "INSERT INTO duplicates (group_id, incident, instance, found_at, how, state)
         VALUES (?1, ?2, ?3, ?4, ?5, 'open')
         ON CONFLICT (group_id) DO NOTHING",
        values![group.as_str(), id, instance, now, how],
    )?;
    Ok(new > 0)
}

/// Takes the room's group out of the duplicates. The group before it becomes one if an operator chose another.
pub(super) fn settle(
    tx: &Tx<'_>,
    before: Option<&Room>,
    room: &Room,
    event: Option<&Event>,
    now: Timestamp,
) -> Stored<()> {
    let own = shared_rooms::own_group(room);
    if let (Some(before), Some(Event::Resume { group: Some(_) } | Event::NewGroup)) = (before, event)
        && let Some(left) = shared_rooms::own_group(before).filter(|group| Some(*group) != own)
    {
        let how = "was the room until an operator wanted another group";
        add(tx, room.incident, left, before.instance.as_deref(), how, now)?;
    }
    if let Some(group) = own {
        tx.run("DELETE FROM duplicates WHERE group_id = ?1", values![group.as_str()])?;
    }
    Ok(())
}

/// A duplicate as stored, with its incident.
fn find(tx: &Tx<'_>, group: &GroupId) -> Stored<Option<(IncidentId, String)>> {
    tx.first("SELECT incident, state FROM duplicates WHERE group_id = ?1", values![group.as_str()], |r| {
        Ok((r.get(0)?, r.get(1)?))
    })
}

/// Those of one incident, oldest first.
pub(super) fn of(tx: &Tx<'_>, id: IncidentId) -> Stored<Vec<Duplicate>> {
    Ok(between(tx, id, id)?.into_iter().map(|(_, duplicate)| duplicate).collect())
}

/// Those of all incidents from `from` to `to`.
pub(super) fn between(tx: &Tx<'_>, from: IncidentId, to: IncidentId) -> Stored<Vec<(IncidentId, Duplicate)>> {
    tx.some(
        "SELECT incident, group_id, instance, found_at, how, state, changed_at, trouble
         FROM duplicates WHERE incident BETWEEN ?1 AND ?2 ORDER BY incident, found_at, group_id",
        values![from, to],
        |r| {
            let id: IncidentId = r.get(0)?;
            let Ok(group) = r.get::<String>(1)?.parse() else {
                tx.set_aside("second group", &id.to_string(), "its group id is malformed");
                return Ok(None);
            };
            let duplicate = Duplicate {
                group,
                instance: r.get(2)?,
                found_at: r.get(3)?,
                how: r.get(4)?,
                state: state_of(&r.get::<String>(5)?),
                changed_at: r.get(6)?,
                trouble: r.get(7)?,
            };
            Ok(Some((id, duplicate)))
        },
    )
}

fn state_of(word: &str) -> DuplicateState {
    match word {
        "closing" => DuplicateState::Closing,
        "closed" => DuplicateState::Closed,
        _ => DuplicateState::Open,
    }
}

/// Those that are not closed, for the worker.
pub(super) fn wanted(tx: &Tx<'_>, id: IncidentId) -> Stored<Vec<OpenDuplicate>> {
    let open = of(tx, id)?.into_iter().filter(|duplicate| !duplicate.is_closed());
    Ok(open
        .map(|duplicate| OpenDuplicate {
            closing: duplicate.state == DuplicateState::Closing,
            found_at: duplicate.found_at,
            group: duplicate.group,
            instance: duplicate.instance,
        })
        .collect())
}

/// Stores that an operator wants one closed.
fn close(tx: &Tx<'_>, id: IncidentId, group: &GroupId, now: Timestamp) -> Stored<WishTaken> {
    let Some(room) = rooms::of(tx, id)? else { return Ok(WishTaken::NoSuchRoom) };
    let refusal = match find(tx, group)? {
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
    tx.run(
        "UPDATE duplicates SET state = 'closing', changed_at = ?2, trouble = NULL WHERE group_id = ?1",
        values![group.as_str(), now],
    )?;
    journal::line(tx, id, "asked", None, &format!("close the second group {group}"), now)?;
    rooms::changed(tx, id, now)?;
    Ok(WishTaken::Yes)
}

/// What came of closing one.
pub(super) fn end(tx: &Tx<'_>, end: &LeftDuplicate, now: Timestamp) -> Stored<()> {
    let state = if end.stuck.is_some() { "open" } else { "closed" };
    tx.run(
        "UPDATE duplicates SET state = ?2, changed_at = ?3, trouble = ?4 WHERE group_id = ?1",
        values![end.group.as_str(), state, now, end.stuck],
    )
}

/// Why an operator's wish for another group cannot be taken, if it cannot.
pub(super) fn objection(tx: &Tx<'_>, room: &Room, wish: &Wish) -> Stored<Option<String>> {
    let Wish::Resume { group: Some(group) } = wish else { return Ok(None) };
    let is_live = matches!(room.phase, Phase::Live { .. });
    let lives_in_it = tx.all(
        "SELECT incident FROM rooms WHERE group_id = ?1 AND phase NOT IN ('closed', 'skipped')",
        values![group.as_str()],
        |r| r.get::<IncidentId>(0),
    )?;
    if let Some(other) = lives_in_it.into_iter().find(|id| *id != room.incident) {
        return Ok(Some(format!("{group} is the room of {other}, which is not over")));
    }
    Ok(match find(tx, group)? {
        Some((of, _)) if of != room.incident => Some(format!("{group} belongs to {of}")),
        Some((_, state)) if state != "open" => Some(format!("{group} is {state}: our number leaves it")),
        None if is_live => {
            Some(format!("the room is live; only a recorded second group can take its place, not {group}"))
        }
        Some(_) | None => None,
    })
}

/// Groups in which a number is known to be.
fn groups_of(tx: &Tx<'_>, instance: &str) -> Stored<Vec<GroupId>> {
    let sql = "SELECT d.doc FROM rooms r JOIN room_docs d ON d.incident = r.incident
               WHERE r.phase NOT IN ('closed', 'skipped') AND r.phase IN ('live', 'closing')
               ORDER BY r.incident DESC LIMIT ?1";
    let rooms = tx.some(sql, values![KNOWN_ROOMS], |r| Ok(read::<Room>("room", r.doc(0)).ok()))?;
    let is_in = |room: &Room| {
        let stands_by = |s: &Standby| s.instance == instance && matches!(s.stage, Stage::Ready { .. });
        room.ousted_at.is_none()
            && (room.instance.as_deref() == Some(instance) || room.standby.iter().any(stands_by))
    };
    let rooms = rooms.into_iter().filter(is_in);
    let mut groups: Vec<GroupId> = rooms.filter_map(|room| room.phase.group().cloned()).collect();
    let recorded = "SELECT group_id FROM duplicates WHERE instance = ?1 AND state = 'open'";
    groups.extend(tx.some(recorded, values![instance], |r| Ok(r.get::<String>(0)?.parse().ok()))?);
    Ok(groups)
}
