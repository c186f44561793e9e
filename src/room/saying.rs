//! Messages: said once, looked for when lost, and said again only when they are not there.
//!
//! A room is rather told twice than not at all; a person 1:1 is asked at most twice in all, because a
//! number that repeats itself to people looks like spam.

use super::agenda::{LOOKS, REFUSALS, Step, What};
use super::progress::{Answer, Effect, FIRST_LOOK, SKEW};
use super::seat::{Refused, Reminder, SeatState};
use super::{Chore, Done, Look, Room, Told, Trouble, Why};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::gateway::{GatewayError, NoticeKind};
use crate::incident::IncidentId;

/// Between two looks for a lost message.
const SECOND_LOOK: SignedDuration = SignedDuration::from_secs(3);
/// How often one message is handed over to a room without ever being seen there.
const SENDS: u32 = 3;

/// What a provider that wants no more 1:1 messages for now is remembered under.
const PRIVATE: &str = "private";

impl Room {
    /// Until when the provider wants no more 1:1 messages, if it said so.
    pub(super) fn private_hold(&self) -> Option<Timestamp> {
        self.troubles.get(PRIVATE).map(|trouble| trouble.retry_at)
    }

    pub(super) fn finish_say(
        &mut self,
        what: &What,
        step: &Step,
        answer: &Answer,
        effect: &mut Effect,
        now: Timestamp,
    ) {
        if let Answer::Sent(sent) = answer {
            self.was_said(what, sent.message_id.clone(), now);
        } else if let error @ GatewayError::Unknown { .. } = answer.error() {
            // Only so that the next try waits longer: whether this one arrived is for the look to say.
            self.note_trouble(&step.key(), &error, now);
            if let Some(saying) = &mut self.saying {
                saying.look = Look::planned(now, later(now, FIRST_LOOK));
            }
        } else {
            // This try did nothing, but an earlier one of the same message may have arrived: keep looking
            // for that one.
            self.saying = self.saying.take().filter(|s| s.sends > 1);
            if let Some(saying) = &mut self.saying {
                saying.sends -= 1;
            }
            // Another number may take it at once, so the message itself has to remember the wait.
            if let GatewayError::Throttled { .. } = answer.error()
                && let Some(until) = self.hold_until.filter(|_| what.is_private())
            {
                for key in [step.key(), PRIVATE.to_owned()] {
                    let trouble = self.note_trouble(&key, &answer.error(), now);
                    self.troubles.insert(key, Trouble { retry_at: trouble.retry_at.max(until), ..trouble });
                }
            }
            let given_up = self.fail(step, answer, effect, now);
            let refusals = self.troubles.get(&step.key()).map_or(0, |t| t.refusals);
            if *what == What::Welcome && refusals >= REFUSALS {
                self.saying = None;
            }
            if given_up {
                self.saying = None;
                self.give_up_saying(what, answer, now);
            }
        }
    }

    pub(super) fn finish_look_for_message(
        &mut self,
        what: &What,
        step: &Step,
        answer: &Answer,
        now: Timestamp,
    ) {
        if let Answer::Messages(messages) = answer {
            let found = self.saying.as_ref().and_then(|saying| {
                let earliest = later(saying.begun_at, -SKEW);
                messages.iter().find(|m| same_words(&m.text, &saying.text) && m.sent_at >= earliest)
            });
            if let Some(found) = found {
                self.was_said(what, found.message_id.clone(), now);
                return;
            }
            if let Some(saying) = &mut self.saying {
                saying.looks += 1;
                saying.look = Look::planned(now, later(now, SECOND_LOOK));
            }
        } else {
            let mut ignored = Effect::default();
            if self.fail(step, answer, &mut ignored, now) {
                self.troubles.remove(&step.key());
                // The chat cannot be read: a room is rather told twice than not at all.
                if let Some(saying) = &mut self.saying {
                    saying.looks = LOOKS;
                    saying.unreadable = true;
                }
            }
        }
        self.end_of_tries(what, now);
    }

    /// A message that was handed over often enough without being seen is not said again for ever.
    fn end_of_tries(&mut self, what: &What, now: Timestamp) {
        let most = if what.is_private() { 2 } else { SENDS };
        let Some(saying) = self.saying.as_ref().filter(|s| s.looks >= LOOKS && s.sends >= most) else {
            return;
        };
        if saying.unreadable && !what.is_private() {
            // Nobody can tell, and whoever is in the room has most likely read it more than once by now.
            self.was_said(what, None, now);
        } else {
            self.saying = None;
            let lost = GatewayError::Unknown { detail: format!("handed over {most} times, never seen") };
            self.give_up_saying(what, &Answer::Failed(lost), now);
        }
    }

