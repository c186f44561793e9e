//! What silence makes of an open incident: what its source's lists left out is believed to be over after some
//! minutes, and an incident of which nothing is heard for very long is marked, because its end may never be told.

use std::collections::BTreeMap;

use super::known::KnownAlert;
use super::{Incident, NOT_LISTED, News, Rules, State};
use crate::clock::{Timestamp, later};

/// What the passing of time did to an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// The incident now.
    pub incident: Incident,
    /// Alerts to remember, by their id.
    pub alerts: BTreeMap<String, KnownAlert>,
    /// What the room should hear.
    pub news: Option<News>,
}

/// Looks at an open incident, of which `known` are the alerts that are missing.
#[must_use]
pub fn pass_time(
    before: &Incident,
    known: &BTreeMap<String, KnownAlert>,
    rules: Rules,
    now: Timestamp,
) -> Passed {
    let mut incident = before.clone();
    let gone: Vec<_> = known.iter().filter(|(_, known)| known.is_believed_gone(now)).collect();
    for (_, gone) in &gone {
        incident.count(gone.severity, gone.state, -1);
        incident.end_reason.get_or_insert_with(|| NOT_LISTED.to_owned());
        incident.unseen = incident.unseen.saturating_add(1);
    }
    incident.severity = incident.worst_firing().unwrap_or(before.severity);
    let alerts: BTreeMap<_, _> = gone.iter().map(|(id, known)| ((*id).clone(), known.ended())).collect();
    let is_stale = incident.has_room
        && incident.stale_since.is_none()
        && later(incident.heard_at, rules.stale_after) <= now;
    let news = if before.state != State::Open {
        None
    } else if !gone.is_empty() && incident.firing_count() == 0 && !incident.truncated {
        Some(incident.resolve(rules, now))
    } else if !gone.is_empty() {
        Some(News::Changed {
            was: Some(before.severity).filter(|was| *was != incident.severity),
            severity: incident.severity,
            joined: Vec::new(),
            joined_count: 0,
            ended_count: u32::try_from(gone.len()).unwrap_or(u32::MAX),
            reason: Some(NOT_LISTED.to_owned()),
            acknowledged: false,
            taken_by: None,
            assigned: Vec::new(),
            firing: incident.firing_count(),
        })
    } else if is_stale {
        incident.stale_since = Some(incident.heard_at);
        Some(News::Stale { heard_at: incident.heard_at })
    } else {
        None
    };
    if news.is_some() {
        incident.changed_at = now;
    }
    if incident.state == State::Open {
        let left = known.iter().filter(|(id, _)| !alerts.contains_key(*id));
        let gone_at = left.filter_map(|(_, known)| known.believed_gone_at());
        let is_watched = incident.has_room && incident.stale_since.is_none();
        let stale_at = is_watched.then(|| later(incident.heard_at, rules.stale_after));
        incident.look_at = gone_at.chain(stale_at).min();
    }
    let news = news.filter(|_| incident.has_room);
    Passed { incident, alerts, news }
}
