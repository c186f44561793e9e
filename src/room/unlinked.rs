//! People who need the invite link of a room whose link could not be had: they are told 1:1 without it.

use super::agenda::What;
use super::alone::to_person;
use super::offers::Agenda;
use super::policy::{Policy, Strangers};
use super::seat::{Refused, SeatState};
use super::{Room, Wanted, Why};
use crate::incident::State;

/// Offers a message to each of them who has not had one. Where a link was had and the invitation was lost,
/// they cannot be written to, so nothing is offered.
pub(super) fn brief(agenda: &mut Agenda<'_>, room: &Room, wanted: &Wanted, policy: &Policy) {
    if room.link.is_some() || wanted.incident.state != State::Open {
        return;
    }
    let without_link = |state: &SeatState| *state == SeatState::Refused { why: Refused::Undeliverable };
    for seat in room.seats.iter().filter(|s| !s.briefed && without_link(&s.state)) {
        if !seat.who.introduced && policy.strangers == Strangers::LeaveOut {
            continue;
        }
        let person = seat.who.person.clone();
        agenda.offer(to_person(What::Brief { person, why: Why::Unlinked }, seat));
    }
}
