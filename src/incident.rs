//! The incident: what people gather around. Folds alerts into it, one body at a time.
//!
//! Pure. [`fold`] is given what is known (the incident under the alerts' key, and the alerts already seen in
//! it) and returns what is true now, what to answer, and what the room should be told. Alerts of one body
//! are folded together, because a sender lists them in no useful order and "the first is over, the second
//! fires" must not look like an end and a new beginning. [`pass_time`] says what silence makes of an incident.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::alert::{Alert, AlertState, DedupKey, Link, Severity, SeverityResolver, limits};
use crate::clock::{SignedDuration, Timestamp, later};

mod before;
mod known;
mod news;
mod silence;

pub use before::{Before, SECOND_LIST};
pub use known::KnownAlert;
use known::{Told, complete};
pub use silence::{Passed, pass_time};

/// An incident's number; shown as `INCIDENT-<number>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IncidentId(pub i64);

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "INCIDENT-{}", self.0)
    }
}

/// A text that is no incident's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an incident is named INCIDENT-<number> or just <number>")]
pub struct NotAnIncident;

impl FromStr for IncidentId {
    type Err = NotAnIncident;

    fn from_str(text: &str) -> Result<Self, NotAnIncident> {
        let number = text.strip_prefix("INCIDENT-").unwrap_or(text);
        match number.parse::<i64>() {
            Ok(n) if n > 0 && number.bytes().all(|b| b.is_ascii_digit()) => Ok(Self(n)),
            _ => Err(NotAnIncident),
        }
    }
}

/// Where an incident stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// Something fires.
    Open,
    /// Nothing fires; in the quiet time, in which a new firing comes back to the same room.
    Resolved {
        /// Since when.
        resolved_at: Timestamp,
        /// When the quiet time ends.
        closes_at: Timestamp,
    },
    /// Over; a new firing is a new incident.
    Closed {
        /// Since when.
        closed_at: Timestamp,
    },
}

/// Something that is broken, from its first alert to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// Its number.
    pub id: IncidentId,
    /// What makes alerts belong to it.
    pub key: DedupKey,
    /// The source that reported it, as named in the config.
    pub source: String,
    /// Where it stands.
    #[serde(flatten)]
    pub state: State,
    /// The worst severity firing now, or the last one when nothing fires.
    pub severity: Severity,
    /// The worst severity it ever had.
    pub worst: Severity,
    /// What broke, in one line.
    pub title: String,
    /// A few lines more.
    pub summary: String,
    /// The labels of its worst alert.
    pub labels: BTreeMap<String, String>,
    /// Where to look.
    pub links: Vec<Link>,
    /// Whom the source has assigned.
    pub assignees: Vec<String>,
    /// Since when it is broken, by the source's clock if it says.
    pub started_at: Timestamp,
    /// When we heard of it first.
    pub opened_at: Timestamp,
    /// When it last changed.
    pub changed_at: Timestamp,
    /// When its source last said anything of it.
    pub heard_at: Timestamp,
    /// While it is open: when to see whether its source still says anything of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look_at: Option<Timestamp>,
    /// Since when its source says nothing of it, once that is too long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale_since: Option<Timestamp>,
    /// Why something of it is over that nobody saw recover.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_reason: Option<String>,
    /// How many of its alerts are over in that way: none any more, and the reason is no reason.
    #[serde(default)]
    pub unseen: u32,
    /// How many alerts fire, by severity, worst first.
    pub firing: [u32; 5],
    /// Whether somebody at the source has taken it.
    pub acknowledged: bool,
    /// The source cut its list: more may fire than we know of.
    pub truncated: bool,
    /// Whether it was ever bad enough for a room.
    pub has_room: bool,
}

impl Incident {
    /// How many alerts fire.
    #[must_use]
    pub fn firing_count(&self) -> u32 {
        self.firing.iter().sum()
    }

