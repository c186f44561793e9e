//! A second number of ours in each room, and the change-over to it.
//!
//! A living room gets another linked number as a member and admin, so that a number that is banned or
//! logged out does not lose the room. "The API said OK" does not make a standby: only the other number's
//! own look into the group does. What fails here is given up and shown; the room itself goes on.
//!
//! Actors: a [`Standby`], one other number and how far it has come; a [`StandbyStep`], the call that brings
//! it further.

use serde::{Deserialize, Serialize};

use super::agenda::{Ground, Next, REFUSALS, Step, What};
use super::alone::{look_for, pending, to_person};
use super::offers::Agenda;
use super::phase::{Event, Look, Phase};
use super::policy::Strangers;
use super::progress::Answer;
use super::seat::Seat;
use super::{Chore, Room, Wanted};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::gateway::{AddOutcome, GatewayError, InviteLink, Refusal};
use crate::incident::State;
use crate::jid::{GroupId, Jid};

/// Another of our numbers, on its way into a room or in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standby {
    /// Its name in the config.
    pub instance: String,
    /// How far it has come.
    pub stage: Stage,
    /// Whether it was sent in by the link, because it could not be added.
    #[serde(default)]
    pub by_link: bool,
}

/// How far a standby has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
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
    Ready {
        /// Since when.
        since: Timestamp,
    },
    /// Not tried again.
    GivenUp {
        /// Why.
        why: String,
        /// When.
        at: Timestamp,
    },
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

/// A call that brings a standby further.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the arguments of the call")]
pub enum StandbyStep {
    /// The room's number adds it.
    Add { group: GroupId, instance: String, jid: Jid },
    /// It joins by the link.
    Join { group: GroupId, instance: String, link: InviteLink },
    /// The room's number makes it an admin.
    Promote { group: GroupId, instance: String, jid: Jid },
    /// It reads the member list itself.
    Check { group: GroupId, instance: String },
    /// It leaves, long after the end.
    Leave { group: GroupId, instance: String },
}

impl StandbyStep {
    /// A bounded name for metrics, the journal and spans.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Add { .. } => "add_number",
            Self::Join { .. } => "join_number",
            Self::Promote { .. } => "promote_number",
            Self::Check { .. } => "check_number",
            Self::Leave { .. } => "leave_number",
        }
    }

    /// The number that it is about.
    #[must_use]
    pub fn instance(&self) -> &str {
        match self {
            Self::Add { instance, .. }
            | Self::Join { instance, .. }
            | Self::Promote { instance, .. }
            | Self::Check { instance, .. }
            | Self::Leave { instance, .. } => instance,
        }
    }

    /// Whether the number makes the call itself; the others are the room's number's.
    #[must_use]
    pub fn is_its_own(&self) -> bool {
        matches!(self, Self::Join { .. } | Self::Check { .. } | Self::Leave { .. })
    }
}

/// Failures of any kind after which a stage is not tried again.
const PATIENCE: u32 = 8;

