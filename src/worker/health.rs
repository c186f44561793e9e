//! Which linked numbers are rested, and until when.
//!
//! A number whose session is down, that is throttled or refused is left alone for a while: rooms wait
//! without using up attempts, and new ones are made with another number. It is a memory of the process
//! only: a restart asks the number again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::{SignedDuration, Timestamp, later};
use crate::gateway::{GatewayError, Refusal};
use crate::room::Loss;
use crate::room::clock_set::CLOCK_SKEW;

/// Why a number is rested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Its session does not work.
    Down,
    /// The provider does not answer for it, or with nothing but errors.
    Unreachable,
    /// The provider wants no more groups for now; everything else goes on.
    Throttled,
    /// Its plan makes no groups; everything else goes on.
    NoGroups,
    /// The provider does not accept it: credentials or plan.
    NotAccepted,
}

impl Reason {
    /// In words, for the log.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Down => "it does not work",
            Self::Unreachable => "the provider cannot be reached",
            Self::Throttled => "the provider wants no more groups of it",
            Self::NoGroups => "its plan makes no groups",
            Self::NotAccepted => "the provider does not accept it",
        }
    }

    /// Whether nothing goes through the number at all.
    #[must_use]
    pub fn is_loss(self) -> bool {
        !self.is_about_groups()
    }

    /// Whether only making groups is concerned.
    #[must_use]
    pub fn is_about_groups(self) -> bool {
        matches!(self, Self::Throttled | Self::NoGroups)
    }
}

/// A number at rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rest {
    /// Why.
    pub reason: Reason,
    /// The provider's words.
    pub words: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when it is left alone.
    pub until: Timestamp,
    /// Failures in a row.
    pub times: u32,
    /// When the last of them was seen.
    pub noted_at: Timestamp,
}

/// Whether these words of a provider say that the number will not come back by itself. whatsmeow's say
/// "temporarily banned" and "logged out"; the states of a session (`FAILED`, `SCAN_QR_CODE`) also come up when
/// a phone was without power for a minute, so they are no sign.
fn is_final(words: &str) -> bool {
    let words = words.to_lowercase().replace('_', " ");
    ["banned", "logged out", "account ban"].iter().any(|sign| words.contains(sign))
}

/// What is known of all numbers.
#[derive(Debug, Default)]
pub struct Health {
    known: Mutex<Known>,
}

/// What was asked through a number: what a failure says of the number depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// How it is.
    Session,
    /// To make a group.
    Create,
    /// To do something else.
    Effect,
    /// To read something.
    Read,
}

/// Since when nobody answers for a number, and to how many questions how it is in a row.
#[derive(Debug, Clone, Copy)]
struct Silence {
    times: u32,
    since: Timestamp,
}

#[derive(Debug, Default)]
struct Known {
    rests: BTreeMap<String, Rest>,
    silences: BTreeMap<String, Silence>,
    /// Until when numbers leave people alone whom they do not know.
    shy_until: BTreeMap<String, Timestamp>,
    /// When the last message of a number to somebody whom it does not know came back.
    came_back_at: BTreeMap<String, Timestamp>,
    /// When a call through a number worked last.
    answered: BTreeMap<String, Timestamp>,
    /// Since when numbers did not work as a process before this one knew; nothing, before it is read.
    kept: Option<BTreeMap<String, Timestamp>>,
    /// Numbers whose rooms were told that they are lost.
    given_up: BTreeSet<String>,
    /// Numbers that work again, whose rooms are not told yet.
    returned: BTreeSet<String>,
}

/// Something about a number that its rooms have to hear of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// It has not worked for so long that its rooms go on without it.
    Lost(String),
    /// It works, again or as is known only now.
    Back(String),
}

/// So many questions in a row without an answer are an outage: one can be lost.
const SILENT: u32 = 2;
/// Each try of a number that is locked for strangers makes the lock longer.
const SHY: SignedDuration = SignedDuration::from_hours(6);
/// A number that is down is asked again this soon.
const DOWN: SignedDuration = SignedDuration::from_secs(15);
/// A throttled number is left alone this long if the provider does not say; doubled each time, because
/// `WhatsApp` may refuse new groups for a day and every try makes it worse.
const THROTTLED: SignedDuration = SignedDuration::from_mins(1);
/// A provider that asks for no time at all is left alone this long.
const THROTTLED_SHORTEST: SignedDuration = SignedDuration::from_secs(2);
/// The longest of these.
const THROTTLED_LONGEST: SignedDuration = SignedDuration::from_hours(1);
/// A number that is not accepted needs a person; it is tried again in case one has helped.
const NOT_ACCEPTED: SignedDuration = SignedDuration::from_mins(5);

