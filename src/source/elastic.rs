//! Elastic's alerting rules, by Kibana's webhook connector.
//!
//! The body is a template of the user's, a rule having one action for its alerts and another one for their
//! recovery. A rule is one incident, each of its alerts (`alert.id`, such as a host) one condition of it;
//! `incident_per: alert` makes one of each. Rules have no severity, so the template names it, or a tag does.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::labels::links_of;
use super::several::{Event, one_or_several};
use super::template::Template;
use super::wire::{Leaves, read, text};
use super::{IncidentPer, NotUnderstood, Parsed, Sample, Source, Tool};
use crate::alert::{AlertState, Draft, LinkKind};
use crate::clock::Timestamp;
use crate::signature::VerifiedBody;

pub(super) const TOOL: Tool = Tool {
    name: "elastic",
    title: "Elastic / Kibana",
    proof: "a bearer token, a password or another header",
    hmac: None,
    parse,
    sample,
};

fn parse(body: &VerifiedBody, source: &Source) -> Result<Parsed, NotUnderstood> {
    one_or_several(read(body.body())?, |event| alert(event, source))
}

/// The *Test* of a connector does not replace variables.
fn is_unset(text: &str) -> bool {
    text.starts_with("{{") && text.ends_with("}}")
}

fn alert(event: Value, source: &Source) -> Result<Event, NotUnderstood> {
    let body = Template::new(event, is_unset)?;
    let is_test = is_test(&body);
    let rule = if is_test { Some("test".to_owned()) } else { body.first(&["rule_id", "ruleId"]) };
    let rule = rule.ok_or_else(|| NotUnderstood::new("`rule_id` is missing"))?;
    let state = match state_of(&body) {
        Err(_) if is_test => AlertState::Firing,
        state => state?,
    };
    let id = body.first(&["alert_id", "alertId", "alert_uuid", "alertUuid"]).unwrap_or_default();
    let at = body.moment(&["date", "timestamp"]);
    let reason = body.first(&["reason", "message"]);
    let context = body.value("context").and_then(|context| context.get("message")).and_then(text);
    let tags = tags(&body);
    let labels = labels(&body, &tags);
    let severity = body.first(&["severity"]).or_else(|| labels.get("severity").cloned());
    let name = body.first(&["rule_name", "ruleName"]);
    let title = match name {
        // An instance is often all that tells the alerts of a rule apart; `*` and the rule's own id tell nothing.
        Some(name) if !id.is_empty() && ![rule.as_str(), "*", "query matched"].contains(&id.as_str()) => {
            format!("{name}: {id}")
        }
        Some(name) => name,
        None => "Kibana calls".to_owned(),
    };
    let (link, rule_link) = (body.first(&["alert_url", "details_url"]), body.first(&["url", "rule_url"]));
    let (runbook, dashboard) = (body.first(&["runbook_url"]), body.first(&["dashboard_url"]));
    let payload = match source.incident_per {
        IncidentPer::Group => rule,
        IncidentPer::Alert => format!("{rule}/{id}"),
    };
    let draft = Draft {
        id,
        title,
        summary: reason.or(context).unwrap_or_default(),
        labels,
        links: links_of([
            (LinkKind::Source, link.as_deref()),
            (LinkKind::Source, rule_link.as_deref()),
            (LinkKind::Runbook, runbook.as_deref()),
            (LinkKind::Dashboard, dashboard.as_deref()),
        ]),
        started_at: body.moment(&["started_at"]).or(at.filter(|_| state == AlertState::Firing)),
        ended_at: at.filter(|_| state == AlertState::Resolved),
        happened_at: at,
        outbreak_at: body.moment(&["started_at"]).filter(|_| state != AlertState::Resolved),
        test: is_test,
        ..Draft::default()
    };
    Ok(source.alert(draft, source.key(&payload), state, severity.as_deref()).into())
}

fn is_test(body: &Template) -> bool {
    body.value("rule_id").and_then(text).is_some_and(|id| is_unset(id.trim()))
}

/// The word of the template, else the action group: whatever the rule type calls it, it is an alert unless it
/// is the one of recovery.
fn state_of(body: &Template) -> Result<AlertState, NotUnderstood> {
    let word = body.first(&["event", "status", "eventType"]).map(|word| word.trim().to_lowercase());
    let group = body.first(&["action_group", "actionGroup"]).map(|group| group.trim().to_lowercase());
    if group.as_deref() == Some("recovered") {
        return Ok(AlertState::Resolved);
    }
    match word.as_deref() {
        Some("recovered" | "resolved" | "alert_recovered") => Ok(AlertState::Resolved),
        Some("active" | "firing" | "fired" | "alert_fired" | "triggered") => Ok(AlertState::Firing),
        Some("acknowledged") => Ok(AlertState::Acknowledged),
        Some(_) if group.is_none() => Err(NotUnderstood::new("`event` is neither active nor recovered")),
        None if group.is_none() => Err(NotUnderstood::new("`event` and `action_group` are missing")),
        _ => Ok(AlertState::Firing),
    }
}

/// A list, or a text with commas, by the version of Kibana; a list may also be written out inside a text.
fn tags(body: &Template) -> Leaves {
    let tags = body.many(&["tags", "rule_tags"]);
    let written_out = tags.first().filter(|_| tags.0.len() == 1).and_then(super::field_path::json_within);
    written_out.map_or(tags, |list| Leaves::from(&list))
}

fn labels(body: &Template, tags: &Leaves) -> BTreeMap<String, String> {
    body.labels(
        tags,
        &[
            ("rule", &["rule_name", "ruleName"]),
            ("alert", &["alert_id", "alertId"]),
            ("action_group", &["action_group", "actionGroup"]),
            ("space", &["space_id", "spaceId"]),
        ],
    )
}

/// An alert of a rule whose template says that it is critical.
fn sample(state: AlertState, now: Timestamp, dedup: &str) -> Sample {
    let (event, group) = match state {
        AlertState::Resolved => ("recovered", "recovered"),
        AlertState::Firing | AlertState::Acknowledged => ("active", "query matched"),
    };
    json!({
        "event": event,
        "severity": "critical",
        "rule_id": dedup,
        "rule_name": "Checkout answers with errors",
        "alert_id": "checkout-1",
        "alert_uuid": "8f1f0d3e-0000-4000-8000-000000000042",
        "action_group": group,
        "space_id": "default",
        "tags": ["client:acme", "environment:production", "service:checkout"],
        "reason": "Document count is 420 in the last 5 min. Alert when above 100.",
        "url": "https://kibana.example/app/management/insightsAndAlerting/triggersActions/rule/42",
        "date": now.to_string(),
        "flapping": "false",
    })
    .into()
}
