//! What a step does to a room: before the call ([`Room::begin`]) and after it ([`Room::finish`]).
//!
//! `begin` writes down what must be known if nobody ever comes back from the call; `finish` what the answer
//! means. Errors are read only by their class: certainly nothing happened, perhaps something did, never
//! will, not now, or the group is gone.

use serde::{Deserialize, Serialize};

use super::agenda::{Ground, REFUSALS, Step, What};
use super::farewell::FarewellEnd;
use super::phase::{Event, Illegal, Look, Phase};
use super::seat::{Refused, SeatState, note_said};
use super::tries::{patience, touches_group};
use super::{Ask, Chore, Done, Named, Room, Saying, Stage, Trouble, Wanted};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::gateway::{
    AddOutcome, Added, CreatedGroup, FoundGroups, GatewayError, InviteLink, Members, OwnMessage, Refusal,
    Sent,
};
use crate::jid::{GroupId, Jid};

/// What came back from a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A group was made.
    Created(CreatedGroup),
    /// Groups that carry the token.
    Groups(FoundGroups),
    /// A message was handed over.
    Sent(Sent),
    /// Own messages of a chat.
    Messages(Vec<OwnMessage>),
    /// A member list.
    Members(Members),
    /// The invite link.
    Link(InviteLink),
    /// What was said about people who were added.
    Added(Vec<Added>),
    /// By which id a person is on the network, if at all.
    Reachable(Option<Jid>),
    /// Whether a person has written to this number.
    Written(bool),
    /// It worked, and there is nothing to say about it.
    Done,
    /// It did not.
    Failed(GatewayError),
}

impl Answer {
    /// The error in it. An answer to another question than the one asked tells nothing, so it counts as
    /// one; only call this where the fitting answer was already dealt with.
    pub(super) fn error(&self) -> GatewayError {
        if let Self::Failed(error) = self {
            error.clone()
        } else {
            GatewayError::Unknown { detail: "an answer to another question".to_owned() }
        }
    }
}

/// What a step's end means beyond the room itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effect {
    /// The move in the phase machine, if there was one. Already applied to the room.
    pub event: Option<Event>,
    /// Further groups that carry the room's id.
    pub orphans: Vec<GroupId>,
    /// The call certainly did nothing, so it used no budget.
    pub unspent: bool,
    /// A group beside the room was closed, or could not be.
    pub farewell: Option<FarewellEnd>,
}

/// An outcome in words, for the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Note {
    /// It worked.
    Ok {
        /// What came back, shortly, without secrets.
        what: String,
    },
    /// It did not.
    Failed {
        /// The class and the provider's words.
        error: GatewayError,
    },
    /// Whoever made the call went away without an answer; the next one looks what came of it.
    Abandoned,
}

impl Answer {
    /// The answer in words, for the journal.
    #[must_use]
    pub fn note(&self) -> Note {
        let what = match self {
            Self::Created(created) => created.group.to_string(),
            Self::Groups(FoundGroups { groups, doubt: None }) => format!("{} groups", groups.len()),
            Self::Groups(FoundGroups { groups, doubt: Some(doubt) }) => {
                format!("{} groups; cannot tell: {}", groups.len(), doubt.why)
            }
            Self::Sent(sent) => sent.message_id.clone().unwrap_or_else(|| "handed over".to_owned()),
            Self::Messages(messages) => format!("{} messages", messages.len()),
            Self::Members(members) => {
                format!("{} members, {} refused", members.rows.len(), members.refused.len())
            }
            Self::Link(_) => "link".to_owned(),
            Self::Added(said) => {
                let refused = said.iter().filter(|added| added.outcome != AddOutcome::Added).count();
                format!("asked, {refused} refused")
            }
            Self::Written(yes) => if *yes { "has written to us" } else { "has not written to us" }.to_owned(),
            Self::Reachable(found) => {
                if found.is_some() { "on the network" } else { "not on the network" }.to_owned()
            }
            Self::Done => "done".to_owned(),
            Self::Failed(error) => return Note::Failed { error: error.clone() },
        };
        Note::Ok { what }
    }
}

