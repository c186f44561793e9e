//! PagerDuty's webhooks V3: one event per request, of which those about an incident itself are alerts.
//!
//! An incident's priority is often null when it is triggered and comes with `incident.priority_updated`, so
//! every event that carries the whole incident counts; which state it is in says `data.status`, never the
//! event's name. Event types may be added at any time; unknown ones are put aside.

use serde::Deserialize;
use serde_json::{Value, json};

use super::wire::{Moment, Part, Text, part, read};
use super::{NotUnderstood, Parsed, Sample, Source, Tool};
use crate::alert::{AlertState, Draft, LinkKind};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::signature::{Scheme, VerifiedBody};

pub(super) const TOOL: Tool = Tool {
    name: "pagerduty",
    title: "PagerDuty",
    proof: "an HMAC signature",
    hmac: Some(|secrets| Scheme::PagerDuty { secrets }),
    parse,
    sample,
};

#[derive(Debug, Deserialize)]
struct Event {
    #[serde(default, rename = "event_type")]
    name: Text,
    #[serde(default)]
    occurred_at: Moment,
    /// Who did it, if it was somebody and not the account itself.
    #[serde(default)]
    agent: Option<Reference>,
    #[serde(default)]
    data: Value,
}

/// `data` of the events about an incident itself.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Incident {
    id: Text,
    html_url: Text,
    number: Text,
    status: Text,
    created_at: Moment,
    title: Text,
    summary: Text,
    #[serde(rename = "incident_type")]
    kind: Option<Named>,
    service: Option<Reference>,
    assignees: Option<Vec<Reference>>,
    escalation_policy: Option<Reference>,
    teams: Option<Vec<Reference>>,
    /// Its names are the account's own: `P1`, `SEV-1`.
    priority: Option<Reference>,
    urgency: Text,
    conference_bridge: Option<ConferenceBridge>,
    resolve_reason: Part<ResolveReason>,
}

/// Why it is resolved, where nobody resolved it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ResolveReason {
    #[serde(rename = "type")]
    kind: Text,
    /// That it was merged into.
    incident: Option<Reference>,
}

