//! What an operator asks of a room, granted move by move. A group that was named is read before it is taken:
//! one that none of our numbers can read would leave a room in which nothing can be said.

use super::answer::{Answer, Answered};
use super::inputs::View;
use super::options::Next;
use super::task::Task;
use super::{Room, Wish};
use crate::gateway::{GatewayError, Refusal};
use crate::jid::GroupId;

/// The next move towards what was asked for.
pub(super) fn grant(wish: &Wish, view: View<'_>) -> Next {
    let View { room, now, .. } = view;
    match wish {
        Wish::Resume { group: Some(group) }
            if room.readable.as_ref().is_none_or(|(read, _)| read != group)
                && wish.fits(&room.phase, now).is_ok() =>
        {
            read_first(group, view)
        }
        Wish::Resume { .. } | Wish::NewGroup | Wish::Cancel => Next::Note(wish.next_move(&room.phase)),
    }
}

/// One number after another tries to read it: the one that is known to be in it, the room's own, the others.
fn read_first(group: &GroupId, View { room, inputs, context, now }: View<'_>) -> Next {
    let recorded = inputs.duplicates.iter().find(|o| o.group == *group).and_then(|o| o.instance.as_deref());
    let likely = [recorded, room.instance.as_deref()].into_iter().flatten();
    let others = context.numbers.0.iter().map(|n| n.name.as_str());
    let mut why = "no linked number works".to_owned();
    for instance in likely.chain(others).filter(|name| context.numbers.works(name)) {
        let task = Task::ReadGroup { group: group.clone(), instance: instance.to_owned() };
        match room.tasks.trouble(&task.key()) {
            Some(trouble) if trouble.refusals > 0 || trouble.failures >= task.kind().tries => {
                why.clone_from(&trouble.last);
            }
            Some(trouble) if trouble.retry_at > now => return Next::Sleep(trouble.retry_at),
            Some(_) | None => return Next::Call(task),
        }
    }
    Next::Refuse(format!("{group} is not taken, because none of our numbers can read it: {why}"))
}

impl Room {
    pub(super) fn finish_read_group(
        &mut self,
        Answered { task, answer, now, .. }: Answered<'_>,
        group: &GroupId,
        instance: &str,
    ) {
        if let Answer::Members(_) = answer {
            self.readable = Some((group.clone(), instance.to_owned()));
            return;
        }
        let mut error = answer.error();
        if let GatewayError::Refused { reason: Refusal::Credentials, detail } = error {
            // It says nothing of the group.
            error = GatewayError::SessionDown { detail };
        }
        self.tasks.failed(&task.key(), &error, now);
    }

    /// Another wish for the same group is looked into afresh.
    pub fn forget_named_groups(&mut self) {
        self.readable = None;
        self.tasks.retain(|key, _| !key.starts_with("read_group "));
    }
}
