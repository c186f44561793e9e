//! What a step does to a room: before the call ([`Room::begin`]) and after it ([`Room::finish`]).
//!
//! `begin` writes down what must be known if nobody ever comes back from the call; `finish` what the answer
//! means. Errors are read only by their class: certainly nothing happened, perhaps something did, never
//! will, not now, or the group is gone.

use serde::{Deserialize, Serialize};

use super::agenda::{Ground, REFUSALS, Step, What};
use super::farewell::FarewellEnd;
use super::phase::{Event, Illegal, Phase};
use super::policy::{Policy, Strangers};
use super::seat::{Refused, SeatState, note_said, read_members};
use super::{Chore, Done, Room, Saying, Trouble, Wanted};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::gateway::{
    CreatedGroup, FoundGroup, GatewayError, InviteLink, Members, OwnMessage, Refusal, Sent,
};
use crate::jid::GroupId;

/// What came back from a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A group was made.
    Created(CreatedGroup),
    /// Groups that carry the token.
    Groups(Vec<FoundGroup>),
    /// A message was handed over.
    Sent(Sent),
    /// Own messages of a chat.
    Messages(Vec<OwnMessage>),
    /// A member list.
    Members(Members),
    /// The invite link.
    Link(InviteLink),
    /// Whether a person is on the network.
    Reachable(bool),
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
            Self::Groups(groups) => format!("{} groups", groups.len()),
            Self::Sent(sent) => sent.message_id.clone().unwrap_or_else(|| "handed over".to_owned()),
            Self::Messages(messages) => format!("{} messages", messages.len()),
            Self::Members(members) => {
                format!("{} members, {} refused", members.rows.len(), members.refused.len())
            }
            Self::Link(_) => "link".to_owned(),
            Self::Reachable(yes) => if *yes { "on the network" } else { "not on the network" }.to_owned(),
            Self::Done => "done".to_owned(),
            Self::Failed(error) => return Note::Failed { error: error.clone() },
        };
        Note::Ok { what }
    }
}

/// The first look after a lost create or a lost message.
pub(super) const FIRST_LOOK: SignedDuration = SignedDuration::from_secs(1);
/// Between two looks for a lost group, while "nothing" is not believed yet.
const LOOK_GAP: SignedDuration = SignedDuration::from_secs(10);
/// How long a number that is down is left alone.
const DOWN_GAP: SignedDuration = SignedDuration::from_secs(15);
/// How long a throttled number is left alone if it does not say.
const THROTTLED_GAP: SignedDuration = SignedDuration::from_secs(60);
/// How long it is left alone at least: some say "after 0 seconds".
const SHORTEST_GAP: SignedDuration = SignedDuration::from_secs(2);
/// The longest wait between two tries.
const LONGEST_GAP: i64 = 60;
/// "Not found" in a row until a group is believed to be gone.
const GONE_BELIEVED: u32 = 3;
/// How far the gateway's clock may be behind ours.
pub(super) const SKEW: SignedDuration = SignedDuration::from_secs(120);

