//! What to do for a room whose group has to wait for the budget: the first thing that can be done.
//!
//! Another number was tried before this is asked. Then: an open room of the same route, in which the incident
//! becomes a guest; then each of its people 1:1; and then it waits for its turn.

use super::direct::{brief, untold};
use super::inputs::{Context, Inputs, View};
use super::message::{Why, brief_key};
use super::phase::Event;
use super::task::Task;
use super::{Room, deadline};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::incident::Incident;

/// How long after its opening an incident waits for a room of its route that is about to be there.
const HOST_AWAITED: SignedDuration = SignedDuration::from_secs(10);

/// What is done for a room that has to wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BudgetFallback {
    /// Nothing before this moment.
    Wait(Timestamp),
    /// It goes into the room of another incident.
    Fold(Event),
    /// These people (keys in the roster) are to be told 1:1; when nothing can be said now, it waits until this
    /// moment.
    Tell {
        /// Those who may be written to now, commander first.
        people: Vec<String>,
        /// When somebody else may be, or the room is made.
        until: Timestamp,
    },
}

/// What is done for `room`, whose group may be made from `turn` on.
#[must_use]
pub fn budget_fallback(
    room: &Room,
    inputs: &Inputs,
    context: Context<'_>,
    turn: Timestamp,
    now: Timestamp,
) -> BudgetFallback {
    if deadline::can_wait(room, turn) {
        return BudgetFallback::Wait(turn);
    }
    if context.policy.share_when_over_budget
        && room.tasks.unknown().next().is_none()
        && let Some(host) = &inputs.host
    {
        if let Some(group) = &host.group {
            return BudgetFallback::Fold(Event::Folded {
                into: host.incident,
                group: group.clone(),
                instance: host.instance.clone(),
                people: host.people.clone(),
            });
        }
        let patience = later(inputs.incident.opened_at, HOST_AWAITED);
        if patience > now {
            return BudgetFallback::Wait(patience.min(turn));
        }
    }
    if let Some(until) = room.private_hold().filter(|until| *until > now) {
        return BudgetFallback::Wait(until.min(turn));
    }
    let (mut people, mut until) = (Vec::new(), turn);
    for seat in untold(room, context.policy) {
        let person = &seat.who.person;
        match room.tasks.retry_at(&brief_key(person)).filter(|at| *at > now) {
            Some(at) => until = until.min(at),
            None => people.push(person.clone()),
        }
    }
    if people.is_empty() { BudgetFallback::Wait(until) } else { BudgetFallback::Tell { people, until } }
}

/// Incidents that one message tells a person of besides its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Also {
    /// The worst ones first.
    pub listed: Vec<Incident>,
    /// How many more there are.
    pub more: usize,
}

/// The task that tells `person` that the group is made about `turn`.
#[must_use]
pub fn tell_of_delay(
    room: &Room,
    inputs: &Inputs,
    context: Context<'_>,
    (person, turn): (&str, Timestamp),
    now: Timestamp,
) -> Option<Task> {
    let seat = room.seats.iter().find(|s| s.who.person == person)?;
    Some(brief(View { room, inputs, context, now }, seat, Why::Delayed { until: turn }))
}