impl Health {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in how a call through `number` failed. Returns the rest if it has just begun: the moment to raise the
    /// one alarm.
    pub fn note_failure(
        &self,
        number: &str,
        asked: Asked,
        error: &GatewayError,
        now: Timestamp,
    ) -> Option<Rest> {
        let create = asked == Asked::Create;
        let known = &mut *self.known();
        let silence = unanswered(asked, error).then(|| {
            let silence = known.silences.entry(number.to_owned()).or_insert(Silence { times: 0, since: now });
            silence.times += u32::from(asked == Asked::Session);
            *silence
        });
        if let GatewayError::Refused { reason: Refusal::Strangers, .. } = error {
            known.shy_until.insert(number.to_owned(), later(now, SHY));
        }
        let rests = &mut known.rests;
        let before = rests.get(number).cloned();
        // A banned number is first down and then not accepted, or the other way round: one outage, one alarm.
        let same = |r: &&Rest, reason: Reason| r.reason == reason || (r.reason.is_loss() && reason.is_loss());
        let times_of = |reason| before.as_ref().filter(|r| same(r, reason)).map_or(0, |r| r.times);
        let (reason, gap, words) = match error {
            GatewayError::SessionDown { detail } => (Reason::Down, DOWN, detail),
            GatewayError::Throttled { retry_after, detail } if create => {
                let asked = retry_after.and_then(|d| SignedDuration::try_from(d).ok());
                let doubled = THROTTLED.saturating_mul(1 << times_of(Reason::Throttled).min(10));
                let gap = asked.unwrap_or(doubled.min(THROTTLED_LONGEST)).max(THROTTLED_SHORTEST);
                (Reason::Throttled, gap, detail)
            }
            GatewayError::Refused { reason: Refusal::Plan, detail } if create => {
                (Reason::NoGroups, NOT_ACCEPTED, detail)
            }
            GatewayError::Refused { reason: Refusal::Credentials | Refusal::Plan, detail } => {
                (Reason::NotAccepted, NOT_ACCEPTED, detail)
            }
            GatewayError::NotSent { detail } | GatewayError::Unknown { detail }
                if asked == Asked::Session && silence.is_some_and(|silence| silence.times >= SILENT) =>
            {
                (Reason::Unreachable, DOWN, detail)
            }
            // The room that was told so waits by itself.
            GatewayError::Throttled { .. }
            | GatewayError::NotSent { .. }
            | GatewayError::Unknown { .. }
            | GatewayError::Refused { .. }
            | GatewayError::Gone { .. } => return None,
        };
        let times = times_of(reason);
        let kept = known.kept.as_ref().and_then(|kept| kept.get(number)).copied();
        let begun = silence.map_or(now, |silence| silence.since);
        let begun = kept.filter(|_| reason.is_loss()).map_or(begun, |kept| kept.min(begun));
        let since = before.as_ref().filter(|r| same(r, reason)).map_or(begun, |r| r.since.min(now));
        let rest = Rest {
            reason,
            words: words.clone(),
            since,
            until: later(now, gap),
            times: times + 1,
            noted_at: now,
        };
        rests.insert(number.to_owned(), rest.clone());
        (times == 0).then_some(rest)
    }

    /// Takes in that a message to somebody whom `number` does not know came back after it was handed over. That can
    /// happen to one; to two it is the lock, told late.
    pub fn note_came_back(&self, number: &str, now: Timestamp) {
        let known = &mut *self.known();
        let before = known.came_back_at.insert(number.to_owned(), now);
        if before.is_some_and(|at| now < later(at, SHY)) {
            known.shy_until.insert(number.to_owned(), later(now, SHY));
        }
    }

    /// Takes in that a call through `number` worked. Returns the rest that this ends, if there was one.
    pub fn note_success(&self, number: &str, asked: Asked, now: Timestamp) -> Option<Rest> {
        let mut known = self.known();
        known.silences.remove(number);
        known.answered.insert(number.to_owned(), now);
        let create = asked == Asked::Create;
        if !known.rests.get(number).is_some_and(|r| create || !r.reason.is_about_groups()) {
            return None;
        }
        let rest = known.rests.remove(number);
        if rest.as_ref().is_some_and(|r| r.reason.is_loss()) {
            known.given_up.remove(number);
            known.returned.insert(number.to_owned());
        }
        rest
    }

    /// Takes in that `number` is known now, so that rooms may make use of it.
    pub fn note_known(&self, number: &str) {
        self.known().returned.insert(number.to_owned());
    }