    /// Whether it is over for good.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed { .. })
    }

    /// When its quiet time ends, while it is in it.
    #[must_use]
    pub fn closes_at(&self) -> Option<Timestamp> {
        match self.state {
            State::Resolved { closes_at, .. } => Some(closes_at),
            State::Open | State::Closed { .. } => None,
        }
    }

    /// The same incident, over: only from the quiet time, and only when that has passed.
    #[must_use]
    pub fn close_if_quiet(&self, now: Timestamp) -> Option<Self> {
        self.closes_at().filter(|at| *at <= now).map(|_| Self {
            state: State::Closed { closed_at: now },
            changed_at: now,
            look_at: None,
            ..self.clone()
        })
    }

    /// The same incident after the clock was put back to `now`: its quiet time begins now at the latest.
    #[must_use]
    pub fn clock_was_set(&self, now: Timestamp) -> Option<Self> {
        let State::Resolved { resolved_at, closes_at } = self.state else { return None };
        (resolved_at > now).then(|| {
            let closes_at = later(now, closes_at.duration_since(resolved_at));
            Self { state: State::Resolved { resolved_at: now, closes_at }, ..self.clone() }
        })
    }

    /// A body was about it.
    fn was_heard_of(
        &mut self,
        told: &[Told<'_>],
        known: &BTreeMap<String, KnownAlert>,
        remembered: &BTreeMap<String, KnownAlert>,
        rules: Rules,
        now: Timestamp,
    ) {
        (self.heard_at, self.stale_since) = (now, None);
        for told in told {
            self.key.clone_from(&told.said.key);
            if told.was_firing() && told.alert.end_reason.is_some() {
                self.end_reason.clone_from(&told.alert.end_reason);
            }
        }
        let unnamed = known.iter().filter(|(id, _)| !remembered.contains_key(*id)).map(|(_, known)| known);
        let gone_at = unnamed.chain(remembered.values()).filter_map(KnownAlert::believed_gone_at).min();
        self.look_at =
            [gone_at, self.look_at, Some(later(now, rules.stale_after))].into_iter().flatten().min();
    }

    /// What came back, or was told to have recovered after all, is not over in silence any more.
    fn count_unseen(
        &mut self,
        known: &BTreeMap<String, KnownAlert>,
        remembered: &BTreeMap<String, KnownAlert>,
    ) {
        for (id, alert) in remembered {
            match (known.get(id).is_some_and(|known| known.unseen), alert.unseen) {
                (false, true) => self.unseen = self.unseen.saturating_add(1),
                (true, false) => self.unseen = self.unseen.saturating_sub(1),
                (true, true) | (false, false) => {}
            }
        }
        if self.unseen == 0 {
            self.end_reason = None;
        }
    }

    /// Nothing of it fires any more.
    fn resolve(&mut self, rules: Rules, now: Timestamp) -> News {
        let closes_at = later(now, rules.close_after);
        self.state = State::Resolved { resolved_at: now, closes_at };
        (self.look_at, self.stale_since) = (None, None);
        News::Resolved { closes_at, reason: self.end_reason.clone() }
    }

    fn worst_firing(&self) -> Option<Severity> {
        Severity::ALL.into_iter().zip(self.firing).find(|(_, n)| *n > 0).map(|(s, _)| s)
    }

    fn count(&mut self, severity: Severity, state: AlertState, by: i64) {
        let counts = state != AlertState::Resolved;
        if let Some((_, n)) =
            Severity::ALL.into_iter().zip(self.firing.iter_mut()).find(|(s, _)| counts && *s == severity)
        {
            *n = u32::try_from((i64::from(*n) + by).max(0)).unwrap_or(u32::MAX);
        }
    }
}

/// What happened to an incident through one body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Nothing to do: below the opening severity, a test, or the end of something unknown.
    Ignored,
    /// Known already.
    Repeated,
    /// Something about it changed.
    Updated,
    /// Nothing fires any more.
    Resolved,
    /// A room is wanted from now on.
    Opened,
}

impl Outcome {
    /// The word in answers, logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ignored => "ignored",
            Self::Repeated => "repeated",
            Self::Updated => "updated",
            Self::Resolved => "resolved",
            Self::Opened => "opened",
        }
    }
}