impl Room {
    /// Writes down that `step` is about to be called through `instance`.
    pub fn begin(
        &mut self,
        step: &Step,
        instance: &str,
        wanted: &Wanted,
        now: Timestamp,
    ) -> Result<Option<Event>, Illegal> {
        self.touched_at = Some(now);
        match step {
            Step::Create { subject, people } => {
                self.take(&Event::Began, now)?;
                self.creates += 1;
                self.first_asked_at.get_or_insert(now);
                self.subject = Some(subject.clone());
                self.instance = Some(instance.to_owned());
                for seat in &mut self.seats {
                    let asked = people.contains(&seat.who.jid);
                    seat.state = if asked { SeatState::Asked } else { SeatState::Wanted };
                }
                return Ok(Some(Event::Began));
            }
            Step::Say { what, chat, text } => {
                let again = self.saying.take().filter(|s| s.what == *what);
                self.saying = Some(Saying {
                    what: what.clone(),
                    chat: chat.clone(),
                    text: text.clone(),
                    begun_at: again.as_ref().map_or(now, |s| s.begun_at),
                    // The words of a repeat are those of the first try.
                    covers: again
                        .as_ref()
                        .map_or_else(|| wanted.news.last().map_or(0, |n| n.seq), |s| s.covers),
                    sends: again.map_or(0, |s| s.sends) + 1,
                    looks: 0,
                    look_at: now,
                    unreadable: false,
                });
            }
            Step::Look { .. }
            | Step::Sweep { .. }
            | Step::LookForMessage { .. }
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

    /// Moves the phase.
    pub fn take(&mut self, event: &Event, now: Timestamp) -> Result<(), Illegal> {
        let before = self.phase.group().cloned();
        self.phase = self.phase.clone().after(event, now)?;
        self.touched_at = Some(now);
        match event {
            Event::ClockSet => self.put_back(now),
            Event::Lost { .. } => self.was_unsure = true,
            // An operator's "go on" is a fresh start for everything that was given up on the way.
            Event::Resume { .. } => {
                self.creates = 0;
                self.hopeless = None;
                self.hold_until = None;
                self.troubles.clear();
                if self.phase.group() != before.as_ref() {
                    self.begin_anew();
                }
            }
            Event::Began
            | Event::Made { .. }
            | Event::NotSent { .. }
            | Event::Refused { .. }
            | Event::Found { .. }
            | Event::Absent { .. }
            | Event::Ended
            | Event::Gone { .. }
            | Event::Spent { .. }
            | Event::Finished
            | Event::Cancel => {}
        }
        Ok(())
    }

    /// In another group nothing was said or set yet, nobody was seen, and the old link leads elsewhere.
    fn begin_anew(&mut self) {
        self.told.retain(|told| told.what.is_private() || matches!(told.what, What::News { .. }));
        self.saying = None;
        self.chores.clear();
        self.link = None;
        self.reads = 0;
        self.read_at = None;
        for seat in &mut self.seats {
            seat.absences = 0;
            let stays = matches!(
                seat.state,
                SeatState::Wanted
                    | SeatState::Refused {
                        why: Refused::NotOnNetwork | Refused::Blocked | Refused::Stranger
                    }
            );
            if !stays {
                seat.state = SeatState::Asked;
                seat.said = None;
            }
        }
    }

    /// Takes in what came back from `step`.
    pub fn finish(
        &mut self,
        step: &Step,
        answer: &Answer,
        ground: Ground<'_>,
        now: Timestamp,
    ) -> Result<Effect, Illegal> {
        self.touched_at = Some(now);
        if let Answer::Failed(error) = answer {
            // Another number may make the group; every other step needs the one that made it.
            if !matches!(step, Step::Create { .. }) {
                self.hold(error, now);
            }
        } else {
            self.hold_until = None;
            self.troubles.remove(&step.key());
        }
        let mut effect = Effect::default();
        match step {
            Step::Create { .. } => self.finish_create(answer, ground.policy, &mut effect, now),
            Step::Look { .. } => self.finish_look(answer, ground.policy, &mut effect, now),
            Step::Sweep { .. } => self.finish_sweep(step, answer, &mut effect, now),
            Step::Say { what, .. } => self.finish_say(what, step, answer, &mut effect, now),
            Step::LookForMessage { what, text, since, .. } => {
                self.finish_look_for_message((what, text, *since), step, answer, now);
            }
            Step::Describe { .. } => self.finish_chore(Chore::Description, step, answer, &mut effect, now),
            Step::LockSettings { .. } => self.finish_chore(Chore::Settings, step, answer, &mut effect, now),
            Step::Promote { .. } => self.finish_chore(Chore::SecondAdmin, step, answer, &mut effect, now),
            Step::RevokeLink { .. } => self.finish_chore(Chore::RevokeLink, step, answer, &mut effect, now),
            Step::LockMessages { .. } => {
                self.finish_chore(Chore::LockMessages, step, answer, &mut effect, now);
            }
            Step::Rename { .. } => self.finish_chore(Chore::Rename, step, answer, &mut effect, now),
            Step::Leave { .. } => self.finish_chore(Chore::Leave, step, answer, &mut effect, now),
            Step::ReadMembers { .. } => self.finish_read(step, answer, ground.policy, &mut effect, now),
            Step::GetLink { .. } => self.finish_link(step, answer, &mut effect, now),
            Step::CheckReachable { person, .. } => {
                self.finish_reachable(person, step, answer, &mut effect, now);
            }
            Step::RenameOrphan { group, .. } => {
                self.finish_rename_orphan(group, step, answer, &mut effect, now);
            }
            Step::LeaveOrphan { group } => {
                self.finish_leave_orphan(group, step, answer, &mut effect, now);
            }
        }
        if let Some(event) = effect.event.clone() {
            self.take(&event, now)?;
        }
        Ok(effect)
    }

    /// A number that is down or throttled is left alone for a while, whatever the step was.
    fn hold(&mut self, error: &GatewayError, now: Timestamp) {
        match error {
            GatewayError::SessionDown { .. } => {
                self.down_at = Some(now);
                self.hold_until = Some(later(now, DOWN_GAP));
            }
            GatewayError::Throttled { retry_after, .. } => {
                let gap = retry_after.and_then(|d| SignedDuration::try_from(d).ok()).unwrap_or(THROTTLED_GAP);
                self.hold_until = Some(later(now, gap.max(SHORTEST_GAP)));
            }
            GatewayError::NotSent { .. }
            | GatewayError::Unknown { .. }
            | GatewayError::Refused { .. }
            | GatewayError::Gone { .. } => {}
        }
    }

    fn finish_create(&mut self, answer: &Answer, policy: &Policy, effect: &mut Effect, now: Timestamp) {
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
            GatewayError::Throttled { .. } | GatewayError::SessionDown { .. } => self.not_sent(effect, now),
            // Nothing goes through this number, messages to people neither.
            GatewayError::Refused { reason: Refusal::Credentials, detail } => {
                effect.unspent = true;
                effect.event = Some(Event::Refused { why: detail.clone() });
            }
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
            GatewayError::Refused { reason, .. }
                if *reason != Refusal::Plan && self.first_members(policy.strangers).len() > 1 =>
            {
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
        effect.unspent = true;
        effect.event = Some(Event::NotSent { retry_at });
    }

    fn finish_look(&mut self, answer: &Answer, policy: &Policy, effect: &mut Effect, now: Timestamp) {
        let Answer::Groups(groups) = answer else {
            self.fail(&Step::Look { token: self.token() }, answer, effect, now);
            effect.event = None;
            return;
        };
        let mut ours = self.ours(groups).into_iter();
        effect.event = Some(if let Some(oldest) = ours.next() {
            effect.orphans = ours.collect();
            Event::Found { group: oldest }
        } else {
            let first = later(now, policy.settle);
            let believe_at =
                if let Phase::Unsure { believe_at: Some(at), .. } = &self.phase { *at } else { first };
            let look_at = later(now, LOOK_GAP).min(believe_at).max(later(now, FIRST_LOOK));
            Event::Absent { look_at, believe_at: first }
        });
    }

    /// The groups that are this room's, oldest first: they carry its token and were made no earlier than
    /// it was first asked for. A group that does not tell its age must bear the exact subject, because an
    /// older installation may have used the same number for something else.
    fn ours(&self, groups: &[FoundGroup]) -> Vec<GroupId> {
        let since = self.first_asked_at.map_or(Timestamp::MIN, |at| later(at, -SKEW));
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

    fn finish_read(
        &mut self,
        step: &Step,
        answer: &Answer,
        policy: &Policy,
        effect: &mut Effect,
        now: Timestamp,
    ) {
        if let Answer::Members(members) = answer {
            let link_is_out = self.link.is_some();
            read_members(&mut self.seats, members, link_is_out, now);
            // Somebody among us may be an admin already, made so by an earlier try.
            let has_admin = !members.own_row_unknown && members.rows.iter().any(|row| row.admin);
            if has_admin && policy.second_admin && !self.chores.contains_key(&Chore::SecondAdmin) {
                self.done(Chore::SecondAdmin, now);
            }
            self.reads += 1;
            self.read_at = Some(now);
        } else if self.fail(step, answer, effect, now) {
            self.troubles.remove(&step.key());
            self.reads += 1;
            self.read_at = Some(now);
            for seat in &mut self.seats {
                if seat.state == SeatState::Asked {
                    seat.state = SeatState::CannotTell { look_at: later(now, SignedDuration::from_mins(10)) };
                }
            }
        }
        if policy.strangers == Strangers::LeaveOut {
            for seat in self.seats.iter_mut().filter(|s| s.state == SeatState::Wanted && !s.who.introduced) {
                seat.state = SeatState::Refused { why: Refused::Stranger };
            }
        }
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

    fn finish_sweep(&mut self, step: &Step, answer: &Answer, effect: &mut Effect, now: Timestamp) {
        let at_the_end = matches!(self.phase, Phase::Closing { .. });
        let chore = if at_the_end { Chore::LastSweep } else { Chore::Sweep };
        if let Answer::Groups(groups) = answer {
            let room = self.phase.group().cloned();
            effect.orphans = self.ours(groups).into_iter().filter(|g| Some(g) != room.as_ref()).collect();
            self.done(chore, now);
        } else {
            self.fail_chore(chore, step, answer, effect, now);
        }
    }

    fn finish_reachable(
        &mut self,
        person: &str,
        step: &Step,
        answer: &Answer,
        effect: &mut Effect,
        now: Timestamp,
    ) {
        let reachable = if let Answer::Reachable(yes) = answer {
            *yes
        } else if self.fail(step, answer, effect, now) {
            // Asking is a courtesy: when nobody can answer, the link is sent all the same.
            true
        } else {
            return;
        };
        if let Some(seat) = self.seat_of_mut(person) {
            seat.reachable = Some(reachable);
            if !reachable {
                seat.state = SeatState::Refused { why: Refused::NotOnNetwork };
            }
        }
    }

    fn finish_link(&mut self, step: &Step, answer: &Answer, effect: &mut Effect, now: Timestamp) {
        if let Answer::Link(link) = answer {
            self.link = Some(link.clone());
        } else if self.fail(step, answer, effect, now) {
            // Without a link nobody can be invited.
            self.troubles.remove(&step.key());
            for seat in self.seats.iter_mut().filter(|s| s.needs_link()) {
                seat.state = SeatState::Refused { why: Refused::Undeliverable };
            }
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
                effect.event = Some(Event::Gone { why: detail.clone() });
            }
            return false;
        }
        let waiting = matches!(error, GatewayError::SessionDown { .. } | GatewayError::Throttled { .. });
        if waiting {
            return false;
        }
        let trouble = self.note_trouble(&step.key(), &error, now);
        let essential = matches!(step, Step::Say { what: What::Welcome, .. });
        !essential && (trouble.refusals >= REFUSALS || trouble.failures >= patience(step))
    }

    pub(super) fn note_trouble(&mut self, key: &str, error: &GatewayError, now: Timestamp) -> Trouble {
        let before = self.troubles.get(key);
        let failures = before.map_or(0, |t| t.failures).saturating_add(1);
        let hard = matches!(error, GatewayError::Refused { .. } | GatewayError::Gone { .. });
        let refusals = before.map_or(0, |t| t.refusals) + u32::from(hard);
        let gap = (1i64 << failures.min(6)).min(LONGEST_GAP);
        let retry_at = later(now, SignedDuration::from_secs(gap));
        let trouble = Trouble { failures, refusals, retry_at, last: error.to_string() };
        self.troubles.insert(key.to_owned(), trouble.clone());
        trouble
    }
}

/// Failures in a row after which a step is given up, or done without.
fn patience(step: &Step) -> u32 {
    match step {
        // What people must hear is tried until it is refused; a look has its phase's deadline.
        Step::Say { .. } | Step::Create { .. } | Step::Look { .. } => u32::MAX,
        Step::LookForMessage { .. } | Step::CheckReachable { .. } => 3,
        // Read again minutes later in any case.
        Step::ReadMembers { .. } => 5,
        Step::Describe { .. }
        | Step::LockSettings { .. }
        | Step::Promote { .. }
        | Step::Rename { .. }
        | Step::RenameOrphan { .. } => 8,
        Step::GetLink { .. }
        | Step::Sweep { .. }
        | Step::RevokeLink { .. }
        | Step::LockMessages { .. }
        | Step::Leave { .. }
        | Step::LeaveOrphan { .. } => 20,
    }
}

/// Whether a "gone" from this step means that the room's group is gone.
fn touches_group(step: &Step) -> bool {
    match step {
        Step::Say { what, .. } => !what.is_private() && !matches!(what, What::Pointer { .. }),
        Step::Describe { .. }
        | Step::ReadMembers { .. }
        | Step::GetLink { .. }
        | Step::LockSettings { .. }
        | Step::Promote { .. }
        | Step::RevokeLink { .. }
        | Step::LockMessages { .. }
        | Step::Rename { .. }
        | Step::Leave { .. } => true,
        // A chat without a message can be unknown where its group is well; the message sent next will tell.
        Step::LookForMessage { .. }
        | Step::Create { .. }
        | Step::Look { .. }
        | Step::Sweep { .. }
        | Step::CheckReachable { .. }
        | Step::RenameOrphan { .. }
        | Step::LeaveOrphan { .. } => false,
    }
}