    /// Whether it is known what processes before this one knew.
    #[must_use]
    pub fn remembers(&self) -> bool {
        self.known().kept.is_some()
    }

    /// Takes in since when numbers did not work as a process before this one knew. A moment after `now` was written
    /// by a clock that was put back.
    pub fn remember(&self, outages: BTreeMap<String, Timestamp>, now: Timestamp) {
        let outages: BTreeMap<_, _> =
            outages.into_iter().map(|(name, since)| (name, since.min(now))).collect();
        let mut known = self.known();
        for (name, rest) in &mut known.rests {
            if let Some(since) = outages.get(name).filter(|_| rest.reason.is_loss()) {
                rest.since = rest.since.min(*since);
            }
        }
        known.kept = Some(outages);
    }

    /// What is to be kept of `number` for the process after this one, if that is something else than is kept; see
    /// [`Health::kept`].
    #[must_use]
    pub fn to_keep(&self, number: &str) -> Option<Option<Timestamp>> {
        let known = self.known();
        let kept = known.kept.as_ref()?.get(number).copied();
        let since = known.rests.get(number).filter(|r| r.reason.is_loss()).map(|r| r.since);
        // Nothing is known yet of a number that was not heard of.
        let is_known = since.is_some() || known.answered.contains_key(number);
        (is_known && kept != since).then_some(since)
    }

    /// It is kept.
    pub fn kept(&self, number: &str, since: Option<Timestamp>) {
        let mut known = self.known();
        let Some(kept) = &mut known.kept else { return };
        match since {
            Some(since) => kept.insert(number.to_owned(), since),
            None => kept.remove(number),
        };
    }

    /// Whether nobody answered for a number and it is not known yet what that means.
    #[must_use]
    pub fn is_in_doubt(&self) -> bool {
        let known = self.known();
        known.silences.keys().any(|number| !known.rests.get(number).is_some_and(|r| r.reason.is_loss()))
    }

    /// Whether `number` is known not to work, or nobody answered for it lately: others go first.
    #[must_use]
    pub fn goes_last(&self, number: &str) -> bool {
        let known = self.known();
        known.rests.contains_key(number) || known.silences.contains_key(number)
    }

    /// Whether `number` leaves people alone whom it does not know, because `WhatsApp` has locked it for them.
    #[must_use]
    pub fn is_shy(&self, number: &str, now: Timestamp) -> bool {
        self.known().shy_until.get(number).is_some_and(|until| now < *until && *until <= later(now, SHY))
    }

    /// That nothing goes through `number`, and from when on nobody waits for it: after `patience`, or at once
    /// when the provider's words say that it is banned or logged out.
    #[must_use]
    pub fn loss(&self, number: &str, patience: SignedDuration) -> Option<Loss> {
        let known = self.known();
        let rest = known.rests.get(number).filter(|r| r.reason.is_loss())?;
        let wait = if is_final(&rest.words) { SignedDuration::ZERO } else { patience };
        Some(Loss { since: rest.since, believed_at: later(rest.since, wait) })
    }

    /// What rooms have to hear of now and did not yet: see [`Health::told`].
    #[must_use]
    pub fn turns(&self, patience: SignedDuration, now: Timestamp) -> Vec<Turn> {
        let names: Vec<String> = self.known().rests.keys().cloned().collect();
        let lost = |name: &String| self.loss(name, patience).is_some_and(|loss| loss.believed_at <= now);
        let lost: Vec<String> = names.into_iter().filter(lost).collect();
        let known = self.known();
        let lost = lost.into_iter().filter(|name| !known.given_up.contains(name)).map(Turn::Lost);
        lost.chain(known.returned.iter().cloned().map(Turn::Back)).collect()
    }

    /// The rooms have heard.
    pub fn told(&self, turn: &Turn) {
        let mut known = self.known();
        match turn {
            Turn::Lost(name) => known.given_up.insert(name.clone()),
            Turn::Back(name) => known.returned.remove(name),
        };
    }

    /// When a call or question through `number` worked last, as far as this process knows.
    #[must_use]
    pub fn answered_at(&self, number: &str) -> Option<Timestamp> {
        self.known().answered.get(number).copied()
    }

    /// The rest of `number` that is not over yet; `create` if a group is to be made.
    #[must_use]
    pub fn resting(&self, number: &str, create: bool, now: Timestamp) -> Option<Rest> {
        // A rest that was noted in the future is from before the clock was put back: ask the number.
        let concerns = |r: &&Rest| {
            r.until > now && r.noted_at <= later(now, CLOCK_SKEW) && (create || !r.reason.is_about_groups())
        };
        self.known().rests.get(number).filter(concerns).cloned()
    }

