//! What is remembered of an alert, so that a later body about it need not say everything again.
//!
//! Many tools tell all of a condition when it begins and hardly more than its id afterwards: that somebody has
//! taken it, that its priority is another one, that it is over. What a body does not say is as it was said before.
//! Bodies also come late and in another order than they were made: what is older than what is known changes
//! nothing.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Rules;
use crate::alert::{Alert, AlertState, DedupKey, Severity, SeverityOrigin, SeverityResolver, Stated, limits};
use crate::clock::{SignedDuration, Timestamp};

/// A list of what fires may cross the news of an end on its way; afterwards the same outbreak has come back, as it
/// does where Prometheus could not reach its Alertmanager for some minutes.
const CROSSING: SignedDuration = SignedDuration::from_secs(60);
/// How exactly it is kept when an alert was told last: repeats within this time write nothing.
const HEARD_WITHIN: SignedDuration = SignedDuration::from_secs(10);
/// Times that the same condition begins without an end, from which on its rule looks as if it told no ends.
const BEGINNINGS: u32 = 3;

/// Whether one moment is before another, as far as the coarser of the two tells.
fn is_before(one: Timestamp, other: Timestamp) -> bool {
    let is_coarse = one.subsec_nanosecond() == 0 || other.subsec_nanosecond() == 0;
    if is_coarse { one.as_second() < other.as_second() } else { one < other }
}

/// What is remembered of one alert inside an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownAlert {
    /// What was last said of it.
    pub state: AlertState,
    /// How bad it is.
    pub severity: Severity,
    /// What broke.
    pub title: String,
    /// Why that severity.
    #[serde(default)]
    pub severity_origin: SeverityOrigin,
    /// What was last said of the severity.
    #[serde(default)]
    pub stated: Stated,
    /// All labels that it ever had, as far as they are within the limit.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// When it was last told.
    pub heard_at: Timestamp,
    /// See [`Alert::happened_at`]: of the latest of what was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub happened_at: Option<Timestamp>,
    /// See [`Alert::outbreak_at`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outbreak_at: Option<Timestamp>,
    /// How often it began since it last ended.
    #[serde(default)]
    pub beginnings: u32,
    /// See [`Alert::ended_for_good`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ended_for_good: bool,
    /// It is over, and nobody saw it recover.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unseen: bool,
    /// The key of the complete list that named it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listed_by: Option<DedupKey>,
    /// Since when such a list does not name it any more, though nothing says that it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing_since: Option<Timestamp>,
}

/// An alert of a body, completed, and what it was before.
pub(super) struct Told<'a> {
    /// As the body has it.
    pub(super) said: &'a Alert,
    pub(super) alert: Cow<'a, Alert>,
    pub(super) before: Option<(AlertState, Severity)>,
    /// It was taken to be firing all the time, but has ended and begun again: how long it was not heard of
    /// before it began.
    pub(super) quiet: Option<SignedDuration>,
    /// It has just begun for the third time without an end.
    pub(super) tells_no_end: bool,
}

impl Told<'_> {
    pub(super) fn fires(&self) -> bool {
        self.alert.state != AlertState::Resolved
    }

    pub(super) fn was_firing(&self) -> bool {
        self.before.is_some_and(|(state, _)| state != AlertState::Resolved)
    }

    /// When it began, unless it just goes on.
    pub(super) fn begun_at(&self, now: Timestamp) -> Option<Timestamp> {
        let begins = self.fires() && (!self.was_firing() || self.quiet.is_some());
        begins.then(|| self.alert.outbreak_at.or(self.alert.happened_at).unwrap_or(now))
    }
}

/// Completes the alerts of a body by what is known of them, one after the other, without those that came late; also
/// what is known afterwards.
pub(super) fn complete<'a>(
    known: &BTreeMap<String, KnownAlert>,
    alerts: impl IntoIterator<Item = &'a Alert>,
    resolve_severity: &SeverityResolver,
    rules: Rules,
    now: Timestamp,
) -> (Vec<Told<'a>>, BTreeMap<String, KnownAlert>) {
    let mut remembered: BTreeMap<String, KnownAlert> = BTreeMap::new();
    let mut told = Vec::new();
    for said in alerts {
        let previous = remembered.get(&said.id).or_else(|| known.get(&said.id));
        if previous.is_some_and(|known| known.makes_late(said, now)) {
            continue;
        }
        let before = previous.map(|known| (known.state, known.severity));
        let quiet = previous.and_then(|known| known.quiet_before(said, rules));
        let alert = match previous {
            Some(known) => Cow::Owned(known.complete(said, resolve_severity)),
            None => Cow::Borrowed(said),
        };
        let now_known = KnownAlert::of(&alert, previous, now);
        let tells_no_end =
            now_known.beginnings == BEGINNINGS && previous.is_some_and(|known| known.beginnings < BEGINNINGS);
        remembered.insert(said.id.clone(), now_known);
        told.push(Told { said, alert, before, quiet, tells_no_end });
    }
    (told, remembered)
}

