//! While nobody knows whether a group was made: look, and where nobody can look, tell the people.
//!
//! Each number sees its own groups only, so every number that was asked to make the group is looked through:
//! before it is asked for again, one settle after the room became live, and at the end.

use serde::{Deserialize, Serialize};

use super::answer::{Answer, Answered, Effect, FIRST_LOOK, LOOK_GAP, SKEW};
use super::direct::reach_one_by_one;
use super::inputs::View;
use super::options::{Next, Options};
use super::phase::{Event, Look, Phase};
use super::task::Task;
use super::{Numbers, Room, deadline, phase_deadline};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::gateway::{Doubt, FoundGroup, FoundGroups, GatewayError};
use crate::jid::{GroupId, Jid};

/// The search for a second group once the room is live, over all numbers.
const SWEEP: &str = "sweep";
/// The same a last time at the end, because a list can lag by more than it should.
const LAST_SWEEP: &str = "last_sweep";

/// A create whose outcome was not "certainly nothing".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// The linked number that was asked.
    pub instance: String,
    /// When.
    pub at: Timestamp,
    /// With whom.
    pub people: Vec<Jid>,
}

pub(super) fn while_unsure(view: View<'_>, since: Timestamp, look: Look) -> Next {
    let View { room, context, now, .. } = view;
    if let Some(next) = while_nobody_can_look(view) {
        return next;
    }
    let until = phase_deadline::deadline(room, context, since);
    if until <= now {
        return reach_one_by_one(view, "nobody could tell whether the group was made".to_owned());
    }
    // Between the two looks that can prove it, a quick one may find it sooner.
    let thoroughly = !matches!(&room.phase, Phase::Unsure { believe_at: Some(at), .. } if *at > now);
    let look_at = look.due_at(context.began_at, now);
    let look_at = room.throttled_until().map_or(look_at, |until| until.max(look_at));
    let mut options = Options::new(room, now);
    for instance in room.to_look_through(context.numbers) {
        let (token, asked_at) = (room.token(), room.asked_at(instance));
        let look = Task::Look { token, instance: instance.to_owned(), asked_at, thoroughly };
        options.offer_at(look_at, look);
    }
    options.wake(until);
    if options.is_free() {
        match deadline::due(view) {
            Some(Next::Sleep(at)) => options.wake(at),
            Some(next) => return next,
            None => {}
        }
    }
    options.decide()
}

/// The group that was told of meanwhile, by the provider or by an answer that came too late.
pub(super) fn told_of(View { room, inputs, .. }: View<'_>) -> Option<Event> {
    let is_open = matches!(room.phase, Phase::Unsure { .. } | Phase::Wanted { .. });
    let since = later(room.asked.first().filter(|_| is_open)?.at, -SKEW);
    let told = inputs.duplicates.iter().filter(|o| !o.closing && o.found_at >= since);
    let group = told.map(|o| &o.group).find(|group| !room.rejected.contains(group))?;
    Some(Event::Found { group: group.clone() })
}

/// Offers to look for further groups through each number that was asked for one and not looked through in this phase.
pub(super) fn sweep(options: &mut Options<'_>, View { room, context, .. }: View<'_>, at: Timestamp) {
    let works = |instance: &&str| room.was_unsure && context.numbers.works(instance);
    for instance in room.unlooked().filter(works) {
        let (token, asked_at) = (room.token(), room.asked_at(instance));
        options.offer_at(at, Task::Sweep { token, instance: instance.to_owned(), asked_at });
    }
}

/// The number that may have made a group is lost, and no other one can see its groups: people are told 1:1, and
/// a person decides when it does not come back in the time of a phase.
fn while_nobody_can_look(view: View<'_>) -> Option<Next> {
    let View { room, context, now, .. } = view;
    if let Some(call) = deadline::numbers_down(view) {
        return Some(call);
    }
    let (numbers, own) = (context.numbers, room.instance.as_deref().unwrap_or_default());
    if !numbers.is_lost(own, now) || numbers.others(None).next().is_none() {
        return None;
    }
    let why = if numbers.knows(own) {
        "nobody could tell whether the group was made: the number that was asked for it does not work"
    } else {
        "nobody could tell whether the group was made: the number that was asked for it is not in the config any more"
    };
    let until = numbers.loss(own).map(|loss| later(loss.believed_at, context.policy.phase_deadline));
    match reach_one_by_one(view, why.to_owned()) {
        // Until then it is asked now and then whether it is back.
        Next::Note(_) if until.is_some_and(|until| until > now) => None,
        next @ (Next::Call(_) | Next::Note(_) | Next::Refuse(_)) => Some(next),
        Next::Sleep(_) | Next::Rest => None,
    }
}

impl Room {
    /// The numbers that were asked to make the group and not looked through in this phase.
    pub(super) fn unlooked(&self) -> impl Iterator<Item = &str> {
        let is_first = |(place, ask): &(usize, &Ask)| {
            !self.asked.iter().take(*place).any(|before| before.instance == ask.instance)
        };
        let instances = self.asked.iter().enumerate().filter(is_first).map(|(_, ask)| ask.instance.as_str());
        instances.filter(|instance| !self.looked.contains(*instance))
    }