    pub(super) fn was_said(&mut self, what: &What, message_id: Option<String>, now: Timestamp) {
        let (text, covers) = self.saying.take().map(|s| (s.text, s.covers)).unwrap_or_default();
        self.troubles.remove(&format!("look for {}", what.key()));
        self.troubles.remove(&what.trouble());
        if what.is_private() {
            self.troubles.remove(PRIVATE);
        }
        self.told.push(Told { what: what.clone(), at: now, text, message_id });
        match what {
            // It tells the whole picture, so what led to it is no news any more.
            What::Welcome => self.heard = self.heard.max(covers),
            What::News { through, leavers } => {
                self.heard = self.heard.max(*through);
                self.told_of(leavers);
            }
            What::Invite { person } => {
                if let Some(seat) = self.seat_of_mut(person)
                    && !matches!(seat.state, SeatState::In { .. } | SeatState::Left { .. })
                {
                    seat.state = SeatState::Invited { since: now, by_gateway: false };
                }
            }
            What::Brief { person, .. } => {
                if let Some(seat) = self.seat_of_mut(person) {
                    seat.briefed = true;
                }
            }
            What::Reminder { person } => self.was_reminded(person),
            What::Quorum { matter } => self.pursuit.unsaid.retain(|unsaid| unsaid != matter),
            What::Quiet { person } => {
                if let Some(seat) = self.seat_of_mut(person) {
                    seat.told_quiet = true;
                }
            }
            What::Presence { leavers } => {
                self.done(Chore::Presence, now);
                self.told_of(leavers);
            }
            What::Departures { leavers } => self.told_of(leavers),
            What::LastWords => self.done(Chore::LastWords, now),
            What::Pointer { group } => self.pointed(group, Done::Well { at: now }),
        }
    }

    /// The room heard that these people left.
    fn told_of(&mut self, leavers: &[String]) {
        for seat in self.seats.iter_mut().filter(|s| leavers.contains(&s.who.person)) {
            seat.left_told = true;
        }
    }

    /// A message that had been handed over could not be sent after all. One to a person is not repeated: the person
    /// counts as not reached, and the room is told so.
    pub(super) fn was_not_delivered(&mut self, message_id: &str, now: Timestamp) {
        let is_it = |told: &Told| told.message_id.as_deref() == Some(message_id) && told.what.is_private();
        let Some(at) = self.told.iter().position(is_it) else { return };
        let Told { what, .. } = self.told.remove(at);
        let lost = GatewayError::Unknown { detail: "it could not be sent after all".to_owned() };
        self.give_up_saying(&what, &Answer::Failed(lost), now);
        self.chores.remove(&Chore::Presence);
    }

    /// Whether this tells that a message to somebody whom our number does not know could not be sent after all.
    #[must_use]
    pub fn came_back_from_a_stranger(&self, notice: &NoticeKind) -> bool {
        let NoticeKind::Undelivered { message_id, .. } = notice else { return false };
        let is_it = |told: &&Told| told.message_id.as_deref() == Some(message_id.as_str());
        let person = self.told.iter().find(is_it).and_then(|told| told.what.person());
        self.seats.iter().any(|seat| Some(seat.who.person.as_str()) == person && !seat.is_known())
    }

    fn was_reminded(&mut self, person: &str) {
        if let Some(seat) = self.seat_of_mut(person) {
            seat.reminder = Reminder::Done;
        }
    }

    /// A person heard of this incident in the message of another one; `well` unless that never arrived.
    pub fn was_told_by(&mut self, person: &str, by: IncidentId, well: bool, now: Timestamp) {
        let Some(seat) = self.seat_of_mut(person) else { return };
        if seat.briefed {
            return;
        }
        seat.briefed = true;
        if well {
            let what = What::Brief { person: person.to_owned(), why: Why::ToldWith { other: by } };
            let text = format!("(told in the message about {by})");
            self.told.push(Told { what, at: now, text, message_id: None });
        }
    }

    pub(super) fn give_up_saying(&mut self, what: &What, answer: &Answer, now: Timestamp) {
        let why = answer.error().to_string();
        match what {
            // Essential: the agenda turns its trouble into a parked room.
            What::Welcome => {
                if let Some(trouble) = self.troubles.get_mut("say welcome") {
                    trouble.refusals = trouble.refusals.max(REFUSALS);
                    trouble.last = why;
                }
            }
            What::News { through, .. } => self.heard = self.heard.max(*through),
            What::Invite { person } => {
                if let Some(seat) = self.seat_of_mut(person)
                    && !matches!(seat.state, SeatState::In { .. } | SeatState::Left { .. })
                {
                    seat.state = SeatState::Refused { why: Refused::Undeliverable };
                }
            }
            What::Brief { person, .. } => {
                if let Some(seat) = self.seat_of_mut(person) {
                    seat.briefed = true;
                    seat.unreached = true;
                }
            }
            What::Quiet { person } => {
                if let Some(seat) = self.seat_of_mut(person) {
                    seat.told_quiet = true;
                    seat.unreached = true;
                }
            }
            What::Reminder { person } => self.was_reminded(person),
            What::Quorum { matter } => self.pursuit.unsaid.retain(|unsaid| unsaid != matter),
            What::Presence { .. } => self.give_up(Chore::Presence, why, now),
            // Nobody is harmed by not hearing it, and a room that refuses it refuses the next one too.
            What::Departures { .. } => {
                for seat in self.seats.iter_mut().filter(|s| matches!(s.state, SeatState::Left { .. })) {
                    seat.left_told = true;
                }
            }
            What::LastWords => self.give_up(Chore::LastWords, why, now),
            What::Pointer { group } => self.pointed(group, Done::GivenUp { why, at: now }),
        }
    }
}

/// Whether two texts are the same message: providers trim and change line ends.
pub(super) fn same_words(one: &str, other: &str) -> bool {
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    words(one) == words(other)
}
