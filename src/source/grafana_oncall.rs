//! Grafana OnCall's outgoing webhooks: an alert group, sent whenever something happens to it.
//!
//! Which state it is in says `alert_group.state`; `event.type` says only what has just happened, in English. The
//! source's own alert comes along as `alert_payload` in whatever shape that source has; only labels where the
//! Alertmanager family puts them are looked up there.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::alertmanager::severity_in;
use super::wire::{Moment, Text, Texts, once, part, read};
use super::{NotUnderstood, Parsed, Sample, Source, Tool};
use crate::alert::{AlertState, Draft, LinkKind};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::signature::VerifiedBody;

pub(super) const TOOL: Tool = Tool {
    name: "grafana_oncall",
    title: "Grafana OnCall",
    proof: "a password, or a secret in a header",
    hmac: None,
    parse,
    sample,
};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Body {
    event: Option<Event>,
    user: Option<Person>,
    alert_group: Option<Group>,
    alert_payload: Value,
    integration: Option<Integration>,
    notified_users: Option<Vec<Person>>,
    users_to_be_notified: Option<Vec<Person>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Event {
    #[serde(rename = "type")]
    kind: Text,
    /// Absent when the group was created.
    time: Moment,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Person {
    email: Text,
    username: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Group {
    id: Text,
    state: Text,
    title: Text,
    created_at: Moment,
    resolved_at: Moment,
    alerts_count: Text,
    labels: Texts,
    permalinks: Texts,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Integration {
    name: Text,
    team: Text,
    labels: Texts,
}

fn parse(body: &VerifiedBody, source: &Source) -> Result<Parsed, NotUnderstood> {
    let body: Body = part(read(body.body())?, "the body")?;
    let group = body.alert_group.as_ref().ok_or_else(|| NotUnderstood::new("`alert_group` is missing"))?;
    let id = group.id.as_deref().ok_or_else(|| NotUnderstood::new("`alert_group.id` is missing"))?;
    let state = group.state(body.event.as_ref().and_then(|event| event.kind.as_deref()))?;
    let labels = body.labels(group);
    let severity = severity_in(&labels).map(ToOwned::to_owned);
    let draft = Draft {
        id: id.to_owned(),
        title: group.title.0.clone().unwrap_or_default(),
        summary: body.summary(),
        links: ["web", "slack", "telegram"]
            .into_iter()
            .filter_map(|name| Some((LinkKind::Source, group.permalinks.get(name)?.to_owned())))
            .collect(),
        assignees: body.assignees(state),
        started_at: group.created_at.0,
        ended_at: group.resolved_at.0.filter(|_| state == AlertState::Resolved),
        happened_at: body.happened_at(group, state),
        labels,
        ..Draft::default()
    };
    let key = source.key(id);
    Ok(Parsed::Alerts(vec![source.alert(draft, key, state, severity.as_deref())]))
}

impl Group {
    fn state(&self, event: Option<&str>) -> Result<AlertState, NotUnderstood> {
        match self.state.as_deref().map(str::to_ascii_lowercase).as_deref() {
            Some("firing") => Ok(AlertState::Firing),
            // Somebody has seen it and does not want to hear of it for a while: it is not over.
            Some("acknowledged" | "silenced") => Ok(AlertState::Acknowledged),
            Some("resolved") => Ok(AlertState::Resolved),
            Some(_) => Err(NotUnderstood::new("`alert_group.state` is none of OnCall's")),
            None => match event {
                Some("alert group created" | "unacknowledge" | "unresolve" | "unsilence") => {
                    Ok(AlertState::Firing)
                }
                Some("acknowledge" | "silence") => Ok(AlertState::Acknowledged),
                Some("resolve") => Ok(AlertState::Resolved),
                _ => Err(NotUnderstood::new("`alert_group.state` is missing")),
            },
        }
    }
}

impl Body {
    fn happened_at(&self, group: &Group, state: AlertState) -> Option<Timestamp> {
        let resolved_at = group.resolved_at.0.filter(|_| state == AlertState::Resolved);
        let event = self.event.as_ref();
        let is_new = event.is_some_and(|event| event.kind.as_deref() == Some("alert group created"));
        let created_at = group.created_at.0.filter(|_| is_new);
        resolved_at.or_else(|| event?.time.0).or(created_at)
    }

    /// The group's own labels win over those of the integration, and these over those of the alert inside.
    fn labels(&self, group: &Group) -> BTreeMap<String, String> {
        let inside = |name: &str| {
            let labels = self.alert_payload.get(name)?.clone();
            serde_json::from_value::<Texts>(labels).ok()
        };
        let mut labels = inside("commonLabels").or_else(|| inside("labels")).unwrap_or_default().0;
        if let Some(Integration { name, team, labels: own }) = &self.integration {
            labels.extend(own.0.clone());
            let named = [("integration", name), ("team", team)];
            labels.extend(
                named.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text.0.clone()?))),
            );
        }
        labels.extend(group.labels.0.clone());
        labels
    }

    fn summary(&self) -> String {
        let annotation = |name: &str| {
            let annotations = self
                .alert_payload
                .get("commonAnnotations")
                .or_else(|| self.alert_payload.get("annotations"))?;
            super::wire::text(annotations.get(name)?)
        };
        let said = ["description", "message", "summary"].into_iter().find_map(annotation).unwrap_or_default();
        let count = self.alert_group.as_ref().and_then(|group| group.alerts_count.as_deref());
        match count {
            Some(count) if count != "1" => format!("{said}\n{count} alerts in the group").trim().to_owned(),
            _ => said,
        }
    }

    /// Who has taken it, or else whom OnCall is calling.
    fn assignees(&self, state: AlertState) -> Vec<String> {
        let taken = self.user.iter().filter(|_| state == AlertState::Acknowledged);
        let called = self.users_to_be_notified.iter().flatten().chain(self.notified_users.iter().flatten());
        let names = taken.chain(called);
        once(names.filter_map(|person| person.email.as_deref().or(person.username.as_deref())))
    }
}

/// A group of one alert.
fn sample(state: AlertState, now: Timestamp, dedup: &str) -> Sample {
    let (event, said) = match state {
        AlertState::Firing => ("alert group created", "firing"),
        AlertState::Acknowledged => ("acknowledge", "acknowledged"),
        AlertState::Resolved => ("resolve", "resolved"),
    };
    let is_over = state == AlertState::Resolved;
    let began_at = if is_over { later(now, SignedDuration::from_mins(-10)) } else { now };
    let labels = json!({
        "alertname": "CheckoutDown", "severity": "critical", "client": "acme", "environment": "production",
    });
    json!({
        "event": { "type": event, "time": now.to_string() },
        "user": null,
        "alert_group": {
            "id": dedup,
            "integration_id": "CSAMPLE",
            "route_id": "RSAMPLE",
            "alerts_count": 1,
            "state": said,
            "created_at": began_at.to_string(),
            "resolved_at": is_over.then(|| now.to_string()),
            "acknowledged_at": null,
            "title": "Checkout answers with errors",
            "permalinks": { "slack": null, "telegram": null, "web": "https://grafana.example/a/grafana-oncall-app" },
            "labels": { "service": "checkout" },
        },
        "alert_group_id": dedup,
        "alert_payload": { "status": said, "commonLabels": labels, "alerts": [] },
        "integration": { "id": "CSAMPLE", "type": "alertmanager", "name": "production", "team": "platform" },
        "notified_users": [],
        "users_to_be_notified": [{ "id": "USAMPLE", "username": "jonas", "email": "jonas@ops.example" }],
        "webhook": { "id": "WSAMPLE", "name": "warroom" },
    })
    .into()
}