impl ResolveReason {
    /// In words, where nobody saw it recover.
    fn in_words(self) -> Option<String> {
        let into = self.incident.and_then(|into| into.summary.0.or(into.id.0));
        let is_merge = self.kind.as_deref() == Some("merge_resolve_reason");
        let into = into.or_else(|| is_merge.then(|| "another incident".to_owned()))?;
        Some(format!("merged into {into} at PagerDuty"))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Named {
    name: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Reference {
    id: Text,
    summary: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ConferenceBridge {
    /// Text in the documentation, a number in PagerDuty's own Go library.
    conference_number: Text,
    conference_url: Text,
}

/// The events whose `data` is the incident.
const OF_AN_INCIDENT: [&str; 11] = [
    "incident.triggered",
    "incident.acknowledged",
    "incident.unacknowledged",
    "incident.resolved",
    "incident.reopened",
    "incident.escalated",
    "incident.delegated",
    "incident.reassigned",
    "incident.priority_updated",
    "incident.service_updated",
    "incident.incident_type.changed",
];

fn parse(body: &VerifiedBody, source: &Source) -> Result<Parsed, NotUnderstood> {
    let mut value: Value = read(body.body())?;
    if value.get("messages").is_some_and(Value::is_array) {
        return Ok(Parsed::ignored(
            "PagerDuty V2 webhook: V2 is no longer supported there, add a V3 subscription",
        ));
    }
    let event =
        value.get_mut("event").map(Value::take).ok_or_else(|| NotUnderstood::new("`event` is missing"))?;
    let event: Event = part(event, "`event`")?;
    let name = event.name.as_deref().ok_or_else(|| NotUnderstood::new("`event.event_type` is missing"))?;
    if name == "pagey.ping" {
        return Ok(Parsed::ignored("a ping"));
    }
    if !OF_AN_INCIDENT.contains(&name) {
        return Ok(Parsed::ignored("an event type that says nothing about an incident's state"));
    }
    if event.data.get("type").and_then(Value::as_str).is_some_and(|t| t != "incident") {
        return Ok(Parsed::ignored("an event whose data is not the incident"));
    }
    let incident: Incident = part(event.data, "`event.data`")?;
    let began_now = name == "incident.triggered";
    let outbreak_at = event.occurred_at.0.filter(|_| began_now || name == "incident.reopened");
    let taken_by = event.agent.filter(|_| name == "incident.acknowledged").and_then(|agent| agent.summary.0);
    incident.parse(event.occurred_at.0, outbreak_at, taken_by, source)
}

impl Incident {
    fn parse(
        self,
        occurred_at: Option<Timestamp>,
        outbreak_at: Option<Timestamp>,
        taken_by: Option<String>,
        source: &Source,
    ) -> Result<Parsed, NotUnderstood> {
        let id = self.id.as_deref().ok_or_else(|| NotUnderstood::new("`event.data.id` is missing"))?;
        let state = match self.status.as_deref() {
            Some("triggered") => AlertState::Firing,
            Some("acknowledged") => AlertState::Acknowledged,
            Some("resolved") => AlertState::Resolved,
            Some(_) => return Err(NotUnderstood::new("`event.data.status` is none of PagerDuty's")),
            None => return Err(NotUnderstood::new("`event.data.status` is missing")),
        };
        let priority = summary_of(self.priority.as_ref());
        let title = self.title.as_deref().or(self.summary.as_deref());
        let bridge = self.conference_bridge.as_ref();
        let mut links = Vec::new();
        for (kind, url) in [
            (LinkKind::Source, self.html_url.as_deref()),
            (LinkKind::Call, bridge.and_then(|b| b.conference_url.as_deref())),
        ] {
            links.extend(url.map(|url| (kind, url.to_owned())));
        }
        let draft = Draft {
            id: id.to_owned(),
            title: title.unwrap_or_default().to_owned(),
            summary: bridge
                .and_then(|b| b.conference_number.as_deref())
                .map(|number| format!("Conference call: {number}"))
                .unwrap_or_default(),
            labels: self.labels(),
            links,
            assignees: summaries_of(self.assignees.as_deref()),
            taken_by: taken_by.filter(|_| state == AlertState::Acknowledged),
            // Bodies before 2026 have no `created_at`; a trigger is its own beginning.
            started_at: self.created_at.0.or(outbreak_at),
            ended_at: occurred_at.filter(|_| state == AlertState::Resolved),
            happened_at: occurred_at,
            outbreak_at,
            end_reason: self.resolve_reason.0.in_words(),
            ..Draft::default()
        };
        Ok(Parsed::Alerts(vec![source.alert(draft, source.key(id), state, priority)]))
    }

    fn labels(&self) -> std::collections::BTreeMap<String, String> {
        let teams = summaries_of(self.teams.as_deref()).join(", ");
        [
            ("service", summary_of(self.service.as_ref())),
            ("urgency", self.urgency.as_deref()),
            ("escalation_policy", summary_of(self.escalation_policy.as_ref())),
            ("teams", Some(teams.as_str()).filter(|t| !t.is_empty())),
            ("incident_type", self.kind.as_ref().and_then(|t| t.name.as_deref())),
            ("priority", summary_of(self.priority.as_ref())),
            ("number", self.number.as_deref()),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
        .collect()
    }
}

fn summary_of(reference: Option<&Reference>) -> Option<&str> {
    reference?.summary.as_deref()
}

fn summaries_of(references: Option<&[Reference]>) -> Vec<String> {
    references.unwrap_or_default().iter().filter_map(|reference| reference.summary.0.clone()).collect()
}

/// An incident of priority P1.
fn sample(state: AlertState, now: Timestamp, dedup: &str) -> Sample {
    let reference = |id: &str, kind: &str, summary: &str| {
        json!({
            "id": id,
            "type": format!("{kind}_reference"),
            "summary": summary,
            "self": format!("https://api.pagerduty.example/{kind}s/{id}"),
            "html_url": format!("https://acme.pagerduty.example/{kind}s/{id}"),
        })
    };
    let (event_type, status, began_at) = match state {
        AlertState::Firing => ("incident.triggered", "triggered", now),
        AlertState::Acknowledged => ("incident.acknowledged", "acknowledged", now),
        AlertState::Resolved => ("incident.resolved", "resolved", later(now, SignedDuration::from_mins(-10))),
    };
    json!({
        "event": {
            "id": format!("SAMPLE{dedup}{}", now.as_millisecond()),
            "event_type": event_type,
            "resource_type": "incident",
            "occurred_at": now.to_string(),
            "agent": null,
            "client": null,
            "data": {
                "id": dedup,
                "type": "incident",
                "self": format!("https://api.pagerduty.example/incidents/{dedup}"),
                "html_url": format!("https://acme.pagerduty.example/incidents/{dedup}"),
                "number": 42,
                "status": status,
                "incident_key": dedup,
                "created_at": began_at.to_string(),
                "title": "Checkout answers with errors",
                "service": reference("PSVC042", "service", "Checkout"),
                "assignees": [reference("PUSR042", "user", "Jonas Weber")],
                "escalation_policy": reference("PESC042", "escalation_policy", "Platform"),
                "teams": [reference("PTEAM42", "team", "Platform")],
                "priority": reference("PPRI042", "priority", "P1"),
                "urgency": "high",
                "conference_bridge": null,
                "resolve_reason": null,
                "incident_type": { "name": "incident_default" },
            },
        },
    })
    .into()
}
