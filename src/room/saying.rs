//! Messages: said once, looked for when lost, and said again only when they are not there.
//!
//! A room is rather told twice than not at all; a person 1:1 is asked at most twice in all, because a
//! number that repeats itself to people looks like spam.

use super::agenda::{LOOKS, Step, What};
use super::progress::{Answer, Effect, FIRST_LOOK, SKEW};
use super::seat::{Refused, SeatState};
use super::{Chore, Room, Told};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::gateway::GatewayError;

/// Between two looks for a lost message.
const SECOND_LOOK: SignedDuration = SignedDuration::from_secs(3);

impl Room {
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
        } else if let GatewayError::Unknown { .. } = answer.error() {
            if let Some(saying) = &mut self.saying {
                saying.look_at = later(now, FIRST_LOOK);
            }
        } else {
            // An earlier try of the same message may have arrived: keep looking for that one.
            if self.saying.as_ref().is_some_and(|s| s.sends <= 1) {
                self.saying = None;
            }
            if self.fail(step, answer, effect, now) {
                self.saying = None;
                self.give_up_saying(what, answer, now);
            }
        }
    }

    pub(super) fn finish_look_for_message(
        &mut self,
        (what, text, since): (&What, &str, Timestamp),
        step: &Step,
        answer: &Answer,
        now: Timestamp,
    ) {
        if let Answer::Messages(messages) = answer {
            let earliest = later(since, -SKEW);
            let found = messages.iter().find(|m| same_words(&m.text, text) && m.sent_at >= earliest);
            if let Some(found) = found {
                self.was_said(what, found.message_id.clone(), now);
                return;
            }
            if let Some(saying) = &mut self.saying {
                saying.looks += 1;
                saying.look_at = later(now, SECOND_LOOK);
            }
        } else {
            let mut ignored = Effect::default();
            if self.fail(step, answer, &mut ignored, now) {
                self.troubles.remove(&step.key());
                // The chat cannot be read: a room is rather told twice than not at all.
                if let Some(saying) = &mut self.saying {
                    saying.looks = LOOKS;
                }
            }
        }
        let twice = self.saying.as_ref().is_some_and(|s| s.looks >= LOOKS && s.sends >= 2);
        if twice && what.is_private() {
            self.saying = None;
            let lost = GatewayError::Unknown { detail: "handed over twice, never seen".to_owned() };
            self.give_up_saying(what, &Answer::Failed(lost), now);
        }
    }

    fn was_said(&mut self, what: &What, message_id: Option<String>, now: Timestamp) {
        let text = self.saying.take().map(|s| s.text).unwrap_or_default();
        self.troubles.remove(&format!("look for {}", what.key()));
        self.told.push(Told { what: what.clone(), at: now, text, message_id });
        match what {
            What::Welcome => {}
            What::News { through } => self.heard = self.heard.max(*through),
            What::Invite { person } => {
                if let Some(seat) = self.seat_of_mut(person)
                    && !matches!(seat.state, SeatState::In { .. })
                {
                    seat.state = SeatState::Invited { since: now, by_gateway: false };
                }
            }
            What::Brief { person } => {
                if let Some(seat) = self.seat_of_mut(person) {
                    seat.briefed = true;
                }
            }
            What::Presence => self.done(Chore::Presence, now),
            What::LastWords => self.done(Chore::LastWords, now),
        }
    }

    fn give_up_saying(&mut self, what: &What, answer: &Answer, now: Timestamp) {
        let why = answer.error().to_string();
        match what {
            // Essential: the agenda turns its trouble into a parked room.
            What::Welcome => {}
            What::News { through } => self.heard = self.heard.max(*through),
            What::Invite { person } => {
                if let Some(seat) = self.seat_of_mut(person) {
                    seat.state = SeatState::Refused { why: Refused::Undeliverable };
                }
            }
            What::Brief { person } => {
                if let Some(seat) = self.seat_of_mut(person) {
                    seat.briefed = true;
                }
            }
            What::Presence => self.give_up(Chore::Presence, why, now),
            What::LastWords => self.give_up(Chore::LastWords, why, now),
        }
    }
}

/// Whether two texts are the same message: providers trim and change line ends.
fn same_words(one: &str, other: &str) -> bool {
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    words(one) == words(other)
}
