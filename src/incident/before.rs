//! An incident as it stands before a body, and when a body begins another one beside it.

use std::collections::{BTreeMap, BTreeSet};

use super::known::{KnownAlert, Told};
use super::{Incident, Rules, State};
use crate::alert::{Alert, AlertState};
use crate::clock::Timestamp;

/// An incident as it stands before a body.
#[derive(Debug, Clone)]
pub struct Before {
    /// The incident itself.
    pub incident: Incident,
    /// Its alerts: those that the body names, and all of them if the body is a complete list.
    pub known: BTreeMap<String, KnownAlert>,
    /// Its room has ended for good though the incident has not: an operator closed it, or it was over before it
    /// was made.
    pub room_is_over: bool,
}

impl Before {
    /// The incident, closed, if what this body tells belongs to another one:
    /// its quiet time has passed; or its room is over, and something begins or gets worse, which nobody would
    /// hear of there; or all that fired has ended without our hearing of it, longer ago than the quiet time.
    pub(super) fn left_behind(&self, told: &[Told<'_>], rules: Rules, now: Timestamp) -> Option<Incident> {
        let closed =
            || Incident { state: State::Closed { closed_at: now }, changed_at: now, ..self.incident.clone() };
        let firing = || told.iter().filter(|t| t.alert.state != AlertState::Resolved);
        let begins = firing().any(|t| !t.was_firing() || t.quiet.is_some());
        let is_worse = firing().any(|t| t.alert.severity < self.incident.severity);
        let for_long = || told.iter().all(|t| t.quiet.is_none_or(|quiet| quiet > rules.close_after));
        if let Some(closed) = self.incident.close_if_quiet(now) {
            return Some(closed);
        }
        ((self.room_is_over && (begins || is_worse)) || (self.has_lapsed(told) && for_long())).then(closed)
    }

    /// Whether all that fired has ended without our hearing of it: some of it fires anew, and the rest is gone.
    pub(super) fn has_lapsed(&self, told: &[Told<'_>]) -> bool {
        let anew = told.iter().filter(|t| t.quiet.is_some()).count();
        let gone = self.gone(told).count();
        anew > 0 && usize::try_from(self.incident.firing_count()).is_ok_and(|firing| firing <= anew + gone)
    }

    /// Alerts that fired when this body's author told them last, and that its complete list does not name now.
    pub(super) fn gone<'k>(
        &'k self,
        told: &[Told<'_>],
    ) -> impl Iterator<Item = (&'k String, &'k KnownAlert)> + use<'k> {
        let list = told.iter().find_map(|t| t.alert.listed_by.clone());
        let named: BTreeSet<String> =
            if list.is_some() { told.iter().map(|t| t.alert.id.clone()).collect() } else { BTreeSet::new() };
        self.known.iter().filter(move |(id, known)| {
            list.is_some()
                && known.listed_by == list
                && known.state != AlertState::Resolved
                && !named.contains(*id)
        })
    }
}

/// Whether a body about these alerts has to be held against all that is known of the incident.
#[must_use]
pub fn is_complete_list(alerts: &[Alert]) -> bool {
    alerts.iter().any(|alert| alert.listed_by.is_some())
}