/// Offers what brings a second number into a living room. Never before the welcome, and not while somebody
/// who is missing has not got the link.
pub(super) fn keep_standby(agenda: &mut Agenda<'_>, room: &Room, ground: Ground<'_>, group: &GroupId) {
    let (numbers, own) = (ground.numbers, room.instance.as_deref());
    let is_early =
        !room.is_briefed() || !room.chores.contains_key(&Chore::Description) || room.read_at.is_none();
    let owns_work = own.is_some_and(|own| numbers.works(own));
    if !ground.policy.second_number || is_early || !owns_work || room.seats.iter().any(Seat::needs_link) {
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
    let step = match stage_of(&number.name) {
        None | Some(Stage::ToAdd) => StandbyStep::Add { group, instance, jid },
        Some(Stage::ToJoin) => match &room.link {
            Some(link) => StandbyStep::Join { group, instance, link: link.clone() },
            None => return agenda.offer(Step::GetLink { group }),
        },
        Some(Stage::ToPromote) => StandbyStep::Promote { group, instance, jid },
        Some(Stage::ToCheck) => StandbyStep::Check { group, instance },
        Some(Stage::Ready { .. } | Stage::GivenUp { .. }) => return,
    };
    agenda.offer(Step::Standby(step));
}

/// Offers that other numbers leave a group that is long over, before the room's own does.
pub(super) fn leave(
    agenda: &mut Agenda<'_>,
    room: &Room,
    ground: Ground<'_>,
    group: &GroupId,
    at: Timestamp,
) {
    let is_in = |s: &&Standby| matches!(s.stage, Stage::Ready { .. } | Stage::ToPromote | Stage::ToCheck);
    for standby in room.standby.iter().filter(is_in).filter(|s| ground.numbers.works(&s.instance)) {
        let (group, instance) = (group.clone(), standby.instance.clone());
        agenda.offer_at(at, Step::Standby(StandbyStep::Leave { group, instance }));
    }
}

/// What is done about a room with a group whose own number does not work; `None` when it works, or when
/// nothing is left but to wait for it.
pub(super) fn without_its_number(
    room: &Room,
    wanted: &Wanted,
    ground: Ground<'_>,
    group: &GroupId,
    now: Timestamp,
) -> Option<Next> {
    // A group that an operator named has no number yet: whichever sees it.
    let (numbers, own) = (ground.numbers, room.instance.as_deref().unwrap_or_default());
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
    let mut agenda = Agenda::new(room, now);
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
            agenda.offer(Step::Standby(StandbyStep::Check { group, instance }));
        }
    }
    match agenda.decide() {
        call @ Next::Call(_) => return Some(call),
        // Whether it can go on by itself is known soon.
        sleep @ Next::Sleep(_) if is_renamed => return Some(sleep),
        Next::Sleep(_) | Next::Rest | Next::Note(_) | Next::Refuse(_) => {}
    }
    if !is_lost {
        return None;
    }
    if let Some(next) = tell_why_it_is_quiet(room, wanted, ground, now) {
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
fn tell_why_it_is_quiet(room: &Room, wanted: &Wanted, ground: Ground<'_>, now: Timestamp) -> Option<Next> {
    let works = ground.numbers.others(room.instance.as_deref()).next().is_some();
    if !works || wanted.incident.state != State::Open || !matches!(room.phase, Phase::Live { .. }) {
        return None;
    }
    if let Some(saying) = pending(room, wanted, ground, now).filter(|s| s.what.is_private()) {
        return Some(look_for(saying, room, ground, now));
    }
    let mut agenda = Agenda::new(room, now);
    let strangers = ground.policy.strangers;
    let reachable = |s: &&Seat| {
        let may_hear = s.who.introduced || strangers != Strangers::LeaveOut;
        !s.told_quiet && may_hear && !room.has_stopped(&s.who.jid)
    };
    for seat in room.seats.iter().filter(reachable) {
        let person = seat.who.person.clone();
        agenda.offer(to_person(What::Quiet { person }, seat));
    }
    match agenda.decide() {
        call @ Next::Call(_) => Some(call),
        Next::Sleep(at) => Some(Next::Sleep(at.min(later(now, SignedDuration::from_mins(1))))),
        Next::Rest | Next::Note(_) | Next::Refuse(_) => None,
    }
}

impl Room {
    /// The number is on its way in from now on.
    pub(super) fn begin_standby(&mut self, step: &StandbyStep) {
        let name = step.instance();
        if !self.standby.iter().any(|s| s.instance == name) {
            let stage = match step {
                StandbyStep::Add { .. } => Stage::ToAdd,
                StandbyStep::Join { .. } => Stage::ToJoin,
                StandbyStep::Promote { .. } => Stage::ToPromote,
                StandbyStep::Check { .. } | StandbyStep::Leave { .. } => Stage::ToCheck,
            };
            self.standby.push(Standby { instance: name.to_owned(), stage, by_link: false });
        } else if matches!(step, StandbyStep::Check { .. })
            && let Some(standby) = self.standby.iter_mut().find(|s| s.instance == name)
        {
            standby.stage = Stage::ToCheck;
        }
    }

    pub(super) fn finish_standby(
        &mut self,
        step: &StandbyStep,
        answer: &Answer,
        ground: Ground<'_>,
        now: Timestamp,
    ) {
        let key = Step::Standby(step.clone()).key();
        let stage = match (step, answer) {
            (StandbyStep::Add { .. }, Answer::Added(said)) => {
                // Any other word is no proof either way: the promotion and the look tell.
                let needs_link = said.iter().any(|added| {
                    matches!(added.outcome, AddOutcome::NeedsInvite { .. } | AddOutcome::LeftRecently)
                });
                if needs_link { Stage::ToJoin } else { Stage::ToPromote }
            }
            (StandbyStep::Leave { .. }, Answer::Done) => {
                self.standby.retain(|s| s.instance != step.instance());
                return;
            }
            (StandbyStep::Join { .. }, Answer::Done) => Stage::ToPromote,
            (StandbyStep::Promote { .. }, Answer::Done) => Stage::ToCheck,
            // Of a room whose number nobody knows any more, even a plain member is better than none.
            (StandbyStep::Check { .. }, Answer::Members(members))
                if members.own_admin != Some(false) || !self.has_known_number(ground) =>
            {
                Stage::Ready { since: now }
            }
            (StandbyStep::Check { .. }, Answer::Members(_)) => {
                self.set_stage(step.instance(), Stage::ToPromote);
                let detail = "it is in the group, but not an admin".to_owned();
                let error = GatewayError::Refused { reason: Refusal::Forbidden, detail };
                return self.fail_standby(step, &error, ground, now);
            }
            _ => return self.fail_standby(step, &answer.error(), ground, now),
        };
        self.troubles.remove(&key);
        let by_link = stage == Stage::ToJoin;
        self.set_stage(step.instance(), stage);
        if by_link {
            self.send_in_by_link(step.instance());
        }
    }

    /// Tried again later; where that does not help, by the link, and then not at all.
    fn fail_standby(&mut self, step: &StandbyStep, error: &GatewayError, ground: Ground<'_>, now: Timestamp) {
        let key = Step::Standby(step.clone()).key();
        let trouble = self.note_trouble(&key, error, now);
        if trouble.refusals < REFUSALS && trouble.failures < PATIENCE {
            return;
        }
        self.troubles.remove(&key);
        let was_sent_in = self.standby.iter().any(|s| s.instance == step.instance() && s.by_link);
        let own_works = self.instance.as_deref().is_some_and(|own| ground.numbers.works(own));
        if was_sent_in || !own_works || matches!(step, StandbyStep::Leave { .. }) {
            self.set_stage(step.instance(), Stage::GivenUp { why: error.to_string(), at: now });
        } else {
            self.send_in_by_link(step.instance());
        }
    }

    fn has_known_number(&self, ground: Ground<'_>) -> bool {
        ground.numbers.knows(self.instance.as_deref().unwrap_or_default())
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
        self.hold_until = None;
        self.down_at = None;
        self.troubles.clear();
        if let Some(lost) = self.saying.take_if(|s| s.what.is_private()) {
            let why = GatewayError::Unknown { detail: "its number was lost".to_owned() };
            self.give_up_saying(&lost.what, &Answer::Failed(why), now);
            self.saying = self.aside.take();
        }
        if let Some(saying) = &mut self.saying {
            saying.looks = 0;
            saying.unreadable = false;
            saying.look = Look::planned(now, now);
        }
    }
}

#[cfg(test)]
mod tests;
