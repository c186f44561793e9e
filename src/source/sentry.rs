//! Sentry's integration platform: issue, issue alert (`event_alert`) and metric alert webhooks.
//!
//! Which of them a body is stands in the header `Sentry-Hook-Resource`, which the signature does not cover; it is
//! read from what is in the body instead. The bodies of the old webhooks plugin are read as well, but nothing
//! signs those.
//!
//! An issue alert belongs to its issue, so that resolving the issue in Sentry ends what the alert began.

use std::collections::BTreeMap;

use http::HeaderName;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};

use super::labels::{add, labels_of, links_of};
use super::several::{Event as Outcome, one_or_several};
use super::wire::{Leaves, Many, Moment, Part, Text, part, read, text};
use super::{NotUnderstood, Parsed, Sample, Source, Tool};
use crate::alert::{AlertState, Draft, LinkKind, Omitted};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::signature::{Encoding, Scheme, VerifiedBody};

pub(super) const TOOL: Tool =
    Tool { name: "sentry", title: "Sentry", proof: "an HMAC signature", hmac: Some(sign), parse, sample };

/// Bare hexadecimal, keyed with the integration's client secret. The time in `Sentry-Hook-Timestamp` is not
/// signed and so proves nothing.
fn sign(secrets: Vec<SecretString>) -> Scheme {
    Scheme::Hmac {
        secrets,
        header: HeaderName::from_static("sentry-hook-signature"),
        encoding: Encoding::Hex,
        prefix: None,
        timestamp: None,
    }
}

fn parse(body: &VerifiedBody, source: &Source) -> Result<Parsed, NotUnderstood> {
    one_or_several(read(body.body())?, |body| event(body, source))
}

