//! What is known of a linked number of ours: whether it works, what it may not do for now, and who it is.
//!
//! Pure. Whoever learns something of a number, by a call, by asking or from the provider, notes it in its [`Health`],
//! which is a row that every worker reads: a restart knows it, and another process too.

#![deny(clippy::wildcard_enum_match_arm)]

use serde::{Deserialize, Serialize};

use crate::clock::{CLOCK_SKEW, SignedDuration, Timestamp, later};
use crate::gateway::{GatewayError, Own, Refusal, Session};

/// So many questions in a row without an answer are an outage: one can be lost.
const SILENT: u32 = 2;
/// Each try of a number that is locked for strangers makes the lock longer.
const LOCKED: SignedDuration = SignedDuration::from_hours(6);
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
/// Older than this, what the provider told of a session says nothing about how it is.
const NEWS: SignedDuration = SignedDuration::from_mins(10);
/// How exactly it is known when a number answered last.
const ANSWERED: SignedDuration = SignedDuration::from_secs(20);

/// Why calls through a number are not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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

    /// Whether the provider says that nothing goes through the number, and does not merely keep silent.
    fn is_told(self) -> bool {
        matches!(self, Self::Down | Self::NotAccepted)
    }

    /// Whether only making groups is concerned, and not everything.
    #[must_use]
    pub fn is_about_groups(self) -> bool {
        matches!(self, Self::Throttled | Self::NoGroups)
    }
}

/// A number, or its making of groups, does not work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outage {
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

/// Nothing goes through a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    /// Since when.
    pub since: Timestamp,
    /// From when on its rooms go on without it: at once where it looks banned.
    pub believed_at: Timestamp,
}

/// Since when nobody answers for a number, and to how many questions how it is in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Silence {
    times: u32,
    since: Timestamp,
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

/// Something that tells how a number is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sign {
    /// A call worked.
    Worked(Asked),
    /// A call, or the question how it is, failed.
    Failed(Asked, GatewayError),
    /// The provider was asked how it is.
    Session(Session),
    /// The provider told of its own accord how it was at a moment.
    Told(Session, Timestamp),
    /// A message to somebody whom it does not know came back after it was handed over.
    CameBack,
}

/// What is known of one number.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// What does not work.
    pub outage: Option<Outage>,
    silence: Option<Silence>,
    /// When the last outage that the provider told of was over.
    recovered_at: Option<Timestamp>,
    /// Until when it leaves people alone whom it does not know, because `WhatsApp` has locked it for them.
    locked_until: Option<Timestamp>,
    /// When the last message to somebody whom it does not know came back.
    came_back_at: Option<Timestamp>,
    /// When it answered last to the question how it is, to within some seconds.
    pub answered_at: Option<Timestamp>,
    /// The newest state that the provider told, by its own clock.
    told_at: Option<Timestamp>,
    /// Its ids, as far as the provider has told.
    pub own: Option<Own>,
}

impl Health {
    /// Takes in a sign.
    pub fn note(&mut self, sign: &Sign, now: Timestamp) {
        match sign {
            Sign::Worked(asked) => self.works(*asked, now),
            Sign::Failed(asked, error) => self.fails(*asked, error, now),
            Sign::Session(session) => self.answered(session, now),
            Sign::Told(session, at) => self.was_told(session, *at, now),
            // That can happen to one; to two it is the lock, told late.
            Sign::CameBack => {
                if self.came_back_at.is_some_and(|at| now < later(at, LOCKED)) {
                    self.locked_until = Some(later(now, LOCKED));
                }
                self.came_back_at = Some(now);
            }
        }
    }

    /// Whether a sign tells something new.
    #[must_use]
    pub fn is_changed_by(&self, sign: &Sign, now: Timestamp) -> bool {
        let mut after = self.clone();
        after.note(sign, now);
        after != *self
    }