/// The first look after a lost create or a lost message.
pub(super) const FIRST_LOOK: SignedDuration = SignedDuration::from_secs(1);
/// Between two looks for a lost group, while "nothing" is not believed yet.
pub(super) const LOOK_GAP: SignedDuration = SignedDuration::from_secs(10);
/// How long a number that is down is left alone.
pub(super) const DOWN_GAP: SignedDuration = SignedDuration::from_secs(15);
/// How long a throttled number is left alone if it does not say.
const THROTTLED_GAP: SignedDuration = SignedDuration::from_secs(60);
/// How long one room leaves it alone at most, whatever it says: some say "after a day".
const LONGEST_HOLD: SignedDuration = SignedDuration::from_mins(15);
/// How long it is left alone at least: some say "after 0 seconds".
const SHORTEST_GAP: SignedDuration = SignedDuration::from_secs(2);
/// The longest wait between two tries.
const LONGEST_GAP: i64 = 60;
/// A room that has to get further is looked at more often than this.
const ABSENCE: SignedDuration = SignedDuration::from_mins(2);
/// "Not found" in a row until a group is believed to be gone.
const GONE_BELIEVED: u32 = 3;
/// How far the gateway's clock may be behind ours.
pub(super) const SKEW: SignedDuration = SignedDuration::from_secs(120);

impl Room {
    /// Writes down that `step` is about to be called through `instance`, with these words if it has any.
    pub fn begin(
        &mut self,
        (step, words): (&Step, Option<&str>),
        instance: &str,
        wanted: &Wanted,
        now: Timestamp,
    ) -> Result<Option<Event>, Illegal> {
        self.note_absence(now);
        self.touched_at = Some(now);
        self.has_hosted |= !wanted.guests.is_empty();
        match step {
            Step::Create { people } => {
                self.take(&Event::Began, now)?;
                self.creates += 1;
                self.asked.push(Ask { instance: instance.to_owned(), at: now, people: people.clone() });
                self.subject = words.map(str::to_owned);
                self.instance = Some(instance.to_owned());
                for seat in self.seats.iter_mut().filter(|s| !s.is_ruled_out()) {
                    let asked = people.contains(seat.address());
                    seat.state = if asked { SeatState::Asked } else { SeatState::Wanted };
                }
                return Ok(Some(Event::Began));
            }
            Step::Say { what, chat } => {
                if matches!(self.phase, Phase::Wanted { .. }) {
                    // A lost message to one person is looked for where it was sent.
                    self.instance = Some(instance.to_owned());
                }
                let before = self.saying.take();
                if what.is_private() && before.as_ref().is_some_and(|s| !s.what.is_private()) {
                    self.aside.clone_from(&before);
                }
                // Its number is lost, or nobody would say something else now.
                if let Some(lost) = before.as_ref().filter(|s| s.what.is_private() && !s.what.is_like(what)) {
                    let why = GatewayError::Unknown { detail: "its number was lost".to_owned() };
                    self.give_up_saying(&lost.what, &Answer::Failed(why), now);
                }
                let first = || Saying {
                    what: what.clone(),
                    chat: chat.clone(),
                    text: words.unwrap_or_default().to_owned(),
                    begun_at: now,
                    covers: wanted.news.last().map_or(0, |n| n.seq),
                    sends: 0,
                    looks: 0,
                    look: Look::planned(now, now),
                    unreadable: false,
                    instance: None,
                };
                // The words of a repeat are those of the first try.
                let saying = before.filter(|s| s.what.is_like(what)).unwrap_or_else(first);
                self.saying = Some(Saying {
                    chat: chat.clone(),
                    sends: saying.sends + 1,
                    looks: 0,
                    look: Look::planned(now, now),
                    unreadable: false,
                    instance: Some(instance.to_owned()),
                    ..saying
                });
            }
            Step::Standby(step) => self.begin_standby(step),
            Step::AddMembers { people, .. } => {
                for seat in self.seats.iter_mut().filter(|s| people.contains(s.address())) {
                    seat.state = SeatState::Asked;
                }
            }
            Step::Look { .. }
            | Step::Sweep { .. }
            | Step::ReadGroup { .. }
            | Step::CheckHistory { .. }
            | Step::LookForMessage { .. }
            | Step::Appeal(_)
            | Step::Describe { .. }
            | Step::ReadMembers { .. }
            | Step::GetLink { .. }
            | Step::CheckReachable { .. }
            | Step::LockSettings { .. }
            | Step::Promote { .. }
            | Step::RevokeLink { .. }
            | Step::LockMessages { .. }
            | Step::Rename { .. }
            | Step::Leave { .. }
            | Step::RenameOrphan { .. }
            | Step::LeaveOrphan { .. } => {}
        }
        Ok(None)
    }

