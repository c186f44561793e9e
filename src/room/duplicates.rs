//! Closing a group that carries the room's id but is not the room.
//!
//! An operator asks for it; whoever holds the room's lease does it, when the room itself has nothing to do:
//! a message that says where the room is, a name that shows it, and then the number leaves. There is no link
//! in that message: links go to single people only, and whoever is wanted in the room is in it or has one.

use super::Room;
use super::answer::{Answer, Answered, Effect, LeftDuplicate};
use super::direct::look_for;
use super::inputs::{OpenDuplicate, View};
use super::message::Message;
use super::options::{Next, Options};
use super::phase::Phase;
use super::task::Task;
use crate::gateway::{GatewayError, Refusal};
use crate::jid::{ChatId, GroupId};

/// Whether groups beside a room in this phase can be closed: people are told where the room is, so that has
/// to be certain.
#[must_use]
pub fn is_possible(phase: &Phase) -> bool {
    match phase {
        Phase::Live { .. } | Phase::Closing { .. } | Phase::Closed { .. } | Phase::Skipped { .. } => true,
        Phase::Wanted { .. } | Phase::Creating { .. } | Phase::Unsure { .. } | Phase::Parked { .. } => false,
    }
}

/// `next`, or a task of closing another group where the room itself would only wait.
pub(super) fn after(next: Next, view: View<'_>) -> Next {
    let View { room, inputs, .. } = view;
    let until = match &next {
        Next::Rest => None,
        Next::Sleep(until) => Some(*until),
        Next::Call(_) | Next::Note(_) | Next::Refuse(_) => return next,
    };
    if !inputs.duplicates.iter().any(|duplicate| duplicate.closing) || !is_possible(&room.phase) {
        return next;
    }
    let is_over = matches!(room.phase, Phase::Closed { .. } | Phase::Skipped { .. });
    // A living room looks for its lost message itself, and does one thing at a time.
    if !is_over && room.tasks.unknown().next().is_some() {
        return next;
    }
    let lost = room.tasks.unknown().find(|said| matches!(said.message, Message::Pointer { .. }));
    let close = lost.map_or_else(|| close_all(view), |said| look_for(said, view));
    match (close, until) {
        (Next::Sleep(at), Some(until)) => Next::Sleep(at.min(until)),
        (Next::Rest, Some(until)) => Next::Sleep(until),
        (close, _) => close,
    }
}

fn close_all(View { room, inputs, now, .. }: View<'_>) -> Next {
    let mut options = Options::new(room, now);
    for OpenDuplicate { group, .. } in inputs.duplicates.iter().filter(|duplicate| duplicate.closing) {
        let (message, chat) = (Message::Pointer { group: group.clone() }, ChatId::Group(group.clone()));
        let before = [Task::Say { message, chat }, Task::RenameDuplicate { group: group.clone() }];
        let next = before.into_iter().find(|task| !room.tasks.is_over(&task.key()));
        options.offer(next.unwrap_or(Task::LeaveDuplicate { group: group.clone() }));
    }
    options.decide()
}

impl Room {
    pub(super) fn finish_leave_duplicate(
        &mut self,
        ended: Answered<'_>,
        group: &GroupId,
        effect: &mut Effect,
    ) {
        let answer = ended.answer;
        // Leaving needs no rights, so whoever may not leave is not in it any more: an earlier try worked.
        let is_gone = matches!(
            answer,
            Answer::Failed(
                GatewayError::Gone { .. } | GatewayError::Refused { reason: Refusal::Forbidden, .. }
            )
        );
        let stuck = if *answer == Answer::Done || is_gone {
            None
        } else if self.fail(ended, effect) {
            Some(answer.error().to_string())
        } else {
            return;
        };
        self.tasks.forget(&ended.task.key());
        effect.left = Some(LeftDuplicate { group: group.clone(), stuck });
    }
}
