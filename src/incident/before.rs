//! What is known before a body, and when a body begins another incident beside the one that is known.

use std::collections::{BTreeMap, BTreeSet};

use super::known::{KnownAlert, Told};
use super::{Incident, Rules, State};
use crate::alert::{Alert, AlertState};
use crate::clock::{SignedDuration, Timestamp, later};

/// What is not named by one list, but by the next, was left out by an Alertmanager that has just read its
/// configuration and does not have all of a group yet. A list that comes sooner after the first is no second one.
pub const SECOND_LIST: SignedDuration = SignedDuration::from_secs(60);
/// No list comes any more where all that is left has ended in silence: so long after it was missing first, what is
/// missing is over. A little more than Alertmanager's usual `group_interval`.
const NO_LIST: SignedDuration = SignedDuration::from_mins(6);

/// Why an incident is over that another one takes the place of.
const NEVER_TOLD: &str = "its end was never told, and what begins now is another incident";

/// What is known before a body.
#[derive(Debug, Clone, Default)]
pub struct Before {
    /// The incident that is not closed.
    pub incident: Option<Incident>,
    /// Its alerts: those that the body names, and, if it is a complete list, those that it named last and those that
    /// are missing for longer than [`SECOND_LIST`]. Without an incident,
    /// what is known of these alerts from an earlier one.
    pub known: BTreeMap<String, KnownAlert>,
    /// Its room has ended for good though the incident has not: an operator closed it, or it was over before it
    /// was made.
    pub room_is_over: bool,
}

impl Before {
    /// The incident, closed, if what this body tells belongs to another one: its quiet time has passed; or its room
    /// is over, and something begins or gets worse, which nobody would hear of there; or something begins long
    /// after the last word about it, and nothing is told to have gone on meanwhile.
    pub(super) fn left_behind(
        &self,
        body: &[Alert],
        told: &[Told<'_>],
        rules: Rules,
        now: Timestamp,
    ) -> Option<Incident> {
        let incident = self.incident.as_ref()?;
        if let Some(closed) = incident.close_if_quiet(now) {
            return Some(closed);
        }
        let firing = || told.iter().filter(|t| t.fires());
        let begins = firing().any(|t| t.begun_at(now).is_some());
        let is_worse = firing().any(|t| t.alert.severity < incident.severity);
        let is_another = (self.room_is_over && (begins || is_worse))
            || self.begins_long_after(incident, body, told, rules, now);
        is_another.then(|| Incident {
            state: State::Closed { closed_at: now },
            changed_at: now,
            look_at: None,
            stale_since: None,
            end_reason: incident.end_reason.clone().or_else(|| Some(NEVER_TOLD.to_owned())),
            ..incident.clone()
        })
    }

    /// The quiet time after the last word, where nothing of what is known can still fire; else the time after
    /// which an incident is stale.
    fn begins_long_after(
        &self,
        incident: &Incident,
        body: &[Alert],
        told: &[Told<'_>],
        rules: Rules,
        now: Timestamp,
    ) -> bool {
        let anew = told.iter().filter(|t| t.quiet.is_some()).count() + self.gone(body).count();
        let may_go_on = usize::try_from(incident.firing_count()).is_ok_and(|firing| firing > anew);
        let after = later(incident.heard_at, if may_go_on { rules.stale_after } else { rules.close_after });
        let mut firing = told.iter().filter(|t| t.fires()).peekable();
        firing.peek().is_some() && firing.all(|t| t.begun_at(now).is_some_and(|begun| begun > after))
    }

    /// Whether all that fired has ended without our hearing of it: some of it fires anew, and the rest is gone.
    pub(super) fn has_lapsed(&self, body: &[Alert], told: &[Told<'_>], now: Timestamp) -> bool {
        let anew = told.iter().filter(|t| t.quiet.is_some()).count();
        let gone = self.gone(body).filter(|(_, known)| known.is_gone_at_last(SECOND_LIST, now)).count();
        let firing = self.incident.as_ref().map_or(0, Incident::firing_count);
        anew > 0 && usize::try_from(firing).is_ok_and(|firing| firing <= anew + gone)
    }

    /// Alerts that fired when this body's list named them last, and that it does not name now.
    fn gone<'k>(&'k self, body: &[Alert]) -> impl Iterator<Item = (&'k String, &'k KnownAlert)> + use<'k> {
        let list = body.iter().find(|alert| alert.is_listed).map(|alert| alert.key.clone());
        let named: BTreeSet<String> = if list.is_some() {
            body.iter().map(|alert| alert.id.clone()).collect()
        } else {
            BTreeSet::new()
        };
        self.known.iter().filter(move |(id, known)| {
            list.is_some()
                && known.listed_by == list
                && known.state != AlertState::Resolved
                && !named.contains(*id)
        })
    }

    /// What a complete list does not name any more: over if that is so for the second time, else missing for now.
    pub(super) fn missing(&self, body: &[Alert], now: Timestamp) -> Vec<(String, KnownAlert)> {
        let each = |(id, known): (&String, &KnownAlert)| {
            let known = if known.is_gone_at_last(SECOND_LIST, now) {
                known.ended()
            } else {
                KnownAlert { missing_since: known.missing_since.or(Some(now)), ..known.clone() }
            };
            (id.clone(), known)
        };
        self.gone(body).map(each).collect()
    }
}

impl KnownAlert {
    fn is_gone_at_last(&self, wait: SignedDuration, now: Timestamp) -> bool {
        self.missing_since.is_some_and(|since| later(since, wait) <= now)
    }

    /// Whether it is missing for so long that no list will name it any more.
    pub(super) fn is_believed_gone(&self, now: Timestamp) -> bool {
        self.state != AlertState::Resolved && self.is_gone_at_last(NO_LIST, now)
    }

    /// When that will be so.
    pub(super) fn believed_gone_at(&self) -> Option<Timestamp> {
        self.missing_since.filter(|_| self.state != AlertState::Resolved).map(|since| later(since, NO_LIST))
    }
}
