//! Splunk Observability Cloud (SignalFx): detectors' webhooks with the default body.
//!
//! Its severities are its own order, in which minor is worse than a warning. A detector that somebody resolved
//! by hand may still be called anomalous; then only the title says so.

use http::HeaderName;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::labels::{labels_of, links_of};
use super::wire::{Texts, lines_of, moment, needed, read, text};
use super::{NotUnderstood, Parsed, Sample, Source, Tool};
use crate::alert::{AlertState, Draft, LinkKind, Severity};
use crate::clock::Timestamp;
use crate::signature::{Encoding, Scheme, VerifiedBody};

pub(super) const TOOL: Tool = Tool {
    name: "splunk_observability",
    title: "Splunk Observability Cloud",
    proof: "an HMAC signature",
    hmac: Some(sign),
    parse,
    sample,
};

fn sign(secrets: Vec<SecretString>) -> Scheme {
    Scheme::Hmac {
        secrets,
        header: HeaderName::from_static("x-sfx-signature"),
        encoding: Encoding::Base64,
        prefix: None,
        timestamp: None,
    }
}

fn parse(body: &VerifiedBody, source: &Source) -> Result<Parsed, NotUnderstood> {
    let body: Value = read(body.body())?;
    let field = |name: &str| body.get(name).and_then(text);
    // Seen in the wild: everything that follows `inputs` slipped into it.
    let field_or_inner = |name: &str| field(name).or_else(|| text(body.get("inputs")?.get(name)?));
    let id = field("incidentId");
    let id = needed(id.as_deref(), "incidentId")?;
    let message_title = field_or_inner("messageTitle");
    let state = state_of(&[field("status"), field("statusExtended")], message_title.as_deref())?;
    let (detector, rule) = (field("detector"), field_or_inner("rule"));
    let title = match (&rule, &detector) {
        (Some(rule), Some(detector)) => Some(format!("{rule} ({detector})")),
        _ => message_title.or(rule.clone()).or(detector.clone()),
    };
    let (description, message) = (field_or_inner("description"), field("messageBody"));
    let tip = field_or_inner("tip");
    let mut labels = labels_of([
        ("detector", detector.as_deref()),
        ("rule", rule.as_deref()),
        ("metric", field("originatingMetric").as_deref()),
        ("severity", field("severity").as_deref()),
    ]);
    let dimensions: Texts = body
        .get("dimensions")
        .and_then(|found| serde_json::from_value(found.clone()).ok())
        .unwrap_or_default();
    for (name, value) in dimensions.0 {
        let name = name.strip_prefix("sf_").map(ToOwned::to_owned).unwrap_or(name);
        labels.entry(name).or_insert(value);
    }
    let time = body.get("timestamp").and_then(moment);
    let is_over = state == AlertState::Resolved;
    let is_stopped = ["status", "statusExtended"]
        .iter()
        .any(|name| field(name).is_some_and(|word| word.eq_ignore_ascii_case("stopped")));
    let draft = Draft {
        id: id.to_owned(),
        title: title.unwrap_or_default(),
        summary: lines_of([description.as_deref(), message.as_deref(), tip.as_deref()]),
        labels,
        links: links_of([
            (LinkKind::Source, field("detectorUrl").as_deref()),
            (LinkKind::Runbook, field_or_inner("runbookUrl").as_deref()),
        ]),
        started_at: time.filter(|_| !is_over),
        ended_at: time.filter(|_| is_over),
        happened_at: time,
        ended_for_good: true,
        end_reason: is_stopped.then(|| "its detector was changed or stopped in Splunk".to_owned()),
        ..Draft::default()
    };
    let severity = field("severity");
    let meaning = severity.as_deref().and_then(meaning);
    Ok(Parsed::Alerts(vec![source.alert_of(draft, source.key(id), state, severity.as_deref(), meaning)]))
}

/// Over if any of the words says so.
fn state_of(words: &[Option<String>], title: Option<&str>) -> Result<AlertState, NotUnderstood> {
    let words: Vec<String> = words.iter().flatten().map(|word| word.to_lowercase()).collect();
    let is_over = |word: &String| {
        ["ok", "manually resolved", "auto resolved", "stopped"].contains(&word.replace('_', " ").as_str())
    };
    if words.iter().any(is_over) || title.is_some_and(|title| title.starts_with("Manually resolved:")) {
        Ok(AlertState::Resolved)
    } else if words.iter().any(|word| word == "anomalous") {
        Ok(AlertState::Firing)
    } else if words.is_empty() {
        Err(NotUnderstood::new("`status` is missing"))
    } else {
        Err(NotUnderstood::new("`status` is none of Splunk's"))
    }
}

fn meaning(severity: &str) -> Option<Severity> {
    Some(match severity.to_lowercase().as_str() {
        "critical" => Severity::Sev1,
        "major" => Severity::Sev2,
        "minor" => Severity::Sev3,
        "warning" => Severity::Sev4,
        "info" => Severity::Sev5,
        _ => return None,
    })
}

/// A critical rule of a detector.
fn sample(state: AlertState, now: Timestamp, dedup: &str) -> Sample {
    let status = if state == AlertState::Resolved { "ok" } else { "anomalous" };
    json!({
        "severity": "Critical",
        "status": status,
        "statusExtended": status,
        "incidentId": dedup,
        "detector": "checkout errors",
        "detectorId": "SampleDetector",
        "detectorUrl": "https://app.signalfx.example/#/detector/SampleDetector",
        "rule": "error rate",
        "originatingMetric": "checkout.errors",
        "detectOnCondition": "when(A > 10, '1m')",
        "description": "The value of checkout.errors is above 10.",
        "messageTitle": "Critical Alert: error rate (checkout errors)",
        "messageBody": "Rule \"error rate\" in detector \"checkout errors\" triggered.",
        "inputs": { "A": { "value": "42", "key": { "service": "checkout" }, "fragment": "data('checkout.errors')" } },
        "dimensions": { "sf_service": "checkout", "sf_environment": "production", "client": "acme" },
        "timestamp": now.to_string(),
        "runbookUrl": "https://runbooks.example/checkout",
        "tip": null,
        "orgId": "SampleOrg",
        "sf_schema": 2,
        "triggeredWhileMuted": false,
    })
    .into()
}
