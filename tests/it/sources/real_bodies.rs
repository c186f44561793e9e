//! Bodies that the tools really sent, where a collection of them is at hand.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use warroom::alert::{AlertState, Severity, SeverityOrigin};
use warroom::matcher::Matcher;
use warroom::source::severity::SeverityRule;
use warroom::source::{FieldPaths, NotUnderstood, Parsed, Source, SourceKind};

use super::fields::{checks, words};
use super::{read, source};

mod hosted;
mod others;

/// Real bodies are kept outside this repository; this test only runs beside them.
pub(super) fn samples() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "a folder of the machine, asked for in a test only")]
    let told = std::env::var_os("WARROOM_SAMPLES").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/samples");
    told.or_else(|| beside.is_dir().then_some(beside))
}

/// A body in short: what each alert is, or that there is none.
pub(super) fn in_short(result: Result<Parsed, NotUnderstood>) -> String {
    match result {
        Ok(Parsed::Alerts(alerts)) => {
            let alerts = alerts.iter().map(|alert| {
                let state = match alert.state {
                    AlertState::Firing => "firing",
                    AlertState::Acknowledged => "acknowledged",
                    AlertState::Resolved => "resolved",
                };
                let origin = match alert.severity_origin {
                    SeverityOrigin::Unmapped => "unmapped".to_owned(),
                    SeverityOrigin::Field | SeverityOrigin::Rule => alert.severity.to_string(),
                };
                let cut = if alert.truncated { " cut" } else { "" };
                format!("{state} {origin}{cut}: {}", alert.title)
            });
            alerts.collect::<Vec<_>>().join(" | ")
        }
        Ok(Parsed::Partly { .. }) => "partly".to_owned(),
        Ok(Parsed::Ignored { .. }) => "ignored".to_owned(),
        Err(_) => "not understood".to_owned(),
    }
}

/// Folder, file, what it is in short.
const REAL_BODIES: [(&str, &str, &str); 31] = [
    ("alertmanager", "DERIVED_v0340_repeat_truncated.json", "firing sev1 cut: Instance 127.0.0.1:9090 down"),
    ("alertmanager", "DERIVED_v0340_resolved.json", "resolved sev1: Instance 127.0.0.1:9090 down"),
    ("alertmanager", "alerta_v3.json", "firing sev1: Connect fail"),
    ("alertmanager", "goalert_minimal.json", "firing unmapped: My alert summary"),
    (
        "alertmanager",
        "goalert_two_firing.json",
        "firing sev1: Instance 127.0.0.1:9090 down | firing sev1: Instance localhost:9090 down",
    ),
    ("alertmanager", "zulip_v4_single.json", "resolved sev1: High CPU core temperature"),
    (
        "grafana",
        "DERIVED_v9_resolved.json",
        "resolved unmapped: This is a summary field, failure on badhost.example.com",
    ),
    ("grafana", "zulip_v11_firing_no_alertname.json", "firing unmapped: High memory usage"),
    ("grafana", "zulip_v11_firing_values.json", "firing unmapped: High memory usage"),
    (
        "grafana",
        "zulip_v8_multiple.json",
        "firing unmapped: This alert was triggered for zone us-1 | \
         firing unmapped: This alert was triggered for zone eu-1",
    ),
    ("grafana-legacy", "alerta_alerting.json", "firing unmapped: Zeta CPU alert"),
    ("grafana-legacy", "alerta_grafana6_tags.json", "firing sev3: Testing -> Battery Voltage alert"),
    ("grafana-legacy", "alerta_ok.json", "resolved unmapped: Zeta CPU alert"),
    ("grafana-legacy", "zulip_v7_alerting.json", "ignored"),
    ("grafana-legacy", "zulip_v7_no_data.json", "firing unmapped: No Data alert"),
    ("grafana-legacy", "zulip_v7_ok.json", "ignored"),
    ("grafana-legacy", "zulip_v7_paused.json", "ignored"),
    ("pagerduty", "alerta_v1_legacy.json", "ignored"),
    ("pagerduty", "zulip_acknowledged_v3.json", "acknowledged unmapped: Test Incident"),
    ("pagerduty", "zulip_priority_updated_v3.json", "firing sev2: Critical: Checkout API High Latency"),
    ("pagerduty", "zulip_resolved_v3.json", "resolved unmapped: Test Incident"),
    ("pagerduty", "zulip_trigger_v2_legacy.json", "ignored"),
    ("pagerduty", "zulip_triggered_v3.json", "firing unmapped: Test Incident 3"),
    ("pagerduty", "zulip_unacknowledged_v3.json", "firing unmapped: Test Incident"),
    ("pagerduty", "zulip_unsupported_v3.json", "ignored"),
    ("generic", "DERIVED_own_schema_triggered.json", "firing sev1: checkout is down"),
    ("generic", "alerta_riemann.json", "resolved unmapped: servicejane"),
    ("generic", "alerta_vrealize.json", "firing sev3: sample-object-name"),
    ("generic", "zulip_freshping_down.json", "resolved unmapped: Example check"),
    ("generic", "zulip_updown_down.json", "firing unmapped: https://updown.io"),
    (
        "generic",
        "zulip_updown_multiple.json",
        "firing unmapped: https://updown.io | resolved unmapped: https://updown.io",
    ),
];

