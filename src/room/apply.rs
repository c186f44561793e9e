//! What a task does to a room: before the call ([`Room::begin`]) and after it ([`Room::finish`]).
//!
//! `begin` writes down what must be known if nobody ever comes back from the call; `finish` what the answer
//! means. Errors are read only by their class: certainly nothing happened, perhaps something did, never
//! will, not now, or the group is gone.

use super::answer::{Answer, Answered, Effect, FIRST_LOOK};
use super::delivery::{REFUSALS, THROTTLED};
use super::inputs::{Context, Inputs};
use super::message::Message;
use super::numbers::By;
use super::phase::{Event, Illegal, Phase};
use super::progress::{Said, State};
use super::seat::{Refused, SeatState, note_said};
use super::task::Task;
use super::{Ask, Named, Room, Stage};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::gateway::{FoundGroups, GatewayError, Refusal};
use crate::jid::Jid;

/// How long a throttled number is left alone if it does not say.
const THROTTLED_GAP: SignedDuration = SignedDuration::from_secs(60);
/// How long one room leaves it alone at most, whatever it says: some say "after a day".
const LONGEST_HOLD: SignedDuration = SignedDuration::from_mins(15);
/// How long it is left alone at least: some say "after 0 seconds".
const SHORTEST_GAP: SignedDuration = SignedDuration::from_secs(2);
/// A room that has to get further is looked at more often than this.
const ABSENCE: SignedDuration = SignedDuration::from_mins(2);
/// "Not found" in a row until a group is believed to be gone.
const GONE_BELIEVED: u32 = 3;

