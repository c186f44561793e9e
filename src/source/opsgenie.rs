//! Opsgenie's outgoing webhook, which Jira Service Management Operations sends in the same form.
//!
//! No field holds the alert's state; the action says what has just been done to it. Actions that leave the state
//! alone (notes, tags, custom ones) are put aside, except a new priority, which may be what makes it a
//! Severity 1. Description and details come when the alert is created and not again. An alias is used again by
//! later alerts, an alert's id never.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::labels::{labels_of, labels_of_tags, name_environment};
use super::several::{Event, one_or_several};
use super::wire::{Leaves, Moment, Part, Text, Texts, once, part, read};
use super::{NotUnderstood, Parsed, Sample, Source, Tool};
use crate::alert::{AlertState, Draft, LinkKind, Omitted, is_web_address};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::signature::VerifiedBody;

pub(super) const TOOL: Tool = Tool {
    name: "opsgenie",
    title: "Opsgenie / Jira Service Management",
    proof: "a bearer token or another header",
    hmac: None,
    parse,
    sample,
};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Body {
    action: Text,
    alert: Option<Value>,
    source: Part<Origin>,
}

/// Which integration or person reported the alert to Opsgenie.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Origin {
    name: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Alert {
    #[serde(rename = "alertId")]
    id: Text,
    tiny_id: Text,
    alias: Text,
    message: Text,
    description: Text,
    entity: Text,
    source: Text,
    /// `P1`; a bare number in bodies of old.
    priority: Text,
    tags: Leaves,
    team: Text,
    teams: Part<Vec<Named>>,
    responders: Part<Vec<Named>>,
    owner: Text,
    details: Texts,
    created_at: Moment,
    updated_at: Moment,
}

/// A team or a person, which older bodies give as bare text.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Named {
    Object {
        #[serde(default)]
        name: Text,
        #[serde(default, rename = "type")]
        kind: Text,
    },
    Bare(Text),
}

impl Named {
    fn name(&self) -> Option<&str> {
        match self {
            Self::Object { name, .. } | Self::Bare(name) => name.as_deref(),
        }
    }

    fn is_team(&self) -> bool {
        matches!(self, Self::Object { kind, .. } if kind.as_deref() == Some("team"))
    }
}

fn parse(body: &VerifiedBody, source: &Source) -> Result<Parsed, NotUnderstood> {
    one_or_several(read(body.body())?, |event| read_one(event, source))
}

fn read_one(event: Value, source: &Source) -> Result<Event, NotUnderstood> {
    let body: Body = part(event, "the body")?;
    let action = body.action.0.ok_or_else(|| NotUnderstood::new("`action` is missing"))?;
    let action = action.to_ascii_lowercase();
    // It says nothing of the state; what is not known yet must have begun.
    let is_priority = action == "updatepriority";
    let state = match action.as_str() {
        "create" | "unacknowledge" | "updatepriority" => AlertState::Firing,
        "acknowledge" => AlertState::Acknowledged,
        "close" | "delete" => AlertState::Resolved,
        _ => return Ok(Event::Nothing("an action that does not change the alert's state")),
    };
    let alert = body.alert.ok_or_else(|| NotUnderstood::new("`alert` is missing"))?;
    let alert: Alert = part(alert, "`alert`")?;
    let id = alert.id.as_deref().ok_or_else(|| NotUnderstood::new("`alert.alertId` is missing"))?;
    let key = source.key(id);
    let draft = Draft {
        id: id.to_owned(),
        title: alert.message.0.clone().unwrap_or_default(),
        summary: alert.description.0.clone().unwrap_or_default(),
        labels: alert.labels(&body.source.0),
        links: alert.links(),
        assignees: alert.assignees(),
        started_at: alert.created_at.0,
        // The moment of the last change, which for these two actions is the end.
        ended_at: alert.updated_at.0.filter(|_| state == AlertState::Resolved),
        happened_at: alert.updated_at.0,
        ended_for_good: true,
        end_reason: (action == "delete").then(|| "somebody deleted the alert in Opsgenie".to_owned()),
        omitted: Omitted { state: is_priority, ..Omitted::default() },
        ..Draft::default()
    };
    Ok(source.alert(draft, key, state, alert.priority.as_deref()).into())
}

impl Alert {
    fn labels(&self, origin: &Origin) -> BTreeMap<String, String> {
        let responders = self.responders.0.iter().filter(|responder| responder.is_team());
        let teams: Vec<&str> = self.teams.0.iter().chain(responders).filter_map(Named::name).collect();
        let teams = once(self.team.as_deref().into_iter().chain(teams)).join(", ");
        let mut labels = labels_of_tags(self.tags.iter());
        labels.extend(labels_of([
            ("entity", self.entity.as_deref()),
            ("alias", self.alias.as_deref()),
            ("number", self.tiny_id.as_deref()),
            ("priority", self.priority.as_deref()),
            ("reported_by", self.source.as_deref().or_else(|| origin.name.as_deref())),
            ("team", Some(teams.as_str()).filter(|teams| !teams.is_empty())),
        ]));
        labels.extend(self.details.0.clone());
        name_environment(&mut labels);
        labels
    }

    /// Opsgenie has no links of its own; people keep them among the details.
    fn links(&self) -> Vec<(LinkKind, String)> {
        let kind_of = |name: &str| {
            let name = name.to_lowercase();
            [
                ("runbook", LinkKind::Runbook),
                ("playbook", LinkKind::Runbook),
                ("dashboard", LinkKind::Dashboard),
                ("graph", LinkKind::Dashboard),
                ("silence", LinkKind::Silence),
                ("conference", LinkKind::Call),
            ]
            .into_iter()
            .find_map(|(word, kind)| name.contains(word).then_some(kind))
            .unwrap_or(LinkKind::Source)
        };
        let details = self.details.0.iter().filter(|(_, value)| is_web_address(value));
        details.map(|(name, url)| (kind_of(name), url.clone())).collect()
    }

    fn assignees(&self) -> Vec<String> {
        let people = self.responders.0.iter().filter(|responder| !responder.is_team());
        let owner = self.owner.as_deref().into_iter();
        // Users are called by their e-mail address; schedules and escalations have plain names.
        once(owner.chain(people.filter_map(Named::name)).filter(|name| name.contains('@')))
    }
}

/// An alert of priority P1.
fn sample(state: AlertState, now: Timestamp, dedup: &str) -> Sample {
    let (action, began_at) = match state {
        AlertState::Firing => ("Create", now),
        AlertState::Acknowledged => ("Acknowledge", now),
        AlertState::Resolved => ("Close", later(now, SignedDuration::from_mins(-10))),
    };
    json!({
        "action": action,
        "alert": {
            "alertId": dedup,
            "tinyId": "42",
            "alias": format!("checkout/{dedup}"),
            "message": "Checkout answers with errors",
            "description": "More than 40 % of the requests to checkout have failed for five minutes.",
            "entity": "checkout",
            "source": "synthetics",
            "priority": "P1",
            "tags": ["client:acme", "environment:production"],
            "teams": ["Platform"],
            "responders": [{ "id": "t-1", "type": "team", "name": "Platform" }],
            "owner": "",
            "details": { "service": "checkout", "runbook": "https://runbooks.example/checkout" },
            "createdAt": began_at.as_millisecond(),
            "updatedAt": now.as_millisecond().saturating_mul(1_000_000),
            "username": "jonas@ops.example",
        },
        "source": { "name": "", "type": "API" },
        "integrationId": "00000000-0000-4000-8000-000000000001",
        "integrationName": "warroom",
        "integrationType": "Webhook",
    })
    .into()
}