/// How a third party's body is read, if not as our own JSON.
fn fields_for(file: &str) -> Option<FieldPaths> {
    let (key, state, firing, resolved, severity, title) = match file {
        "alerta_riemann.json" => ("service", "state", "critical", "ok", None, "service"),
        "alerta_vrealize.json" => ("alertId", "status", "ACTIVE", "CANCELED", None, "resourceName"),
        "zulip_freshping_down.json" => (
            "webhook_event_data.check_id",
            "/webhook_event_data/check_state_name",
            "Not Responding",
            "Available",
            None,
            "webhook_event_data.check_name",
        ),
        "zulip_updown_down.json" | "zulip_updown_multiple.json" => {
            ("check.token", "event", "check.down", "check.up", Some("nothing"), "check.url")
        }
        _ => return None,
    };
    let mut fields = checks();
    fields.key = key.parse().unwrap();
    fields.state.path = state.parse().unwrap();
    fields.state.firing = words(&[firing]);
    fields.state.resolved = words(&[resolved]);
    fields.severity = severity.map(|path: &str| path.parse().unwrap());
    fields.title = Some(title.parse().unwrap());
    Some(fields)
}

/// vRealize has a severity of its own wording, which takes a rule.
fn with_rules_for(file: &str, mut source: Source) -> Source {
    if file == "alerta_vrealize.json" {
        source.fields.as_mut().unwrap().severity = Some("criticality".parse().unwrap());
        source.severity.rules.push(SeverityRule {
            matchers: vec![Matcher::parse("severity = ALERT_CRITICALITY_LEVEL_WARNING").unwrap()],
            is: Severity::Sev3,
        });
    }
    source
}

/// The files of these folders.
fn files_of(samples: &Path, folders: &[&str]) -> BTreeSet<(String, String)> {
    let mut files = BTreeSet::new();
    for name in folders {
        for entry in fs::read_dir(samples.join(name)).unwrap() {
            files.insert(((*name).to_owned(), entry.unwrap().file_name().into_string().unwrap()));
        }
    }
    files
}

#[test]
fn real_bodies_mean_what_they_are_known_to_mean() {
    let Some(folder) = samples() else { return };
    let mut unseen =
        files_of(&folder, &["alertmanager", "grafana", "grafana-legacy", "pagerduty", "generic"]);
    for (name, file, wanted) in REAL_BODIES {
        let kind = match name {
            "alertmanager" => SourceKind::Alertmanager,
            "pagerduty" => SourceKind::Pagerduty,
            "generic" => SourceKind::Generic,
            _ => SourceKind::Grafana,
        };
        let source = Source { fields: fields_for(file), ..source(kind) };
        let source = with_rules_for(file, source);
        let body = fs::read(folder.join(name).join(file)).unwrap();
        assert_eq!(in_short(read(&source, &body)), wanted, "{name}/{file}");
        assert!(unseen.remove(&(name.to_owned(), file.to_owned())));
    }
    assert!(unseen.is_empty(), "not looked at: {unseen:?}");
    let envelope = fs::read(folder.join("standard-webhooks/DERIVED_incident_triggered.json")).unwrap();
    assert_eq!(in_short(read(&source(SourceKind::Generic), &envelope)), "firing sev1: checkout is down");
}