/// Something the room should hear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "news", rename_all = "snake_case")]
pub enum News {
    /// The picture changed while it goes on.
    Changed {
        /// The severity before, if it is another one now.
        was: Option<Severity>,
        /// The severity now.
        severity: Severity,
        /// Titles of alerts that joined (the first few).
        joined: Vec<String>,
        /// How many joined in all.
        joined_count: u32,
        /// How many ended.
        ended_count: u32,
        /// Why, where nobody saw all of them recover.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// Somebody at the source has taken it just now.
        acknowledged: bool,
        /// Who has, if the source says.
        #[serde(default)]
        taken_by: Option<String>,
        /// Whom the source has assigned, if that is somebody else than before.
        #[serde(default)]
        assigned: Vec<String>,
        /// How many fire now.
        firing: u32,
    },
    /// Nothing fires any more.
    Resolved {
        /// When the quiet time ends.
        closes_at: Timestamp,
        /// Why, where nobody saw it recover.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Its source has said nothing of it for too long.
    Stale {
        /// When it last did.
        heard_at: Timestamp,
    },
    /// It fires again inside the quiet time.
    Reopened {
        /// The severity now.
        severity: Severity,
        /// What fires.
        title: String,
    },
}

/// The operator's rules for folding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// This severity and worse opens a room.
    pub open_at: Severity,
    /// Quiet time after the last resolve.
    pub close_after: SignedDuration,
    /// An incident of which nothing was heard for so long is marked.
    pub stale_after: SignedDuration,
}

/// Who speaks in a body.
#[derive(Clone, Copy)]
pub struct Reporter<'a> {
    /// The source, as named in the config.
    pub source: &'a str,
    /// How it decides severities.
    pub resolve_severity: &'a SeverityResolver,
}

impl fmt::Debug for Reporter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reporter").field(&self.source).finish()
    }
}

/// What one body did to one incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folded {
    /// What to answer.
    pub outcome: Outcome,
    /// Why nothing was done, where nothing was.
    pub reason: Option<&'static str>,
    /// The incident now, if there is one.
    pub incident: Option<Incident>,
    /// The incident that ran out its quiet time before this body came, now closed.
    pub closed: Option<Incident>,
    /// Alerts to remember, by their id; without an incident those whose end came before their beginning.
    pub alerts: BTreeMap<String, KnownAlert>,
    /// Whether the room is wanted from this body on.
    pub opens_room: bool,
    /// What the room should hear.
    pub news: Option<News>,
}

/// Titles listed in one piece of news.
const LISTED: usize = 5;

/// Why nobody is called for an alert that began and ended.
const OVER_BEFORE: &str = "it was over before anybody was called";
/// Why an alert is over that a complete list does not name any more.
const NOT_LISTED: &str = "its source does not list it any more (over, silenced or inhibited)";

/// Of a condition that begins again and again and is never told to be over.
const TELLS_NO_END: &str = "it began three times without an end: does its rule tell ends? Without them a person \
                            must close the room";

