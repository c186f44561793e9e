//! incident.io: webhooks delivered by Svix.
//!
//! The resource stands under a key that is called like the event's type. `incident_created` and
//! `incident_updated` hold the incident itself, `incident_status_updated` one level deeper. Of a private
//! incident only the id is sent, which is not enough to call anybody.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::labels::{labels_of, links_of};
use super::wire::{Many, Moment, Part, Text, needed, part, read};
use super::{NotUnderstood, Parsed, Sample, Source, Tool};
use crate::alert::{AlertState, Draft, LinkKind};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::signature::{Scheme, VerifiedBody};

pub(super) const TOOL: Tool = Tool {
    name: "incident_io",
    title: "incident.io",
    proof: "a Standard Webhooks signature (Svix), with a signed time",
    hmac: Some(|secrets| Scheme::StandardWebhooks { secrets }),
    parse,
    sample,
};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Incident {
    id: Text,
    reference: Text,
    name: Text,
    summary: Text,
    permalink: Text,
    call_url: Text,
    mode: Text,
    #[serde(rename = "incident_status")]
    status: Part<Status>,
    severity: Part<Ranked>,
    #[serde(rename = "incident_type")]
    kind: Part<Ranked>,
    #[serde(rename = "incident_role_assignments")]
    roles: Many<Assignment>,
    #[serde(rename = "custom_field_entries")]
    fields: Many<Entry>,
    created_at: Moment,
    updated_at: Moment,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    name: Text,
    /// The names are the account's own, the categories are not.
    category: Text,
}

