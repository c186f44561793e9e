//! FireHydrant: webhooks about incidents.
//!
//! Severity and priority are objects with a slug, or plain texts; times are written `2026-03-02 14:43:05 UTC`.

use std::collections::BTreeMap;

use http::HeaderName;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};

use super::labels::{labels_of, links_of};
use super::tags::Tags;
use super::wire::{Many, Part, Text, Texts, lines_of, listed, moment, needed, part, read, text};
use super::{NotUnderstood, Parsed, Sample, Source, Tool};
use crate::alert::{AlertState, Draft, LinkKind};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::signature::{Encoding, Scheme, VerifiedBody};

pub(super) const TOOL: Tool = Tool {
    name: "firehydrant",
    title: "FireHydrant",
    proof: "an HMAC signature",
    hmac: Some(sign),
    parse,
    sample,
};

fn sign(secrets: Vec<SecretString>) -> Scheme {
    Scheme::Hmac {
        secrets,
        header: HeaderName::from_static("fh-signature"),
        encoding: Encoding::Hex,
        prefix: None,
        timestamp: None,
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Incident {
    id: Text,
    name: Text,
    number: Text,
    summary: Text,
    description: Text,
    customer_impact_summary: Text,
    severity: Value,
    priority: Value,
    current_milestone: Text,
    milestones: Many<Milestone>,
    created_at: Text,
    started_at: Text,
    #[serde(rename = "incident_url")]
    url: Text,
    labels: Texts,
    tag_list: Tags,
    services: Many<Named>,
    environments: Many<Named>,
    functionalities: Many<Named>,
    role_assignments: Many<Assignment>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Milestone {
    #[serde(rename = "type")]
    kind: Text,
    occurred_at: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Named {
    name: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Assignment {
    user: Part<Person>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Person {
    name: Text,
    email: Text,
}

fn parse(body: &VerifiedBody, source: &Source) -> Result<Parsed, NotUnderstood> {
    let mut body: Value = read(body.body())?;
    let about = |name: &str| body.get("event").and_then(|event| text(event.get(name)?));
    let operation = about("operation").unwrap_or_default().to_ascii_uppercase();
    let resource = about("resource_type");
    if needed(resource.as_deref(), "event.resource_type")? != "incident" {
        return Ok(Parsed::ignored("an event about something else than an incident"));
    }
    let incident = body
        .get_mut("data")
        .and_then(|data| data.get_mut("incident"))
        .map(Value::take)
        .ok_or_else(|| NotUnderstood::new("`data.incident` is missing"))?;
    part::<Incident>(incident, "`data.incident`")?.parse(&operation, source)
}

impl Incident {
    fn parse(self, operation: &str, source: &Source) -> Result<Parsed, NotUnderstood> {
        let id = needed(self.id.as_deref(), "data.incident.id")?;
        let is_removed = matches!(operation, "DELETED" | "DESTROYED" | "ARCHIVED");
        let state = if is_removed {
            AlertState::Resolved
        } else {
            match self.current_milestone.as_deref() {
                Some("started" | "detected") => AlertState::Firing,
                // The pain may be gone and the cause is not: people stay together.
                Some("acknowledged" | "investigating" | "identified" | "mitigated") => {
                    AlertState::Acknowledged
                }
                Some("resolved" | "closed") => AlertState::Resolved,
                Some(after) if after.starts_with("postmortem") || after.starts_with("retrospective") => {
                    AlertState::Resolved
                }
                // One of the account's own: it has begun, and is over if it has been.
                Some(_) if self.has_reached_its_end() => AlertState::Resolved,
                Some(_) => AlertState::Firing,
                None if operation == "CREATED" => AlertState::Firing,
                None => return Err(NotUnderstood::new("`current_milestone` is missing")),
            }
        };
        let severity = named(&self.severity);
        let is_over = state == AlertState::Resolved;
        let reached = |kind: &str| {
            let found = self.milestones.0.iter().find(|m| m.kind.as_deref() == Some(kind));
            found.and_then(|milestone| time(&milestone.occurred_at))
        };
        let people = self.role_assignments.0.iter().map(|role| &role.user.0);
        let draft = Draft {
            id: id.to_owned(),
            title: self.name.as_deref().unwrap_or_default().to_owned(),
            summary: lines_of([
                self.summary.as_deref().or(self.description.as_deref()),
                self.customer_impact_summary.as_deref(),
            ]),
            labels: self.labels(severity.as_deref()),
            links: links_of([(LinkKind::Source, self.url.as_deref())]),
            assignees: people.filter_map(|who| who.email.0.clone().or(who.name.0.clone())).collect(),
            started_at: reached("started")
                .or_else(|| time(&self.started_at))
                .or_else(|| time(&self.created_at)),
            ended_at: reached("resolved").filter(|_| is_over),
            happened_at: self.happened_at(is_over),
            end_reason: is_removed
                .then(|| "somebody deleted or archived the incident at FireHydrant".to_owned()),
            ..Draft::default()
        };
        Ok(Parsed::Alerts(vec![source.alert(draft, source.key(id), state, severity.as_deref())]))
    }

    /// Whether it was resolved or closed, by the milestones that came to pass.
    /// When its latest milestone was reached. One that goes on after its end was opened again, of which no time is
    /// told.
    fn happened_at(&self, is_over: bool) -> Option<Timestamp> {
        let reached = self.milestones.0.iter().filter_map(|milestone| time(&milestone.occurred_at)).max();
        reached.filter(|_| is_over || !self.has_reached_its_end())
    }

    fn has_reached_its_end(&self) -> bool {
        let passed = self.milestones.0.iter().filter(|m| m.occurred_at.as_deref().is_some());
        passed.filter_map(|m| m.kind.as_deref()).any(|kind| matches!(kind, "resolved" | "closed"))
    }

    fn labels(&self, severity: Option<&str>) -> BTreeMap<String, String> {
        let names = |list: &Many<Named>| listed(list.0.iter().filter_map(|named| named.name.as_deref()));
        let mut labels = labels_of([
            ("number", self.number.as_deref()),
            ("milestone", self.current_milestone.as_deref()),
            ("severity", severity),
            ("priority", named(&self.priority).as_deref()),
            ("service", names(&self.services).as_deref()),
            ("environment", names(&self.environments).as_deref()),
            ("functionality", names(&self.functionalities).as_deref()),
            ("impact", self.customer_impact_summary.as_deref()),
        ]);
        for (name, value) in &self.labels.0 {
            labels.entry(name.clone()).or_insert_with(|| value.clone());
        }
        self.tag_list.label(&mut labels);
        labels
    }
}

/// A plain text, or an object with a slug.
fn named(value: &Value) -> Option<String> {
    text(value).or_else(|| text(value.get("slug")?)).or_else(|| text(value.get("name")?))
}

/// RFC 3339, or with the zone's name instead of an offset.
fn time(written: &Text) -> Option<Timestamp> {
    let written = written.as_deref()?.trim();
    match written.strip_suffix(" UTC") {
        Some(utc) => moment(&Value::from(format!("{utc}Z"))),
        None => moment(&Value::from(written)),
    }
}

/// An incident of severity SEV1.
fn sample(state: AlertState, now: Timestamp, dedup: &str) -> Sample {
    let is_over = state == AlertState::Resolved;
    let began_at = if is_over { later(now, SignedDuration::from_mins(-10)) } else { now };
    let written = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    let mut milestones = vec![json!({ "type": "started", "occurred_at": written(began_at) })];
    if is_over {
        milestones.push(json!({ "type": "resolved", "occurred_at": written(now) }));
    }
    json!({
        "data": {
            "incident": {
                "id": dedup,
                "name": "Checkout answers with errors",
                "number": 42,
                "summary": "More than 40 % of the requests to checkout have failed for five minutes.",
                "severity": { "slug": "SEV1", "description": "Critical" },
                "priority": { "slug": "P1", "description": "High" },
                "current_milestone": if is_over { "resolved" } else { "started" },
                "milestones": milestones,
                "created_at": written(began_at),
                "incident_url": "https://app.firehydrant.example/incidents/42",
                "services": [{ "id": "sample", "name": "checkout" }],
                "environments": [{ "id": "sample", "name": "production" }],
                "labels": { "client": "acme" },
            },
        },
        "event": { "operation": if is_over { "UPDATED" } else { "CREATED" }, "resource_type": "incident" },
    })
    .into()
}