fn event(mut body: Value, source: &Source) -> Result<Outcome, NotUnderstood> {
    let action = body.get("action").and_then(text).unwrap_or_default().to_ascii_lowercase();
    let mut data = body.get_mut("data").map(Value::take).unwrap_or_default();
    let resource = ["metric_alert", "issue", "event"]
        .into_iter()
        .find(|name| data.get(*name).is_some_and(Value::is_object));
    match resource {
        Some("metric_alert") => metric_alert(data, &action, source),
        Some("event") => event_alert(&mut data, source),
        Some("issue") => {
            let issue = data.get_mut("issue").map(Value::take).unwrap_or_default();
            let issue: Issue = part(issue, "`data.issue`")?;
            let assignee: Option<Assignee> =
                data.get_mut("assignee").and_then(|value| serde_json::from_value(value.take()).ok());
            issue.read(&action, assignee, source)
        }
        _ if body.get("event").is_some_and(Value::is_object) => plugin(body, source),
        // Comments, errors, installations: their envelope is the same.
        _ if data.is_object() && body.get("installation").is_some() => {
            Ok(Outcome::Nothing("a resource that says nothing about an incident's state"))
        }
        _ => Err(NotUnderstood::new("neither an issue nor an alert of Sentry's is in the body")),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct MetricAlert {
    id: Text,
    identifier: Text,
    title: Text,
    projects: Leaves,
    date_started: Moment,
    date_closed: Moment,
    alert_rule: Part<AlertRule>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct AlertRule {
    name: Text,
    environment: Text,
    query: Text,
    aggregate: Text,
    triggers: Part<Vec<Trigger>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Trigger {
    label: Text,
}

impl AlertRule {
    /// The worst that this rule can say.
    fn worst(&self) -> Option<&'static str> {
        let has = |label: &str| self.triggers.0.iter().any(|trigger| trigger.label.as_deref() == Some(label));
        ["critical", "warning"].into_iter().find(|label| has(label))
    }
}

/// The action is state and severity in one: `critical`, `warning` or `resolved`.
fn metric_alert(mut data: Value, action: &str, source: &Source) -> Result<Outcome, NotUnderstood> {
    let alert = data.get_mut("metric_alert").map(Value::take).unwrap_or_default();
    let alert: MetricAlert = part(alert, "`data.metric_alert`")?;
    let id = alert.id.0.or(alert.identifier.0);
    let id = id.ok_or_else(|| NotUnderstood::new("`data.metric_alert.id` is missing"))?;
    let state = match action {
        "critical" | "warning" => AlertState::Firing,
        "resolved" => AlertState::Resolved,
        "open" | "created" => return Ok(Outcome::Nothing("an action that does not change the state")),
        _ => return Err(NotUnderstood::new("`action` is none of a metric alert's")),
    };
    let said = |name: &str| data.get(name).and_then(text);
    let rule = alert.alert_rule.0;
    let title = said("description_title").or(alert.title.0).or_else(|| rule.name.0.clone());
    let projects = alert.projects.joined();
    let link = said("web_url");
    let key = format!("metric_alert/{id}");
    let draft = Draft {
        id: key.clone(),
        title: title.map(|title| without_action(&title).to_owned()).unwrap_or_default(),
        summary: said("description_text").unwrap_or_default(),
        labels: labels_of([
            ("alert_rule", rule.name.as_deref()),
            ("environment", rule.environment.as_deref()),
            ("project", projects.as_deref()),
            ("query", rule.query.as_deref()),
            ("aggregate", rule.aggregate.as_deref()),
        ]),
        links: links_of([(LinkKind::Source, link.as_deref())]),
        started_at: alert.date_started.0,
        ended_at: alert.date_closed.0.filter(|_| state == AlertState::Resolved),
        happened_at: alert.date_closed.0.filter(|_| state == AlertState::Resolved),
        outbreak_at: alert.date_started.0,
        ended_for_good: true,
        ..Draft::default()
    };
    // An end has no severity of its own.
    let severity = if state == AlertState::Firing { Some(action) } else { rule.worst() };
    Ok(source.alert(draft, source.key(&key), state, severity).into())
}

/// Sentry writes the action before the name of the rule (`Critical: checkout fails`), anew in each message.
fn without_action(title: &str) -> &str {
    let words = ["Critical: ", "Warning: ", "Resolved: "];
    words.iter().find_map(|word| title.strip_prefix(word)).unwrap_or(title)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Event {
    issue_id: Text,
    title: Text,
    message: Text,
    culprit: Text,
    level: Text,
    platform: Text,
    environment: Text,
    release: Text,
    /// A number; the name stands in `url` only.
    project: Text,
    url: Text,
    web_url: Text,
    issue_url: Text,
    datetime: Moment,
    timestamp: Moment,
    tags: Value,
    occurrence: Part<Occurrence>,
}

/// What a monitor of Sentry's own found (uptime, crons, performance): such an event has no error in it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Occurrence {
    #[serde(rename = "type")]
    kind: Text,
    issue_title: Text,
    subtitle: Text,
    evidence_display: Many<Evidence>,
    detection_time: Moment,
    level: Text,
    culprit: Text,
    /// A number: 75 is high, 50 medium, 25 low.
    priority: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Evidence {
    name: Text,
    value: Text,
}

/// Lines of evidence told in the summary.
const TOLD: usize = 5;

impl Occurrence {
    fn lines(&self) -> impl Iterator<Item = String> + '_ {
        let evidence = self.evidence_display.0.iter().filter_map(|evidence| {
            let value = evidence.value.as_deref()?;
            Some(evidence.name.as_deref().map_or(value.to_owned(), |name| format!("{name}: {value}")))
        });
        self.subtitle.0.clone().into_iter().chain(evidence.take(TOLD))
    }
}

impl Event {
    fn culprit(&self) -> Option<&str> {
        self.culprit.as_deref().or(self.occurrence.0.culprit.as_deref())
    }

    fn level(&self) -> Option<&str> {
        self.level.as_deref().or(self.occurrence.0.level.as_deref())
    }

    /// The issue's id, which older bodies have as a part of addresses only: `https://…/issues/ID/…`.
    fn issue(&self) -> Option<&str> {
        let addresses = [self.issue_url.as_deref(), self.web_url.as_deref()];
        self.issue_id.as_deref().or_else(|| {
            let mut paths = addresses.into_iter().flatten().filter_map(|url| url.split_once("/issues/"));
            let (_, path) = paths.next()?;
            path.split('/').next().filter(|id| !id.is_empty())
        })
    }

    /// `https://…/api/0/projects/ORGANISATION/PROJECT/events/…`.
    fn project_slug(&self) -> Option<&str> {
        let (_, path) = self.url.as_deref()?.split_once("/projects/")?;
        path.split('/').nth(1).filter(|slug| !slug.is_empty())
    }

    /// Pairs, each a list of a name and a value.
    fn labels(&self) -> BTreeMap<String, String> {
        let mut labels = BTreeMap::new();
        for tag in self.tags.as_array().into_iter().flatten() {
            if let Some([name, value]) = tag.as_array().map(Vec::as_slice)
                && let (Some(name), Some(value)) = (text(name), text(value))
            {
                add(&mut labels, &name, &value);
            }
        }
        labels.extend(labels_of([
            ("level", self.level()),
            ("platform", self.platform.as_deref()),
            ("environment", self.environment.as_deref()),
            ("release", self.release.as_deref()),
            ("project", self.project_slug().or(self.project.as_deref())),
            ("culprit", self.culprit()),
            ("type", self.occurrence.0.kind.as_deref()),
            ("priority", self.occurrence.0.priority.as_deref()),
        ]));
        labels
    }

    fn draft(&self, key: &str, labels: BTreeMap<String, String>) -> Draft {
        Draft {
            id: key.to_owned(),
            title: [&self.title, &self.message, &self.occurrence.0.issue_title]
                .into_iter()
                .find_map(Text::as_deref)
                .unwrap_or_default()
                .to_owned(),
            summary: {
                let culprit = self.culprit().map(|culprit| format!("In {culprit}"));
                culprit.into_iter().chain(self.occurrence.0.lines()).collect::<Vec<_>>().join("\n")
            },
            // Sentry's own "create sample event" says so in a tag.
            test: labels.get("sample_event").is_some_and(|yes| yes == "yes"),
            labels,
            started_at: self.datetime.0.or(self.timestamp.0).or(self.occurrence.0.detection_time.0),
            happened_at: self.datetime.0.or(self.timestamp.0).or(self.occurrence.0.detection_time.0),
            ..Draft::default()
        }
    }
}

/// A rule of the user's matched an event; there is no message for its end other than the issue's.
fn event_alert(data: &mut Value, source: &Source) -> Result<Outcome, NotUnderstood> {
    let event: Event = part(data.get_mut("event").map(Value::take).unwrap_or_default(), "`data.event`")?;
    let id = event.issue();
    let id = id.ok_or_else(|| NotUnderstood::new("`data.event.issue_id` is missing"))?;
    let key = key_of_issue(id);
    let mut labels = event.labels();
    let rule = data.get("triggered_rule").and_then(text);
    let rule = rule.or_else(|| data.pointer("/issue_alert/title").and_then(text));
    labels.extend(labels_of([("alert_rule", rule.as_deref())]));
    let mut draft = event.draft(&key, labels);
    draft.links = links_of([(LinkKind::Source, event.web_url.as_deref())]);
    let severity = severity(event.level(), None);
    Ok(source.alert(draft, source.key(&key), AlertState::Firing, severity).into())
}

/// The old plugin: the event with some of its issue around it, `id` being the issue's.
fn plugin(mut body: Value, source: &Source) -> Result<Outcome, NotUnderstood> {
    let event: Event = part(body.get_mut("event").map(Value::take).unwrap_or_default(), "`event`")?;
    let outer: PluginBody = part(body, "the body")?;
    let id = outer.id.as_deref().ok_or_else(|| NotUnderstood::new("`id` is missing"))?;
    let key = key_of_issue(id);
    let mut labels = event.labels();
    let project = outer.project_slug.as_deref().or(outer.project.as_deref());
    labels.extend(labels_of([("project", project), ("level", outer.level.as_deref())]));
    let mut draft = event.draft(&key, labels);
    if draft.title.is_empty() {
        draft.title = outer.message.0.unwrap_or_default();
    }
    draft.links = links_of([(LinkKind::Source, outer.url.as_deref())]);
    let level = outer.level.as_deref().or(event.level.as_deref());
    Ok(source.alert(draft, source.key(&key), AlertState::Firing, severity(level, None)).into())
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PluginBody {
    id: Text,
    project: Text,
    project_slug: Text,
    message: Text,
    level: Text,
    url: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Issue {
    id: Text,
    short_id: Text,
    title: Text,
    culprit: Text,
    level: Text,
    priority: Text,
    status: Text,
    substatus: Text,
    platform: Text,
    first_seen: Moment,
    last_seen: Moment,
    permalink: Text,
    #[serde(rename = "web_url")]
    web_url: Text,
    project: Part<Project>,
    assigned_to: Part<Option<Assignee>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Project {
    slug: Text,
    name: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Assignee {
    email: Text,
    name: Text,
    #[serde(rename = "type")]
    kind: Text,
}

impl Issue {
    fn read(
        self,
        action: &str,
        assignee: Option<Assignee>,
        source: &Source,
    ) -> Result<Outcome, NotUnderstood> {
        let id = self.id.as_deref().ok_or_else(|| NotUnderstood::new("`data.issue.id` is missing"))?;
        let state = match action {
            "unresolved" => AlertState::Firing,
            // Whatever was done to it: it is over.
            _ if matches!(self.status.as_deref(), Some("resolved" | "ignored")) => AlertState::Resolved,
            "created" => AlertState::Firing,
            "assigned" => AlertState::Acknowledged,
            // Archived (`ignored` of old): nobody wants to hear of it any more, nor will Sentry tell of its end.
            "resolved" | "archived" | "ignored" => AlertState::Resolved,
            _ => return Ok(Outcome::Nothing("an action that does not change the issue's state")),
        };
        let put_aside = matches!(action, "archived" | "ignored") || self.status.as_deref() == Some("ignored");
        let key = key_of_issue(id);
        let Part(project) = self.project;
        let project = project.slug.as_deref().or(project.name.as_deref());
        let assignee = self.assigned_to.0.or(assignee);
        let (team, person) = match assignee {
            Some(Assignee { kind, name, .. }) if kind.as_deref() == Some("team") => (name.0, None),
            Some(person) => (None, person.email.0.or(person.name.0)),
            None => (None, None),
        };
        let labels = labels_of([
            ("project", project),
            ("short_id", self.short_id.as_deref()),
            ("level", self.level.as_deref()),
            ("priority", self.priority.as_deref()),
            ("substatus", self.substatus.as_deref()),
            ("platform", self.platform.as_deref()),
            ("culprit", self.culprit.as_deref()),
            ("team", team.as_deref()),
        ]);
        let draft = Draft {
            id: key.clone(),
            title: self.title.0.unwrap_or_default(),
            summary: self.culprit.as_deref().map(|culprit| format!("In {culprit}")).unwrap_or_default(),
            labels,
            links: links_of([
                (LinkKind::Source, self.web_url.as_deref()),
                (LinkKind::Source, self.permalink.as_deref()),
            ]),
            assignees: person.into_iter().collect(),
            // An issue that came back began when it was last seen, not years ago.
            started_at: if action == "unresolved" { self.last_seen.0 } else { self.first_seen.0 },
            // The latest of its events, unless somebody opened it again, of which no time is told.
            happened_at: self.last_seen.0.filter(|_| action != "unresolved"),
            end_reason: put_aside.then(|| "somebody put the issue aside in Sentry".to_owned()),
            // What was done to an issue takes nothing from what the alert about it said.
            omitted: Omitted { severity: true, ..Omitted::default() },
            ..Draft::default()
        };
        let severity = severity(self.level.as_deref(), self.priority.as_deref());
        Ok(source.alert(draft, source.key(&key), state, severity).into())
    }
}

fn key_of_issue(id: &str) -> String {
    format!("issue/{id}")
}

/// The level of the event; `fatal` counts as the worst unless Sentry itself gives the issue a lower priority.
fn severity<'a>(level: Option<&'a str>, priority: Option<&str>) -> Option<&'a str> {
    let is_fatal = level.is_some_and(|level| level.eq_ignore_ascii_case("fatal"));
    let is_lower = priority.is_some_and(|priority| !priority.eq_ignore_ascii_case("high"));
    if is_fatal && is_lower { Some("error") } else { level }
}

/// A metric alert that is critical.
fn sample(state: AlertState, now: Timestamp, dedup: &str) -> Sample {
    let is_over = state == AlertState::Resolved;
    let began_at = if is_over { later(now, SignedDuration::from_mins(-10)) } else { now };
    let action = if is_over { "resolved" } else { "critical" };
    let body = json!({
        "action": action,
        "installation": { "uuid": "00000000-0000-4000-8000-000000000001" },
        "data": {
            "metric_alert": {
                "id": dedup,
                "identifier": "42",
                "organization_id": "1",
                "projects": ["checkout"],
                "status": if is_over { 2 } else { 20 },
                "title": "Checkout answers with errors",
                "date_started": began_at.to_string(),
                "date_closed": is_over.then(|| now.to_string()),
                "alert_rule": {
                    "id": "7",
                    "name": "Checkout answers with errors",
                    "environment": "production",
                    "aggregate": "count()",
                    "query": "is:unresolved",
                    "triggers": [{ "label": "critical" }],
                },
            },
            "description_title": format!("{}: Checkout answers with errors", if is_over { "Resolved" } else { "Critical" }),
            "description_text": "420 events in the last 5 minutes",
            "web_url": format!("https://acme.sentry.example/alerts/rules/details/7/?alert={dedup}"),
        },
        "actor": { "type": "application", "id": "sentry", "name": "Sentry" },
    });
    body.into()
}
