//! New Relic: webhook destinations of workflows, and the notification channels of old.
//!
//! A workflow's body is a template of the user's; New Relic's default one is read as it is. An issue that was
//! acknowledged keeps the state `ACTIVATED`: the only signs are `acknowledgedAt`, where the template has it
//! (that of its page does), and else the trigger `USER_ACTION`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::labels::links_of;
use super::several::{Event, one_or_several};
use super::template::Template;
use super::wire::read;
use super::{NotUnderstood, Parsed, Sample, Source, Tool};
use crate::alert::{AlertState, Draft, LinkKind};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::signature::VerifiedBody;

pub(super) const TOOL: Tool = Tool {
    name: "newrelic",
    title: "New Relic",
    proof: "a bearer token, a password or another header",
    hmac: None,
    parse,
    sample,
};

fn parse(body: &VerifiedBody, source: &Source) -> Result<Parsed, NotUnderstood> {
    one_or_several(read(body.body())?, |event| alert(event, source))
}

/// A variable that does not exist is replaced by nothing; only a template without braces is left as it stands.
fn is_unset(text: &str) -> bool {
    text.starts_with("{{") && text.ends_with("}}")
}

fn alert(event: Value, source: &Source) -> Result<Event, NotUnderstood> {
    let body = Template::new(event, is_unset)?;
    let id = body.first(&["id", "issueId", "issue_id", "incident_id"]);
    let id = id.ok_or_else(|| NotUnderstood::new("`id` is missing"))?;
    let state = state_of(&body)?;
    // The channels of old send one time only, that of the event.
    let is_old = body.has("current_state");
    let sent_at = body.moment(&["timestamp"]).filter(|_| is_old);
    let created_at = body.moment(&["createdAt", "activatedAt"]).filter(is_plausible);
    let updated_at = body.moment(&["updatedAt"]).filter(is_plausible);
    let closed_at = body.moment(&["closedAt"]).filter(is_plausible).or(updated_at);
    let is_closed = body
        .first(&["state", "current_state"])
        .is_some_and(|word| word.trim().eq_ignore_ascii_case("closed"));
    let title = body.many(&["title", "titles"]);
    let condition = body.many(&["alertConditionNames", "condition_name"]);
    let source_link = body.first(&["issueUrl", "issuePageUrl", "incident_url"]);
    let runbook = body.many(&["runbookUrl", "runbook_url"]);
    let dashboard = body.first(&["dashboardUrl", "violationChartUrl", "violation_chart_url"]);
    let draft = Draft {
        id: id.clone(),
        title: title.first().or_else(|| condition.first()).unwrap_or_default().to_owned(),
        summary: body.many(&["description", "details"]).0.join("\n"),
        labels: labels(&body),
        links: links_of([
            (LinkKind::Source, source_link.as_deref()),
            (LinkKind::Runbook, runbook.first()),
            (LinkKind::Dashboard, dashboard.as_deref()),
        ]),
        assignees: body.first(&["owner"]).into_iter().collect(),
        started_at: created_at.or_else(|| sent_at.filter(|_| state == AlertState::Firing)),
        ended_at: sent_at.or(closed_at).filter(|_| state == AlertState::Resolved),
        happened_at: sent_at.or(updated_at).or(closed_at.filter(|_| state == AlertState::Resolved)),
        // One that is only deactivated may become active again.
        ended_for_good: is_closed,
        test: is_test(&body),
        ..Draft::default()
    };
    let severity = body.first(&["priority", "severity"]);
    let key = source.key(&id);
    Ok(source.alert(draft, key, state, severity.as_deref()).into())
}

fn state_of(body: &Template) -> Result<AlertState, NotUnderstood> {
    let state = body.first(&["state", "current_state"]);
    let state = state.ok_or_else(|| NotUnderstood::new("`state` is missing"))?;
    match state.trim().to_ascii_lowercase().as_str() {
        "created" | "activated" | "open" => {
            let is_taken = if body.has("acknowledgedAt") {
                body.moment(&["acknowledgedAt"]).is_some()
            } else {
                let trigger = body.first(&["trigger", "triggerEvent"]);
                trigger.is_some_and(|trigger| trigger.eq_ignore_ascii_case("user_action"))
            };
            Ok(if is_taken { AlertState::Acknowledged } else { AlertState::Firing })
        }
        "acknowledged" => Ok(AlertState::Acknowledged),
        // Deactivated: nothing violates any more, and the issue waits a little before it closes.
        "closed" | "deactivated" | "resolved" => Ok(AlertState::Resolved),
        _ => Err(NotUnderstood::new("`state` is none of New Relic's")),
    }
}

/// Template mistakes give numbers of another unit; New Relic itself began in 2008.
fn is_plausible(at: &Timestamp) -> bool {
    at.as_second() > 1_200_000_000
}

/// The notification channels of old have a test button whose texts are fixed.
fn is_test(body: &Template) -> bool {
    let is = |name: &str, wanted: &str| body.first(&[name]).is_some_and(|text| text == wanted);
    is("condition_name", "New Relic Alert - Test Condition")
        && is("policy_name", "New Relic Alert - Test Policy")
}

fn labels(body: &Template) -> BTreeMap<String, String> {
    let mut labels = body.labels(
        &body.many(&["tags"]),
        &[
            ("priority", &["priority", "severity"]),
            ("workflow", &["workflowName"]),
            ("account", &["account_name", "accountName"]),
            ("trigger", &["trigger", "triggerEvent"]),
        ],
    );
    for (label, names) in [
        ("entity", &["impactedEntities", "entitiesData"][..]),
        ("policy", &["alertPolicyNames", "policy_name"]),
        ("condition", &["alertConditionNames", "condition_name"]),
    ] {
        if let Some(value) = body.many(names).joined() {
            labels.entry(label.to_owned()).or_insert(value);
        }
    }
    labels
}

/// An issue of priority CRITICAL, by the template of its page.
fn sample(state: AlertState, now: Timestamp, dedup: &str) -> Sample {
    let (words, began_at) = match state {
        AlertState::Resolved => ("CLOSED", later(now, SignedDuration::from_mins(-10))),
        AlertState::Firing | AlertState::Acknowledged => ("ACTIVATED", now),
    };
    json!({
        "id": dedup,
        "issueUrl": format!("https://newrelic.example/issues/{dedup}"),
        "title": "Checkout answers with errors",
        "description": ["More than 40 % of the requests to checkout have failed for five minutes."],
        "priority": "CRITICAL",
        "state": words,
        "trigger": "STATE_CHANGE",
        "impactedEntities": ["checkout"],
        "totalIncidents": 1,
        "createdAt": began_at.as_millisecond(),
        "updatedAt": now.as_millisecond(),
        "acknowledgedAt": (state == AlertState::Acknowledged).then(|| now.as_millisecond()),
        "closedAt": (state == AlertState::Resolved).then(|| now.as_millisecond()),
        "alertPolicyNames": ["Checkout"],
        "alertConditionNames": ["Error rate"],
        "workflowName": "warroom",
        "labels": { "client": "acme", "environment": "production", "service": "checkout" },
    })
    .into()
}
