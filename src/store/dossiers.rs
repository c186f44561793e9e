//! What operators see of incidents: a list of them, and everything about one.

use serde::{Deserialize, Serialize};

use super::duplicates::{self, Duplicate};
use super::error::Stored;
use super::timeline::{self, Entry};
use super::tx::{Tx, values};
use super::{Store, incidents, queue, rooms};
use crate::clock::Timestamp;
use crate::incident::{Incident, IncidentId};
use crate::room::{Room, Wish};

/// Incidents listed when nobody says how many.
const LISTED: usize = 100;

/// Which incidents to list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IncidentQuery {
    /// Only those in this state.
    pub state: Option<IncidentState>,
    /// At most this many; 0 for the default of 100.
    pub limit: usize,
}

/// The state column of incidents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IncidentState {
    /// Something fires.
    Open,
    /// In the quiet time.
    Resolved,
    /// Over.
    Closed,
}

/// An incident with its room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The incident.
    pub incident: Incident,
    /// Its room, if it ever wanted one.
    pub room: Option<Room>,
    /// While it waits for a number's budget: about when it has one.
    pub budget_at: Option<Timestamp>,
    /// Groups that carry its id but are not its room.
    pub duplicates: Vec<Duplicate>,
}

/// Everything about one incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dossier {
    /// The incident.
    pub incident: Incident,
    /// Its room, if it ever wanted one.
    pub room: Option<Room>,
    /// While it waits for a number's budget: about when it has one.
    pub budget_at: Option<Timestamp>,
    /// What an operator asked for that is not done yet.
    pub wish: Option<Wish>,
    /// Groups that carry its id but are not its room.
    pub duplicates: Vec<Duplicate>,
    /// What happened, oldest first.
    pub timeline: Vec<Entry>,
}

impl Store {
    /// Incidents, newest first, in the wanted state if one is given.
    pub async fn incidents(&self, query: IncidentQuery) -> Stored<Vec<Summary>> {
        self.read("incidents", move |tx| list(tx, query)).await
    }

    /// Everything about one incident.
    pub async fn dossier(&self, id: IncidentId) -> Stored<Option<Dossier>> {
        self.read("dossier", move |tx| {
            let Some(incident) = incidents::of(tx, id)? else { return Ok(None) };
            let room = rooms::legible(tx, id)?;
            let wish = rooms::wish_and_changes(tx, id)?.and_then(|(wish, _)| wish);
            let (budget_at, duplicates) = (queue::budget_at(tx, id)?, duplicates::of(tx, id)?);
            let timeline = timeline::of(tx, id)?;
            Ok(Some(Dossier { incident, room, budget_at, wish, duplicates, timeline }))
        })
        .await
    }
}

fn list(tx: &Tx<'_>, query: IncidentQuery) -> Stored<Vec<Summary>> {
    // Each state has its own condition, because an OR would read all incidents.
    let of_state = match query.state {
        Some(IncidentState::Open) => "i.state = 'open' AND i.state <> 'closed'",
        Some(IncidentState::Resolved) => "i.state = 'resolved' AND i.state <> 'closed'",
        // Most incidents are closed, so the order by number is the best index.
        Some(IncidentState::Closed) => "i.state || '' = 'closed'",
        None => "TRUE",
    };
    let sql = format!(
        "SELECT i.number, i.doc, d.doc, r.budget_at FROM incidents i
         LEFT JOIN rooms r ON r.incident = i.number LEFT JOIN room_docs d ON d.incident = i.number
         WHERE {of_state} ORDER BY i.number DESC LIMIT ?1"
    );
    let limit = if query.limit == 0 { LISTED } else { query.limit };
    let mut summaries = tx.some(&sql, values![limit], |r| {
        let (id, budget_at) = (r.get::<IncidentId>(0)?, r.get(3)?);
        let room = r.doc_if_any(2).and_then(|doc| tx.legible("room", id, doc));
        let incident = tx.legible("incident", id, r.doc(1));
        Ok(incident.map(|incident| Summary { incident, room, budget_at, duplicates: Vec::new() }))
    })?;
    if let (Some(newest), Some(oldest)) = (summaries.first(), summaries.last()) {
        for (id, duplicate) in duplicates::between(tx, oldest.incident.id, newest.incident.id)? {
            if let Some(summary) = summaries.iter_mut().find(|s| s.incident.id == id) {
                summary.duplicates.push(duplicate);
            }
        }
    }
    Ok(summaries)
}