    /// Nobody has worked on the room for longer than it ever sleeps by itself: that time counts against no
    /// deadline, like one in which its number was down.
    fn note_absence(&mut self, now: Timestamp) {
        let worked_on = self.touched_at.max(self.hold_until);
        if worked_on.is_some_and(|at| later(at, ABSENCE) < now) {
            self.down_at = Some(now);
        }
    }

    /// Moves the phase.
    pub fn take(&mut self, event: &Event, now: Timestamp) -> Result<(), Illegal> {
        let before = self.phase.group().cloned();
        let name = self.phase.name();
        self.phase = self.phase.clone().after(event, now)?;
        self.touched_at = Some(now);
        if matches!(event, Event::Finished) {
            self.note_unlooked(now);
        }
        if self.phase.name() != name || matches!(event, Event::Absent { .. }) {
            self.looked.clear();
        }
        match event {
            Event::ClockSet => self.put_back(now),
            Event::Lost { .. } => self.was_unsure = true,
            Event::Quorum { turn } => self.take_turn(turn, now),
            Event::Ended | Event::Cancel => self.stand_down(),
            Event::Switched { instance } => self.switch_to(instance, now),
            // An operator's "go on" is a fresh start for everything that was given up on the way.
            Event::Resume { .. } | Event::NewGroup => {
                self.wanted_at = now;
                self.creates = 0;
                self.core_only = false;
                self.hopeless = None;
                self.hold_until = None;
                self.troubles.clear();
                self.standby.retain(|s| !matches!(s.stage, Stage::GivenUp { .. }));
                if let (Event::Resume { group: Some(_) }, Some((_, instance))) = (event, self.readable.take())
                {
                    self.instance = Some(instance);
                }
                if self.phase.group() != before.as_ref() {
                    self.guest_of = None;
                    self.begin_anew();
                }
            }
            Event::Folded { into, instance, people, .. } => self.move_in(*into, instance, people),
            Event::Unhosted { .. } => {
                self.wanted_at = now;
                self.move_out();
            }
            Event::Began
            | Event::Made { .. }
            | Event::NotSent { .. }
            | Event::Refused { .. }
            | Event::Found { .. }
            | Event::Absent { .. }
            | Event::Gone { .. }
            | Event::Spent { .. }
            | Event::Finished => {}
        }
        Ok(())
    }