    fn works(&mut self, asked: Asked, now: Timestamp) {
        self.silence = None;
        let is_over = |outage: &Outage| asked == Asked::Create || !outage.reason.is_about_groups();
        if let Some(outage) = self.outage.take_if(|outage| is_over(outage))
            && outage.reason.is_told()
        {
            self.recovered_at = Some(now);
        }
    }

    fn answered(&mut self, session: &Session, now: Timestamp) {
        match session {
            Session::Working { own } => {
                self.works(Asked::Session, now);
                if self.answered_at.is_none_or(|at| later(at, ANSWERED) <= now) {
                    self.answered_at = Some(now);
                }
                if own.is_some() {
                    self.own.clone_from(own);
                }
            }
            Session::Down(detail) => self.is_down(detail, now),
        }
    }

    /// A repeat, and what is older than what was told already, says nothing; nor does what is too old or from the
    /// future: somebody plays it back, or its clock is wrong, and how the number is now is asked every half minute.
    fn was_told(&mut self, session: &Session, at: Timestamp, now: Timestamp) {
        let is_of_now = later(at, NEWS) >= now && at <= later(now, CLOCK_SKEW);
        let at = at.min(now);
        if !is_of_now || self.told_at.is_some_and(|known| at <= known) {
            return;
        }
        self.told_at = Some(at);
        match session {
            // A phone that is linked says nothing about a token or a plan that is refused.
            Session::Working { .. } if self.outage.as_ref().is_some_and(|o| o.reason != Reason::Down) => {}
            Session::Working { .. } => self.works(Asked::Session, now),
            Session::Down(detail) => self.is_down(detail, now),
        }
    }

    fn is_down(&mut self, detail: &str, now: Timestamp) {
        let error = GatewayError::SessionDown { detail: detail.to_owned() };
        self.fails(Asked::Session, &error, now);
    }

    fn fails(&mut self, asked: Asked, error: &GatewayError, now: Timestamp) {
        if is_unanswered(asked, error) {
            let silence = self.silence.get_or_insert(Silence { times: 0, since: now });
            silence.times += u32::from(asked == Asked::Session);
        }
        if let GatewayError::Refused { reason: Refusal::Strangers, .. } = error {
            self.locked_until = Some(later(now, LOCKED));
        }
        let create = asked == Asked::Create;
        let (reason, gap, words) = match error {
            GatewayError::SessionDown { detail } => (Reason::Down, DOWN, detail),
            GatewayError::Throttled { retry_after, detail } if create => {
                let asked = retry_after.and_then(|d| SignedDuration::try_from(d).ok());
                let times = self.same(Reason::Throttled).map_or(0, |outage| outage.times);
                let doubled = THROTTLED.saturating_mul(1 << times.min(10)).min(THROTTLED_LONGEST);
                (Reason::Throttled, asked.unwrap_or(doubled).max(THROTTLED_SHORTEST), detail)
            }
            GatewayError::Refused { reason: Refusal::Plan, detail } if create => {
                (Reason::NoGroups, NOT_ACCEPTED, detail)
            }
            GatewayError::Refused { reason: Refusal::Credentials | Refusal::Plan, detail } => {
                (Reason::NotAccepted, NOT_ACCEPTED, detail)
            }
            GatewayError::NotSent { detail } | GatewayError::Unknown { detail }
                if asked == Asked::Session && self.silence.is_some_and(|s| s.times >= SILENT) =>
            {
                (Reason::Unreachable, DOWN, detail)
            }
            // The room that was told so waits by itself.
            GatewayError::Throttled { .. }
            | GatewayError::NotSent { .. }
            | GatewayError::Unknown { .. }
            | GatewayError::Refused { .. }
            | GatewayError::Gone { .. } => return,
        };
        let (since, times) = match (self.same(reason), self.silence) {
            (Some(outage), _) => (outage.since, outage.times),
            (None, Some(silence)) => (silence.since, 0),
            (None, None) => (now, 0),
        };
        let (words, until) = (words.clone(), later(now, gap));
        self.outage = Some(Outage { reason, words, since, until, times: times + 1, noted_at: now });
    }

