//! A second number of ours in each room, and the change-over to it.
//!
//! A living room gets another linked number as a member and admin, so that a number that is banned or
//! logged out does not lose the room. "The API said OK" does not make a standby: only the other number's
//! own look into the group does. What fails here is given up and shown; the room itself goes on.

use serde::{Deserialize, Serialize};

use super::Room;
use super::answer::{Answer, Answered, Effect};
use super::direct::{look_for, pending, to_person};
use super::inputs::{Context, View};
use super::message::Message;
use super::options::{Next, Options};
use super::phase::{Event, Look, Phase};
use super::policy::NotOptedIn;
use super::seat::Seat;
use super::task::Task;
use crate::clock::{SignedDuration, Timestamp, later};
use crate::gateway::{AddOutcome, GatewayError, Refusal};
use crate::incident::State;
use crate::jid::GroupId;

/// Another of our numbers, on its way into a room or in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standby {
    /// Its name in the config.
    pub instance: String,
    /// How far it has come.
    pub stage: Stage,
    /// Whether it was sent in by the link, because it could not be added.
    pub by_link: bool,
}

/// How far a standby has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are what the variant says")]
pub enum Stage {
    /// To be added by the room's number.
    ToAdd,
    /// To come in by the invite link.
    ToJoin,
    /// To be made an admin.
    ToPromote,
    /// To look for itself whether it is in, and an admin.
    ToCheck,
    /// It sees the group and is not known to lack the rights.
    Ready { since: Timestamp },
    /// Not tried again.
    GivenUp { why: String, at: Timestamp },
}

impl Stage {
    /// A short fixed word.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::ToAdd => "to_add",
            Self::ToJoin => "to_join",
            Self::ToPromote => "to_promote",
            Self::ToCheck => "to_check",
            Self::Ready { .. } => "ready",
            Self::GivenUp { .. } => "given_up",
        }
    }
}

/// Offers what brings a second number into a living room. Never before the welcome, and not while somebody
/// who is missing has not got the link.
pub(super) fn bring_in(options: &mut Options<'_>, View { room, context, .. }: View<'_>, group: &GroupId) {
    let (numbers, own) = (context.numbers, room.instance.as_deref());
    let is_early = !room.is_briefed() || !room.tasks.is_over("describe") || room.read_at.is_none();
    let owns_work = own.is_some_and(|own| numbers.works(own));
    if !context.policy.second_number || is_early || !owns_work || room.seats.iter().any(Seat::needs_link) {
        return;
    }
    let stage_of = |name: &str| room.standby.iter().find(|s| s.instance == name).map(|s| &s.stage);
    let candidates = || numbers.others(own).filter_map(|n| Some((n, &n.own.as_ref()?.phone)));
    if candidates().any(|(n, _)| matches!(stage_of(&n.name), Some(Stage::Ready { .. }))) {
        return;
    }
    // One that is on its way first, then one that was not tried yet.
    let under_way = candidates()
        .find(|(n, _)| stage_of(&n.name).is_some_and(|stage| !matches!(stage, Stage::GivenUp { .. })));
    let Some((number, jid)) = under_way.or_else(|| candidates().find(|(n, _)| stage_of(&n.name).is_none()))
    else {
        return;
    };
    let (group, instance, jid) = (group.clone(), number.name.clone(), jid.clone());
    options.offer(match stage_of(&number.name) {
        None | Some(Stage::ToAdd) => Task::AddNumber { group, instance, jid },
        Some(Stage::ToJoin) => match &room.link {
            Some(link) => Task::JoinNumber { group, instance, link: link.clone() },
            None => Task::GetLink { group },
        },
        Some(Stage::ToPromote) => Task::PromoteNumber { group, instance, jid },
        Some(Stage::ToCheck) => Task::CheckNumber { group, instance },
        Some(Stage::Ready { .. } | Stage::GivenUp { .. }) => return,
    });
}

/// Offers that other numbers leave a group that is long over, before the room's own does.
pub(super) fn leave(
    options: &mut Options<'_>,
    View { room, context, .. }: View<'_>,
    group: &GroupId,
    at: Timestamp,
) {
    let is_in = |s: &&Standby| matches!(s.stage, Stage::Ready { .. } | Stage::ToPromote | Stage::ToCheck);
    for standby in room.standby.iter().filter(is_in).filter(|s| context.numbers.works(&s.instance)) {
        let (group, instance) = (group.clone(), standby.instance.clone());
        options.offer_at(at, Task::LeaveNumber { group, instance });
    }
}