    /// In another group nothing was said or set yet, nobody was seen, and the old link leads elsewhere.
    pub(super) fn begin_anew(&mut self) {
        self.told.retain(|told| told.what.is_private() || matches!(told.what, What::News { .. }));
        self.saying = None;
        self.forget_pursuit();
        self.aside = None;
        self.standby.clear();
        self.chores.retain(|chore, _| matches!(chore, Chore::TellNumbersDown | Chore::TellUnreached));
        self.link = None;
        self.reads = 0;
        self.read_at = None;
        self.named = None;
        self.has_hosted = false;
        self.ousted_at = None;
        self.read_again_at = None;
        self.promotions.clear();
        for seat in &mut self.seats {
            seat.absences = 0;
            let stays = matches!(
                seat.state,
                SeatState::Wanted
                    | SeatState::Left { .. }
                    | SeatState::Refused {
                        why: Refused::NotOnNetwork
                            | Refused::Blocked
                            | Refused::Stranger
                            | Refused::OverSize
                            | Refused::Stopped { .. }
                    }
            );
            if !stays {
                seat.state = SeatState::Asked;
                seat.said = None;
            }
        }
    }

    /// Takes in what came back from `step`, which had these words if any.
    pub fn finish(
        &mut self,
        (step, words): (&Step, Option<&str>),
        answer: &Answer,
        ground: Ground<'_>,
        now: Timestamp,
    ) -> Result<Effect, Illegal> {
        // Another number may do what does not need the room's own, and a group beside the room has one of its own;
        // a person who is written to waits all the same.
        let own = step.orphan().is_none()
            && self.is_by_its_number(step)
            && (step.needs_its_number() || matches!(step, Step::Say { what, .. } if what.is_private()));
        self.touched_at = Some(now);
        if let Answer::Failed(error) = answer {
            self.last_failure = Some(format!("{}: {error}", step.name().replace('_', " ")));
            if own {
                self.hold(error, now);
            }
        } else {
            if own {
                self.hold_until = None;
            }
            if !matches!(answer, Answer::Groups(FoundGroups { doubt: Some(_), .. })) {
                self.troubles.remove(&step.key());
            }
        }
        let mut effect = Effect::default();
        match step {
            Step::Create { people } => self.finish_create(answer, people.len(), &mut effect, now),
            Step::Look { instance, thoroughly, .. } => {
                self.finish_look((step, instance, *thoroughly), answer, ground, &mut effect, now);
            }
            Step::Sweep { instance, .. } => self.finish_sweep((step, instance), answer, &mut effect, now),
            Step::ReadGroup { group, instance } => {
                self.finish_read_group((group, instance), step, answer, now);
            }
            Step::Say { what, .. } => self.finish_say(what, step, answer, &mut effect, now),
            Step::LookForMessage { what, .. } => self.finish_look_for_message(what, step, answer, now),
            Step::Describe { .. } => self.finish_chore(Chore::Description, step, answer, &mut effect, now),
            Step::LockSettings { .. } => self.finish_chore(Chore::Settings, step, answer, &mut effect, now),
            Step::Promote { .. } if *answer == Answer::Done => self.was_promoted(now),
            Step::Promote { .. } => self.fail_chore(Chore::SecondAdmin, step, answer, &mut effect, now),
            Step::RevokeLink { .. } => self.finish_chore(Chore::RevokeLink, step, answer, &mut effect, now),
            Step::LockMessages { .. } => {
                self.finish_chore(Chore::LockMessages, step, answer, &mut effect, now);
            }
            Step::Rename { .. } => {
                if *answer == Answer::Done {
                    self.named = words.map(|subject| Named { subject: subject.to_owned(), at: now });
                }
                self.finish_chore(Chore::Rename, step, answer, &mut effect, now);
            }
            Step::Leave { .. } => self.finish_chore(Chore::Leave, step, answer, &mut effect, now),
            Step::ReadMembers { .. } => self.finish_read(step, answer, ground, &mut effect, now),
            Step::AddMembers { people, .. } => self.finish_add(people, step, answer, &mut effect, now),
            Step::CheckHistory { person, .. } => self.finish_history(person, answer),
            Step::GetLink { .. } => self.finish_link(step, answer, &mut effect, now),
            Step::CheckReachable { person, .. } => {
                self.finish_reachable(person, step, answer, &mut effect, now);
            }
            Step::RenameOrphan { group } => {
                self.finish_rename_orphan(group, step, answer, &mut effect, now);
            }
            Step::LeaveOrphan { group } => {
                self.finish_leave_orphan(group, step, answer, &mut effect, now);
            }
            Step::Standby(step) => self.finish_standby(step, answer, ground, now),
            Step::Appeal(appeal) => self.finish_appeal(appeal, answer, now),
        }
        // What was set aside is the next thing to be looked for.
        if self.saying.is_none() {
            self.saying = self.aside.take();
        }
        if let Some(event) = effect.event.clone() {
            self.take(&event, now)?;
        }
        Ok(effect)
    }