/// Folds the alerts of one body that share a key. What the body does not say of an alert is as it is known.
/// `number` is asked only when a new incident begins.
pub fn fold(
    before: Before,
    body: &[Alert],
    reporter: Reporter<'_>,
    number: impl FnOnce() -> IncidentId,
    rules: Rules,
    now: Timestamp,
) -> Folded {
    let (mut told, mut remembered) = complete(&before.known, body, reporter.resolve_severity, rules, now);
    let closed = if told.is_empty() { None } else { before.left_behind(body, &told, rules, now) };
    let nothing = |reason, incident, alerts| Folded {
        outcome: Outcome::Ignored,
        reason: Some(reason),
        incident,
        closed: closed.clone(),
        alerts,
        opens_room: false,
        news: None,
    };
    if told.is_empty() {
        return nothing("older than what is known of it", before.incident, BTreeMap::new());
    }
    let before = if closed.is_none() { before } else { Before::default() };
    if before.incident.is_none() {
        let timely: Vec<&Alert> = told.iter().map(|told| told.said).collect();
        (told, remembered) = complete(&BTreeMap::new(), timely, reporter.resolve_severity, rules, now);
    }
    let has_lapsed = before.has_lapsed(body, &told, now);
    let missing = before.missing(body, now);
    let Before { incident: before, known, .. } = before;

    let alerts = || told.iter().map(|told| &*told.alert);
    let firing = || alerts().filter(|a| a.state != AlertState::Resolved);
    // The worst firing alert of the body speaks for it.
    let lead = firing().min_by_key(|a| a.severity);
    let mut incident = match (&before, lead) {
        (Some(incident), _) => incident.clone(),
        (None, Some(lead)) => begin(lead, reporter.source, number(), now),
        (None, None) => {
            let has_fired = body.iter().any(|alert| alert.state != AlertState::Resolved);
            return nothing(if has_fired { OVER_BEFORE } else { "nothing open for it" }, None, remembered);
        }
    };
    let before = before.as_ref();

    let Tally { joined, joined_count, mut ended_count } = tally(&mut incident, &told);
    let ended = told.iter().filter(|told| told.was_firing() && !told.fires());
    let mut ended_because = ended.rev().find_map(|told| told.alert.end_reason.clone());
    for (id, missing) in missing {
        if missing.state == AlertState::Resolved {
            let was = known.get(&id).map_or(missing.state, |known| known.state);
            incident.count(missing.severity, was, -1);
            ended_count = ended_count.saturating_add(1);
            incident.end_reason.get_or_insert_with(|| NOT_LISTED.to_owned());
            ended_because.get_or_insert_with(|| NOT_LISTED.to_owned());
        }
        remembered.insert(id, missing);
    }
    incident.was_heard_of(&told, &known, &remembered, rules, now);
    incident.count_unseen(&known, &remembered);
    remembered.retain(|id, now| known.get(id).is_none_or(|before| !before.says_all_of(now)));
    incident.truncated = alerts().any(|a| a.truncated);
    let taken_before = incident.acknowledged;
    if let Some(lead) = lead {
        incident.acknowledged = firing().any(|a| a.state == AlertState::Acknowledged);
        describe(&mut incident, lead);
    }
    if let Some(severity) = incident.worst_firing() {
        incident.severity = severity;
        incident.worst = incident.worst.min(severity);
    }

    let was_resolved = has_lapsed || before.is_some_and(|b| b.closes_at().is_some());
    let over = incident.firing_count() == 0 && !incident.truncated;
    let is_bad = incident.severity.is_at_least(rules.open_at);
    let opens_room = !incident.has_room && !over && is_bad;
    incident.has_room |= opens_room;
    let fresh = before.is_none();
    let was = before.map(|b| b.severity).filter(|s| *s != incident.severity);
    let newly_taken = !fresh && !taken_before && incident.acknowledged;
    let taken_by = alerts().rev().find_map(|a| a.taken_by.clone()).filter(|_| newly_taken);
    let assigned = before.map(|b| newly_assigned(b, &incident)).unwrap_or_default();
    let changed = joined_count + ended_count > 0 || was.is_some() || newly_taken || !assigned.is_empty();

    let news = if over && !was_resolved {
        Some(incident.resolve(rules, now))
    } else if was_resolved && incident.firing_count() > 0 {
        incident.state = State::Open;
        (incident.end_reason, incident.unseen) = (None, 0);
        Some(News::Reopened { severity: incident.severity, title: incident.title.clone() })
    } else if !fresh && !over && changed {
        Some(News::Changed {
            was,
            severity: incident.severity,
            joined,
            joined_count,
            ended_count,
            reason: ended_because,
            acknowledged: newly_taken,
            taken_by,
            assigned,
            firing: incident.firing_count(),
        })
    } else {
        None
    };
    if fresh || news.is_some() {
        incident.changed_at = now;
    }
    let (outcome, reason) = answer(opens_room, incident.has_room, is_bad, news.as_ref());
    let reason = reason.or(told.iter().any(|told| told.tells_no_end).then_some(TELLS_NO_END));
    // The welcome tells the whole picture, so what led to the opening is no news to the room.
    let news = if opens_room || !incident.has_room { None } else { news };
    Folded { outcome, reason, incident: Some(incident), closed, alerts: remembered, opens_room, news }
}

