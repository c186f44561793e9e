//! Who wants to be called: asked once 1:1, answered by a word, and STOP always wins.
//!
//! Pure. Actors: a [`Verdict`], all that is kept of what somebody wrote to us; a [`Consent`], what is known of
//! one person; a [`Letter`], a 1:1 message that belongs to no room; [`Stances`], which a
//! room reads afresh before each step.
//!
//! A consent is made of moments and nothing else, each the newest of its kind by the provider's clock. So it is
//! the same whatever order the answers come in, and however often they are told.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::jid::Jid;

pub mod letter;
pub mod verdict;

use letter::Delivery;
pub use letter::{Letter, LetterKind};
pub use verdict::Verdict;

/// What is known of one person's wish to be called.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// When the opt-in request was handed over.
    pub asked_at: Option<Timestamp>,
    /// The linked number that it came from.
    pub asked_by: Option<String>,
    /// The provider's id of it.
    pub message_id: Option<String>,
    /// The newest STOP.
    pub stopped_at: Option<Timestamp>,
    /// The newest START, which alone lifts a STOP.
    pub started_at: Option<Timestamp>,
    /// The newest YES or START.
    pub agreed_at: Option<Timestamp>,
    /// The newest message of theirs, whatever it said.
    pub wrote_at: Option<Timestamp>,
}

/// What a person's answers come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// They said nothing.
    None,
    /// They wrote something, and neither yes nor stop.
    Written,
    /// They agreed.
    Yes,
    /// They do not want to be called.
    Stop,
}

impl Standing {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::None, Self::Written, Self::Yes, Self::Stop];

    /// A bounded word for metrics and programs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Written => "written",
            Self::Yes => "yes",
            Self::Stop => "stop",
        }
    }
}

/// What a message changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing that anybody has to act on.
    Nothing,
    /// They do not want to be called any more.
    Stopped,
    /// They want to be called again.
    Lifted,
}

impl Consent {
    /// Takes in what they wrote at `at`, by the provider's clock; a moment after `now` counts as now.
    pub fn hear(&mut self, verdict: Verdict, at: Timestamp, now: Timestamp) -> Change {
        let at = at.min(now);
        let before = self.stopped().is_some();
        let newest = |slot: &mut Option<Timestamp>| *slot = Some(slot.map_or(at, |known| known.max(at)));
        newest(&mut self.wrote_at);
        match verdict {
            Verdict::Stop => {
                newest(&mut self.stopped_at);
                self.stopped_at = self.not_before_a_start_of_the_future(self.stopped_at, now);
            }
            Verdict::Start => {
                newest(&mut self.started_at);
                newest(&mut self.agreed_at);
            }
            Verdict::Yes => newest(&mut self.agreed_at),
            Verdict::Unclear | Verdict::Other => {}
        }
        Change::between(before, self.stopped().is_some())
    }

    /// A STOP that comes while our own START lies ahead, because the clock was put back since, is the newer one.
    fn not_before_a_start_of_the_future(&self, stop: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        let ahead = self.started_at.filter(|start| *start > now);
        stop.map(|stop| ahead.map_or(stop, |start| stop.max(start)))
    }

    /// Since when they do not want to be called, if so. A START of the same moment does not lift it.
    #[must_use]
    pub fn stopped(&self) -> Option<Timestamp> {
        self.stopped_at.filter(|stop| self.started_at.is_none_or(|start| start <= *stop))
    }

    /// What their answers come to.
    #[must_use]
    pub fn standing(&self) -> Standing {
        if self.stopped().is_some() {
            Standing::Stop
        } else if self.agreed_at > self.stopped_at {
            Standing::Yes
        } else if self.wrote_at.is_some() {
            Standing::Written
        } else {
            Standing::None
        }
    }

    /// When they said what counts.
    #[must_use]
    pub fn answered_at(&self) -> Option<Timestamp> {
        match self.standing() {
            Standing::None => None,
            Standing::Written => self.wrote_at,
            Standing::Yes => self.agreed_at,
            Standing::Stop => self.stopped_at,
        }
    }

    /// Whether they have talked 1:1 with our number and did not refuse.
    #[must_use]
    pub fn is_acquainted(&self) -> bool {
        matches!(self.standing(), Standing::Written | Standing::Yes)
    }
}

