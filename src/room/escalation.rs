//! Who must be there: reminded, replaced by a stand-in, and at last raised with those who can decide.
//!
//! Pure. The clock of a room starts with its welcome. When it is time and nobody in a required role is in,
//! `evaluate` says what comes next, one [`EscalationStep`] at a time: one reminder 1:1, then one stand-in after the other,
//! then the room, the console and those who are told last. A step that would reach nobody is none: the next
//! one is taken at once. Steps are noted in the journal like moves; what they lead to (a message, an addition,
//! an invitation) is a step like any other, so a crash between them loses and repeats nothing.
//!
//! Somebody who may be in but whose row in the list has no name is neither reminded nor replaced: the room is
//! asked whether they are there. Nothing of all this is done while nothing fires.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Room;
use super::message::{Matter, Message};
use super::phase::EscalationStep;
use super::policy::NotOptedIn;
use super::progress::State;
use super::seat::{Refused, Seat, SeatState};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::jid::ChatId;
use crate::roster::{COMMANDER, Required, RequiredRole, StandIn};

/// What was done so far about the roles that must be filled.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Escalation {
    /// By role, as far as anything was done.
    pub roles: BTreeMap<String, RoleEscalation>,
    /// When everybody needed was there after all.
    pub reached_at: Option<Timestamp>,
    /// When people were last added to the group that already was there.
    pub added_at: Option<Timestamp>,
}

/// What was done about one role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleEscalation {
    /// When it is judged next.
    pub next_at: Timestamp,
    /// Whoever holds an invitation was reminded.
    pub reminded: bool,
    /// Stand-ins that were asked or passed over.
    pub asked: usize,
    /// The room was asked whether somebody is there.
    pub unsure: bool,
    /// When nobody was left to ask.
    pub spent_at: Option<Timestamp>,
}

/// Whether a role is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coverage {
    /// Somebody is in.
    Somebody,
    /// Somebody may be in: a member list showed ids that nobody can map.
    Perhaps,
    /// Nobody is.
    Nobody,
}

/// What is to be done about the quorum now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Decision {
    /// Note this step.
    Take(EscalationStep),
    /// Read the members at this moment, and evaluate by that.
    ReadAt(Timestamp),
    /// Nothing.
    Rest,
}

/// What comes next in a living, briefed room whose incident still fires.
pub(super) fn evaluate(room: &Room, not_opted_in: NotOptedIn, now: Timestamp) -> Decision {
    let Some(required) = &room.summons.quorum else { return Decision::Rest };
    let mut read_at: Option<Timestamp> = None;
    let (mut unsure, mut short) = (Vec::new(), Vec::new());
    for needed in &required.roles {
        let cover = room.coverage(&needed.role);
        let asked_so_far = room.escalation.roles.get(&needed.role);
        let is_done = match cover {
            Coverage::Somebody => true,
            Coverage::Perhaps => asked_so_far.is_some_and(|c| c.unsure),
            Coverage::Nobody => asked_so_far.is_some_and(|c| c.spent_at.is_some()),
        };
        let Some(due) = room.due(required, needed).filter(|_| !is_done) else { continue };
        if due > now || room.read_at.is_none_or(|read| read < due) {
            read_at = Some(read_at.map_or(due, |at| at.min(due)));
        } else if cover == Coverage::Perhaps {
            unsure.push(needed.role.clone());
        } else if let Some(step) = room.next_escalation_step(needed, not_opted_in) {
            return Decision::Take(step);
        } else {
            short.push(needed.role.clone());
        }
    }
    if !short.is_empty() {
        let tell = room.to_tell(required, not_opted_in);
        return Decision::Take(EscalationStep::Short { roles: short, tell });
    }
    if !unsure.is_empty() {
        return Decision::Take(EscalationStep::Unsure { roles: unsure });
    }
    if room.escalation.reached_at.is_none() && room.has_raised() && room.is_quorate() {
        return Decision::Take(EscalationStep::Reached);
    }
    read_at.map_or(Decision::Rest, Decision::ReadAt)
}

impl Room {
    /// Whether a role is filled, as far as is known.
    pub(crate) fn coverage(&self, role: &str) -> Coverage {
        let of_role = || self.seats.iter().filter(|s| s.who.has_role(role));
        if of_role().any(|s| matches!(s.state, SeatState::In { .. })) {
            Coverage::Somebody
        } else if of_role().any(|s| matches!(s.state, SeatState::CannotTell { .. })) {
            Coverage::Perhaps
        } else {
            Coverage::Nobody
        }
    }

    /// Whether every role that must be filled is.
    #[must_use]
    pub fn is_quorate(&self) -> bool {
        let mut roles = self.summons.quorum.iter().flat_map(|required| &required.roles);
        roles.all(|needed| self.coverage(&needed.role) == Coverage::Somebody)
    }

