//! Farewells: closing a group that carries the room's id but is not the room.
//!
//! An operator asks for it; whoever holds the room's lease does it, when the room itself has nothing to do:
//! a message that says where the room is, a name that shows it, and then the number leaves. There is no link
//! in that message: links go to single people only, and whoever is wanted in the room is in it or has one.

use serde::{Deserialize, Serialize};

use super::agenda::{Ground, Next, Step, What};
use super::alone::look_for;
use super::offers::Agenda;
use super::phase::Phase;
use super::progress::{Answer, Effect};
use super::{Done, Room, Wanted};
use crate::clock::Timestamp;
use crate::gateway::{GatewayError, Refusal};
use crate::jid::{ChatId, GroupId};

/// A group beside the room that is not closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphaned {
    /// The group.
    pub group: GroupId,
    /// The linked number that is in it; the room's own, if that is not known.
    pub instance: Option<String>,
    /// When we learned of it.
    pub found_at: Timestamp,
    /// Whether an operator wants it closed.
    pub closing: bool,
}

/// How far a group beside the room is closed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Farewell {
    /// Saying where the room is.
    pub pointed: Option<Done>,
    /// Showing it in the name.
    pub renamed: Option<Done>,
}

/// What the end of a farewell means for the orphan's record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FarewellEnd {
    /// The group.
    pub group: GroupId,
    /// Why the number could not leave it, if it could not.
    pub stuck: Option<String>,
}

impl Step {
    /// The group beside the room that this step is about, if it is.
    #[must_use]
    pub fn orphan(&self) -> Option<&GroupId> {
        match self {
            Self::RenameOrphan { group }
            | Self::LeaveOrphan { group }
            | Self::Say { what: What::Pointer { group }, .. }
            | Self::LookForMessage { what: What::Pointer { group }, .. } => Some(group),
            Self::Create { .. }
            | Self::Look { .. }
            | Self::Sweep { .. }
            | Self::ReadGroup { .. }
            | Self::Say { .. }
            | Self::LookForMessage { .. }
            | Self::Describe { .. }
            | Self::ReadMembers { .. }
            | Self::AddMembers { .. }
            | Self::CheckHistory { .. }
            | Self::Standby(_)
            | Self::Appeal(_)
            | Self::GetLink { .. }
            | Self::CheckReachable { .. }
            | Self::LockSettings { .. }
            | Self::Promote { .. }
            | Self::RevokeLink { .. }
            | Self::LockMessages { .. }
            | Self::Rename { .. }
            | Self::Leave { .. } => None,
        }
    }
}

/// Whether groups beside a room in this phase can be closed: people are told where the room is, so that has
/// to be certain.
#[must_use]
pub fn is_possible(phase: &Phase) -> bool {
    match phase {
        Phase::Live { .. } | Phase::Closing { .. } | Phase::Closed { .. } | Phase::Skipped { .. } => true,
        Phase::Wanted { .. } | Phase::Creating { .. } | Phase::Unsure { .. } | Phase::Parked { .. } => false,
    }
}

/// `next`, or a step of a farewell where the room itself would only wait.
pub(super) fn after(next: Next, room: &Room, wanted: &Wanted, ground: Ground<'_>, now: Timestamp) -> Next {
    let until = match &next {
        Next::Rest => None,
        Next::Sleep(until) => Some(*until),
        Next::Call(_) | Next::Note(_) | Next::Refuse(_) => return next,
    };
    if !wanted.orphans.iter().any(|orphan| orphan.closing) || !is_possible(&room.phase) {
        return next;
    }
    let is_over = matches!(room.phase, Phase::Closed { .. } | Phase::Skipped { .. });
    let step = match &room.saying {
        // A living room looks for its lost message itself, and has place for only one.
        Some(_) if !is_over => return next,
        Some(saying) if matches!(saying.what, What::Pointer { .. }) => look_for(saying, room, ground, now),
        Some(_) | None => farewells(room, wanted, now),
    };
    match (step, until) {
        (Next::Sleep(at), Some(until)) => Next::Sleep(at.min(until)),
        (Next::Rest, Some(until)) => Next::Sleep(until),
        (step, _) => step,
    }
}

fn farewells(room: &Room, wanted: &Wanted, now: Timestamp) -> Next {
    let mut agenda = Agenda::new(room, now);
    for Orphaned { group, .. } in wanted.orphans.iter().filter(|orphan| orphan.closing) {
        let farewell = room.farewells.get(group);
        let group = group.clone();
        agenda.offer(if farewell.is_none_or(|f| f.pointed.is_none()) {
            Step::Say { what: What::Pointer { group: group.clone() }, chat: ChatId::Group(group) }
        } else if farewell.is_none_or(|f| f.renamed.is_none()) {
            Step::RenameOrphan { group }
        } else {
            Step::LeaveOrphan { group }
        });
    }
    agenda.decide()
}

impl Room {
    fn farewell_mut(&mut self, group: &GroupId) -> &mut Farewell {
        self.farewells.entry(group.clone()).or_default()
    }

    /// The message to the people of a group beside the room was said, or given up.
    pub(super) fn pointed(&mut self, group: &GroupId, done: Done) {
        self.farewell_mut(group).pointed = Some(done);
    }

    pub(super) fn finish_rename_orphan(
        &mut self,
        group: &GroupId,
        step: &Step,
        answer: &Answer,
        effect: &mut Effect,
        now: Timestamp,
    ) {
        if *answer == Answer::Done {
            self.farewell_mut(group).renamed = Some(Done::Well { at: now });
        } else if self.fail(step, answer, effect, now) {
            let why = self.troubles.remove(&step.key()).map(|t| t.last).unwrap_or_default();
            self.farewell_mut(group).renamed = Some(Done::GivenUp { why, at: now });
        }
    }

    pub(super) fn finish_leave_orphan(
        &mut self,
        group: &GroupId,
        step: &Step,
        answer: &Answer,
        effect: &mut Effect,
        now: Timestamp,
    ) {
        // Leaving needs no rights, so whoever may not leave is not in it any more: an earlier try worked.
        let is_gone = matches!(
            answer,
            Answer::Failed(
                GatewayError::Gone { .. } | GatewayError::Refused { reason: Refusal::Forbidden, .. }
            )
        );
        let stuck = if *answer == Answer::Done || is_gone {
            None
        } else if self.fail(step, answer, effect, now) {
            Some(answer.error().to_string())
        } else {
            return;
        };
        self.troubles.remove(&step.key());
        effect.farewell = Some(FarewellEnd { group: group.clone(), stuck });
    }
}
