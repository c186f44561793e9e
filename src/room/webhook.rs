//! When the fallback webhook is called, because no linked number can tell people.

use super::Room;
use super::inputs::View;
use super::options::{Next, Options};
use super::phase::CANCELLED;
use super::task::{Reason, Task, WebhookCall};
use crate::incident::State;

/// What is done about people who could not be told 1:1 of a room that waits for a person.
pub(super) fn unreached(view: View<'_>, parked_because: &str) -> Option<Next> {
    if view.room.untold() == 0 || parked_because == CANCELLED {
        return None;
    }
    due(view, Reason::Parked)
}

/// The call for this reason as soon as it may be tried, unless it was made.
pub(super) fn due(View { room, inputs, context, now }: View<'_>, reason: Reason) -> Option<Next> {
    let incident = &inputs.incident;
    let since = if let Reason::NumbersDown { since, .. } = reason { Some(since) } else { None };
    // The number of an incident begins anew with a new store, the moment of its opening does not.
    let outage = since.map(|at| format!("{}-", at.as_millisecond())).unwrap_or_default();
    let id = format!("{}-{}-{outage}{}", incident.id, incident.opened_at.as_millisecond(), reason.as_str());
    let call = Task::CallWebhook(WebhookCall { reason, id });
    // What was told of an outage before this one says nothing about this one.
    let told_at = room.tasks.ended_at(&call.key());
    let is_told = told_at.is_some_and(|at| since.is_none_or(|since| at >= since));
    if !context.policy.fallback_webhook || incident.state != State::Open || is_told {
        return None;
    }
    let mut options = Options::new(room, now);
    options.offer(call);
    Some(options.decide())
}

impl Room {
    /// How many of its people were not told 1:1, as far as anybody knows.
    #[must_use]
    pub fn untold(&self) -> usize {
        self.seats.iter().filter(|s| !self.was_told_alone(&s.who.person)).count()
    }
}