impl KnownAlert {
    fn of(alert: &Alert, previous: Option<&Self>, now: Timestamp) -> Self {
        let beginnings = match previous {
            _ if alert.state == AlertState::Resolved => 0,
            Some(known) if known.state != AlertState::Resolved => {
                known.beginnings + u32::from(alert.outbreak_at > known.outbreak_at)
            }
            _ => 1,
        };
        Self {
            state: alert.state,
            severity: alert.severity,
            title: alert.title.clone(),
            severity_origin: alert.severity_origin,
            stated: alert.stated.clone(),
            labels: alert.labels.clone(),
            heard_at: now,
            happened_at: previous.and_then(|known| known.happened_at).max(alert.happened_at),
            outbreak_at: previous.and_then(|known| known.outbreak_at).max(alert.outbreak_at),
            beginnings,
            ended_for_good: alert.ended_for_good,
            unseen: alert.state == AlertState::Resolved && alert.end_reason.is_some(),
            listed_by: alert.is_listed.then(|| alert.key.clone()),
            missing_since: None,
        }
    }

    /// What is taken for known of an alert whose record cannot be read: it fired, so that its end is one.
    #[must_use]
    pub fn presumed(alert: &Alert, now: Timestamp) -> Self {
        let firing = Alert { state: AlertState::Firing, ..alert.clone() };
        let mut known = Self::of(&firing, None, now);
        known.forget_when();
        known
    }

    /// Whether nothing is lost if this is kept, and what was heard `later` is not.
    pub(super) fn says_all_of(&self, later: &Self) -> bool {
        let is_close =
            self.heard_at <= later.heard_at && later.heard_at.duration_since(self.heard_at) < HEARD_WITHIN;
        is_close && Self { heard_at: later.heard_at, ..self.clone() } == *later
    }

    /// The same alert, over.
    pub(super) fn ended(&self) -> Self {
        Self { state: AlertState::Resolved, beginnings: 0, missing_since: None, unseen: true, ..self.clone() }
    }

    /// Takes what is told next for new, whatever it says of when.
    pub fn forget_when(&mut self) {
        (self.happened_at, self.outbreak_at, self.ended_for_good) = (None, None, false);
    }

    /// Whether `told` is older than what is known. A moment of a source whose clock once ran ahead counts as the
    /// one at which we heard of it: otherwise nothing would be new to us for as long as it was ahead.
    fn makes_late(&self, told: &Alert, now: Timestamp) -> bool {
        let not_ahead = |at: Timestamp| at.min(self.heard_at);
        let (known, at) = (self.happened_at.map(not_ahead), told.happened_at);
        let is_older = at.zip(known).is_some_and(|(at, known)| is_before(at, known));
        let fires = told.state != AlertState::Resolved && !told.omitted.state;
        match (self.state == AlertState::Resolved, fires) {
            (false, true) => is_older,
            (true, true) => {
                let known_to_end = self.outbreak_at.max(self.happened_at);
                let is_same = told.outbreak_at.is_some_and(|at| known_to_end.is_some_and(|end| at <= end));
                let crosses = at.is_none() && now.duration_since(self.heard_at) < CROSSING;
                self.ended_for_good || is_older || (at.is_some() && at == known) || (is_same && crosses)
            }
            (false, false) => {
                let begun = self.outbreak_at.map(not_ahead);
                is_older || at.zip(begun).is_some_and(|(ended, begun)| is_before(ended, begun))
            }
            // It changes nothing either way.
            (true, false) => false,
        }
    }

    /// How long it was not heard of before it began again, if it fires by a later outbreak than the one known: it
    /// began after we last heard of it. What tells changes one by one goes on for as long as the quiet time is not
    /// over; and one that has only become worse or better, for as long as it is not stale.
    fn quiet_before(&self, told: &Alert, rules: Rules) -> Option<SignedDuration> {
        let fires = self.state != AlertState::Resolved && told.state != AlertState::Resolved;
        let anew = told.outbreak_at.filter(|at| fires && Some(*at) > self.outbreak_at)?;
        let quiet = anew.duration_since(self.heard_at);
        let least = match (told.happened_at, told.severity == self.severity) {
            (None, _) => SignedDuration::ZERO,
            (Some(_), true) => rules.close_after,
            (Some(_), false) => rules.stale_after,
        };
        (quiet > least).then_some(quiet)
    }

    fn complete(&self, told: &Alert, resolve_severity: &SeverityResolver) -> Alert {
        let mut alert = told.clone();
        if alert.omitted.state {
            alert.state = self.state;
        }
        if alert.omitted.title {
            alert.title.clone_from(&self.title);
        }
        if alert.stated == Stated::default() {
            alert.stated.clone_from(&self.stated);
        }
        for (name, value) in &self.labels {
            if alert.labels.len() < limits::LABELS {
                alert.labels.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
        // Rules are about all that is known, not about what this body happens to repeat.
        let knows_more = alert.title != told.title
            || alert.stated != told.stated
            || alert.labels.len() != told.labels.len();
        if knows_more {
            (alert.severity, alert.severity_origin) = resolve_severity(&alert);
        }
        let says_nothing = alert.severity_origin == SeverityOrigin::Unmapped
            && self.severity_origin != SeverityOrigin::Unmapped;
        let is_milder = self.severity < alert.severity;
        // The end of an alert says nothing new about how bad it was.
        let is_over = alert.state == AlertState::Resolved;
        if is_over || says_nothing || (is_milder && alert.omitted.severity) {
            alert.severity = self.severity;
            alert.severity_origin = self.severity_origin;
        }
        alert
    }
}
