//! People who need the invite link of a room whose link could not be had: they are told 1:1 without it.

use super::agenda::{Ground, Step, What};
use super::offers::Agenda;
use super::policy::Strangers;
use super::seat::{Refused, SeatState};
use super::{Room, Wanted};
use crate::clock::Timestamp;
use crate::incident::State;
use crate::jid::ChatId;

/// Why they are told so.
const WHY: &str = "the group is there, but you could not be added, and the invite link could not be had. Ask somebody in it to add you";

/// Offers a message to each of them who has not had one. Where a link was had and the invitation was lost,
/// they cannot be written to, so nothing is offered.
pub(super) fn brief(
    agenda: &mut Agenda<'_>,
    room: &Room,
    wanted: &Wanted,
    ground: Ground<'_>,
    now: Timestamp,
) {
    if room.link.is_some() || wanted.incident.state != State::Open {
        return;
    }
    let without_link = |state: &SeatState| *state == SeatState::Refused { why: Refused::Undeliverable };
    for seat in room.seats.iter().filter(|s| !s.briefed && without_link(&s.state)) {
        if !seat.who.introduced && ground.policy.strangers == Strangers::LeaveOut {
            continue;
        }
        let text = ground.composer.brief(&wanted.incident, room, seat, WHY, now);
        agenda.offer(Step::Say {
            what: What::Brief { person: seat.who.person.clone() },
            chat: ChatId::Person(seat.address().clone()),
            text,
        });
    }
}
