//! What time alone changes of incidents: the quiet time ends, or nothing was heard for long.

use super::error::Stored;
use super::tx::{Tx, values};
use super::{Store, alerts, incidents, news, queue, rooms};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::incident::{Incident, Rules, State, pass_time};

/// Missing alerts of an incident that are read at once.
const MISSING_AT_ONCE: usize = 1000;
/// Between two looks at them.
const SOON: SignedDuration = SignedDuration::from_secs(1);

impl Store {
    /// Closes incidents whose quiet time is over and wakes their rooms; returns how many. Also sees to those of which
    /// nothing was heard for long, see [`pass_time`].
    pub async fn close_quiet(&self, rules: Rules, now: Timestamp) -> Stored<usize> {
        self.write_behind("close_quiet", move |tx| close_quiet(tx, rules, now)).await
    }
}

fn close_quiet(tx: &Tx<'_>, rules: Rules, now: Timestamp) -> Stored<usize> {
    let due = tx.all("SELECT number, doc FROM incidents WHERE look_at <= ?1", values![now], |r| {
        let id = r.get(0)?;
        Ok((id, tx.legible("incident", id, r.doc(1))))
    })?;
    let mut closed = 0;
    for (id, incident) in due {
        let Some(incident) = incidents::or_unreadable(tx, id, incident)? else { continue };
        if let Some(over) = incident.close_if_quiet(now) {
            incidents::change(tx, &incident, &over)?;
            rooms::changed(tx, over.id, now)?;
            closed += 1;
        } else if incident.look_at.is_some_and(|at| at <= now) {
            be_silent(tx, &incident, rules, now)?;
        }
    }
    Ok(closed)
}

/// Nothing was heard of an open incident for a while.
fn be_silent(tx: &Tx<'_>, incident: &Incident, rules: Rules, now: Timestamp) -> Stored<()> {
    let missing = alerts::missing(tx, incident.id, now, MISSING_AT_ONCE)?;
    let are_more = missing.len() == MISSING_AT_ONCE;
    let mut passed = pass_time(incident, &missing.into_iter().collect(), rules, now);
    // What went missing one by one in a flood is not looked at one by one.
    let soonest = later(now, SOON);
    let look_at = passed.incident.look_at.map(|at| at.max(soonest));
    passed.incident.look_at = if are_more { Some(soonest) } else { look_at };
    incidents::change(tx, incident, &passed.incident)?;
    for (id, alert) in &passed.alerts {
        alerts::put(tx, incident.id, id, alert, false)?;
    }
    if let Some(news) = &passed.news {
        let is_new = news::add(tx, incident.id, None, news, now)?;
        if passed.incident.state != State::Open {
            queue::leave(tx, incident.id, now)?;
        }
        if is_new {
            rooms::changed(tx, incident.id, now)?;
        }
    }
    Ok(())
}