/// What is done about a room with a group whose own number does not work; `None` when it works, or when
/// nothing is left but to wait for it.
pub(super) fn without_its_number(view: View<'_>, group: &GroupId) -> Option<Next> {
    let View { room, context, now, .. } = view;
    // A group that an operator named has no number yet: whichever sees it.
    let (numbers, own) = (context.numbers, room.instance.as_deref().unwrap_or_default());
    // A guest goes where its host goes.
    if numbers.works(own) || room.guest_of.is_some() {
        return None;
    }
    let is_lost = numbers.is_lost(own, now);
    let ready = |s: &&Standby| matches!(s.stage, Stage::Ready { .. }) && numbers.works(&s.instance);
    if let Some(standby) = room.standby.iter().find(ready) {
        let instance = standby.instance.clone();
        return is_lost.then_some(Next::Note(Event::Switched { instance }));
    }
    // A number that was made an admin may be a standby already. Of a number that the config does not have
    // any more nobody knows which other name it has got, so each one looks for itself.
    let mut options = Options::new(room, now);
    let is_renamed = !numbers.knows(own);
    for number in numbers.others(Some(own)) {
        let stage = room.standby.iter().find(|s| s.instance == number.name).map(|s| &s.stage);
        let may_be_in = match stage {
            Some(Stage::ToCheck) => true,
            Some(Stage::ToAdd | Stage::ToJoin | Stage::ToPromote) | None => is_renamed,
            Some(Stage::Ready { .. } | Stage::GivenUp { .. }) => false,
        };
        if may_be_in {
            let (group, instance) = (group.clone(), number.name.clone());
            options.offer(Task::CheckNumber { group, instance });
        }
    }
    match options.decide() {
        call @ Next::Call(_) => return Some(call),
        // Whether it can go on by itself is known soon.
        sleep @ Next::Sleep(_) if is_renamed => return Some(sleep),
        Next::Sleep(_) | Next::Rest | Next::Note(_) | Next::Refuse(_) => {}
    }
    if !is_lost {
        return None;
    }
    if let Some(next) = tell_why_it_is_quiet(view) {
        return Some(next);
    }
    if is_renamed && numbers.others(None).next().is_some() {
        let why = format!(
            "its number `{own}` is not in the config any more, and no other number is a member of the group"
        );
        return Some(Next::Note(Event::Spent { why }));
    }
    None
}

/// Everybody is told 1:1, once, by a number that works, why nothing is heard in the room.
fn tell_why_it_is_quiet(view: View<'_>) -> Option<Next> {
    let View { room, inputs, context, now } = view;
    let works = context.numbers.others(room.instance.as_deref()).next().is_some();
    if !works || inputs.incident.state != State::Open || !matches!(room.phase, Phase::Live { .. }) {
        return None;
    }
    if let Some(said) = pending(view).filter(|said| said.message.is_private()) {
        return Some(look_for(said, view));
    }
    let mut options = Options::new(room, now);
    let not_opted_in = context.policy.not_opted_in;
    let may_hear =
        |s: &&Seat| (s.who.opted_in || not_opted_in != NotOptedIn::LeaveOut) && !room.has_stopped(&s.who.jid);
    for seat in room.seats.iter().filter(may_hear) {
        let person = seat.who.person.clone();
        options.once(to_person(Message::Quiet { person }, seat));
    }
    match options.decide() {
        call @ Next::Call(_) => Some(call),
        Next::Sleep(at) => Some(Next::Sleep(at.min(later(now, SignedDuration::from_mins(1))))),
        Next::Rest | Next::Note(_) | Next::Refuse(_) => None,
    }
}

impl Room {
    /// Another number is on its way in from now on.
    pub(super) fn begin_number(&mut self, task: &Task) {
        let (name, stage) = if let Task::AddNumber { instance, .. } = task {
            (instance, Stage::ToAdd)
        } else if let Task::CheckNumber { instance, .. } = task {
            (instance, Stage::ToCheck)
        } else {
            return;
        };
        match self.standby.iter_mut().find(|s| s.instance == *name) {
            None => self.standby.push(Standby { instance: name.clone(), stage, by_link: false }),
            Some(standby) => standby.stage = stage,
        }
    }

