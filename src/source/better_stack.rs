//! Better Stack's outgoing webhooks of Uptime incidents, default body (JSON:API).
//!
//! One endpoint may be registered for monitors and on-call changes too, and two relatives look alike: errors of
//! its error tracking, and subscriptions to status pages. None of them is an incident of Uptime. Incidents have
//! no severity.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::labels::{labels_of, links_of, name_environment};
use super::several::{Event, one_or_several};
use super::wire::{Leaves, Moment, Part, Text, part, read, text};
use super::{NotUnderstood, Parsed, Sample, Source, Tool};
use crate::alert::{AlertState, Draft, LinkKind};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::signature::VerifiedBody;

pub(super) const TOOL: Tool = Tool {
    name: "better_stack",
    title: "Better Stack",
    proof: "a bearer token, a password or another header",
    hmac: None,
    parse,
    sample,
};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Data {
    id: Text,
    #[serde(rename = "type")]
    kind: Text,
    attributes: Option<Value>,
    relationships: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Attributes {
    name: Text,
    cause: Text,
    url: Text,
    status: Text,
    started_at: Moment,
    acknowledged_at: Moment,
    acknowledged_by: Text,
    resolved_at: Moment,
    team_name: Text,
    regions: Leaves,
    origin_url: Text,
    screenshot_url: Text,
    /// The user's own, each a list of values.
    metadata: Part<BTreeMap<String, Value>>,
}

fn parse(body: &VerifiedBody, source: &Source) -> Result<Parsed, NotUnderstood> {
    let value: Value = read(body.body())?;
    // JSON:API puts several into `data`.
    let data = match value {
        Value::Object(mut fields) => match fields.remove("data") {
            Some(data) => data,
            None if fields.contains_key("page") && fields.contains_key("event_type") => {
                return Ok(Parsed::ignored("a status page's message and no incident of Uptime"));
            }
            None => return Err(NotUnderstood::new("`data` is missing")),
        },
        Value::Array(items) => items
            .into_iter()
            .map(|mut item| item.get_mut("data").map(Value::take).unwrap_or_default())
            .collect(),
        _ => return Err(NotUnderstood::new("the body is no JSON object")),
    };
    one_or_several(data, |data| read_one(data, source))
}

fn read_one(data: Value, source: &Source) -> Result<Event, NotUnderstood> {
    let data: Data = part(data, "`data`")?;
    match data.kind.as_deref() {
        Some("incident") => {}
        Some(_) => return Ok(Event::Nothing("a type that is no incident")),
        None => return Err(NotUnderstood::new("`data.type` is missing")),
    }
    let id = data.id.as_deref().ok_or_else(|| NotUnderstood::new("`data.id` is missing"))?;
    let attributes = data.attributes.ok_or_else(|| NotUnderstood::new("`data.attributes` is missing"))?;
    let incident: Attributes = part(attributes, "`data.attributes`")?;
    let state = match incident.status.as_deref().map(str::to_ascii_lowercase).as_deref() {
        // Validating: the check works again and is watched before the incident is called over.
        Some("started" | "validating" | "reopened") => AlertState::Firing,
        Some("acknowledged") => AlertState::Acknowledged,
        Some("resolved") => AlertState::Resolved,
        Some("unconfirmed") => return Ok(Event::Nothing("an incident that is not confirmed yet")),
        Some(_) => return Err(NotUnderstood::new("`data.attributes.status` is none of Better Stack's")),
        None if incident.resolved_at.0.is_some() => AlertState::Resolved,
        None if incident.acknowledged_at.0.is_some() => AlertState::Acknowledged,
        None if incident.started_at.0.is_some() => AlertState::Firing,
        None => return Err(NotUnderstood::new("`data.attributes.status` is missing")),
    };
    let monitor = data.relationships.pointer("/monitor/data/id").and_then(text);
    let labels = incident.labels(monitor.as_deref());
    let severity = labels.get("severity").cloned();
    let draft = Draft {
        id: id.to_owned(),
        title: incident.title(),
        summary: incident.cause.0.clone().unwrap_or_default(),
        labels,
        links: links_of([
            (LinkKind::Source, incident.origin_url.as_deref()),
            (LinkKind::Dashboard, incident.screenshot_url.as_deref()),
        ]),
        assignees: incident.acknowledged_by.0.clone().into_iter().collect(),
        started_at: incident.started_at.0,
        ended_at: incident.resolved_at.0.filter(|_| state == AlertState::Resolved),
        happened_at: incident.happened_at(state),
        ..Draft::default()
    };
    Ok(source.alert(draft, source.key(id), state, severity.as_deref()).into())
}

impl Attributes {
    /// One that was opened again says nothing of when.
    fn happened_at(&self, state: AlertState) -> Option<Timestamp> {
        match state {
            AlertState::Resolved => self.resolved_at.0,
            AlertState::Acknowledged => self.acknowledged_at.0,
            AlertState::Firing => {
                let is_new = self.status.as_deref().is_some_and(|word| word.eq_ignore_ascii_case("started"));
                self.started_at.0.filter(|_| is_new)
            }
        }
    }

    fn title(&self) -> String {
        let parts = [self.name.as_deref(), self.cause.as_deref()];
        parts.into_iter().flatten().collect::<Vec<_>>().join(": ")
    }

    fn labels(&self, monitor: Option<&str>) -> BTreeMap<String, String> {
        let regions = self.regions.joined();
        let uri = self.url.as_deref().and_then(|url| url.parse::<http::Uri>().ok());
        let mut labels = labels_of([
            ("monitor", self.name.as_deref()),
            ("monitor_id", monitor),
            ("team", self.team_name.as_deref()),
            ("regions", regions.as_deref()),
            // Only the host: an address may hold a password.
            ("host", uri.as_ref().and_then(http::Uri::host)),
        ]);
        for (name, values) in &self.metadata.0 {
            let values = match values {
                Value::Array(items) => {
                    let texts = items.iter().filter_map(|item| text(item.get("value").unwrap_or(item)));
                    Leaves(texts.collect()).joined()
                }
                leaf => text(leaf),
            };
            labels.extend(values.map(|values| (name.clone(), values)));
        }
        name_environment(&mut labels);
        labels
    }
}

/// An incident; its severity comes from the source's own rules.
fn sample(state: AlertState, now: Timestamp, dedup: &str) -> Sample {
    let began_at = match state {
        AlertState::Firing => now,
        AlertState::Acknowledged | AlertState::Resolved => later(now, SignedDuration::from_mins(-10)),
    };
    let status = match state {
        AlertState::Firing => "Started",
        AlertState::Acknowledged => "Acknowledged",
        AlertState::Resolved => "Resolved",
    };
    json!({
        "data": {
            "id": dedup,
            "type": "incident",
            "attributes": {
                "name": "checkout.example",
                "url": "https://checkout.example/health",
                "http_method": "get",
                "cause": "Status 503",
                "incident_group_id": null,
                "started_at": began_at.to_string(),
                "acknowledged_at": (state == AlertState::Acknowledged).then(|| now.to_string()),
                "acknowledged_by": null,
                "resolved_at": (state == AlertState::Resolved).then(|| now.to_string()),
                "resolved_by": null,
                "status": status,
                "team_name": "Platform",
                "regions": ["us", "eu"],
                "call": true,
            },
            "relationships": { "monitor": { "data": { "id": "42", "type": "monitor" } } },
        },
    })
    .into()
}