    /// The roles that must be filled, that nobody fills, and for which nobody is left to ask, with the moment
    /// since when.
    #[must_use]
    pub fn short_of(&self) -> Vec<(&str, Timestamp)> {
        let roles = self.summons.quorum.iter().flat_map(|required| &required.roles);
        roles
            .filter(|needed| self.coverage(&needed.role) == Coverage::Nobody)
            .filter_map(|needed| {
                let since = self.escalation.roles.get(&needed.role)?.spent_at?;
                Some((needed.role.as_str(), since))
            })
            .collect()
    }

    /// Whether the room heard that somebody is missing.
    fn has_raised(&self) -> bool {
        self.tasks.messages().any(|(progress, said)| {
            let is_raised = |m: &Matter| matches!(m, Matter::Short { .. } | Matter::Unsure { .. });
            let raises = matches!(&said.message, Message::Quorum { matter } if is_raised(matter));
            raises && progress.done_at().is_some()
        })
    }

    /// Whether somebody who holds an invitation is still to hear that they are needed.
    pub(super) fn is_to_be_reminded(&self, seat: &Seat) -> bool {
        let reminder = Message::Reminder { person: seat.who.person.clone() };
        let progress = self.tasks.get(&reminder.task_key());
        matches!(seat.state, SeatState::Invited { .. })
            && progress.is_some_and(|progress| progress.state.ended_at().is_none())
    }

    /// Decides that the room hears of this.
    fn raise(&mut self, matter: Matter, now: Timestamp) {
        if let Some(group) = self.phase.group().cloned() {
            self.tasks.is_to_be_said(Message::Quorum { matter }, ChatId::Group(group), now);
        }
    }

    /// When a role is judged next: later where somebody was only just invited, or is still being asked or
    /// reminded.
    fn due(&self, required: &Required, needed: &RequiredRole) -> Option<Timestamp> {
        let (base, patience) = if let Some(asked_so_far) = self.escalation.roles.get(&needed.role) {
            (asked_so_far.next_at, half(required.step))
        } else {
            let briefed_at = self.briefed_at()?;
            // Nobody waits for those who will certainly not come.
            let within = if self.all_stopped(&needed.role) { SignedDuration::ZERO } else { required.within };
            (later(briefed_at, within), half(required.within))
        };
        let of_role = || self.seats.iter().filter(|s| s.who.has_role(&needed.role));
        let invited = of_role().filter_map(|s| {
            let SeatState::Invited { since, .. } = s.state else { return None };
            Some(later(since, patience))
        });
        let is_open = |s: &Seat| !s.is_settled() || self.is_to_be_reminded(s);
        let asking = of_role().any(is_open).then(|| later(base, required.step));
        invited.chain(asking).chain([base]).max()
    }

    /// Whom to remind, or else whom to ask instead; `None` if nobody is left.
    fn next_escalation_step(
        &self,
        needed: &RequiredRole,
        not_opted_in: NotOptedIn,
    ) -> Option<EscalationStep> {
        let asked_so_far = self.escalation.roles.get(&needed.role);
        let (reminded, asked) = asked_so_far.map_or((false, 0), |c| (c.reminded, c.asked));
        let role = needed.role.clone();
        let holds = |s: &&Seat| {
            s.who.has_role(&needed.role) && !s.late && matches!(s.state, SeatState::Invited { .. })
        };
        let people: Vec<String> = self.seats.iter().filter(holds).map(|s| s.who.person.clone()).collect();
        if !reminded && !people.is_empty() {
            return Some(EscalationStep::Remind { role, people });
        }
        let may_come =
            |stand_in: &&StandIn| match self.seats.iter().find(|s| s.who.person == stand_in.who.person) {
                // Who left is not asked back.
                Some(seat) => !matches!(seat.state, SeatState::Left { .. } | SeatState::Refused { .. }),
                None if self.has_stopped(&stand_in.who.jid) => false,
                None => stand_in.who.opted_in || not_opted_in != NotOptedIn::LeaveOut,
            };
        let next = needed.stand_ins.iter().skip(asked).find(may_come)?;
        Some(EscalationStep::StandIn { role, person: next.who.person.clone() })
    }

    /// Who is told last and is not among those called already.
    fn to_tell(&self, required: &Required, not_opted_in: NotOptedIn) -> Vec<String> {
        required
            .otherwise
            .iter()
            .filter(|who| who.opted_in || not_opted_in != NotOptedIn::LeaveOut)
            .filter(|who| !self.has_stopped(&who.jid))
            .filter(|who| self.seats.iter().all(|s| s.who.person != who.person))
            .map(|who| who.person.clone())
            .collect()
    }

