//! Google Cloud Monitoring's webhook notification channels, version 1.2 and before.
//!
//! A policy need not have a severity; then its user label `severity` is the usual substitute. Only the
//! channel's test writes states in capitals, gives the documentation as bare text, and calls its version `test`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::labels::{labels_of, links_of, name_environment};
use super::several::{Event, one_or_several};
use super::wire::{Moment, Part, Text, Texts, part, read, text};
use super::{NotUnderstood, Parsed, Sample, Source, Tool};
use crate::alert::{AlertState, Draft, LinkKind};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::signature::VerifiedBody;

pub(super) const TOOL: Tool = Tool {
    name: "gcp",
    title: "Google Cloud Monitoring",
    proof: "a password, or a token in its address (Google's signed tokens are not checked)",
    hmac: None,
    parse,
    sample,
};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Incident {
    #[serde(rename = "incident_id")]
    id: Text,
    scoping_project_id: Text,
    url: Text,
    state: Text,
    started_at: Moment,
    ended_at: Moment,
    severity: Text,
    summary: Text,
    observed_value: Text,
    threshold_value: Text,
    resource: Part<Labelled>,
    resource_name: Text,
    resource_display_name: Text,
    resource_type_display_name: Text,
    metric: Part<Labelled>,
    metadata: Part<Metadata>,
    policy_name: Text,
    policy_user_labels: Texts,
    condition_name: Text,
    documentation: Value,
}

/// A monitored resource or a metric.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Labelled {
    #[serde(rename = "type")]
    kind: Text,
    labels: Texts,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Metadata {
    user_labels: Texts,
}

fn parse(body: &VerifiedBody, source: &Source) -> Result<Parsed, NotUnderstood> {
    one_or_several(read(body.body())?, |event| read_one(event, source))
}

fn read_one(mut event: Value, source: &Source) -> Result<Event, NotUnderstood> {
    let incident = event.get_mut("incident").map(Value::take);
    let incident = incident.ok_or_else(|| NotUnderstood::new("`incident` is missing"))?;
    let incident: Incident = part(incident, "`incident`")?;
    let id = incident.id.as_deref();
    let id = id.ok_or_else(|| NotUnderstood::new("`incident.incident_id` is missing"))?;
    let state = match incident.state.as_deref().map(str::to_ascii_lowercase).as_deref() {
        Some("open") => AlertState::Firing,
        Some("closed") => AlertState::Resolved,
        Some(_) => return Err(NotUnderstood::new("`incident.state` is neither open nor closed")),
        None => return Err(NotUnderstood::new("`incident.state` is missing")),
    };
    let draft = Draft {
        id: id.to_owned(),
        title: incident.title(),
        summary: incident.details(),
        labels: incident.labels(),
        links: incident.links(),
        started_at: incident.started_at.0,
        ended_at: incident.ended_at.0.filter(|_| state == AlertState::Resolved),
        happened_at: match state {
            AlertState::Resolved => incident.ended_at.0,
            AlertState::Firing | AlertState::Acknowledged => incident.started_at.0,
        },
        outbreak_at: incident.started_at.0,
        ended_for_good: true,
        end_reason: incident.observed_value.0.clone().filter(|said| is_sentence(said)),
        test: event.get("version").and_then(text).is_some_and(|version| version == "test"),
        ..Draft::default()
    };
    let severity = incident.severity();
    Ok(source.alert(draft, source.key(id), state, severity).into())
}

/// Where Google says in words what else would be a number, nobody has seen a value that is well.
fn is_sentence(observed: &str) -> bool {
    observed.split_whitespace().filter(|word| word.chars().all(char::is_alphabetic)).count() > 3
}

/// The subject without Google's own mark, `[ALERT - Critical] `.
fn without_mark(subject: &str) -> &str {
    let marked = subject.trim_start().strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let marked = marked.filter(|(mark, rest)| {
        let word = mark.split([' ', '-']).next().unwrap_or_default();
        ["ALERT", "RESOLVED", "ACKNOWLEDGED", "OPEN", "CLOSED"].contains(&word) && !rest.trim().is_empty()
    });
    marked.map_or(subject, |(_, rest)| rest.trim_start())
}

impl Incident {
    /// `No severity` is what a policy without one may be sent with.
    fn severity(&self) -> Option<&str> {
        let own = self.severity.as_deref().filter(|text| !text.eq_ignore_ascii_case("no severity"));
        own.or_else(|| self.policy_user_labels.get("severity"))
    }

