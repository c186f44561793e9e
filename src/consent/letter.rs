//! A 1:1 message that belongs to no room: an opt-in request, or the receipt for a STOP or a START.
//!
//! Like a room's messages it is written down before it is sent. A letter whose answer was lost is looked for in
//! the chat by its text, and sent once more at most when it is certainly not there.

use serde::{Deserialize, Serialize};

use crate::clock::{SignedDuration, Timestamp, later};
use crate::gateway::{GatewayError, OwnMessage, Refusal, Sent};
use crate::jid::Jid;

/// What a letter is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LetterKind {
    /// Who we are, and how to refuse.
    OptInRequest,
    /// That a STOP was taken: the one thing that is said after it.
    Stopped,
    /// That a START was taken.
    Started,
    /// Whether a sentence was meant as a STOP.
    Question,
}

impl LetterKind {
    /// A bounded name, for the store, metrics and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OptInRequest => "opt_in_request",
            Self::Stopped => "stopped",
            Self::Started => "started",
            Self::Question => "question",
        }
    }
}

/// Where a letter stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Delivery {
    /// To be sent, not before this moment.
    Due {
        /// When.
        at: Timestamp,
    },
    /// A call is under way, or whoever made it is gone when this moment has passed.
    Sending {
        /// Until when nobody else touches it.
        until: Timestamp,
    },
    /// It may or may not have arrived: look for it in the chat.
    Unsure {
        /// When.
        look_at: Timestamp,
    },
    /// It was handed over.
    Done {
        /// When.
        at: Timestamp,
    },
    /// It will not be sent.
    GivenUp {
        /// Why.
        why: String,
        /// When.
        at: Timestamp,
    },
}

/// One 1:1 message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// To whom.
    pub to: Jid,
    /// Their key in the roster.
    pub person: String,
    /// What for.
    pub kind: LetterKind,
    /// The exact words, by which it is looked for. For an answer they are chosen when it is sent.
    pub text: String,
    /// The linked number that it goes through, once that is decided.
    pub instance: Option<String>,
    /// When it was first handed over.
    pub begun_at: Option<Timestamp>,
    /// How often it was handed over with a chance to arrive.
    pub sends: u32,
    /// Looks since the last time that did not find it.
    pub looks: u32,
    /// Tries that did nothing, in a row.
    pub failures: u32,
    /// Where it stands.
    pub delivery: Delivery,
}

/// What came back from a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    /// It was sent, or not.
    Sent(Result<Sent, GatewayError>),
    /// The chat was read, or not.
    Looked(Result<Vec<OwnMessage>, GatewayError>),
    /// The number is not on the network, so nothing was sent.
    NotOnNetwork,
}

/// The first look after a lost send.
const FIRST_LOOK: SignedDuration = SignedDuration::from_secs(2);
/// Between two looks.
const LOOK_GAP: SignedDuration = SignedDuration::from_secs(10);
/// Looks without a find before it is believed not to be there.
const LOOKS: u32 = 2;
/// Times that it is handed over at most.
const SENDS: u32 = 2;
/// How far the provider's clock may be behind ours.
const SKEW: SignedDuration = SignedDuration::from_secs(120);
/// Tries that do nothing before it is given up: the later ones are an hour apart.
const FAILURES: u32 = 30;
/// The longest wait between two of them, in seconds.
const LONGEST_GAP: i64 = 3600;

impl Letter {
    /// A letter that is due at once.
    #[must_use]
    pub fn new(to: Jid, person: &str, kind: LetterKind, text: String, now: Timestamp) -> Self {
        Self {
            to,
            person: person.to_owned(),
            kind,
            text,
            instance: None,
            begun_at: None,
            sends: 0,
            looks: 0,
            failures: 0,
            delivery: Delivery::Due { at: now },
        }
    }

    /// When there is something to do about it; never, once it is over.
    #[must_use]
    pub fn due_at(&self) -> Option<Timestamp> {
        match self.delivery {
            Delivery::Due { at } => Some(at),
            Delivery::Sending { until } => Some(until),
            Delivery::Unsure { look_at } => Some(look_at),
            Delivery::Done { .. } | Delivery::GivenUp { .. } => None,
        }
    }

