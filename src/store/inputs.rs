//! What is wanted of a room now, read afresh.

use super::error::{StoreError, Stored};
use super::tx::Tx;
use super::{consents, duplicates, incidents, news, notices, numbers, rooms, shared_rooms};
use crate::incident::Incident;
use crate::room::{Inputs, Room};

/// What is wanted of a room now, and how often something came up for it. Whoever asks holds the room.
pub(super) fn of(tx: &Tx<'_>, room: &Room) -> Stored<(Inputs, i64)> {
    let id = room.incident;
    let missing = || StoreError::Corrupt { what: "room", why: "it has no incident".to_owned() };
    let incident = incidents::of(tx, id)?.ok_or_else(missing)?;
    let (wish, changes) = rooms::wish_and_changes(tx, id)?.ok_or_else(missing)?;
    let news = news::since(tx, id, room.last_news)?;
    news::has_read(tx, id, &news)?;
    let (host, guests) = (shared_rooms::host_of(tx, room)?, shared_rooms::guests_of(tx, id)?);
    let notices = notices::unheard(tx, id, room.last_notice)?;
    let duplicates = duplicates::wanted(tx, id)?;
    let stances = consents::stances(tx, room)?;
    let (numbers, numbers_changes) = numbers::all(tx)?;
    let inputs =
        Inputs { incident, news, wish, notices, host, guests, duplicates, stances, numbers, numbers_changes };
    Ok((inputs, changes))
}

/// The same for a room that this transaction has opened for a new incident: only what is known of others can matter.
pub(super) fn of_new(tx: &Tx<'_>, room: &Room, incident: Incident) -> Stored<Inputs> {
    let host = shared_rooms::host_of(tx, room)?;
    let stances = consents::stances(tx, room)?;
    let (numbers, numbers_changes) = numbers::all(tx)?;
    Ok(Inputs {
        incident,
        news: Vec::new(),
        wish: None,
        notices: Vec::new(),
        host,
        guests: Vec::new(),
        duplicates: Vec::new(),
        stances,
        numbers,
        numbers_changes,
    })
}
