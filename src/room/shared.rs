//! A room inside another one: an incident whose group had to wait lives in the group of an incident of the same
//! route, and with people of the same client if any, the *host*. What is said about it is said there; nothing else of that group is the guest's matter.
//!
//! The host does not close before its guests have. When its group is lost all the same (an operator ends it, the
//! provider drops it), its guests are wanted again, and get a group of their own or another host.

use super::Room;
use super::inputs::{Host, View};
use super::phase::{Event, PhaseName};
use super::seat::SeatState;
use crate::incident::IncidentId;

/// Incidents in one room besides its own: more would only bury each other.
pub const GUESTS: usize = 10;

/// Whether guests can come into a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hosting {
    /// No.
    No,
    /// Most likely in a moment.
    Soon,
    /// Yes.
    Ready,
}

impl Room {
    /// Whether guests can come into this room.
    #[must_use]
    pub fn hosting(&self) -> Hosting {
        if self.guest_of.is_some() {
            return Hosting::No;
        }
        match self.phase.name() {
            PhaseName::Live if self.is_briefed() => Hosting::Ready,
            PhaseName::Live | PhaseName::Creating => Hosting::Soon,
            PhaseName::Wanted
            | PhaseName::Unsure
            | PhaseName::Parked
            | PhaseName::Closing
            | PhaseName::Closed
            | PhaseName::Skipped => Hosting::No,
        }
    }

    /// This room as a host.
    #[must_use]
    pub fn as_host(&self) -> Option<Host> {
        let hosting = self.hosting();
        (hosting != Hosting::No).then(|| Host {
            incident: self.incident,
            group: self.phase.group().filter(|_| hosting == Hosting::Ready).cloned(),
            instance: self.instance.clone().unwrap_or_default(),
            people: self.seats.iter().map(|s| s.who.person.clone()).collect(),
        })
    }

    /// Takes a place in the room of `into`. Those whom that room asked in are looked for there; the others are
    /// certainly not in.
    pub(super) fn move_in(&mut self, into: IncidentId, instance: &str, asked: &[String]) {
        self.begin_anew();
        self.guest_of = Some(into);
        self.instance = Some(instance.to_owned());
        for seat in self.seats.iter_mut().filter(|seat| !seat.is_ruled_out()) {
            let shared = asked.contains(&seat.who.person);
            seat.state = if shared { SeatState::Asked } else { SeatState::Wanted };
        }
    }

    /// Leaves the room it was a guest of.
    pub(super) fn move_out(&mut self) {
        self.begin_anew();
        self.guest_of = None;
        self.instance = None;
        self.tasks.forget_troubles();
        for seat in self.seats.iter_mut().filter(|seat| !seat.is_ruled_out()) {
            seat.state = SeatState::Wanted;
        }
    }
}

/// What happens to a guest whose host is not there any more.
pub(super) fn lost_host(View { room, inputs, .. }: View<'_>) -> Option<Event> {
    let host = room.guest_of?;
    let stands =
        inputs.host.as_ref().is_some_and(|h| h.incident == host && h.group.as_ref() == room.phase.group());
    (!stands).then(|| Event::Unhosted { why: format!("the room of {host} is not there any more") })
}