    /// Whether the next thing to do is to look for it, and not to send it.
    #[must_use]
    pub fn is_to_be_looked_for(&self) -> bool {
        matches!(self.delivery, Delivery::Sending { .. } | Delivery::Unsure { .. })
    }

    /// Writes down that it is about to be sent through `instance`, or looked for there.
    pub fn begin(&mut self, instance: &str, until: Timestamp, now: Timestamp) {
        if !self.is_to_be_looked_for() {
            self.instance = Some(instance.to_owned());
            self.begun_at.get_or_insert(now);
            self.sends += 1;
            self.looks = 0;
        }
        self.delivery = Delivery::Sending { until };
    }

    /// Takes in what came of it. Answers with the provider's id of it when it was handed over.
    pub fn finish(&mut self, tried: &Tried, now: Timestamp) -> Option<String> {
        match tried {
            Tried::Sent(Ok(sent)) => {
                self.delivery = Delivery::Done { at: now };
                return Some(sent.message_id.clone().unwrap_or_default());
            }
            Tried::Looked(Ok(found)) => {
                let earliest = self.begun_at.map_or(Timestamp::MIN, |at| later(at, -SKEW));
                if let Some(mine) = found.iter().find(|m| same(&m.text, &self.text) && m.sent_at >= earliest)
                {
                    self.delivery = Delivery::Done { at: now };
                    return Some(mine.message_id.clone().unwrap_or_default());
                }
                self.looks += 1;
                self.delivery = if self.looks < LOOKS {
                    Delivery::Unsure { look_at: later(now, LOOK_GAP) }
                } else if self.sends < SENDS {
                    Delivery::Due { at: now }
                } else {
                    let why = format!("handed over {SENDS} times, never seen in the chat");
                    Delivery::GivenUp { why, at: now }
                };
            }
            Tried::Sent(Err(GatewayError::Unknown { .. })) => {
                self.delivery = Delivery::Unsure { look_at: later(now, FIRST_LOOK) };
            }
            Tried::NotOnNetwork => {
                self.sends = self.sends.saturating_sub(1);
                self.delivery = Delivery::GivenUp { why: "not on WhatsApp".to_owned(), at: now };
            }
            Tried::Sent(Err(error)) => self.not_sent(error, now),
            // Who cannot be seen to have got it does not get it again.
            Tried::Looked(Err(error)) => {
                self.failures += 1;
                self.delivery = if self.failures >= FAILURES {
                    let why = format!("nobody can tell whether it arrived: {error}");
                    Delivery::GivenUp { why, at: now }
                } else {
                    Delivery::Unsure { look_at: later(now, gap(self.failures)) }
                };
            }
        }
        None
    }

    /// This try did nothing; an earlier one may have, and is looked for.
    fn not_sent(&mut self, error: &GatewayError, now: Timestamp) {
        self.sends = self.sends.saturating_sub(1);
        self.failures += 1;
        let lasting = match error {
            GatewayError::Refused { reason, .. } => !matches!(reason, Refusal::Credentials),
            GatewayError::Gone { .. } => true,
            GatewayError::NotSent { .. }
            | GatewayError::Unknown { .. }
            | GatewayError::Throttled { .. }
            | GatewayError::SessionDown { .. } => false,
        };
        let wait = match error {
            GatewayError::Throttled { retry_after: Some(after), .. } => SignedDuration::try_from(*after)
                .map_or(gap(self.failures), |after| after.max(gap(self.failures))),
            _ => gap(self.failures),
        };
        self.delivery = if lasting || self.failures >= FAILURES {
            Delivery::GivenUp { why: error.to_string(), at: now }
        } else if self.sends > 0 {
            Delivery::Unsure { look_at: later(now, wait) }
        } else {
            Delivery::Due { at: later(now, wait) }
        };
    }
}

/// Longer with each failure.
fn gap(failures: u32) -> SignedDuration {
    SignedDuration::from_secs((15i64 << failures.min(10)).min(LONGEST_GAP))
}