    /// The subject that somebody wrote for people, else the policy's name, which is a path in some bodies.
    fn title(&self) -> String {
        let subject = self.documentation.get("subject").and_then(text);
        let policy = self.policy_name.as_deref().filter(|name| !name.starts_with("projects/"));
        let title = subject.as_deref().map(without_mark).or(policy).or(self.condition_name.as_deref());
        title.or(self.summary.as_deref()).unwrap_or_default().to_owned()
    }

    fn details(&self) -> String {
        let documentation = text(&self.documentation)
            .or_else(|| self.documentation.get("content").and_then(text))
            // Policies made for other receivers keep JSON there.
            .filter(|content| !content.trim_start().starts_with('{'));
        let mut parts: Vec<String> = self.summary.0.iter().cloned().collect();
        if self.summary.0.is_none()
            && let (Some(value), Some(limit)) =
                (self.observed_value.as_deref(), self.threshold_value.as_deref())
        {
            parts.push(format!("{value}, threshold {limit}"));
        }
        parts.extend(documentation);
        parts.join("\n")
    }

    /// What somebody has labelled is worth more than what the machine says.
    fn labels(&self) -> BTreeMap<String, String> {
        let mut labels = self.metric.0.labels.0.clone();
        labels.extend(self.resource.0.labels.0.clone());
        labels.extend(labels_of([
            ("project", self.scoping_project_id.as_deref()),
            ("policy", self.policy_name.as_deref()),
            ("condition", self.condition_name.as_deref()),
            ("resource", self.resource_display_name.as_deref().or(self.resource_name.as_deref())),
            ("resource_type", self.resource.0.kind.as_deref().or(self.resource_type_display_name.as_deref())),
            ("metric", self.metric.0.kind.as_deref()),
        ]));
        labels.extend(self.metadata.0.user_labels.0.clone());
        labels.extend(self.policy_user_labels.0.clone());
        name_environment(&mut labels);
        labels
    }

    fn links(&self) -> Vec<(LinkKind, String)> {
        let mut links = links_of([(LinkKind::Source, self.url.as_deref())]);
        let documented = self.documentation.get("links").and_then(Value::as_array);
        for link in documented.into_iter().flatten() {
            let said = |names: [&str; 2]| names.iter().find_map(|name| link.get(*name).and_then(text));
            let name = said(["displayName", "display_name"]).unwrap_or_default().to_lowercase();
            let kind = match name.as_str() {
                name if name.contains("dashboard") => LinkKind::Dashboard,
                name if name.contains("silence") || name.contains("snooze") => LinkKind::Silence,
                // Links of a policy's documentation are there to say what to do.
                _ => LinkKind::Runbook,
            };
            links.extend(said(["url", "uri"]).map(|url| (kind, url)));
        }
        links
    }
}

/// An incident of a policy whose severity is Critical.
fn sample(state: AlertState, now: Timestamp, dedup: &str) -> Sample {
    let is_over = state == AlertState::Resolved;
    let began_at = if is_over { later(now, SignedDuration::from_mins(-10)) } else { now };
    // Whole seconds, as Google sends them, unless the moment has more.
    let seconds = |at: Timestamp| match at.as_millisecond() % 1000 {
        0 => json!(at.as_second()),
        _ => json!(at.as_millisecond()),
    };
    json!({
        "version": "1.2",
        "incident": {
            "incident_id": dedup,
            "scoping_project_id": "acme-production",
            "scoping_project_number": 4242,
            "url": format!("https://console.gcp.example/monitoring/alerting/incidents/{dedup}"),
            "started_at": seconds(began_at),
            "ended_at": is_over.then(|| seconds(now)),
            "state": if is_over { "closed" } else { "open" },
            "severity": "Critical",
            "summary": "More than 40 % of the requests to checkout have failed for five minutes.",
            "observed_value": "0.575",
            "threshold_value": "0.4",
            "resource": { "type": "cloud_run_revision", "labels": { "service_name": "checkout" } },
            "resource_name": "checkout",
            "resource_type_display_name": "Cloud Run Revision",
            "metric": { "type": "run.googleapis.com/request_count", "displayName": "Requests", "labels": {} },
            "metadata": { "system_labels": {}, "user_labels": {} },
            "policy_name": "Checkout answers with errors",
            "policy_user_labels": { "client": "acme", "environment": "production", "service": "checkout" },
            "condition_name": "Error rate above 40 %",
            "documentation": {
                "content": "Look at the last deployment first.",
                "mime_type": "text/markdown",
                "links": [{ "displayName": "Runbook", "url": "https://runbooks.example/checkout" }],
            },
        },
    })
    .into()
}