    pub(super) fn finish_number(&mut self, ended: Answered<'_>, instance: &str, effect: &mut Effect) {
        let Answered { task, answer, context, now } = ended;
        let (stage, failure) = match (task, answer) {
            (Task::AddNumber { .. }, Answer::Added(said)) => {
                // Any other word is no proof either way: the promotion and the look tell.
                let needs_link = said.iter().any(|added| {
                    matches!(added.outcome, AddOutcome::NeedsInvite { .. } | AddOutcome::LeftRecently)
                });
                (if needs_link { Stage::ToJoin } else { Stage::ToPromote }, None)
            }
            (Task::LeaveNumber { .. }, Answer::Done) => {
                return self.standby.retain(|s| s.instance != instance);
            }
            (Task::JoinNumber { .. }, Answer::Done) => (Stage::ToPromote, None),
            (Task::PromoteNumber { .. }, Answer::Done) => (Stage::ToCheck, None),
            // Of a room whose number nobody knows any more, even a plain member is better than none.
            (Task::CheckNumber { .. }, Answer::Members(members))
                if members.own_admin != Some(false) || !self.has_known_number(context) =>
            {
                self.tasks.forget_trouble(&task.key());
                (Stage::Ready { since: now }, None)
            }
            (Task::CheckNumber { .. }, Answer::Members(_)) => {
                let detail = "it is in the group, but not an admin".to_owned();
                (Stage::ToPromote, Some(GatewayError::Refused { reason: Refusal::Forbidden, detail }))
            }
            _ => return self.fail_number(ended, instance, effect),
        };
        let by_link = stage == Stage::ToJoin;
        self.set_stage(instance, stage);
        if by_link {
            self.send_in_by_link(instance);
        }
        if let Some(error) = failure {
            let answer = &Answer::Failed(error);
            self.fail_number(Answered { answer, ..ended }, instance, effect);
        }
    }

    /// Tried again later; where that does not help, by the link, and then not at all.
    fn fail_number(&mut self, ended: Answered<'_>, instance: &str, effect: &mut Effect) {
        let Answered { task, context, now, .. } = ended;
        if !self.fail(ended, effect) {
            return;
        }
        self.tasks.forget_trouble(&task.key());
        let was_sent_in = self.standby.iter().any(|s| s.instance == instance && s.by_link);
        let own_works = self.instance.as_deref().is_some_and(|own| context.numbers.works(own));
        if was_sent_in || !own_works || matches!(task, Task::LeaveNumber { .. }) {
            self.set_stage(instance, Stage::GivenUp { why: ended.answer.error().to_string(), at: now });
        } else {
            self.send_in_by_link(instance);
        }
    }

    fn has_known_number(&self, context: Context<'_>) -> bool {
        context.numbers.knows(self.instance.as_deref().unwrap_or_default())
    }

    fn send_in_by_link(&mut self, instance: &str) {
        if let Some(standby) = self.standby.iter_mut().find(|s| s.instance == instance) {
            standby.stage = Stage::ToJoin;
            standby.by_link = true;
        }
    }

    fn set_stage(&mut self, instance: &str, stage: Stage) {
        if let Some(standby) = self.standby.iter_mut().find(|s| s.instance == instance) {
            standby.stage = stage;
        }
    }

    /// Without a link nobody is sent in by it.
    pub(super) fn give_up_links_of_standbys(&mut self, why: &str, now: Timestamp) {
        for standby in self.standby.iter_mut().filter(|s| s.stage == Stage::ToJoin) {
            standby.stage = Stage::GivenUp { why: format!("there is no link: {why}"), at: now };
        }
    }

    /// The room goes on through `instance`. What the old number had not finished is asked anew: the group's
    /// chat is looked through by the new one, and a 1:1 message of the old one is never said again.
    pub(super) fn switch_to(&mut self, instance: &str, now: Timestamp) {
        let old = self.instance.replace(instance.to_owned());
        self.standby.retain(|s| s.instance != instance && Some(&s.instance) != old.as_ref());
        // It made the group or was an admin of it: when it is back it has only to look.
        let back = |instance| Standby { instance, stage: Stage::ToCheck, by_link: false };
        self.standby.extend(old.map(back));
        self.tasks.forget_troubles();
        self.give_up_private(None, now);
        for said in self.tasks.messages_mut().filter(|said| !said.message.is_private()) {
            said.looks = 0;
            said.unreadable = false;
            said.look = Look::planned(now, now);
        }
    }
}

#[cfg(test)]
mod tests;