    /// Whether a step goes through the room's own number, as far as the step itself says.
    fn is_by_its_number(&self, step: &Step) -> bool {
        step.through().is_none_or(|name| self.instance.as_deref() == Some(name))
    }

    /// A number that is down or throttled is left alone for a while, whatever the step was.
    fn hold(&mut self, error: &GatewayError, now: Timestamp) {
        match error {
            GatewayError::SessionDown { .. } | GatewayError::Refused { reason: Refusal::Credentials, .. } => {
                self.down_at = Some(now);
                self.hold_until = Some(later(now, DOWN_GAP));
            }
            GatewayError::Throttled { retry_after, .. } => {
                let gap = retry_after.and_then(|d| SignedDuration::try_from(d).ok()).unwrap_or(THROTTLED_GAP);
                self.hold_until = Some(later(now, gap.clamp(SHORTEST_GAP, LONGEST_HOLD)));
            }
            GatewayError::NotSent { .. }
            | GatewayError::Unknown { .. }
            | GatewayError::Refused { .. }
            | GatewayError::Gone { .. } => {}
        }
    }

    fn finish_create(&mut self, answer: &Answer, people: usize, effect: &mut Effect, now: Timestamp) {
        if let Answer::Created(created) = answer {
            note_said(&mut self.seats, &created.said);
            self.troubles.remove("create");
            effect.event = Some(Event::Made { group: created.group.clone() });
            return;
        }
        let error = answer.error();
        match &error {
            GatewayError::Unknown { .. } | GatewayError::Gone { .. } => {
                effect.event = Some(Event::Lost { look_at: later(now, FIRST_LOOK) });
            }
            GatewayError::NotSent { .. } => {
                let retry_at = self.note_trouble("create", &error, now).retry_at;
                self.not_sent(effect, retry_at);
            }
            // How long this number is left alone is the worker's matter; another one may do it at once.
            GatewayError::Throttled { .. }
            | GatewayError::SessionDown { .. }
            | GatewayError::Refused { reason: Refusal::Credentials, .. } => self.not_sent(effect, now),
            // A plan without groups may still take messages, and then people are told.
            GatewayError::Refused { reason: Refusal::Plan, detail } => {
                self.hopeless = Some(format!("the plan of this number makes no groups: {detail}"));
                self.not_sent(effect, now);
            }
            GatewayError::Refused { reason: Refusal::SubjectTooLong, .. } if !self.short_subject => {
                self.short_subject = true;
                self.not_sent(effect, now);
            }
            // One bad number must not keep all others out.
            GatewayError::Refused { reason, .. } if *reason != Refusal::Plan && people > 1 => {
                self.core_only = true;
                self.not_sent(effect, now);
            }
            GatewayError::Refused { detail, .. } => {
                self.hopeless = Some(format!("the gateway refused to make the group: {detail}"));
                self.not_sent(effect, now);
            }
        }
    }

    /// The create certainly did nothing: it counts neither as an attempt nor against the budget.
    fn not_sent(&mut self, effect: &mut Effect, retry_at: Timestamp) {
        self.creates = self.creates.saturating_sub(1);
        self.asked.pop();
        effect.unspent = true;
        effect.event = Some(Event::NotSent { retry_at });
    }

