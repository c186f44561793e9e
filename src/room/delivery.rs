//! Messages: said once, looked for when lost, and said again only when they are not there.
//!
//! A room is rather told twice than not at all; a person 1:1 is asked at most twice in all, because a
//! number that repeats itself to people looks like spam.

use super::answer::{Answer, Answered, Effect, FIRST_LOOK, SKEW};
use super::message::{Message, Why, brief_key};
use super::phase::Look;
use super::progress::Said;
use super::seat::{Refused, SeatState};
use super::{Room, Seat};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::gateway::{GatewayError, NoticeKind};
use crate::incident::IncidentId;
use crate::jid::ChatId;

/// Looks without a find before a lost message is said again.
pub(super) const LOOKS: u32 = 2;
/// Refusals after which a small thing is given up, and something essential needs a person.
pub(super) const REFUSALS: u32 = 3;
/// Between two looks for a lost message.
const SECOND_LOOK: SignedDuration = SignedDuration::from_secs(3);
/// How often one message is handed over to a room without ever being seen there.
const SENDS: u32 = 3;

/// What a provider that wants no more 1:1 messages for now is remembered under.
const PRIVATE: &str = "private";
/// The same for calls of any kind.
pub(super) const THROTTLED: &str = "throttled";

impl Room {
    /// Until when the provider wants no more calls, if it said so.
    #[must_use]
    pub fn throttled_until(&self) -> Option<Timestamp> {
        self.tasks.retry_at(THROTTLED)
    }

    /// Until when the provider wants no more 1:1 messages, if it said so.
    pub(super) fn private_hold(&self) -> Option<Timestamp> {
        self.tasks.retry_at(PRIVATE)
    }

    /// Whether a person was told 1:1 that there is no group, or that was given up.
    #[must_use]
    pub fn is_told(&self, person: &str) -> bool {
        self.tasks.is_over(&brief_key(person))
    }

    /// Whether a 1:1 message about the incident was given up: nobody knows that the person heard of it.
    #[must_use]
    pub fn is_unreached(&self, person: &str) -> bool {
        let quiet = Message::Quiet { person: person.to_owned() };
        [brief_key(person), quiet.task_key()].iter().any(|key| self.tasks.given_up(key).is_some())
    }

    /// Whether a person heard 1:1 that there is no group.
    #[must_use]
    pub fn was_told_alone(&self, person: &str) -> bool {
        self.is_told(person) && !self.is_unreached(person)
    }

    /// People who left and of whom the room was not told yet.
    pub fn leavers(&self) -> impl Iterator<Item = &Seat> {
        self.seats.iter().filter(|seat| {
            let SeatState::Left { since } = seat.state else { return false };
            let tells =
                |said: &Said| said.begun_at >= since && said.message.leavers().contains(&seat.who.person);
            // Nobody is harmed by not hearing it, and a room that refuses it refuses the next one too.
            !self.tasks.messages().any(|(progress, said)| {
                let is_departure = matches!(said.message, Message::Departures { .. });
                let is_over = progress.done_at().is_some() || (is_departure && progress.given_up().is_some());
                is_over && tells(said)
            })
        })
    }

    pub(super) fn finish_say(&mut self, ended: Answered<'_>, message: &Message, effect: &mut Effect) {
        let Answered { answer, now, .. } = ended;
        let key = message.task_key();
        if let Answer::Sent(sent) = answer {
            return self.was_said(message, sent.message_id.clone(), now);
        }
        let error = answer.error();
        if let GatewayError::Unknown { .. } = error {
            // Only so that the next try waits longer: whether this one arrived is for the look to say.
            self.tasks.failed(&key, &error, now);
            if let Some(said) = self.tasks.unknown_mut(&key) {
                said.look = Look::planned(now, later(now, FIRST_LOOK));
            }
            return;
        }
        // This try did nothing, but an earlier one of the same message may have arrived: it is still looked for.
        if let Some(said) = self.tasks.unknown_mut(&key) {
            said.sends -= 1;
            if said.sends == 0 {
                self.tasks.reopen(&key);
            }
        }
        // Another number may take it at once, so the message itself has to remember the wait.
        if let GatewayError::Throttled { .. } = error
            && let Some(until) = self.throttled_until().filter(|_| message.is_private())
        {
            for key in [&key, PRIVATE] {
                let trouble = self.tasks.failed(key, &error, now);
                trouble.retry_at = trouble.retry_at.max(until);
            }
        }
        let given_up = self.fail(ended, effect);
        let refusals = self.tasks.trouble(&key).map_or(0, |t| t.refusals);
        if *message == Message::Welcome && refusals >= REFUSALS {
            self.tasks.reopen(&key);
        }
        if given_up {
            self.give_up_saying(message, error.to_string(), now);
        }
    }

    pub(super) fn finish_look_for_message(&mut self, ended: Answered<'_>, message: &Message) {
        let Answered { task, answer, now, .. } = ended;
        let key = message.task_key();
        if let Answer::Messages(messages) = answer {
            let Some(said) = self.tasks.unknown_mut(&key) else { return };
            let earliest = later(said.begun_at, -SKEW);
            let found = messages.iter().find(|m| same_words(&m.text, &said.text) && m.sent_at >= earliest);
            if let Some(found) = found {
                return self.was_said(message, found.message_id.clone(), now);
            }
            said.looks += 1;
            said.look = Look::planned(now, later(now, SECOND_LOOK));
        } else if self.fail(ended, &mut Effect::default()) {
            self.tasks.forget_trouble(&task.key());
            // The chat cannot be read: a room is rather told twice than not at all.
            if let Some(said) = self.tasks.unknown_mut(&key) {
                said.looks = LOOKS;
                said.unreadable = true;
            }
        }
        // One that was handed over often enough without being seen is not said again for ever.
        let most = if message.is_private() { 2 } else { SENDS };
        let Some(said) = self.tasks.unknown_mut(&key).filter(|s| s.looks >= LOOKS && s.sends >= most) else {
            return;
        };
        if said.unreadable && !message.is_private() {
            // Nobody can tell, and whoever is in the room has most likely read it more than once by now.
            self.was_said(message, None, now);
        } else {
            self.give_up_saying(message, format!("handed over {most} times, never seen"), now);
        }
    }