/// Something of the account's own with a name; a severity of higher rank is worse.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Ranked {
    name: Text,
    rank: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Assignment {
    assignee: Part<Person>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Person {
    name: Text,
    email: Text,
}

/// What people filled in on a form of their own: customer, affected team.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Entry {
    custom_field: Part<Ranked>,
    values: Many<Filled>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Filled {
    #[serde(rename = "value_text")]
    text: Text,
    #[serde(rename = "value_numeric")]
    number: Text,
    #[serde(rename = "value_link")]
    link: Text,
    #[serde(rename = "value_option")]
    option: Part<Chosen>,
    #[serde(rename = "value_catalog_entry")]
    entry: Part<Ranked>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Chosen {
    value: Text,
}

fn parse(body: &VerifiedBody, source: &Source) -> Result<Parsed, NotUnderstood> {
    let mut body: Value = read(body.body())?;
    let event = body.get("event_type").and_then(Value::as_str).map(ToOwned::to_owned);
    let event = needed(event.as_deref(), "event_type")?;
    if event.starts_with("private_incident.") {
        return Ok(Parsed::ignored("a private incident, of which nothing but the id is sent"));
    }
    let Some(kind) = event.strip_prefix("public_incident.incident_") else {
        return Ok(Parsed::ignored("an event type that says nothing about an incident's state"));
    };
    let kind = kind.rsplit_once("_v").map_or(kind, |(kind, _)| kind);
    let mut resource = body
        .get_mut(event)
        .map(Value::take)
        .ok_or_else(|| NotUnderstood::new("the resource is not there under the event's own name"))?;
    let incident = match kind {
        "created" | "updated" => resource,
        "status_updated" => resource
            .get_mut("incident")
            .map(Value::take)
            .ok_or_else(|| NotUnderstood::new("`incident` is missing in a change of status"))?,
        _ => return Ok(Parsed::ignored("an event type that says nothing about an incident's state")),
    };
    part::<Incident>(incident, "the incident")?.parse(kind == "created", source)
}

impl Incident {
    fn parse(self, is_new: bool, source: &Source) -> Result<Parsed, NotUnderstood> {
        let id = needed(self.id.as_deref(), "id")?;
        let mode = self.mode.as_deref().unwrap_or("standard");
        if mode == "retrospective" {
            return Ok(Parsed::ignored("an incident that was over before it was written down"));
        }
        let state = match self.status.0.category.as_deref() {
            Some("triage" | "live") => AlertState::Firing,
            // Open, and put aside by somebody.
            Some("paused") => AlertState::Acknowledged,
            Some("learning" | "closed" | "declined" | "merged" | "canceled") => AlertState::Resolved,
            None if is_new => AlertState::Firing,
            Some(_) => return Err(NotUnderstood::new("`incident_status.category` is none of incident.io's")),
            None => return Err(NotUnderstood::new("`incident_status.category` is missing")),
        };
        let title = self.name.as_deref().or(self.reference.as_deref()).unwrap_or_default();
        let people = self.roles.0.iter().map(|role| &role.assignee.0);
        let draft = Draft {
            id: id.to_owned(),
            title: title.to_owned(),
            summary: self.summary.as_deref().unwrap_or_default().to_owned(),
            labels: self.labels(),
            links: links_of([
                (LinkKind::Source, self.permalink.as_deref()),
                (LinkKind::Call, self.call_url.as_deref()),
            ]),
            assignees: people.filter_map(|who| who.email.0.clone().or(who.name.0.clone())).collect(),
            started_at: self.created_at.0,
            ended_at: self.updated_at.0.filter(|_| state == AlertState::Resolved),
            happened_at: self.updated_at.0,
            end_reason: match self.status.0.category.as_deref() {
                Some("merged") => Some("merged into another incident at incident.io".to_owned()),
                Some(word @ ("declined" | "canceled")) => Some(format!("{word} at incident.io")),
                _ => None,
            },
            test: matches!(mode, "test" | "tutorial"),
            ..Draft::default()
        };
        let severity = self.severity.0.name.as_deref();
        Ok(Parsed::Alerts(vec![source.alert(draft, source.key(id), state, severity)]))
    }

    fn labels(&self) -> BTreeMap<String, String> {
        let mut labels = labels_of([
            ("reference", self.reference.as_deref()),
            ("incident_type", self.kind.0.name.as_deref()),
            ("status", self.status.0.name.as_deref()),
            ("severity", self.severity.0.name.as_deref()),
            ("severity_rank", self.severity.0.rank.as_deref()),
        ]);
        for entry in &self.fields.0 {
            let values: Vec<&str> = entry.values.0.iter().filter_map(Filled::value).collect();
            if let (Some(name), false) = (entry.custom_field.0.name.as_deref(), values.is_empty()) {
                // Labels are matched by name, and forms have titles.
                let name = name.trim().to_lowercase().replace(' ', "_");
                labels.entry(name).or_insert_with(|| values.join(", "));
            }
        }
        labels
    }
}

impl Filled {
    fn value(&self) -> Option<&str> {
        [&self.option.0.value, &self.entry.0.name, &self.text, &self.number, &self.link]
            .into_iter()
            .find_map(Text::as_deref)
    }
}

/// A critical incident, declared or closed just now.
fn sample(state: AlertState, now: Timestamp, dedup: &str) -> Sample {
    let is_over = state == AlertState::Resolved;
    let began_at = if is_over { later(now, SignedDuration::from_mins(-10)) } else { now };
    let (category, status) = if is_over { ("closed", "Closed") } else { ("live", "Investigating") };
    let status = json!({ "id": "01SAMPLESTATUS", "name": status, "category": category, "rank": 10 });
    let filled = |field: &str, value: &str| json!({ "custom_field": { "name": field }, "values": [{ "value_option": { "value": value } }] });
    let incident = json!({
        "id": dedup,
        "reference": "INC-42",
        "name": "Checkout answers with errors",
        "summary": "More than 40 % of the requests to checkout have failed for five minutes.",
        "permalink": "https://app.incident.example/acme/incidents/42",
        "visibility": "public",
        "mode": "standard",
        "incident_status": status,
        "severity": { "id": "01SAMPLESEVERITY", "name": "Critical", "rank": 300 },
        "incident_type": { "id": "01SAMPLETYPE", "name": "Production outage" },
        "incident_role_assignments": [
            { "role": { "name": "Incident Lead" }, "assignee": { "name": "Jonas Weber", "email": "jonas@ops.example" } },
        ],
        "custom_field_entries": [
            filled("Client", "acme"),
            filled("Environment", "production"),
            filled("Service", "checkout"),
        ],
        "created_at": began_at.to_string(),
        "updated_at": now.to_string(),
    });
    if is_over {
        json!({
            "event_type": "public_incident.incident_status_updated_v2",
            "public_incident.incident_status_updated_v2": {
                "incident": incident,
                "new_status": status,
                "message": "Rolled back",
            },
        })
        .into()
    } else {
        json!({
            "event_type": "public_incident.incident_created_v2",
            "public_incident.incident_created_v2": incident,
        })
        .into()
    }
}
