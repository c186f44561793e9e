//! What people want counts before anything else: who said STOP is out, and who has talked with us is no stranger.
//!
//! Pure. Before each decision a room minds what is known of its people, and writes it into its own record. So
//! everything that decides about people (who is added, invited, reminded, replaced, told 1:1) reads one place,
//! and the record shows why somebody was left out. Who is in the room already is not thrown out of it: they can
//! leave by themselves, and nothing is said to them 1:1.

use super::Room;
use super::message::{Message, brief_key};
use super::seat::{Refused, Seat, SeatState};
use crate::clock::Timestamp;
use crate::consent::Stances;
use crate::jid::{ChatId, Jid};
use crate::roster::Stakeholder;

impl Room {
    /// Everybody whom this room calls, or may call when others do not come.
    pub fn everybody(&self) -> impl Iterator<Item = &Stakeholder> {
        let required = self.summons.quorum.iter();
        let later = required.flat_map(|required| {
            let stand_ins = required.roles.iter().flat_map(|needed| &needed.stand_ins);
            stand_ins.map(|stand_in| &stand_in.who).chain(&required.otherwise)
        });
        self.seats.iter().map(|seat| &seat.who).chain(later)
    }

    /// Whether this person said STOP.
    #[must_use]
    pub fn has_stopped(&self, person: &Jid) -> bool {
        self.stopped.contains_key(person)
    }

    /// Whether there are people in this role, and all of them said STOP.
    pub(super) fn all_stopped(&self, role: &str) -> bool {
        let mut of_role = self.seats.iter().filter(|seat| seat.who.has_role(role)).peekable();
        of_role.peek().is_some() && of_role.all(|seat| is_stopped(&seat.state))
    }

    /// Takes in who wants to be called; true if that changes anything.
    pub fn apply_consent(&mut self, stances: &Stances, now: Timestamp) -> bool {
        let before = self.clone();
        for who in self.everybody_mut().filter(|who| stances.acquainted.contains(&who.jid)) {
            who.opted_in = true;
        }
        self.stopped.clone_from(&stances.stopped);
        self.cancel_messages_to_opted_out(now);
        let has_group = self.phase.group().is_some();
        let mut back = Vec::new();
        for seat in &mut self.seats {
            if let Some(alias) = stances.aliases.get(&seat.who.jid) {
                seat.alias = Some(alias.clone());
            }
            match stances.stopped.get(&seat.who.jid) {
                Some(at) => refuse(seat, *at),
                None if is_stopped(&seat.state) => {
                    welcome_back(seat, has_group);
                    back.push(seat.who.person.clone());
                }
                None => {}
            }
        }
        // What was not said to them because of the STOP may be said now.
        for person in back.into_iter().filter(|person| self.is_unreached(person)).collect::<Vec<_>>() {
            self.tasks.forget(&brief_key(&person));
            self.tasks.forget(&Message::Quiet { person }.task_key());
        }
        *self != before
    }

    fn everybody_mut(&mut self) -> impl Iterator<Item = &mut Stakeholder> {
        let required = self.summons.quorum.iter_mut();
        let later = required.flat_map(|required| {
            let stand_ins = required.roles.iter_mut().flat_map(|needed| &mut needed.stand_ins);
            stand_ins.map(|stand_in| &mut stand_in.who).chain(&mut required.otherwise)
        });
        self.seats.iter_mut().map(|seat| &mut seat.who).chain(later)
    }

    /// A message to somebody who said STOP is not said again, whether it arrived or not.
    fn cancel_messages_to_opted_out(&mut self, now: Timestamp) {
        let to_them = |chat: &ChatId| matches!(chat, ChatId::Person(who) if self.has_stopped(who));
        let lost = self.tasks.unknown().filter(|said| to_them(&said.chat));
        for lost in lost.map(|said| said.message.clone()).collect::<Vec<_>>() {
            self.give_up_saying(&lost, "the person said STOP".to_owned(), now);
            self.tasks.forget_trouble(&lost.look_key());
        }
    }
}

fn is_stopped(state: &SeatState) -> bool {
    matches!(state, SeatState::Refused { why: Refused::Stopped { .. } })
}

/// The seat of somebody who said STOP at `at`.
fn refuse(seat: &mut Seat, at: Timestamp) {
    let asked = match &seat.state {
        // They see what is said in the room until they leave it, and whoever left is left alone already.
        // Nor do they come in who are not to be called anyway.
        SeatState::In { .. }
        | SeatState::Left { .. }
        | SeatState::Refused { why: Refused::OverSize | Refused::NotNeeded } => return,
        SeatState::Refused { why: Refused::Stopped { asked, .. } } => *asked,
        SeatState::Wanted => false,
        SeatState::Asked
        | SeatState::Invited { .. }
        | SeatState::CannotTell { .. }
        | SeatState::Replaced { .. }
        | SeatState::Refused { .. } => true,
    };
    seat.state = SeatState::Refused { why: Refused::Stopped { at, asked } };
    seat.to_add = false;
}

/// They said START: as if they were called only now.
fn welcome_back(seat: &mut Seat, has_group: bool) {
    seat.state = SeatState::Wanted;
    seat.to_add = has_group;
    seat.said = None;
    seat.absences = 0;
    seat.reachable = None;
}

#[cfg(test)]
mod tests;