    /// The last known rest of `number`, over or not: a number is well only once a call has worked.
    #[must_use]
    pub fn unwell(&self, number: &str) -> Option<Rest> {
        self.known().rests.get(number).cloned()
    }
}

/// Whether nobody answered for the number. A list that cannot be read, or an effect that got a server's error, says
/// something about that call. What never left this machine is a reason to ask how the number is, and only that
/// question decides.
fn unanswered(asked: Asked, error: &GatewayError) -> bool {
    match error {
        GatewayError::NotSent { .. } => asked != Asked::Read,
        GatewayError::Unknown { .. } => asked == Asked::Session,
        GatewayError::Throttled { .. }
        | GatewayError::Refused { .. }
        | GatewayError::SessionDown { .. }
        | GatewayError::Gone { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_772_000_000 + second).unwrap()
    }

    fn down() -> GatewayError {
        GatewayError::SessionDown { detail: "SCAN_QR_CODE".to_owned() }
    }

    #[test]
    fn going_down_is_told_once_and_ends_with_the_first_success() {
        let health = Health::default();
        assert!(health.note_failure("main", Asked::Create, &down(), at(0)).is_some());
        assert!(health.note_failure("main", Asked::Create, &down(), at(20)).is_none(), "one alarm");
        let rest = health.resting("main", true, at(21)).unwrap();
        assert_eq!((rest.since, rest.until), (at(0), at(35)));
        assert_eq!(health.resting("main", true, at(35)), None, "time to ask again");
        assert!(health.note_success("main", Asked::Create, at(99)).is_some());
        assert!(health.note_success("main", Asked::Create, at(99)).is_none());
        assert!(
            health.note_failure("main", Asked::Create, &down(), at(60)).is_some(),
            "a new outage, a new alarm"
        );
    }

    #[test]
    fn messages_to_strangers_that_come_back_are_a_lock_when_there_are_two() {
        let health = Health::default();
        health.note_came_back("main", at(0));
        assert!(!health.is_shy("main", at(1)), "one can be lost");
        health.note_came_back("main", at(7 * 3600));
        assert!(!health.is_shy("main", at(7 * 3600)), "the other one was long ago");
        health.note_came_back("main", at(8 * 3600));
        assert!(health.is_shy("main", at(13 * 3600)));
        assert!(!health.is_shy("main", at(14 * 3600)) && !health.is_shy("other", at(8 * 3600)));
    }

    #[test]
    fn failures_of_single_calls_do_not_rest_a_number() {
        let health = Health::default();
        for error in [
            GatewayError::NotSent { detail: "x".into() },
            GatewayError::Unknown { detail: "x".into() },
            GatewayError::Gone { detail: "x".into() },
            GatewayError::Refused { reason: Refusal::Invalid, detail: "x".into() },
        ] {
            assert!(health.note_failure("main", Asked::Create, &error, at(0)).is_none());
            assert_eq!(health.resting("main", true, at(0)), None);
        }
    }

    #[test]
    fn a_provider_that_does_not_answer_is_an_outage_like_any_other() {
        let not_sent = GatewayError::NotSent { detail: "connection refused".into() };
        let unknown = GatewayError::Unknown { detail: "502".into() };
        for (first, error) in
            [(Asked::Session, &not_sent), (Asked::Session, &unknown), (Asked::Create, &not_sent)]
        {
            let asked = Asked::Session;
            let (health, minute) = (Health::default(), SignedDuration::from_mins(1));
            assert!(health.note_failure("main", first, error, at(0)).is_none(), "one can be lost");
            assert!(health.is_in_doubt() && health.goes_last("main"));
            health.note_failure("main", asked, error, at(5));
            assert!(first == asked || health.unwell("main").is_none(), "only the question decides");
            health.note_failure("main", asked, error, at(30));
            let rest = health.unwell("main").unwrap();
            assert_eq!((rest.reason, rest.since), (Reason::Unreachable, at(0)), "{asked:?}");
            assert!(health.note_failure("main", asked, error, at(45)).is_none(), "one alarm");
            assert_eq!(health.loss("main", minute).unwrap().believed_at, at(60));
            assert!(health.note_success("main", asked, at(80)).is_some());
            assert!(health.note_failure("main", asked, error, at(90)).is_none(), "a new one begins anew");
        }
        let health = Health::default();
        for second in 0..9 {
            assert!(health.note_failure("main", Asked::Read, &not_sent, at(second)).is_none(), "one list");
            assert!(health.note_failure("main", Asked::Create, &unknown, at(second)).is_none(), "one group");
        }
    }

    #[test]
    fn a_number_that_is_down_is_given_up_after_a_while_and_its_rooms_hear_of_it_once() {
        let (health, minute) = (Health::default(), SignedDuration::from_secs(60));
        health.note_failure("main", Asked::Effect, &down(), at(0));
        assert!(health.turns(minute, at(59)).is_empty());
        let lost = Turn::Lost("main".to_owned());
        assert_eq!(health.turns(minute, at(60)), std::slice::from_ref(&lost));
        health.told(&lost);
        assert!(health.turns(minute, at(90)).is_empty());
        health.note_success("main", Asked::Effect, at(99));
        let back = Turn::Back("main".to_owned());
        assert_eq!(health.turns(minute, at(100)), std::slice::from_ref(&back));
        health.told(&back);
        assert!(health.turns(minute, at(100)).is_empty() && health.loss("main", minute).is_none());
    }

    #[test]
    fn a_ban_in_so_many_words_is_believed_at_once_and_a_state_is_not() {
        let (health, minute) = (Health::default(), SignedDuration::from_secs(60));
        for (words, wait) in
            [("FAILED", 60), ("SCAN_QR_CODE", 60), ("422: account_banned", 0), ("Logged out", 0)]
        {
            let down = GatewayError::SessionDown { detail: words.to_owned() };
            health.note_failure(words, Asked::Effect, &down, at(0));
            assert_eq!(health.loss(words, minute).unwrap().believed_at, at(wait), "{words}");
        }
    }

    #[test]
    fn an_outage_that_began_by_a_clock_that_was_ahead_began_now_at_the_latest() {
        let (health, minute) = (Health::default(), SignedDuration::from_secs(60));
        health.note_failure("main", Asked::Effect, &down(), at(10_800));
        health.note_failure("main", Asked::Effect, &down(), at(20));
        assert_eq!(health.loss("main", minute).unwrap().believed_at, at(80));
    }

    #[test]
    fn one_outage_is_one_alarm_whatever_the_provider_calls_it() {
        let health = Health::default();
        let refused = GatewayError::Refused { reason: Refusal::Credentials, detail: "401".into() };
        assert!(health.note_failure("main", Asked::Effect, &down(), at(0)).is_some());
        assert!(health.note_failure("main", Asked::Effect, &refused, at(20)).is_none());
        let loss = health.loss("main", SignedDuration::from_secs(60)).unwrap();
        assert_eq!((loss.since, loss.believed_at), (at(0), at(60)));
    }

    #[test]
    fn a_throttled_number_rests_as_long_as_it_was_told() {
        let health = Health::default();
        let hour = std::time::Duration::from_hours(1);
        let throttled = GatewayError::Throttled { retry_after: Some(hour), detail: "x".into() };
        health.note_failure("main", Asked::Create, &throttled, at(0));
        assert!(health.resting("main", true, at(3599)).is_some());
        assert_eq!(health.resting("main", false, at(1)), None, "messages go on");
        assert!(health.note_success("main", Asked::Effect, at(99)).is_none(), "and say nothing about groups");
    }

    #[test]
    fn a_plan_without_groups_leaves_messages_alone() {
        let health = Health::default();
        let plan = GatewayError::Refused { reason: Refusal::Plan, detail: "x".into() };
        assert!(health.note_failure("main", Asked::Create, &plan, at(0)).is_some());
        assert!(health.resting("main", true, at(1)).is_some());
        assert_eq!(health.resting("main", false, at(1)), None);
        health.note_failure("main", Asked::Effect, &plan, at(2));
        assert!(health.resting("main", false, at(3)).is_some(), "nor does it take messages");
    }

    #[test]
    fn a_number_that_is_throttled_again_rests_twice_as_long() {
        let health = Health::default();
        let throttled = GatewayError::Throttled { retry_after: None, detail: "x".into() };
        health.note_failure("main", Asked::Create, &throttled, at(0));
        assert_eq!(health.resting("main", true, at(0)).unwrap().until, at(60));
        health.note_failure("main", Asked::Create, &throttled, at(60));
        assert_eq!(health.resting("main", true, at(60)).unwrap().until, at(180));
        for _ in 0..20 {
            health.note_failure("main", Asked::Create, &throttled, at(180));
        }
        assert_eq!(health.resting("main", true, at(180)).unwrap().until, at(180 + 3600));
    }
}