impl Room {
    /// Writes down that `task` is about to be called through `instance`, with these words if it has any.
    pub fn begin(
        &mut self,
        (task, words): (&Task, Option<&str>),
        instance: &str,
        inputs: &Inputs,
        now: Timestamp,
    ) -> Result<Option<Event>, Illegal> {
        self.note_absence(now);
        self.touched_at = Some(now);
        self.has_hosted |= !inputs.guests.is_empty();
        if let Task::Create { people } = task {
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
        if let Task::Say { message, chat } = task {
            if matches!(self.phase, Phase::Wanted { .. }) {
                // A lost message to one person is looked for where it was sent.
                self.instance = Some(instance.to_owned());
            }
            self.give_up_private(Some(message), now);
            let said = Said {
                text: words.unwrap_or_default().to_owned(),
                covers: inputs.news.last().map_or(0, |n| n.seq),
                instance: Some(instance.to_owned()),
                ..Said::new(message.clone(), chat.clone(), now)
            };
            self.tasks.begin_message(said, now);
        }
        if let Task::AddMembers { people, .. } = task {
            for seat in self.seats.iter_mut().filter(|s| people.contains(s.address())) {
                seat.state = SeatState::Asked;
            }
        }
        self.begin_number(task);
        Ok(None)
    }

    /// Nobody has worked on the room for longer than it ever sleeps by itself: that time counts against no
    /// deadline, like one in which its number was down.
    fn note_absence(&mut self, now: Timestamp) {
        let worked_on = self.touched_at.max(self.throttled_until());
        if worked_on.is_some_and(|at| later(at, ABSENCE) < now) {
            self.resumed_at = Some(now);
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
            Event::Escalated { step } => self.take_escalation_step(step, now),
            Event::Ended | Event::Cancel => self.cancel_pending_invites(),
            Event::Switched { instance } => self.switch_to(instance, now),
            // An operator's "go on" is a fresh start for everything that was given up on the way.
            Event::Resume { .. } | Event::NewGroup => {
                self.wanted_at = now;
                self.creates = 0;
                self.core_only = false;
                self.hopeless = None;
                self.tasks.forget_troubles();
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
        self.tasks.retain(|key, progress| match &progress.said {
            Some(said) if said.message.is_private() => {
                if progress.state == State::Unknown {
                    progress.state = State::ToDo;
                }
                true
            }
            Some(said) => {
                let outlives = matches!(said.message, Message::News { .. } | Message::Pointer { .. });
                outlives && progress.state.ended_at().is_some()
            }
            None => {
                let outlives =
                    ["fallback_webhook ", "rename_duplicate "].iter().any(|kind| key.starts_with(kind));
                outlives || progress.state == State::ToDo
            }
        });
        self.forget_escalation();
        self.standby.clear();
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

    /// Takes in what came back from `task`, which had these words if any.
    pub fn finish(
        &mut self,
        (task, words): (&Task, Option<&str>),
        answer: &Answer,
        context: Context<'_>,
        now: Timestamp,
    ) -> Result<Effect, Illegal> {
        let own = self.is_held_by(task);
        self.touched_at = Some(now);
        if let Answer::Failed(error) = answer {
            self.last_failure = Some(format!("{}: {error}", task.name().replace('_', " ")));
            if own {
                self.hold(error, now);
            }
        } else {
            if own {
                self.tasks.forget_trouble(THROTTLED);
            }
            let proves_nothing = matches!(answer, Answer::Groups(FoundGroups { doubt: Some(_), .. }));
            // A number can see the group and still lack its rights there.
            if !proves_nothing && !matches!(task, Task::CheckNumber { .. }) {
                self.tasks.forget_trouble(&task.key());
            }
        }
        let mut out = Effect::default();
        let effect = &mut out;
        let ended = Answered { task, answer, context, now };
        match task {
            Task::Create { people } => self.finish_create(ended, people, effect),
            Task::Look { instance, thoroughly, .. } => self.finish_look(ended, instance, *thoroughly, effect),
            Task::Sweep { instance, .. } => self.finish_sweep(ended, instance, effect),
            Task::ReadGroup { group, instance } => self.finish_read_group(ended, group, instance),
            Task::Say { message, .. } => self.finish_say(ended, message, effect),
            Task::LookForMessage { message, .. } => self.finish_look_for_message(ended, message),
            Task::ReadMembers { .. } => self.finish_read(ended, effect),
            Task::AddMembers { people, .. } => self.finish_add(ended, people, effect),
            Task::CheckHistory { person, .. } => self.finish_history(person, answer),
            Task::GetLink { .. } => self.finish_link(ended, effect),
            Task::CheckReachable { person, .. } => self.finish_reachable(ended, person, effect),
            Task::LeaveDuplicate { group } => self.finish_leave_duplicate(ended, group, effect),
            Task::AddNumber { instance, .. }
            | Task::JoinNumber { instance, .. }
            | Task::PromoteNumber { instance, .. }
            | Task::CheckNumber { instance, .. }
            | Task::LeaveNumber { instance, .. } => self.finish_number(ended, instance, effect),
            // Only a member list shows whether it was done.
            Task::Promote { .. } if *answer == Answer::Done => self.was_promoted(now),
            Task::Rename { .. }
            | Task::Describe { .. }
            | Task::LockSettings { .. }
            | Task::Promote { .. }
            | Task::RevokeLink { .. }
            | Task::LockMessages { .. }
            | Task::Leave { .. }
            | Task::RenameDuplicate { .. }
            | Task::CallWebhook(_) => self.finish_once(ended, effect),
        }
        if let (Task::Rename { .. }, Answer::Done, Some(subject)) = (task, answer, words) {
            self.named = Some(Named { subject: subject.to_owned(), at: now });
        }
        if let Some(event) = out.event.clone() {
            self.take(&event, now)?;
        }
        Ok(out)
    }

    /// Whether the room waits when the number that makes this call is down or throttled: it is the room's own, or
    /// one that writes to people.
    fn is_held_by(&self, task: &Task) -> bool {
        match task.kind().by {
            By::Room => true,
            By::Number(name) => self.instance.as_deref() == Some(name),
            By::Any => task.private().is_some(),
            By::Beside(_) | By::Webhook => false,
        }
    }

    /// A provider that wants no more calls is left alone for a while, whatever the task was.
    fn hold(&mut self, error: &GatewayError, now: Timestamp) {
        if let GatewayError::Throttled { retry_after, .. } = error {
            let gap = retry_after.and_then(|d| SignedDuration::try_from(d).ok()).unwrap_or(THROTTLED_GAP);
            let until = later(now, gap.clamp(SHORTEST_GAP, LONGEST_HOLD));
            self.tasks.failed(THROTTLED, error, now).retry_at = until;
        }
    }

    fn finish_create(
        &mut self,
        Answered { answer, context, now, .. }: Answered<'_>,
        people: &[Jid],
        effect: &mut Effect,
    ) {
        if let Answer::Created(created) = answer {
            note_said(&mut self.seats, &created.said);
            self.tasks.forget_trouble("create");
            effect.event = Some(Event::Made { group: created.group.clone() });
            return;
        }
        let error = answer.error();
        match &error {
            GatewayError::Unknown { .. } | GatewayError::Gone { .. } => {
                effect.event = Some(Event::Lost { look_at: later(now, FIRST_LOOK) });
            }
            GatewayError::NotSent { .. } => {
                let retry_at = self.tasks.failed("create", &error, now).retry_at;
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
            GatewayError::Refused { reason, .. } if *reason != Refusal::Plan && people.len() > 1 => {
                self.core_only = true;
                self.not_sent(effect, now);
            }
            GatewayError::Refused { detail, .. } => {
                self.refused_alone.extend(people.iter().cloned());
                self.not_sent(effect, now);
                if self.first_members(context.policy.not_opted_in).is_empty() {
                    self.hopeless = Some(format!("the gateway refused to make the group: {detail}"));
                }
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

    /// A task that is done once: done, tried again, or given up.
    fn finish_once(&mut self, ended: Answered<'_>, effect: &mut Effect) {
        let key = ended.task.key();
        if *ended.answer == Answer::Done {
            self.tasks.done(&key, ended.now);
        } else if self.fail(ended, effect) {
            self.tasks.give_up(&key, ended.answer.error().to_string(), ended.now);
        }
    }

    /// Counts a failure; true when the task is not worth another try. A group that is gone moves the phase.
    pub(super) fn fail(
        &mut self,
        Answered { task, answer, now, .. }: Answered<'_>,
        effect: &mut Effect,
    ) -> bool {
        let error = &answer.error();
        if let GatewayError::Gone { detail } = error
            && matches!(self.phase, Phase::Live { .. } | Phase::Closing { .. })
            && task.tells_of_the_group()
        {
            // A provider may need a moment until it knows a new group everywhere.
            if self.tasks.failed(&task.key(), error, now).refusals >= GONE_BELIEVED {
                let why = detail.clone();
                let is_guest = self.guest_of.is_some() && matches!(self.phase, Phase::Live { .. });
                let lost = if is_guest { Event::Unhosted { why } } else { Event::Gone { why } };
                effect.event = Some(lost);
            }
            return false;
        }
        let waits_for_the_number = matches!(
            error,
            GatewayError::SessionDown { .. }
                | GatewayError::Throttled { .. }
                | GatewayError::Refused { reason: Refusal::Credentials, .. }
        );
        if waits_for_the_number && task.kind().by != By::Webhook {
            if !self.is_held_by(task) {
                // Nobody's hold keeps this one from being tried again at once.
                self.tasks.failed(&task.key(), error, now);
            }
            return false;
        }
        let trouble = self.tasks.failed(&task.key(), error, now);
        let essential = matches!(task, Task::Say { message: Message::Welcome, .. });
        // To repeat it makes it worse, or is in vain.
        let is_final =
            matches!(error, GatewayError::Refused { reason: Refusal::Strangers | Refusal::NoAccount, .. });
        let is_spent = trouble.refusals >= REFUSALS || trouble.failures >= task.kind().tries;
        !essential && (is_final || is_spent)
    }
}
