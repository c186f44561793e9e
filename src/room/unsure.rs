//! While nobody knows whether a group was made: look, and where nobody can look, tell the people.

use super::agenda::{Ground, Next, Step};
use super::alone::reach_one_by_one;
use super::offers::Agenda;
use super::{Room, Wanted, appeal, patience, word};
use crate::clock::{Timestamp, later};

pub(super) fn while_unsure(
    room: &Room,
    wanted: &Wanted,
    ground: Ground<'_>,
    (since, look_at): (Timestamp, Timestamp),
    now: Timestamp,
) -> Next {
    if let Some(next) = while_nobody_can_look(room, wanted, ground, now) {
        return next;
    }
    let deadline = patience::deadline(room, ground, since);
    if deadline <= now {
        let why = "nobody could tell whether the group was made".to_owned();
        return reach_one_by_one(room, wanted, ground, why, now);
    }
    let mut agenda = Agenda::new(room, now);
    let look_at = if room.heard_of_at.is_some() { now } else { look_at };
    let look_at = room.hold_until.map_or(look_at, |until| until.max(look_at));
    agenda.offer_at(look_at, Step::Look { token: room.token() });
    agenda.wake(deadline);
    if agenda.is_free() {
        match word::due(room, wanted, ground, now) {
            Some(Next::Sleep(at)) => agenda.wake(at),
            Some(next) => return next,
            None => {}
        }
    }
    agenda.decide()
}

/// The number that may have made a group is lost, and no other one can see its groups: people are told 1:1, and
/// a person decides when it does not come back in the time of a phase.
fn while_nobody_can_look(room: &Room, wanted: &Wanted, ground: Ground<'_>, now: Timestamp) -> Option<Next> {
    if let Some(step) = appeal::numbers_down(room, wanted, ground, now)
        && let call @ Next::Call(_) = appeal::offered(room, step, now).decide()
    {
        return Some(call);
    }
    let own = room.instance.as_deref().unwrap_or_default();
    let someone_works = ground.numbers.others(None).next().is_some();
    if !ground.numbers.is_lost(own, now) || !someone_works {
        return None;
    }
    let why = if ground.numbers.knows(own) {
        "nobody could tell whether the group was made: the number that was asked for it does not work"
    } else {
        "nobody could tell whether the group was made: the number that was asked for it is not in the config any more"
    };
    let deadline = ground.numbers.loss(own).map(|loss| later(loss.believed_at, ground.policy.phase_deadline));
    match reach_one_by_one(room, wanted, ground, why.to_owned(), now) {
        // Until then it is asked now and then whether it is back.
        Next::Note(_) if deadline.is_some_and(|deadline| deadline > now) => None,
        next @ (Next::Call(_) | Next::Note(_)) => Some(next),
        Next::Sleep(_) | Next::Rest => None,
    }
}