impl Consent {
    /// Takes in what is known of the same person under another id.
    pub fn merge(&mut self, other: &Self, now: Timestamp) -> Change {
        let before = self.stopped().is_some();
        let stop = other.stopped_at.map(|at| at.min(now));
        self.stopped_at = self.stopped_at.max(self.not_before_a_start_of_the_future(stop, now));
        for (mine, theirs) in [
            (&mut self.started_at, other.started_at),
            (&mut self.agreed_at, other.agreed_at),
            (&mut self.wrote_at, other.wrote_at),
        ] {
            *mine = (*mine).max(theirs.map(|at| at.min(now)));
        }
        Change::between(before, self.stopped().is_some())
    }

    /// Why the person is not to be asked now, if so. `again`: also somebody who was asked before and did
    /// not answer.
    #[must_use]
    pub fn objection(&self, again: bool) -> Option<String> {
        let day = |at: Timestamp| at.strftime("%F").to_string();
        let answered = self.answered_at().map(day).unwrap_or_default();
        match self.standing() {
            Standing::Stop => Some(format!("said STOP on {answered}; only a START of their own undoes it")),
            Standing::Yes => Some(format!("agreed on {answered} already")),
            Standing::Written => Some(format!("has written to our number already, on {answered}")),
            Standing::None => {
                let asked_at = self.asked_at.filter(|_| !again)?;
                Some(format!("was asked on {} and did not answer; `--again` asks once more", day(asked_at)))
            }
        }
    }
}

impl Change {
    fn between(stopped_before: bool, stopped_now: bool) -> Self {
        match (stopped_before, stopped_now) {
            (false, true) => Self::Stopped,
            (true, false) => Self::Lifted,
            _ => Self::Nothing,
        }
    }
}

/// One person with what is known of their consent, and of the letter that asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acquaintance {
    /// Where they are reached.
    pub jid: Jid,
    /// Their key in the roster when they were last heard of; empty for somebody who never was in it.
    pub person: String,
    /// What they said.
    pub consent: Consent,
    /// The newest opt-in request, sent or not.
    pub letter: Option<Letter>,
}

impl Acquaintance {
    /// Where a person stands, in words for people. `opted_in` is what the roster says.
    #[must_use]
    pub fn words(known: Option<&Self>, opted_in: bool) -> String {
        let day = |at: Option<Timestamp>| at.map(|at| at.strftime("%F").to_string()).unwrap_or_default();
        let plain = if opted_in { "opted in" } else { "NOT opted in" };
        let Some(Self { consent, letter, .. }) = known else { return plain.to_owned() };
        let answered = day(consent.answered_at());
        match consent.standing() {
            Standing::Stop => return format!("said STOP on {answered}"),
            Standing::Yes => return format!("agreed on {answered}"),
            Standing::Written => return format!("opted in, wrote to our number on {answered}"),
            Standing::None => {}
        }
        match letter.as_ref().map(|letter| &letter.delivery) {
            Some(Delivery::Due { .. } | Delivery::Sending { .. } | Delivery::Unsure { .. }) => {
                format!("{plain}, an opt-in request is on its way")
            }
            Some(Delivery::GivenUp { why, .. }) if consent.asked_at.is_none() => {
                format!("{plain}, the opt-in request was not sent: {why}")
            }
            _ if consent.asked_at.is_some() => {
                format!("{plain}, asked on {}, no answer", day(consent.asked_at))
            }
            _ => plain.to_owned(),
        }
    }

    /// One bounded word for programs.
    #[must_use]
    pub fn state(&self) -> &'static str {
        match (self.consent.standing(), self.letter.as_ref().map(|letter| &letter.delivery)) {
            (
                Standing::None,
                Some(Delivery::Due { .. } | Delivery::Sending { .. } | Delivery::Unsure { .. }),
            ) => "on_its_way",
            (Standing::None, _) if self.consent.asked_at.is_some() => "asked",
            (Standing::None, Some(Delivery::GivenUp { .. })) => "not_sent",
            (standing, _) => standing.as_str(),
        }
    }
}

/// What a room has to know of its people, read afresh before each step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stances {
    /// Who said STOP, and when.
    pub stopped: BTreeMap<Jid, Timestamp>,
    /// Who has talked with our number.
    pub acquainted: BTreeSet<Jid>,
    /// The ids by which the network has people, where they are others than the roster's.
    pub aliases: BTreeMap<Jid, Jid>,
}