    /// The outage that goes on with this reason. A banned number is first down and then not accepted, or the other way
    /// round: one outage, one alarm.
    fn same(&self, reason: Reason) -> Option<&Outage> {
        let is_same =
            |o: &&Outage| o.reason == reason || !(o.reason.is_about_groups() || reason.is_about_groups());
        self.outage.as_ref().filter(is_same)
    }

    /// The outage that has begun since `before`: the moment for the one alarm.
    #[must_use]
    pub fn begun_since(&self, before: &Self) -> Option<&Outage> {
        self.outage.as_ref().filter(|outage| outage.times == 1 && self.outage != before.outage)
    }

    /// Whether nobody answered for it and it is not known yet what that means.
    #[must_use]
    pub fn is_in_doubt(&self) -> bool {
        self.silence.is_some() && self.outage.as_ref().is_none_or(|o| o.reason.is_about_groups())
    }

    /// Whether it is known not to work, or nobody answered for it lately: others go first.
    #[must_use]
    pub fn goes_last(&self) -> bool {
        self.outage.is_some() || self.silence.is_some()
    }

    /// Whether it leaves people alone whom it does not know.
    #[must_use]
    pub fn is_locked(&self, now: Timestamp) -> bool {
        self.locked_until.is_some_and(|until| now < until)
    }

    /// That nothing goes through it, and from when on nobody waits for it: after `patience`, or at once when the
    /// provider's words say that it is banned or logged out.
    #[must_use]
    pub fn loss(&self, patience: SignedDuration) -> Option<Loss> {
        let outage = self.outage.as_ref().filter(|o| !o.reason.is_about_groups())?;
        let wait = if is_final(&outage.words) { SignedDuration::ZERO } else { patience };
        Some(Loss { since: outage.since, believed_at: later(outage.since, wait) })
    }

    /// When the provider last said that it does not work: waiting for it uses up no deadline, unlike silence.
    #[must_use]
    pub fn last_down_at(&self) -> Option<Timestamp> {
        let outage = self.outage.as_ref().filter(|o| o.reason.is_told());
        outage.map(|outage| outage.noted_at).or(self.recovered_at)
    }

    /// The outage because of which it is left alone now; `create` if a group is to be made.
    #[must_use]
    pub fn resting(&self, create: bool, now: Timestamp) -> Option<&Outage> {
        self.outage.as_ref().filter(|o| o.until > now && (create || !o.reason.is_about_groups()))
    }

    /// The same, with nothing in it after `now`.
    #[must_use]
    pub fn put_back(mut self, now: Timestamp) -> Self {
        self.locked_until = self.locked_until.map(|until| until.min(later(now, LOCKED)));
        let moments =
            [&mut self.recovered_at, &mut self.came_back_at, &mut self.answered_at, &mut self.told_at];
        for at in moments.into_iter().flatten() {
            *at = (*at).min(now);
        }
        if let Some(outage) = &mut self.outage {
            for at in [&mut outage.since, &mut outage.until, &mut outage.noted_at] {
                *at = (*at).min(now);
            }
        }
        if let Some(silence) = &mut self.silence {
            silence.since = silence.since.min(now);
        }
        self
    }
}

/// Whether these words of a provider say that the number will not come back by itself. whatsmeow's say
/// "temporarily banned" and "logged out"; the states of a session (`FAILED`, `SCAN_QR_CODE`) also come up when
/// a phone was without power for a minute, so they are no sign.
fn is_final(words: &str) -> bool {
    let words = words.to_lowercase().replace('_', " ");
    ["banned", "logged out", "account ban"].iter().any(|sign| words.contains(sign))
}

/// Whether nobody answered for the number. A list that cannot be read, or an effect that got a server's error, says
/// something about that call. What never left this machine is a reason to ask how the number is, and only that
/// question decides.
fn is_unanswered(asked: Asked, error: &GatewayError) -> bool {
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
mod tests;
