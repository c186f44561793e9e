//! Splunk On-Call (VictorOps): custom outbound webhooks.
//!
//! The body is a template of the user's; the full one is flat with dotted names, whose case varies inside one
//! body. `STATE.CURRENT_ALERT_PHASE` says where the incident stands; `INCIDENT.CURRENT_PHASE` may say
//! `RESOLVED` in the very message that tells of the beginning.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::flat::Flat;
use super::labels::{labels_of, links_of};
use super::wire::{listed, moment, needed, once};
use super::{NotUnderstood, Parsed, Sample, Source, Tool};
use crate::alert::{AlertState, Draft, LinkKind, limits};
use crate::clock::{SignedDuration, Timestamp, later};
use crate::signature::VerifiedBody;

pub(super) const TOOL: Tool = Tool {
    name: "splunk_on_call",
    title: "Splunk On-Call (VictorOps)",
    proof: "a bearer token or another header",
    hmac: None,
    parse,
    sample,
};

fn parse(body: &VerifiedBody, source: &Source) -> Result<Parsed, NotUnderstood> {
    let flat = with_families(Flat::from_json(body.body())?);
    let state = state_in(&flat)?;
    let incident = flat
        .any(&["state.incident_name", "incident.incident_id", "alert.incident_id", "alert.incident"])
        .map(|id| id.trim_start_matches('#'));
    let payload = match (incident, flat.any(&["state.entity_id", "alert.entity_id"])) {
        (Some(id), _) => format!("incident/{id}"),
        // An entity's id is used again by its next incident, which then comes to the same room.
        (None, Some(entity)) => format!("entity/{entity}"),
        (None, None) => {
            return Err(NotUnderstood::new("`STATE.INCIDENT_NAME` and `STATE.ENTITY_ID` are missing"));
        }
    };
    let title = [
        "alert.entity_display_name",
        "incident.entity_display_name",
        "state.service",
        "incident.service",
        "alert.service",
        "state.entity_id",
        "alert.entity_id",
    ];
    let time = |names: &[&str]| flat.any(names).and_then(|text| moment(&Value::from(text)));
    let is_over = state == AlertState::Resolved;
    let ended_at =
        time(&["state.resolved_at", "state.last_timestamp", "alert.timestamp"]).filter(|_| is_over);
    let told = ["state.last_timestamp", "state.ack_timestamp", "alert.timestamp"].map(|name| time(&[name]));
    let draft = Draft {
        id: payload.clone(),
        title: flat.any(&title).unwrap_or_default().to_owned(),
        summary: flat.any(&["alert.state_message"]).unwrap_or_default().to_owned(),
        labels: labels(&flat, incident),
        links: links(&flat),
        assignees: assignees(&flat),
        started_at: time(&[
            "incident.incident_timestamp",
            "state.incident_timestamp",
            "state.state_start_time",
            "alert.state_start_time",
        ]),
        ended_at,
        happened_at: told.into_iter().flatten().chain(ended_at).max(),
        // An incident is never opened again; an entity has another one.
        ended_for_good: incident.is_some(),
        ..Draft::default()
    };
    // An acknowledgement's type says nothing about how bad it is; the entity's state still does.
    let severity = ["alert.message_type", "state.current_state", "alert.entity_state"]
        .into_iter()
        .filter_map(|name| flat.get(name))
        .find(|word| ["CRITICAL", "WARNING", "INFO"].iter().any(|known| word.eq_ignore_ascii_case(known)));
    let key = source.key(&payload);
    Ok(Parsed::Alerts(vec![source.alert(draft, key, state, severity)]))
}

/// The webhook of an escalation policy sends the alert's own fields in a form, without the family in their names
/// and each value in quotes.
fn with_families(mut flat: Flat) -> Flat {
    let is_in_family = |name: &str| ["alert.", "state.", "incident."].iter().any(|f| name.starts_with(f));
    if !flat.0.keys().any(|name| is_in_family(name)) {
        let unquoted = |value: &str| value.trim_matches('"').trim().to_owned();
        let fields = flat.0.iter().map(|(name, value)| (format!("alert.{name}"), unquoted(value)));
        flat.0 = fields.filter(|(_, value)| !value.is_empty()).collect();
    }
    flat
}