    fn finish_chore(
        &mut self,
        chore: Chore,
        step: &Step,
        answer: &Answer,
        effect: &mut Effect,
        now: Timestamp,
    ) {
        if *answer == Answer::Done {
            self.done(chore, now);
        } else {
            self.fail_chore(chore, step, answer, effect, now);
        }
    }

    fn fail_chore(
        &mut self,
        chore: Chore,
        step: &Step,
        answer: &Answer,
        effect: &mut Effect,
        now: Timestamp,
    ) {
        if self.fail(step, answer, effect, now) {
            let why = self.troubles.remove(&step.key()).map(|t| t.last).unwrap_or_default();
            self.give_up(chore, why, now);
        }
    }

    pub(super) fn done(&mut self, chore: Chore, now: Timestamp) {
        self.chores.insert(chore, Done::Well { at: now });
    }

    pub(super) fn give_up(&mut self, chore: Chore, why: String, now: Timestamp) {
        self.chores.insert(chore, Done::GivenUp { why, at: now });
    }

    /// Counts a failure; true when the step is not worth another try. A group that is gone moves the phase.
    pub(super) fn fail(&mut self, step: &Step, answer: &Answer, effect: &mut Effect, now: Timestamp) -> bool {
        let error = answer.error();
        if let GatewayError::Gone { detail } = &error
            && matches!(self.phase, Phase::Live { .. } | Phase::Closing { .. })
            && touches_group(step)
        {
            // A provider may need a moment until it knows a new group everywhere.
            if self.note_trouble(&step.key(), &error, now).refusals >= GONE_BELIEVED {
                let why = detail.clone();
                let is_guest = self.guest_of.is_some() && matches!(self.phase, Phase::Live { .. });
                let lost = if is_guest { Event::Unhosted { why } } else { Event::Gone { why } };
                effect.event = Some(lost);
            }
            return false;
        }
        let waiting = matches!(
            error,
            GatewayError::SessionDown { .. }
                | GatewayError::Throttled { .. }
                | GatewayError::Refused { reason: Refusal::Credentials, .. }
        );
        if waiting {
            if step.orphan().is_some() || !self.is_by_its_number(step) {
                // Nobody's hold keeps this one from being tried again at once.
                self.note_trouble(&step.key(), &error, now);
            }
            return false;
        }
        let trouble = self.note_trouble(&step.key(), &error, now);
        let essential = matches!(step, Step::Say { what: What::Welcome, .. });
        // To repeat it makes it worse, or is in vain.
        let is_final =
            matches!(error, GatewayError::Refused { reason: Refusal::Strangers | Refusal::NoAccount, .. });
        !essential && (is_final || trouble.refusals >= REFUSALS || trouble.failures >= patience(step))
    }

    pub(super) fn note_trouble(&mut self, key: &str, error: &GatewayError, now: Timestamp) -> Trouble {
        let before = self.troubles.get(key);
        let failures = before.map_or(0, |t| t.failures).saturating_add(1);
        let hard = matches!(error, GatewayError::Refused { .. } | GatewayError::Gone { .. });
        let refusals = before.map_or(0, |t| t.refusals) + u32::from(hard);
        let gap = SignedDuration::from_secs((1i64 << failures.min(6)).min(LONGEST_GAP));
        let asked = if let GatewayError::Throttled { retry_after: Some(asked), .. } = error {
            SignedDuration::try_from(*asked).unwrap_or(LONGEST_HOLD).min(LONGEST_HOLD)
        } else {
            SignedDuration::ZERO
        };
        let retry_at = later(now, gap.max(asked));
        let since = before.map_or(now, |t| t.since);
        let trouble = Trouble { failures, refusals, since, retry_at, last: error.to_string() };
        self.troubles.insert(key.to_owned(), trouble.clone());
        trouble
    }
}