impl Stances {
    /// What all these people answered.
    #[must_use]
    pub fn of(people: &[Acquaintance]) -> Self {
        let mut stances = Self::default();
        for known in people {
            stances.add(known.jid.clone(), &known.consent);
        }
        stances
    }

    /// Takes in what is known of one more person.
    pub fn add(&mut self, person: Jid, consent: &Consent) {
        if let Some(at) = consent.stopped() {
            self.stopped.insert(person, at);
        } else if consent.is_acquainted() {
            self.acquainted.insert(person);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_772_000_000 + second).unwrap()
    }

    fn heard(said: &[(Verdict, i64)]) -> Consent {
        let mut consent = Consent::default();
        for (verdict, second) in said {
            consent.hear(*verdict, at(*second), at(1_000_000));
        }
        consent
    }

    #[test]
    fn only_start_lifts_a_stop() {
        let stopped = [(Verdict::Stop, 10)];
        assert_eq!(heard(&stopped).standing(), Standing::Stop);
        assert_eq!(heard(&[(Verdict::Stop, 10), (Verdict::Yes, 20)]).standing(), Standing::Stop);
        assert_eq!(heard(&[(Verdict::Stop, 10), (Verdict::Other, 20)]).standing(), Standing::Stop);
        assert_eq!(heard(&[(Verdict::Stop, 10), (Verdict::Start, 20)]).standing(), Standing::Yes);
        assert_eq!(heard(&[(Verdict::Start, 10), (Verdict::Stop, 10)]).standing(), Standing::Stop, "a tie");
    }

    #[test]
    fn whoever_wrote_anything_has_talked_with_us() {
        assert!(heard(&[(Verdict::Other, 1)]).is_acquainted());
        assert!(heard(&[(Verdict::Yes, 1)]).is_acquainted());
        assert!(!Consent::default().is_acquainted());
        assert!(!heard(&[(Verdict::Yes, 1), (Verdict::Stop, 2)]).is_acquainted());
    }

    #[test]
    fn a_clock_that_is_ahead_cannot_undo_the_stop_that_comes_after_it() {
        let mut consent = Consent::default();
        consent.hear(Verdict::Start, at(9_999), at(10));
        assert_eq!(consent.hear(Verdict::Stop, at(20), at(20)), Change::Stopped);
    }

    #[test]
    fn a_change_is_told_once() {
        let mut consent = Consent::default();
        assert_eq!(consent.hear(Verdict::Stop, at(1), at(9)), Change::Stopped);
        assert_eq!(consent.hear(Verdict::Stop, at(1), at(9)), Change::Nothing, "told again");
        assert_eq!(consent.hear(Verdict::Start, at(3), at(9)), Change::Lifted);
        assert_eq!(consent.hear(Verdict::Stop, at(2), at(9)), Change::Nothing, "older than the START");
    }

    fn verdicts() -> impl Strategy<Value = Vec<(Verdict, i64)>> {
        let verdict =
            prop_oneof![Just(Verdict::Stop), Just(Verdict::Start), Just(Verdict::Yes), Just(Verdict::Other)];
        proptest::collection::vec((verdict, 0i64..50), 0..12)
    }

    proptest! {
        #[test]
        fn the_order_and_repeats_of_answers_change_nothing(said in verdicts(), turn in 0usize..12) {
            let mut other: Vec<_> = said.iter().rev().chain(&said).copied().collect();
            let turn = if other.is_empty() { 0 } else { turn % other.len() };
            other.rotate_left(turn);
            prop_assert_eq!(heard(&said), heard(&other));
        }

        #[test]
        fn after_the_newest_stop_only_a_later_start_counts(said in verdicts()) {
            let newest = |wanted| said.iter().filter(|(v, _)| *v == wanted).map(|(_, s)| *s).max();
            let is_stopped = match (newest(Verdict::Stop), newest(Verdict::Start)) {
                (Some(stop), Some(start)) => stop >= start,
                (stop, _) => stop.is_some(),
            };
            prop_assert_eq!(heard(&said).stopped().is_some(), is_stopped);
        }
    }
}