fn state_in(flat: &Flat) -> Result<AlertState, NotUnderstood> {
    if let Some(phase) = flat.any(&["state.current_alert_phase", "alert.incident_state"]) {
        return match phase.to_ascii_uppercase().as_str() {
            "UNACKED" | "TRIGGERED" => Ok(AlertState::Firing),
            "ACKED" | "ACKNOWLEDGED" => Ok(AlertState::Acknowledged),
            "RESOLVED" => Ok(AlertState::Resolved),
            _ => Err(NotUnderstood::new("`STATE.CURRENT_ALERT_PHASE` is none of Splunk On-Call's")),
        };
    }
    let kind = needed(flat.get("alert.message_type"), "STATE.CURRENT_ALERT_PHASE")?;
    match kind.to_ascii_uppercase().as_str() {
        "CRITICAL" | "WARNING" | "INFO" => Ok(AlertState::Firing),
        "ACKNOWLEDGEMENT" => Ok(AlertState::Acknowledged),
        "RECOVERY" => Ok(AlertState::Resolved),
        _ => Err(NotUnderstood::new("`ALERT.message_type` is none of Splunk On-Call's")),
    }
}

fn labels(flat: &Flat, incident: Option<&str>) -> BTreeMap<String, String> {
    let teams = listed(flat.list("state.teams_paged").into_iter().chain(flat.get("state.teams_paged")));
    labels_of([
        ("number", incident),
        ("service", flat.any(&["state.service", "incident.service", "alert.service"])),
        ("host", flat.any(&["state.host", "incident.host"])),
        ("entity", flat.any(&["state.entity_id", "alert.entity_id"])),
        ("monitoring_tool", flat.get("alert.monitoring_tool")),
        ("routing_key", flat.get("alert.routing_key")),
        ("teams", teams.as_deref()),
        ("acknowledged_by", flat.get("state.acked_by")),
        // Fields of one's own pass through Splunk On-Call as they came.
        ("client", flat.get("alert.client")),
        ("environment", flat.any(&["alert.environment", "alert.env"])),
        ("region", flat.get("alert.region")),
    ])
}

/// Annotations are what people add to alerts by rule: `vo_annotate.u.<name>` holds an address.
fn links(flat: &Flat) -> Vec<(LinkKind, String)> {
    let annotated = flat.0.iter().filter_map(|(name, url)| {
        let name = name.strip_prefix("alert.vo_annotate.u.")?;
        let kind = if name.contains("runbook") { LinkKind::Runbook } else { LinkKind::Dashboard };
        Some((kind, Some(url.as_str())))
    });
    let source = (LinkKind::Source, flat.any(&["state.info_url", "alert.alert_url"]));
    links_of(std::iter::once(source).chain(annotated))
}

/// Whom it paged and who took it; `SYSTEM` is nobody.
fn assignees(flat: &Flat) -> Vec<String> {
    let paged = flat.list("state.users_paged");
    let taken = flat.get("state.acked_by").filter(|who| !who.eq_ignore_ascii_case("system"));
    once(paged.into_iter().take(limits::ASSIGNEES).chain(taken))
}

/// A critical incident as the full template sends it.
fn sample(state: AlertState, now: Timestamp, dedup: &str) -> Sample {
    let (phase, kind, began_at) = match state {
        AlertState::Firing => ("UNACKED", "CRITICAL", now),
        AlertState::Acknowledged => ("ACKED", "ACKNOWLEDGEMENT", now),
        AlertState::Resolved => ("RESOLVED", "RECOVERY", later(now, SignedDuration::from_mins(-10))),
    };
    let is_over = state == AlertState::Resolved;
    let mut body = Map::new();
    for (name, value) in [
        ("INCIDENT.INCIDENT_ID", json!(dedup)),
        ("INCIDENT.INCIDENT_TIMESTAMP", json!(began_at.as_millisecond())),
        ("INCIDENT.CURRENT_PHASE", json!("RESOLVED")),
        ("ALERT.message_type", json!(kind)),
        ("ALERT.monitoring_tool", json!("nagios")),
        ("ALERT.routing_key", json!("checkout")),
        ("ALERT.client", json!("acme")),
        ("ALERT.environment", json!("production")),
        ("ALERT.entity_display_name", json!("Checkout answers with errors")),
        ("ALERT.state_message", json!("More than 40 % of the requests to checkout have failed.")),
        ("ALERT.vo_annotate.u.Runbook", json!("https://runbooks.example/checkout")),
        ("STATE.CURRENT_ALERT_PHASE", json!(phase)),
        ("STATE.CURRENT_STATE", json!(if is_over { "OK" } else { "CRITICAL" })),
        ("STATE.ENTITY_ID", json!("shop/checkout/5xx")),
        ("STATE.SERVICE", json!("checkout")),
        ("STATE.INCIDENT_NAME", json!(dedup)),
        ("STATE.TEAMS_PAGED.0", json!("platform")),
        ("STATE.USERS_PAGED.0", json!("jonas")),
        ("STATE.RESOLVED_AT", json!(is_over.then(|| now.as_millisecond()))),
    ] {
        body.insert(name.to_owned(), value);
    }
    Value::Object(body).into()
}