    /// Takes a step, which is stored together with the room.
    pub(super) fn take_escalation_step(&mut self, step: &EscalationStep, now: Timestamp) {
        let Some(required) = self.summons.quorum.clone() else { return };
        let next_at = later(now, required.step);
        match step {
            EscalationStep::Remind { role, people } => {
                self.asked_so_far(role, next_at).reminded = true;
                for seat in self.seats.iter().filter(|s| people.contains(&s.who.person)) {
                    let reminder = Message::Reminder { person: seat.who.person.clone() };
                    self.tasks.is_to_be_said(reminder, ChatId::Person(seat.address().clone()), now);
                }
            }
            EscalationStep::StandIn { role, person } => self.ask_instead(&required, role, person, now),
            EscalationStep::Unsure { roles } => {
                for role in roles {
                    self.asked_so_far(role, next_at).unsure = true;
                }
                self.raise(Matter::Unsure { roles: roles.clone() }, now);
            }
            EscalationStep::Short { roles, tell } => {
                for role in roles {
                    self.asked_so_far(role, next_at).spent_at = Some(now);
                }
                let told = required.otherwise.iter().filter(|who| tell.contains(&who.person));
                self.seats.extend(told.map(|who| Seat { late: true, ..Seat::new(who.clone()) }));
                self.raise(Matter::Short { roles: roles.clone() }, now);
            }
            EscalationStep::Reached => {
                self.escalation.reached_at = Some(now);
                self.raise(Matter::Reached, now);
            }
        }
    }

    /// The record of what was done about a role, which is judged again at `next_at`.
    fn asked_so_far(&mut self, role: &str, next_at: Timestamp) -> &mut RoleEscalation {
        let fresh = RoleEscalation { next_at, reminded: false, asked: 0, unsure: false, spent_at: None };
        let asked_so_far = self.escalation.roles.entry(role.to_owned()).or_insert(fresh);
        asked_so_far.next_at = next_at;
        asked_so_far
    }

    fn ask_instead(&mut self, required: &Required, role: &str, person: &str, now: Timestamp) {
        let Some(needed) = required.roles.iter().find(|needed| needed.role == role) else { return };
        let mut chain = needed.stand_ins.iter().enumerate();
        let Some((place, stand_in)) = chain.find(|(_, s)| s.who.person == person) else { return };
        self.asked_so_far(role, later(now, required.step)).asked = place + 1;
        let absent = |s: &&mut Seat| {
            s.who.has_role(role) && s.who.person != person && matches!(s.state, SeatState::Invited { .. })
        };
        for seat in self.seats.iter_mut().filter(absent) {
            seat.state = SeatState::Replaced { by: stand_in.who.name.clone(), since: now };
        }
        if let Some(seat) = self.seat_of_mut(person) {
            // Asked for another role already.
            seat.who.join(role, role == COMMANDER, &stand_in.who.why);
        } else {
            self.seats.push(Seat { late: true, to_add: true, ..Seat::new(stand_in.who.clone()) });
        }
        self.raise(Matter::StandIn { person: person.to_owned(), role: role.to_owned() }, now);
    }

    /// The next thing that the room is to hear about who must be there, if it is still true.
    pub(super) fn next_matter(&self) -> Option<&Matter> {
        let unsaid = self.tasks.messages().filter(|(progress, _)| progress.state == State::ToDo);
        let matters = unsaid.filter_map(|(_, said)| {
            let Message::Quorum { matter } = &said.message else { return None };
            self.still_matters(matter).then_some((said.begun_at, matter))
        });
        matters.min_by_key(|(since, _)| *since).map(|(_, matter)| matter)
    }

    fn still_matters(&self, matter: &Matter) -> bool {
        match matter {
            Matter::StandIn { person, .. } => self.seats.iter().any(|seat| {
                let is_asked = !seat.to_add && seat.state != SeatState::Wanted;
                let is_lost = matches!(seat.state, SeatState::Left { .. } | SeatState::Refused { .. });
                seat.who.person == *person && is_asked && !is_lost
            }),
            Matter::Unsure { roles } => roles.iter().any(|role| self.coverage(role) == Coverage::Perhaps),
            Matter::Short { roles } => roles.iter().any(|role| self.coverage(role) == Coverage::Nobody),
            Matter::Reached => self.is_quorate(),
        }
    }

    /// In another group everything about who is there begins anew.
    pub(super) fn forget_escalation(&mut self) {
        self.escalation = Escalation::default();
    }

    /// It is over: nobody is asked any more who was to come because others did not.
    pub(super) fn cancel_pending_invites(&mut self) {
        for seat in self.seats.iter_mut().filter(|s| !s.is_settled()) {
            seat.state = SeatState::Refused { why: Refused::NotNeeded };
        }
    }
}

fn half(length: SignedDuration) -> SignedDuration {
    length / 2
}

#[cfg(test)]
mod tests;