    pub(super) fn was_said(&mut self, message: &Message, message_id: Option<String>, now: Timestamp) {
        let key = message.task_key();
        self.tasks.done(&key, now);
        self.tasks.forget_trouble(&message.look_key());
        if message.is_private() {
            self.tasks.forget_trouble(PRIVATE);
        }
        let said = self.tasks.get_mut(&key).and_then(|progress| progress.said.as_mut());
        let covers = said.map_or(0, |said| {
            said.message_id = message_id;
            said.covers
        });
        // The welcome tells the whole picture, so what led to it is no news any more.
        let is_welcome = *message == Message::Welcome;
        self.was_told(message, if is_welcome { covers } else { 0 });
        if let Message::Invite { person } = message {
            self.was_invited(person, SeatState::Invited { since: now, by_gateway: false });
        }
    }

    fn was_told(&mut self, message: &Message, covers: i64) {
        let through = if let Message::News { through, .. } = message { *through } else { covers };
        self.last_news = self.last_news.max(through);
    }

    fn was_invited(&mut self, person: &str, state: SeatState) {
        if let Some(seat) = self.seat_of_mut(person)
            && !matches!(seat.state, SeatState::In { .. } | SeatState::Left { .. })
        {
            seat.state = state;
        }
    }

    /// The key of the 1:1 message that the provider knows by this id.
    fn private_by_id(&self, id: &str) -> Option<&Message> {
        let is_it = |said: &&Said| said.message_id.as_deref() == Some(id) && said.message.is_private();
        let done = self.tasks.messages().filter(|(progress, _)| progress.done_at().is_some());
        done.map(|(_, said)| said).find(is_it).map(|said| &said.message)
    }

    /// A message that had been handed over could not be sent after all. One to a person is not repeated: the person
    /// counts as not reached, and the room is told so.
    pub(super) fn was_not_delivered(&mut self, message_id: &str, now: Timestamp) {
        let Some(message) = self.private_by_id(message_id).cloned() else { return };
        self.give_up_saying(&message, "it could not be sent after all".to_owned(), now);
        self.tasks.forget("say presence");
    }

    /// Whether this tells that a message to somebody whom our number does not know could not be sent after all.
    #[must_use]
    pub fn came_back_from_a_stranger(&self, notice: &NoticeKind) -> bool {
        let NoticeKind::Undelivered { message_id, .. } = notice else { return false };
        let person = self.private_by_id(message_id).and_then(Message::person);
        self.seats.iter().any(|seat| Some(seat.who.person.as_str()) == person && !seat.is_known())
    }

    /// A person heard of this incident in the message of another one; `well` unless that never arrived.
    pub fn was_told_by(&mut self, person: &str, by: IncidentId, well: bool, now: Timestamp) {
        let Some(seat) = self.seats.iter().find(|s| s.who.person == person) else { return };
        if self.is_told(person) {
            return;
        }
        let message = Message::Brief { person: person.to_owned(), why: Why::ToldWith { other: by } };
        let text = format!("(told in the message about {by})");
        let key = message.task_key();
        let chat = ChatId::Person(seat.address().clone());
        self.tasks.begin_message(Said { text, ..Said::new(message, chat, now) }, now);
        if well {
            self.tasks.done(&key, now);
        } else {
            self.tasks.give_up(&key, format!("the message about {by} did not arrive"), now);
        }
    }

    /// Gives up the 1:1 messages without an answer besides this one: their number is lost, or nobody would say
    /// something else now.
    pub(super) fn give_up_private(&mut self, besides: Option<&Message>, now: Timestamp) {
        let besides = besides.map(Message::task_key);
        let lost = self.tasks.unknown().map(|said| &said.message);
        let lost = lost.filter(|m| m.is_private() && besides.as_ref() != Some(&m.task_key()));
        for message in lost.cloned().collect::<Vec<_>>() {
            self.give_up_saying(&message, "no answer: its number was lost".to_owned(), now);
        }
    }

    pub(super) fn give_up_saying(&mut self, message: &Message, why: String, now: Timestamp) {
        let key = message.task_key();
        if *message == Message::Welcome {
            // Essential: the plan turns its trouble into a parked room.
            self.tasks.reopen(&key);
            if let Some(trouble) = self.tasks.get_mut(&key).and_then(|progress| progress.trouble.as_mut()) {
                trouble.refusals = trouble.refusals.max(REFUSALS);
                trouble.last = why;
            }
            return;
        }
        self.tasks.give_up(&key, why, now);
        self.was_told(message, 0);
        if let Message::Invite { person } = message {
            self.was_invited(person, SeatState::Refused { why: Refused::Undeliverable });
        }
    }
}

/// Whether two texts are the same message: providers trim and change line ends.
pub(super) fn same_words(one: &str, other: &str) -> bool {
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    words(one) == words(other)
}