/// Chats drop blanks around a text and know one kind of line end.
fn same(one: &str, other: &str) -> bool {
    let plain = |text: &str| text.replace("\r\n", "\n").trim().to_owned();
    plain(one) == plain(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_772_000_000 + second).unwrap()
    }

    fn letter() -> Letter {
        let to = "15550100001@c.us".parse().unwrap();
        Letter::new(to, "ada", LetterKind::OptInRequest, "Hello".to_owned(), at(0))
    }

    fn unknown() -> Tried {
        Tried::Sent(Err(GatewayError::Unknown { detail: "time-out".to_owned() }))
    }

    fn begun() -> Letter {
        let mut letter = letter();
        letter.begin("main", at(120), at(1));
        letter
    }

    #[test]
    fn a_lost_letter_is_looked_for_twice_and_sent_once_more_at_most() {
        let mut letter = begun();
        let mut sent = 1;
        letter.finish(&unknown(), at(2));
        for second in 3..60 {
            match letter.delivery {
                Delivery::Due { .. } => {
                    sent += 1;
                    letter.begin("main", at(500), at(second));
                    letter.finish(&unknown(), at(second));
                }
                Delivery::Unsure { .. } => {
                    letter.begin("main", at(500), at(second));
                    letter.finish(&Tried::Looked(Ok(Vec::new())), at(second));
                }
                _ => break,
            }
        }
        assert_eq!(sent, 2);
        assert!(matches!(letter.delivery, Delivery::GivenUp { .. }), "{:?}", letter.delivery);
    }

    #[test]
    fn a_lost_letter_that_stands_in_the_chat_was_handed_over() {
        let mut letter = begun();
        letter.finish(&unknown(), at(2));
        let found =
            OwnMessage { text: "Hello \r\n".to_owned(), sent_at: at(1), message_id: Some("M1".to_owned()) };
        assert_eq!(letter.finish(&Tried::Looked(Ok(vec![found])), at(5)), Some("M1".to_owned()));
        assert_eq!(letter.delivery, Delivery::Done { at: at(5) });
    }

    #[test]
    fn a_message_of_an_earlier_day_with_the_same_words_is_not_this_one() {
        let mut letter = begun();
        letter.finish(&unknown(), at(2));
        let old = OwnMessage { text: "Hello".to_owned(), sent_at: at(-90_000), message_id: None };
        assert_eq!(letter.finish(&Tried::Looked(Ok(vec![old])), at(5)), None);
    }

    #[test]
    fn whoever_sent_it_and_is_gone_leaves_a_letter_to_look_for() {
        let letter = begun();
        assert!(letter.is_to_be_looked_for());
        assert_eq!(letter.due_at(), Some(at(120)));
    }

    #[test]
    fn a_chat_that_cannot_be_read_is_no_reason_to_write_again() {
        let mut letter = begun();
        letter.finish(&unknown(), at(2));
        for second in 0..200 {
            if letter.due_at().is_none() {
                break;
            }
            letter.begin("main", at(9_999), at(second));
            let failed = GatewayError::NotSent { detail: "no".to_owned() };
            letter.finish(&Tried::Looked(Err(failed)), at(second));
        }
        assert_eq!(letter.sends, 1);
        assert!(matches!(letter.delivery, Delivery::GivenUp { .. }));
    }

    #[test]
    fn a_number_that_is_down_delays_a_letter_and_a_refusal_ends_it() {
        let mut letter = begun();
        letter.finish(&Tried::Sent(Err(GatewayError::SessionDown { detail: "SCAN".to_owned() })), at(2));
        assert!(matches!(letter.delivery, Delivery::Due { at } if at > self::at(2)));
        assert_eq!(letter.sends, 0);
        letter.begin("main", at(500), at(60));
        letter.finish(&Tried::NotOnNetwork, at(61));
        assert_eq!(letter.delivery, Delivery::GivenUp { why: "not on WhatsApp".to_owned(), at: at(61) });
    }
}