    /// Those of them that have to be looked through before the group is asked for again: the one asked last,
    /// and of those before, which were looked through before it was asked, those that work.
    fn to_look_through<'a>(&'a self, numbers: &Numbers) -> Vec<&'a str> {
        let is_own = |instance: &str| self.instance.as_deref() == Some(instance);
        self.unlooked().filter(|instance| is_own(instance) || numbers.works(instance)).collect()
    }

    /// When a number was first asked to make the group.
    fn asked_at(&self, instance: &str) -> Timestamp {
        let asked = self.asked.iter().find(|ask| ask.instance == instance);
        asked.map_or(Timestamp::MIN, |ask| ask.at)
    }

    /// With fewer people than those with whom a group was certainly not made: one of them may be the reason. The
    /// others get the link.
    pub(super) fn fewer_than_were_lost(&self, mut people: Vec<Jid>) -> Vec<Jid> {
        let lost = usize::try_from(self.creates).unwrap_or(usize::MAX).min(self.asked.len());
        match (lost, self.asked.last()) {
            (0, _) | (_, None) => {}
            (1, Some(_)) => people.truncate(people.len().div_ceil(2)),
            (_, Some(last)) => {
                // Whoever is the reason was in both halves of the way down, so the next is somebody else.
                let (with, without): (Vec<Jid>, Vec<Jid>) =
                    people.into_iter().partition(|person| last.people.contains(person));
                people = if without.is_empty() { with } else { without };
                people.truncate(last.people.len().saturating_sub(1).max(1));
            }
        }
        people
    }

    pub(super) fn finish_look(
        &mut self,
        ended: Answered<'_>,
        instance: &str,
        thoroughly: bool,
        effect: &mut Effect,
    ) {
        let Answered { task, answer, context, now } = ended;
        let Answer::Groups(FoundGroups { groups, doubt }) = answer else {
            self.fail(ended, effect);
            effect.event = None;
            return;
        };
        let mut ours = self.ours(groups).into_iter().filter(|group| !self.rejected.contains(group));
        if let Some(oldest) = ours.next() {
            effect.duplicates = ours.collect();
            effect.event = Some(Event::Found { group: oldest });
            self.instance = Some(instance.to_owned());
            return;
        }
        if let Some(doubt) = doubt.as_ref().filter(|_| thoroughly) {
            self.cannot_tell(task, doubt, now);
            return;
        }
        self.looked.insert(instance.to_owned());
        if self.to_look_through(context.numbers).is_empty() {
            let first = later(now, context.policy.settle);
            let believe_at =
                if let Phase::Unsure { believe_at: Some(at), .. } = &self.phase { *at } else { first };
            if !thoroughly && believe_at <= now {
                // It took until the moment of the look that decides, and decides nothing itself.
                self.looked.clear();
                return;
            }
            let look_at = later(now, LOOK_GAP).min(believe_at).max(later(now, FIRST_LOOK));
            effect.event = Some(Event::Absent { look_at, believe_at: first });
        }
    }

    /// A list that proves nothing is looked at again later, like one that could not be read.
    fn cannot_tell(&mut self, task: &Task, doubt: &Doubt, now: Timestamp) -> bool {
        let error = GatewayError::NotSent { detail: format!("cannot tell: {}", doubt.why) };
        let wait = SignedDuration::try_from(doubt.wait).unwrap_or(SignedDuration::ZERO);
        let trouble = self.tasks.failed(&task.key(), &error, now);
        trouble.retry_at = trouble.retry_at.max(later(now, wait));
        trouble.failures >= task.kind().tries
    }

    /// The groups that are this room's, oldest first: they carry its token and were made no earlier than
    /// it was first asked for. A group that does not tell its age must bear the exact subject, because an
    /// older installation may have used the same number for something else.
    fn ours(&self, groups: &[FoundGroup]) -> Vec<GroupId> {
        let since = self.asked.first().map_or(Timestamp::MIN, |ask| later(ask.at, -SKEW));
        let mut ours: Vec<&FoundGroup> = groups
            .iter()
            .filter(|g| match g.created_at {
                Some(created_at) => created_at >= since,
                None => Some(&g.subject) == self.subject.as_ref(),
            })
            .collect();
        ours.sort_by_key(|g| (g.created_at, g.group.clone()));
        ours.into_iter().map(|g| g.group.clone()).collect()
    }

    pub(super) fn finish_sweep(&mut self, ended: Answered<'_>, instance: &str, effect: &mut Effect) {
        let Answered { task, answer, now, .. } = ended;
        let at_the_end = matches!(self.phase, Phase::Closing { .. });
        let search = if at_the_end { LAST_SWEEP } else { SWEEP };
        let is_given_up = if let Answer::Groups(FoundGroups { groups, doubt }) = answer {
            let room = self.phase.group().cloned();
            effect.duplicates = self.ours(groups).into_iter().filter(|g| Some(g) != room.as_ref()).collect();
            if doubt.as_ref().is_some_and(|doubt| !self.cannot_tell(task, doubt, now)) {
                return;
            }
            doubt.is_some()
        } else {
            if !self.fail(ended, effect) {
                return;
            }
            true
        };
        self.looked.insert(instance.to_owned());
        if is_given_up {
            let why = self.tasks.last_failure(&task.key()).unwrap_or_default();
            let why = format!("{instance}: {why}");
            self.tasks.forget(&task.key());
            self.tasks.give_up(search, why, now);
        } else if self.unlooked().next().is_none() && self.tasks.given_up(search).is_none() {
            self.tasks.done(search, now);
        }
    }

    /// At the end nobody waits for a number that is lost; that it was not looked through is not passed over.
    pub(super) fn note_unlooked(&mut self, now: Timestamp) {
        let unlooked: Vec<&str> = self.unlooked().collect();
        if self.was_unsure && !unlooked.is_empty() && !self.tasks.is_over(LAST_SWEEP) {
            let why = format!("not looked through, because it does not work: {}", unlooked.join(", "));
            self.tasks.give_up(LAST_SWEEP, why, now);
        }
    }
}
