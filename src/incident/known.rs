//! What is remembered of an alert, so that a later body about it need not say everything again.
//!
//! Many tools tell all of a condition when it begins and hardly more than its id afterwards: that somebody has
//! taken it, that its priority is another one, that it is over. What a body does not say is as it was said before.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::alert::{Alert, AlertState, Judge, Severity, SeverityOrigin, Stated, limits};
use crate::clock::{SignedDuration, Timestamp};

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
    #[serde(default)]
    pub heard_at: Option<Timestamp>,
    /// See [`Alert::outbreak_at`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outbreak_at: Option<Timestamp>,
    /// See [`Alert::listed_by`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listed_by: Option<String>,
}

/// An alert of a body, completed, and what it was before.
pub(super) struct Told<'a> {
    pub(super) alert: Cow<'a, Alert>,
    pub(super) before: Option<(AlertState, Severity)>,
    /// It was taken to be firing all the time, but has ended and begun again: how long it was not heard of
    /// before it began.
    pub(super) quiet: Option<SignedDuration>,
}

impl Told<'_> {
    pub(super) fn was_firing(&self) -> bool {
        self.before.is_some_and(|(state, _)| state != AlertState::Resolved)
    }
}

/// Completes the alerts of a body by what is known of them, one after the other; also what is known afterwards.
pub(super) fn complete<'a>(
    known: &BTreeMap<String, KnownAlert>,
    alerts: &'a [Alert],
    judge: &Judge,
    now: Timestamp,
) -> (Vec<Told<'a>>, BTreeMap<String, KnownAlert>) {
    let mut remembered: BTreeMap<String, KnownAlert> = BTreeMap::new();
    let mut told = Vec::new();
    for alert in alerts {
        let previous = remembered.get(&alert.id).or_else(|| known.get(&alert.id));
        let before = previous.map(|known| (known.state, known.severity));
        let quiet = previous.and_then(|known| known.quiet_before(alert));
        let alert = match previous {
            Some(known) => Cow::Owned(known.complete(alert, judge)),
            None => Cow::Borrowed(alert),
        };
        let latest = previous.and_then(|known| known.outbreak_at).max(alert.outbreak_at);
        let known = KnownAlert { outbreak_at: latest, ..KnownAlert::of(&alert, now) };
        remembered.insert(alert.id.clone(), known);
        told.push(Told { alert, before, quiet });
    }
    (told, remembered)
}

impl KnownAlert {
    fn of(alert: &Alert, now: Timestamp) -> Self {
        Self {
            state: alert.state,
            severity: alert.severity,
            title: alert.title.clone(),
            severity_origin: alert.severity_origin,
            stated: alert.stated.clone(),
            labels: alert.labels.clone(),
            heard_at: Some(now),
            outbreak_at: alert.outbreak_at,
            listed_by: alert.listed_by.clone(),
        }
    }

    /// How long it was not heard of before it began again, if it fires by a later outbreak than the one known.
    fn quiet_before(&self, told: &Alert) -> Option<SignedDuration> {
        let fires = self.state != AlertState::Resolved && told.state != AlertState::Resolved;
        let (known, anew) = (self.outbreak_at?, told.outbreak_at?);
        (fires && anew > known)
            .then(|| self.heard_at.map_or(SignedDuration::ZERO, |at| anew.duration_since(at)))
    }

    fn complete(&self, told: &Alert, judge: &Judge) -> Alert {
        let mut alert = told.clone();
        if alert.keeps.state {
            alert.state = self.state;
        }
        if alert.keeps.title {
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
            (alert.severity, alert.severity_origin) = judge(&alert);
        }
        let says_nothing = alert.severity_origin == SeverityOrigin::Unmapped
            && self.severity_origin != SeverityOrigin::Unmapped;
        let is_milder = self.severity < alert.severity;
        // The end of an alert says nothing new about how bad it was.
        let is_over = alert.state == AlertState::Resolved;
        if is_over || says_nothing || (is_milder && alert.keeps.severity) {
            alert.severity = self.severity;
            alert.severity_origin = self.severity_origin;
        }
        alert
    }
}
