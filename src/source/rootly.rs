//! Rootly: webhooks about incidents.
//!
//! The severity is null in most `incident.created` and comes with `incident.updated`, so every event that
//! carries the incident counts. Alerts inside Rootly are put aside: what they lead to is an incident there, and
//! both would be two rooms for one trouble.

use std::collections::BTreeMap;

use http::HeaderName;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};

use super::labels::{labels_of, links_of};
use super::severity::usual_meaning;
use super::wire::{Many, Moment, Part, Text, Texts, lines_of, listed, needed, once, part, read};
use super::{NotUnderstood, Parsed, Sample, Source, Tool};
use crate::alert::{AlertState, Draft, LinkKind};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::signature::{Scheme, VerifiedBody};

pub(super) const TOOL: Tool = Tool {
    name: "rootly",
    title: "Rootly",
    proof: "an HMAC signature, with a signed time",
    hmac: Some(sign),
    parse,
    sample,
};

/// The documentation puts nothing between time and body; some receivers put a full stop there and are wrong.
fn sign(secrets: Vec<SecretString>) -> Scheme {
    Scheme::HmacItems {
        secrets,
        header: HeaderName::from_static("x-rootly-signature"),
        time: "t".to_owned(),
        signature: "v1".to_owned(),
        separator: String::new(),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Incident {
    id: Text,
    sequential_id: Text,
    title: Text,
    kind: Text,
    private: Text,
    summary: Text,
    status: Text,
    url: Text,
    mitigation_message: Text,
    resolution_message: Text,
    started_at: Moment,
    created_at: Moment,
    resolved_at: Moment,
    cancelled_at: Moment,
    labels: Texts,
    severity: Part<Severity>,
    user: Part<Person>,
    roles: Many<Role>,
    environments: Many<Named>,
    #[serde(rename = "incident_types")]
    types: Many<Named>,
    services: Many<Named>,
    functionalities: Many<Named>,
    groups: Many<Named>,
    zoom_meeting_join_url: Text,
    google_meeting_url: Text,
}

/// Names are the account's own; `severity` is one of four words.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Severity {
    slug: Text,
    name: Text,
    #[serde(rename = "severity")]
    word: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Named {
    name: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Role {
    user: Part<Person>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Person {
    email: Text,
    full_name: Text,
    name: Text,
}

fn parse(body: &VerifiedBody, source: &Source) -> Result<Parsed, NotUnderstood> {
    let mut body: Value = read(body.body())?;
    let event = body.get("event").and_then(|event| event.get("type")).and_then(Value::as_str);
    let event = needed(event, "event.type")?.to_owned();
    let issued_at = body.get("event").and_then(|e| super::wire::moment(e.get("issued_at")?));
    let Some(verb) = event.strip_prefix("incident.").filter(|verb| !verb.starts_with("scheduled")) else {
        return Ok(Parsed::ignored("an event type that says nothing about an incident's state"));
    };
    let data =
        body.get_mut("data").map(Value::take).ok_or_else(|| NotUnderstood::new("`data` is missing"))?;
    part::<Incident>(data, "`data`")?.parse(verb, issued_at, source)
}

impl Incident {
    fn parse(
        self,
        verb: &str,
        issued_at: Option<Timestamp>,
        source: &Source,
    ) -> Result<Parsed, NotUnderstood> {
        let kind = self.kind.as_deref().unwrap_or("normal");
        if kind.starts_with("scheduled") || kind.starts_with("backfilled") {
            return Ok(Parsed::ignored(
                "maintenance, or an incident that was over before it was written down",
            ));
        }
        // Deleting changes no status.
        let word = if verb == "deleted" { Some("deleted") } else { self.status.as_deref() };
        let state = match word.unwrap_or(verb) {
            "started" | "created" | "in_triage" | "detected" => AlertState::Firing,
            // The pain is gone and the cause is not: people stay together.
            "acknowledged" | "mitigated" | "in_progress" => AlertState::Acknowledged,
            "resolved" | "closed" | "cancelled" | "completed" | "deleted" => AlertState::Resolved,
            "scheduled" | "planning" => return Ok(Parsed::ignored("maintenance")),
            _ if word.is_none() => return Err(NotUnderstood::new("`data.status` is missing")),
            _ => return Err(NotUnderstood::new("`data.status` is none of Rootly's")),
        };
        let id = needed(self.id.as_deref(), "data.id")?;
        let is_over = state == AlertState::Resolved;
        // Its end is heard, because it may have been public when it began.
        if !is_over && self.private.as_deref() == Some("true") {
            return Ok(Parsed::ignored("a private incident, which is not for everybody whom a route names"));
        }
        let ended_at = self.resolved_at.0.or(self.cancelled_at.0).or(issued_at);
        let people = self.roles.0.iter().map(|role| &role.user.0).chain(std::iter::once(&self.user.0));
        let draft = Draft {
            id: id.to_owned(),
            title: self.title.as_deref().unwrap_or_default().to_owned(),
            summary: lines_of([
                self.summary.as_deref(),
                self.mitigation_message.as_deref(),
                self.resolution_message.as_deref(),
            ]),
            labels: self.labels(),
            links: links_of([
                (LinkKind::Source, self.url.as_deref()),
                (LinkKind::Call, self.zoom_meeting_join_url.as_deref()),
                (LinkKind::Call, self.google_meeting_url.as_deref()),
            ]),
            assignees: once(people.filter_map(Person::who)),
            started_at: self.started_at.0.or(self.created_at.0),
            ended_at: ended_at.filter(|_| is_over),
            happened_at: issued_at,
            end_reason: match word.unwrap_or(verb) {
                word @ ("cancelled" | "deleted") => Some(format!("{word} at Rootly")),
                _ => None,
            },
            test: kind.starts_with("test") || kind.starts_with("example"),
            ..Draft::default()
        };
        let severity = self.severity();
        Ok(Parsed::Alerts(vec![source.alert(draft, source.key(id), state, severity)]))
    }

    /// The account's own name where it is clear, else Rootly's word for it.
    fn severity(&self) -> Option<&str> {
        let severity = &self.severity.0;
        let own = [&severity.slug, &severity.name].into_iter().filter_map(Text::as_deref);
        let clear = own.clone().find(|text| usual_meaning(text).is_some());
        clear.or(severity.word.as_deref()).or_else(|| own.clone().next())
    }

    fn labels(&self) -> BTreeMap<String, String> {
        let names = |list: &Many<Named>| listed(list.0.iter().filter_map(|named| named.name.as_deref()));
        let mut labels = labels_of([
            ("number", self.sequential_id.as_deref()),
            ("status", self.status.as_deref()),
            ("private", self.private.as_deref()),
            ("severity", self.severity.0.name.as_deref().or(self.severity.0.slug.as_deref())),
            ("service", names(&self.services).as_deref()),
            ("environment", names(&self.environments).as_deref()),
            ("team", names(&self.groups).as_deref()),
            ("functionality", names(&self.functionalities).as_deref()),
            ("incident_type", names(&self.types).as_deref()),
        ]);
        for (name, value) in &self.labels.0 {
            labels.entry(name.clone()).or_insert_with(|| value.clone());
        }
        labels
    }
}

impl Person {
    fn who(&self) -> Option<&str> {
        [&self.email, &self.full_name, &self.name].into_iter().find_map(Text::as_deref)
    }
}

/// An incident of severity SEV1.
fn sample(state: AlertState, now: Timestamp, dedup: &str) -> Sample {
    let is_over = state == AlertState::Resolved;
    let began_at = if is_over { later(now, SignedDuration::from_mins(-10)) } else { now };
    json!({
        "event": {
            "id": format!("{dedup}-{}", now.as_millisecond()),
            "type": if is_over { "incident.resolved" } else { "incident.updated" },
            "issued_at": now.to_string(),
        },
        "data": {
            "id": dedup,
            "sequential_id": 42,
            "title": "Checkout answers with errors",
            "kind": "normal",
            "private": false,
            "summary": "More than 40 % of the requests to checkout have failed for five minutes.",
            "status": if is_over { "resolved" } else { "started" },
            "url": "https://rootly.example/account/incidents/42-checkout",
            "started_at": began_at.to_string(),
            "resolved_at": is_over.then(|| now.to_string()),
            "labels": { "client": "acme" },
            "severity": { "id": "sample", "slug": "sev1", "name": "SEV1", "severity": "critical" },
            "user": { "id": 42, "name": "Jonas Weber", "email": "jonas@ops.example" },
            "services": [{ "id": "sample", "name": "checkout" }],
            "environments": [{ "id": "sample", "name": "production" }],
        },
    })
    .into()
}
