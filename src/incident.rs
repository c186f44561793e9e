//! The incident: what people gather around. Folds alerts into it, one body at a time.
//!
//! Pure. [`fold`] is given what is known (the incident under the alerts' key, and the alerts already seen in
//! it) and returns what is true now, what to answer, and what the room should be told. Alerts of one body
//! are folded together, because a sender lists them in no useful order and "the first is over, the second
//! fires" must not look like an end and a new beginning.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::alert::{Alert, AlertState, DedupKey, Judge, Link, Severity, limits};
use crate::clock::{SignedDuration, Timestamp, later};

mod before;
mod known;

pub use before::{Before, is_complete_list};
pub use known::KnownAlert;
use known::{Told, complete};

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
}

/// Who speaks in a body.
#[derive(Clone, Copy)]
pub struct Reporter<'a> {
    /// The source, as named in the config.
    pub source: &'a str,
    /// How it decides severities.
    pub judge: &'a Judge,
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
    /// Alerts to remember, by their id.
    pub alerts: BTreeMap<String, KnownAlert>,
    /// Whether the room is wanted from this body on.
    pub opens_room: bool,
    /// What the room should hear.
    pub news: Option<News>,
}

/// Titles listed in one piece of news.
const LISTED: usize = 5;

/// Folds the alerts of one body that share a key. What the body does not say of an alert is as it is known.
/// `number` is asked only when a new incident begins.
pub fn fold(
    before: Option<Before>,
    alerts: &[Alert],
    reporter: Reporter<'_>,
    number: impl FnOnce() -> IncidentId,
    rules: Rules,
    now: Timestamp,
) -> Folded {
    let nothing_known = BTreeMap::new();
    let before = before.filter(|before| !before.incident.is_closed());
    let known = before.as_ref().map_or(&nothing_known, |before| &before.known);
    let (mut told, mut remembered) = complete(known, alerts, reporter.judge, now);
    let closed = before.as_ref().and_then(|before| before.left_behind(&told, rules, now));
    let before = before.filter(|_| closed.is_none());
    if closed.is_some() {
        (told, remembered) = complete(&nothing_known, alerts, reporter.judge, now);
    }
    let has_lapsed = before.as_ref().is_some_and(|before| before.has_lapsed(&told));
    let gone: Vec<_> = before.iter().flat_map(|before| before.gone(&told)).collect();
    let before = before.as_ref().map(|before| &before.incident);
    let nothing = |reason| Folded {
        outcome: Outcome::Ignored,
        reason: Some(reason),
        incident: None,
        closed: closed.clone(),
        alerts: BTreeMap::new(),
        opens_room: false,
        news: None,
    };

    let alerts = || told.iter().map(|told| &*told.alert);
    let firing = || alerts().filter(|a| a.state != AlertState::Resolved);
    // The worst firing alert of the body speaks for it.
    let lead = firing().min_by_key(|a| a.severity);
    let mut incident = match (before, lead) {
        (Some(incident), _) => incident.clone(),
        (None, Some(lead)) => begin(lead, reporter.source, number(), now),
        (None, None) => return nothing("nothing open for it"),
    };

    let Tally { joined, joined_count, mut ended_count } = tally(&mut incident, &told);
    for (id, known) in gone {
        incident.count(known.severity, known.state, -1);
        ended_count = ended_count.saturating_add(1);
        remembered.insert(id.clone(), KnownAlert { state: AlertState::Resolved, ..known.clone() });
    }
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
    let opens_room = !incident.has_room && !over && incident.severity.is_at_least(rules.open_at);
    incident.has_room |= opens_room;
    let fresh = before.is_none();
    let was = before.map(|b| b.severity).filter(|s| *s != incident.severity);
    let newly_taken = !fresh && !taken_before && incident.acknowledged;
    let taken_by = alerts().rev().find_map(|a| a.taken_by.clone()).filter(|_| newly_taken);
    let assigned = before.map(|b| newly_assigned(b, &incident)).unwrap_or_default();
    let changed = joined_count + ended_count > 0 || was.is_some() || newly_taken || !assigned.is_empty();

    let news = if over && !was_resolved {
        let closes_at = later(now, rules.close_after);
        incident.state = State::Resolved { resolved_at: now, closes_at };
        Some(News::Resolved { closes_at })
    } else if was_resolved && incident.firing_count() > 0 {
        incident.state = State::Open;
        Some(News::Reopened { severity: incident.severity, title: incident.title.clone() })
    } else if !fresh && !over && changed {
        Some(News::Changed {
            was,
            severity: incident.severity,
            joined,
            joined_count,
            ended_count,
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
    let (outcome, reason) = answer(opens_room, incident.has_room, news.as_ref());
    // The welcome tells the whole picture, so what led to the opening is no news to the room.
    let news = if opens_room || !incident.has_room { None } else { news };
    Folded { outcome, reason, incident: Some(incident), closed, alerts: remembered, opens_room, news }
}

/// What to tell the sender.
fn answer(opens_room: bool, has_room: bool, news: Option<&News>) -> (Outcome, Option<&'static str>) {
    match news {
        _ if opens_room => (Outcome::Opened, None),
        _ if !has_room => (Outcome::Ignored, Some("below the severity that opens a room")),
        Some(News::Resolved { .. }) => (Outcome::Resolved, None),
        Some(News::Changed { .. } | News::Reopened { .. }) => (Outcome::Updated, None),
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
mod tests {
    use super::*;
    use crate::alert::{Draft, Keeps, SeverityOrigin, Stated};
    use proptest::prelude::*;

    const RULES: Rules = Rules { open_at: Severity::Sev1, close_after: SignedDuration::from_mins(30) };

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_772_000_000 + minute * 60).unwrap()
    }

    fn alert(id: &str, state: AlertState, severity: Severity) -> Alert {
        Draft { id: id.into(), title: format!("alert {id}"), ..Draft::default() }.finish(
            DedupKey::new("t", 1, "k"),
            state,
            (severity, SeverityOrigin::Field),
        )
    }

    /// What was stated, or the default; a rule makes everything of one client a Severity 2.
    fn by_client(alert: &Alert) -> (Severity, SeverityOrigin) {
        if alert.labels.get("client").is_some_and(|client| client == "globex") {
            return (Sev2, SeverityOrigin::Rule);
        }
        let stated = alert.stated.meaning.map(|severity| (severity, SeverityOrigin::Field));
        stated.unwrap_or((Sev3, SeverityOrigin::Unmapped))
    }

    /// As a source makes one: with labels, and a severity if it is stated.
    fn stated(state: AlertState, title: &str, labels: &[(&str, &str)], severity: Option<Severity>) -> Alert {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let draft = Draft { id: "a".into(), title: title.into(), labels, ..Draft::default() };
        let alert = draft.finish(DedupKey::new("t", 1, "k"), state, (Sev3, SeverityOrigin::Unmapped));
        let alert = Alert { stated: Stated { text: None, meaning: severity }, ..alert };
        let (severity, severity_origin) = by_client(&alert);
        Alert { severity, severity_origin, ..alert }
    }

    /// A store of one key, to tell stories.
    #[derive(Default)]
    struct Story {
        incident: Option<Incident>,
        alerts: BTreeMap<String, KnownAlert>,
        numbers: i64,
        room_is_over: bool,
    }

    impl Story {
        fn hear(&mut self, minute: i64, alerts: &[Alert]) -> Folded {
            let mut numbers = self.numbers;
            let number = || {
                numbers += 1;
                IncidentId(numbers)
            };
            let reporter = Reporter { source: "test", judge: &by_client };
            let before = self.incident.clone().map(|incident| Before {
                incident,
                known: self.alerts.clone(),
                room_is_over: self.room_is_over,
            });
            let folded = fold(before, alerts, reporter, number, RULES, at(minute));
            self.room_is_over &= folded.closed.is_none();
            self.numbers = numbers;
            if folded.closed.is_some() {
                self.alerts.clear();
                self.incident = None;
            }
            if folded.incident.is_some() {
                self.incident.clone_from(&folded.incident);
                self.alerts.extend(folded.alerts.clone());
            }
            folded
        }
    }

    use AlertState::{Acknowledged, Firing, Resolved};
    use Severity::{Sev1, Sev2, Sev3};

    #[test]
    fn a_severe_alert_opens_a_room_and_its_repeats_do_nothing() {
        let mut story = Story::default();
        let first = story.hear(0, &[alert("a", Firing, Sev1)]);
        assert_eq!((first.outcome, first.opens_room, first.news), (Outcome::Opened, true, None));
        let again = story.hear(5, &[alert("a", Firing, Sev1)]);
        assert_eq!((again.outcome, again.opens_room, again.news), (Outcome::Repeated, false, None));
        assert_eq!(again.incident.unwrap().id, IncidentId(1));
    }

    #[test]
    fn a_lesser_alert_is_recorded_and_a_later_rise_opens_the_room() {
        let mut story = Story::default();
        let low = story.hear(0, &[alert("a", Firing, Sev3)]);
        assert_eq!((low.outcome, low.opens_room), (Outcome::Ignored, false));
        assert_eq!(low.incident.as_ref().unwrap().id, IncidentId(1));
        let risen = story.hear(1, &[alert("a", Firing, Sev1)]);
        assert_eq!((risen.outcome, risen.opens_room), (Outcome::Opened, true));
        assert_eq!(risen.incident.unwrap().id, IncidentId(1), "still the same incident");
    }

    #[test]
    fn it_is_over_only_when_the_last_alert_is() {
        let mut story = Story::default();
        story.hear(0, &[alert("a", Firing, Sev1), alert("b", Firing, Sev1)]);
        let half = story.hear(1, &[alert("a", Resolved, Sev1), alert("b", Firing, Sev1)]);
        assert_eq!(half.outcome, Outcome::Updated);
        let done = story.hear(2, &[alert("b", Resolved, Sev1)]);
        assert_eq!(done.outcome, Outcome::Resolved);
        assert_eq!(done.news, Some(News::Resolved { closes_at: at(32) }));
    }

    #[test]
    fn the_order_inside_a_body_does_not_matter() {
        let mut story = Story::default();
        story.hear(0, &[alert("a", Firing, Sev1)]);
        let swapped = story.hear(1, &[alert("a", Resolved, Sev1), alert("b", Firing, Sev1)]);
        assert_eq!(swapped.outcome, Outcome::Updated);
        assert_eq!(swapped.incident.unwrap().state, State::Open);
    }

    /// As Alertmanager tells one: since when it fires, in a list of all that it knows.
    fn listed(id: &str, state: AlertState, since: i64) -> Alert {
        Alert {
            outbreak_at: Some(at(since)),
            listed_by: Some("alertmanager-1".to_owned()),
            ..alert(id, state, Sev1)
        }
    }

    #[test]
    fn an_outbreak_whose_end_was_never_told_does_not_hide_the_next_one() {
        let mut story = Story::default();
        story.hear(0, &[listed("a", Firing, 0)]);
        story.hear(20, &[listed("a", Firing, 0)]);
        // It ended meanwhile, silenced for example; and it is back within the quiet time.
        let back = story.hear(45, &[listed("a", Firing, 44)]);
        assert_eq!((back.outcome, back.closed), (Outcome::Updated, None));
        assert!(matches!(back.news, Some(News::Reopened { .. })), "{:?}", back.news);
        assert_eq!(back.incident.unwrap().firing_count(), 1);
        // Months later other people are on duty.
        let anew = story.hear(50_000, &[listed("a", Firing, 49_999)]);
        assert_eq!((anew.outcome, anew.opens_room), (Outcome::Opened, true));
        assert!(anew.closed.unwrap().is_closed());
        assert_eq!(anew.incident.unwrap().id, IncidentId(2));
        // A repeat is still one.
        assert_eq!(story.hear(50_300, &[listed("a", Firing, 49_999)]).outcome, Outcome::Repeated);
    }

    #[test]
    fn two_reporters_who_saw_it_begin_at_different_moments_are_told_apart_once() {
        let mut story = Story::default();
        let outcomes: Vec<Outcome> =
            [0, 1, 0, 1, 0, 1].map(|since| story.hear(2, &[listed("a", Firing, since)]).outcome).into();
        assert_eq!(outcomes[..2], [Outcome::Opened, Outcome::Updated]);
        assert!(outcomes[2..].iter().all(|outcome| *outcome == Outcome::Repeated), "{outcomes:?}");
    }

    #[test]
    fn an_outbreak_beside_others_that_go_on_is_told_in_the_same_room() {
        let mut story = Story::default();
        story.hear(0, &[listed("a", Firing, 0), listed("b", Firing, 0)]);
        let again = story.hear(500, &[listed("a", Firing, 0), listed("b", Firing, 499)]);
        assert_eq!((again.outcome, again.closed), (Outcome::Updated, None));
        let Some(News::Changed { joined_count: 1, firing: 2, .. }) = again.news else {
            panic!("{:?}", again.news)
        };
    }

    #[test]
    fn what_a_complete_list_does_not_name_any_more_is_over() {
        let mut story = Story::default();
        story.hear(0, &[listed("a", Firing, 0), listed("b", Firing, 0)]);
        let other = Alert { listed_by: Some("alertmanager-2".to_owned()), ..listed("c", Firing, 0) };
        let more = story.hear(1, std::slice::from_ref(&other));
        assert_eq!(more.incident.unwrap().firing_count(), 3, "the list of another one says nothing of these");
        // A list without an author is none.
        let half = story.hear(2, &[alert("b", Resolved, Sev1)]);
        assert_eq!(half.incident.unwrap().firing_count(), 2);
        let half = story.hear(3, &[listed("b", Resolved, 0)]);
        assert_eq!(half.incident.unwrap().firing_count(), 1, "a is over too");
        let over = story.hear(4, &[Alert { state: Resolved, ..other }]);
        assert_eq!(over.outcome, Outcome::Resolved);
        assert_eq!(story.hear(5, &[listed("a", Firing, 0)]).outcome, Outcome::Updated, "and back");
    }

    #[test]
    fn after_the_end_of_its_room_only_what_begins_or_gets_worse_opens_another() {
        let mut story = Story::default();
        story.hear(0, &[alert("a", Firing, Sev1)]);
        story.room_is_over = true;
        assert_eq!(
            story.hear(1, &[alert("a", Firing, Sev1)]).outcome,
            Outcome::Repeated,
            "somebody closed it"
        );
        let other = story.hear(2, &[alert("b", Firing, Sev1)]);
        assert_eq!((other.outcome, other.opens_room), (Outcome::Opened, true));
        assert_eq!((other.closed.unwrap().id, other.incident.unwrap().id), (IncidentId(1), IncidentId(2)));

        story.room_is_over = true;
        assert_eq!(story.hear(3, &[alert("b", Resolved, Sev1)]).outcome, Outcome::Resolved);
        let back = story.hear(4, &[alert("b", Firing, Sev1)]);
        assert_eq!((back.opens_room, back.incident.unwrap().id), (true, IncidentId(3)));
    }

    #[test]
    fn a_truncated_body_never_ends_an_incident() {
        let mut story = Story::default();
        story.hear(0, &[alert("a", Firing, Sev1)]);
        let cut = Alert { truncated: true, ..alert("a", Resolved, Sev1) };
        let still = story.hear(1, &[cut]);
        assert_eq!(still.incident.unwrap().state, State::Open);
        let whole = story.hear(2, &[alert("a", Resolved, Sev1)]);
        assert_eq!(whole.outcome, Outcome::Resolved);
    }

    #[test]
    fn firing_again_in_the_quiet_time_comes_back_to_the_same_room() {
        let mut story = Story::default();
        story.hear(0, &[alert("a", Firing, Sev1)]);
        story.hear(1, &[alert("a", Resolved, Sev1)]);
        let back = story.hear(30, &[alert("a", Firing, Sev1)]);
        assert!(matches!(back.news, Some(News::Reopened { .. })));
        assert_eq!((back.outcome, back.opens_room), (Outcome::Updated, false));
        assert_eq!(back.incident.unwrap().id, IncidentId(1));
    }

    #[test]
    fn firing_after_the_quiet_time_is_a_new_incident_and_the_old_one_is_closed() {
        let mut story = Story::default();
        story.hear(0, &[alert("a", Firing, Sev1)]);
        story.hear(1, &[alert("a", Resolved, Sev1)]);
        let next = story.hear(31, &[alert("a", Firing, Sev1)]);
        assert_eq!(next.closed.unwrap().id, IncidentId(1));
        assert_eq!((next.outcome, next.incident.unwrap().id), (Outcome::Opened, IncidentId(2)));
    }

    #[test]
    fn the_end_of_something_unknown_is_ignored() {
        let folded = Story::default().hear(0, &[alert("a", Resolved, Sev1)]);
        assert_eq!((folded.outcome, folded.incident), (Outcome::Ignored, None));
    }

    #[test]
    fn being_taken_at_the_source_is_told_once() {
        let mut story = Story::default();
        story.hear(0, &[alert("a", Firing, Sev1)]);
        let taken = story.hear(1, &[alert("a", Acknowledged, Sev1)]);
        assert!(matches!(taken.news, Some(News::Changed { acknowledged: true, .. })));
        assert_eq!(story.hear(2, &[alert("a", Acknowledged, Sev1)]).outcome, Outcome::Repeated);
    }

    #[test]
    fn who_took_it_and_who_owns_it_is_told_when_it_changes() {
        let mut story = Story::default();
        let owned = |state, owners: &[&str], taken_by: Option<&str>| Alert {
            assignees: owners.iter().map(|&o| o.to_owned()).collect(),
            taken_by: taken_by.map(str::to_owned),
            ..alert("a", state, Sev1)
        };
        story.hear(0, &[owned(Firing, &["Mei Tanaka"], None)]);
        assert_eq!(story.hear(1, &[owned(Firing, &["Mei Tanaka"], None)]).outcome, Outcome::Repeated);
        let taken = story.hear(2, &[owned(Acknowledged, &["Mei Tanaka"], Some("Sam Lee"))]);
        let Some(News::Changed { acknowledged: true, taken_by, assigned, .. }) = taken.news else { panic!() };
        assert_eq!((taken_by.as_deref(), assigned.len()), (Some("Sam Lee"), 0));
        let moved = story.hear(3, &[owned(Acknowledged, &["Jo Park"], None)]);
        assert_eq!(moved.incident.unwrap().assignees, ["Jo Park"], "not added to those before");
        let Some(News::Changed { acknowledged: false, taken_by: None, assigned, .. }) = moved.news else {
            panic!()
        };
        assert_eq!(assigned, ["Jo Park"]);
        assert_eq!(story.hear(4, &[owned(Acknowledged, &[], None)]).outcome, Outcome::Repeated, "not said");
    }

    #[test]
    fn the_worst_firing_alert_gives_severity_and_name() {
        let mut story = Story::default();
        story.hear(0, &[alert("a", Firing, Sev1), alert("b", Firing, Sev2)]);
        let eased = story.hear(1, &[alert("a", Resolved, Sev1)]).incident.unwrap();
        assert_eq!((eased.severity, eased.worst, eased.title.as_str()), (Sev2, Sev1, "alert a"));
    }

    #[test]
    fn what_a_follow_up_does_not_say_stays_as_it_was_said() {
        let mut story = Story::default();
        let labels = [("client", "acme"), ("service", "checkout")];
        story.hear(0, &[stated(Firing, "Checkout down", &labels, Some(Sev1))]);
        let taken = story.hear(1, &[stated(Acknowledged, "", &[("service", "checkout-eu")], None)]);
        let incident = taken.incident.unwrap();
        assert_eq!((incident.severity, incident.title.as_str()), (Sev1, "Checkout down"));
        assert!(incident.acknowledged);
        let merged: Vec<_> = incident.labels.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(merged, [("client", "acme"), ("service", "checkout-eu")], "the new value over the old");
        let over = story.hear(2, &[stated(Resolved, "", &[], None)]);
        assert_eq!((over.outcome, over.alerts["a"].title.as_str()), (Outcome::Resolved, "Checkout down"));
        let back = story.hear(3, &[stated(Firing, "", &[], None)]);
        let Some(News::Reopened { severity: Sev1, title }) = back.news else { panic!("{:?}", back.news) };
        assert_eq!(title, "Checkout down");
    }

    #[test]
    fn a_later_rise_without_labels_opens_the_room_of_the_first_labels() {
        let mut story = Story::default();
        story.hear(0, &[stated(Firing, "Checkout slow", &[("client", "acme")], Some(Sev3))]);
        let risen = story.hear(1, &[stated(Firing, "Checkout slow", &[], Some(Sev1))]);
        assert!(risen.opens_room);
        assert_eq!(risen.incident.unwrap().labels["client"], "acme");
    }

    #[test]
    fn rules_see_the_labels_of_the_first_body_in_the_later_ones_too() {
        let mut story = Story::default();
        story.hear(0, &[stated(Firing, "Checkout down", &[("client", "globex")], Some(Sev1))]);
        let taken = story.hear(1, &[stated(Acknowledged, "Checkout down", &[], Some(Sev1))]);
        assert_eq!(taken.incident.unwrap().severity, Sev2, "as the rule says, with the label or without");
    }

    #[test]
    fn a_default_that_the_operator_has_changed_is_taken_at_the_next_body() {
        let mut story = Story::default();
        story.hear(0, &[stated(Firing, "Checkout down", &[], None)]);
        let unmapped = (Sev1, SeverityOrigin::Unmapped);
        let again = Alert {
            severity: unmapped.0,
            severity_origin: unmapped.1,
            ..stated(Firing, "Checkout down", &[], None)
        };
        assert!(story.hear(1, &[again]).opens_room);
    }

    #[test]
    fn a_body_about_the_priority_alone_neither_reopens_nor_takes_back() {
        let priority = |severity| Alert {
            keeps: Keeps { state: true, ..Keeps::default() },
            ..stated(Firing, "Checkout down", &[], Some(severity))
        };
        let mut story = Story::default();
        story.hear(0, &[stated(Firing, "Checkout down", &[], Some(Sev1))]);
        story.hear(1, &[stated(Acknowledged, "Checkout down", &[], Some(Sev1))]);
        let eased = story.hear(2, &[priority(Sev2)]).incident.unwrap();
        assert_eq!((eased.acknowledged, eased.severity), (true, Sev2));
        story.hear(3, &[stated(Resolved, "Checkout down", &[], Some(Sev2))]);
        let after = story.hear(4, &[priority(Sev1)]);
        assert_eq!((after.outcome, after.incident.unwrap().firing_count()), (Outcome::Repeated, 0));
        assert!(Story::default().hear(0, &[priority(Sev1)]).opens_room, "what is unknown fires");
    }

    #[test]
    fn a_body_that_is_not_about_the_severity_raises_it_and_never_lowers_it() {
        let aside = |severity| Alert {
            keeps: Keeps { severity: true, ..Keeps::default() },
            ..stated(Acknowledged, "Checkout down", &[], Some(severity))
        };
        let mut story = Story::default();
        story.hear(0, &[stated(Firing, "Checkout down", &[], Some(Sev2))]);
        assert_eq!(story.hear(1, &[aside(Sev3)]).incident.unwrap().severity, Sev2);
        assert_eq!(story.hear(2, &[aside(Sev1)]).incident.unwrap().severity, Sev1);
    }

    #[test]
    fn the_events_of_one_body_build_upon_each_other() {
        let mut story = Story::default();
        let create = stated(Firing, "Checkout down", &[("client", "acme")], Some(Sev3));
        let rise = stated(Firing, "", &[], Some(Sev1));
        let incident = story.hear(0, &[create, rise]).incident.unwrap();
        assert_eq!((incident.severity, incident.title.as_str()), (Sev1, "Checkout down"));
        assert_eq!((incident.labels["client"].as_str(), incident.firing_count()), ("acme", 1));
    }

    #[test]
    fn labels_that_keep_changing_stay_within_the_limit() {
        let mut story = Story::default();
        for n in 0..300 {
            let name = format!("pod-{n:03}");
            story.hear(n, &[stated(Firing, "Checkout down", &[(&name, "x")], Some(Sev1))]);
        }
        let labels = story.incident.unwrap().labels;
        assert_eq!(labels.len(), limits::LABELS);
        assert!(labels.contains_key("pod-299"), "the newest are kept");
    }

    #[test]
    fn ids_read_back() {
        assert_eq!("INCIDENT-12".parse(), Ok(IncidentId(12)));
        assert_eq!("12".parse(), Ok(IncidentId(12)));
        for bad in ["INCIDENT-0", "INCIDENT-", "+1", "-1", "x", "INCIDENT-1x"] {
            assert_eq!(bad.parse::<IncidentId>(), Err(NotAnIncident), "{bad}");
        }
    }

    fn any_alert() -> impl Strategy<Value = Alert> {
        let state = prop_oneof![Just(Firing), Just(Acknowledged), Just(Resolved)];
        let keeps = any::<[bool; 3]>().prop_map(|[state, severity, title]| Keeps { state, severity, title });
        ("[ab]", state, prop_oneof![Just(Sev1), Just(Sev2), Just(Sev3)], keeps)
            .prop_map(|(id, s, v, keeps)| Alert { keeps, ..alert(&id, s, v) })
    }

    proptest! {
        #[test]
        fn counts_always_agree_with_the_alerts(bodies in proptest::collection::vec(
            (0i64..40, proptest::collection::vec(any_alert(), 1..4)), 1..20))
        {
            let mut story = Story::default();
            let mut minute = 0;
            let mut rooms = std::collections::BTreeSet::new();
            for (gap, body) in bodies {
                minute += gap;
                let folded = story.hear(minute, &body);
                if let Some(incident) = &story.incident {
                    let firing = story.alerts.values().filter(|a| a.state != Resolved).count();
                    prop_assert_eq!(usize::try_from(incident.firing_count()).unwrap(), firing);
                    prop_assert_eq!(incident.state == State::Open, firing > 0);
                    prop_assert!(!folded.opens_room || rooms.insert(incident.id), "a room opens once");
                }
            }
        }
    }
}