/// What to tell the sender.
fn answer(
    opens_room: bool,
    has_room: bool,
    is_bad: bool,
    news: Option<&News>,
) -> (Outcome, Option<&'static str>) {
    match news {
        _ if opens_room => (Outcome::Opened, None),
        _ if !has_room && is_bad => (Outcome::Ignored, Some(OVER_BEFORE)),
        _ if !has_room => (Outcome::Ignored, Some("below the severity that opens a room")),
        Some(News::Resolved { .. }) => (Outcome::Resolved, None),
        Some(News::Changed { .. } | News::Reopened { .. } | News::Stale { .. }) => (Outcome::Updated, None),
        None => (Outcome::Repeated, None),
    }
}

/// What a body's alerts add up to.
struct Tally {
    joined: Vec<String>,
    joined_count: u32,
    ended_count: u32,
}

/// Counts the alerts of a body into the incident.
fn tally(incident: &mut Incident, told: &[Told<'_>]) -> Tally {
    let mut tally = Tally { joined: Vec::new(), joined_count: 0, ended_count: 0 };
    for told in told {
        let alert = &*told.alert;
        if let Some((state, severity)) = told.before {
            incident.count(severity, state, -1);
        }
        match (told.was_firing() && told.quiet.is_none(), alert.state) {
            (false, AlertState::Firing | AlertState::Acknowledged) => {
                tally.joined_count += 1;
                if tally.joined.len() < LISTED {
                    tally.joined.push(alert.title.clone());
                }
            }
            (true, AlertState::Resolved) => tally.ended_count += 1,
            (true, AlertState::Firing | AlertState::Acknowledged) | (false, AlertState::Resolved) => {}
        }
        incident.count(alert.severity, alert.state, 1);
    }
    tally
}

fn begin(lead: &Alert, source: &str, id: IncidentId, now: Timestamp) -> Incident {
    Incident {
        id,
        key: lead.key.clone(),
        source: source.to_owned(),
        state: State::Open,
        severity: lead.severity,
        worst: lead.severity,
        title: lead.title.clone(),
        summary: lead.summary.clone(),
        labels: lead.labels.clone(),
        links: lead.links.clone(),
        assignees: lead.assignees.clone(),
        started_at: lead.started_at.unwrap_or(now),
        opened_at: now,
        changed_at: now,
        heard_at: now,
        look_at: None,
        stale_since: None,
        end_reason: None,
        unseen: 0,
        firing: [0; 5],
        acknowledged: false,
        truncated: false,
        has_room: false,
    }
}

/// Whom the source has assigned now, if that is somebody else than before.
fn newly_assigned(before: &Incident, now: &Incident) -> Vec<String> {
    let set = |names: &[String]| names.iter().cloned().collect::<BTreeSet<String>>();
    if set(&before.assignees) == set(&now.assignees) { Vec::new() } else { now.assignees.clone() }
}

/// A worse alert, or news about the only one, changes what the incident is called; a lesser one does not.
fn describe(incident: &mut Incident, lead: &Alert) {
    if lead.severity.is_at_least(incident.severity) {
        incident.title.clone_from(&lead.title);
        if !lead.summary.is_empty() {
            incident.summary.clone_from(&lead.summary);
        }
        incident.labels.clone_from(&lead.labels);
    }
    for link in &lead.links {
        if incident.links.len() < limits::LINKS && !incident.links.contains(link) {
            incident.links.push(link.clone());
        }
    }
    // What is one single condition has the owners that its source names last; of several, all are kept.
    if incident.firing_count() == 1 && !lead.assignees.is_empty() {
        incident.assignees.clear();
    }
    for assignee in &lead.assignees {
        if incident.assignees.len() < limits::ASSIGNEES && !incident.assignees.contains(assignee) {
            incident.assignees.push(assignee.clone());
        }
    }
}

#[cfg(test)]
mod tests;
