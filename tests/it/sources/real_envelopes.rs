//! Bodies inside other bodies, and of relatives of Alertmanager, as they were really sent.

use std::fs;

use warroom::clock::Timestamp;
use warroom::signature::{RawHook, verify};
use warroom::source::{FieldPaths, Source, SourceKind, parse};

use super::fields::{checks, words};
use super::real_bodies::{in_short, samples};
use super::{Sent, now, source};

/// Folder, file, what it is in short.
const REAL_BODIES: [(&str, &str, &str); 23] = [
    ("alertmanager-api", "DERIVED_v2_alerts_firing.json", "firing sev1: checkout is down"),
    ("alertmanager-api", "DERIVED_v2_alerts_resolved.json", "resolved sev1: checkout is down"),
    ("cloudevents", "spec_batch_two.json", "partly"),
    ("cloudevents", "spec_structured_base64.json", "firing unmapped: /mycontext"),
    ("cloudevents", "spec_structured_json_data.json", "firing unmapped: /mycontext"),
    ("cloudevents", "spec_structured_string_data_no_datacontenttype.json", "firing unmapped: /mycontext"),
    ("github-style", "DERIVED_alert_minimal.json", "firing sev1: SEV1: checkout down"),
    ("github-style", "zulip_issues.json", "firing unmapped: Spelling error in the README file"),
    ("github-style", "zulip_issues__labeled.json", "not understood"),
    ("github-style", "zulip_ping__organization.json", "ignored"),
    ("grafana-oncall", "DERIVED_acknowledge.json", "acknowledged sev1: [firing:1] CheckoutDown"),
    ("grafana-oncall", "DERIVED_alert_group_created.json", "firing sev1: [firing:1] CheckoutDown"),
    ("grafana-oncall", "DERIVED_resolve.json", "resolved sev1: [firing:1] CheckoutDown"),
    ("sns-cloudwatch", "alerta_alarm.json", "firing unmapped: bucketbytesAlarm"),
    ("sns-cloudwatch", "alerta_subscription_confirmation.json", "ignored"),
    ("sns-cloudwatch", "aws_real_notification_v1.json", "ignored"),
    ("sns-cloudwatch", "aws_real_notification_v1_subject.json", "ignored"),
    ("sns-cloudwatch", "aws_real_notification_v2_subject.json", "ignored"),
    ("sns-cloudwatch", "aws_real_subscription_confirmation_v1.json", "ignored"),
    ("sns-cloudwatch", "aws_real_unsubscribe_confirmation_v2.json", "ignored"),
    ("sns-cloudwatch", "tfnotifyslack_ok_inner.json", "resolved unmapped: DBMigrationRequired"),
    ("sns-cloudwatch", "tfnotifyslack_ok_lambda_records.json", "resolved unmapped: DBMigrationRequired"),
    ("sns-cloudwatch", "versus_inner_alarm_rds.json", "firing unmapped: RDS_CPU_High"),
];

/// The issue tracker's events as an example of anybody's signed JSON: an issue is open or it is not.
fn issues() -> FieldPaths {
    let mut fields = checks();
    fields.key = "issue.html_url".parse().unwrap();
    fields.state.path = "action".parse().unwrap();
    fields.state.firing = words(&["opened", "reopened"]);
    fields.state.acknowledged = words(&["assigned"]);
    fields.state.resolved = words(&["closed"]);
    fields.severity = Some("issue.labels.0.name".parse().unwrap());
    fields.title = Some("issue.title".parse().unwrap());
    fields
}

/// Events about anything: each is a condition by its source.
fn events() -> FieldPaths {
    let mut fields = checks();
    fields.key = "source".parse().unwrap();
    fields.state.path = "type".parse().unwrap();
    fields.state.firing = words(&["com.example.someevent"]);
    fields.state.acknowledged = Vec::new();
    fields.state.resolved = Vec::new();
    fields.title = Some("source".parse().unwrap());
    fields
}

fn source_for(folder: &str) -> (Source, Timestamp) {
    let (kind, fields, at) = match folder {
        // An alert of this kind fires only at its time.
        "alertmanager-api" => (SourceKind::Prometheus, None, "2026-02-03T10:02:00Z".parse().unwrap()),
        "cloudevents" => (SourceKind::CloudEvents, Some(events()), now()),
        "github-style" => (SourceKind::Generic, Some(issues()), now()),
        "grafana-oncall" => (SourceKind::GrafanaOncall, None, now()),
        _ => (SourceKind::Sns, None, now()),
    };
    (Source { fields, ..source(kind) }, at)
}

#[test]
fn real_envelopes_mean_what_they_are_known_to_mean() {
    let Some(samples) = samples() else { return };
    for (folder, file, wanted) in REAL_BODIES {
        let (source, at) = source_for(folder);
        let Sent { headers, body } = Sent::from_file(&samples.join(folder).join(file));
        let hook = RawHook { source: source.name.clone(), headers, query: None, body: body.into() };
        let verified = verify(hook, &source.verifier, at).unwrap();
        assert_eq!(in_short(parse(&verified, &source, at)), wanted, "{folder}/{file}");
    }
    // The two that are missing above are like their neighbours.
    let known = |folder: &str| REAL_BODIES.iter().filter(|(name, ..)| *name == folder).count();
    for (folder, more) in [
        ("alertmanager-api", 0),
        ("cloudevents", 0),
        ("github-style", 0),
        ("grafana-oncall", 0),
        ("sns-cloudwatch", 2),
    ] {
        let files = fs::read_dir(samples.join(folder)).unwrap().map(|entry| entry.unwrap().path());
        assert_eq!(files.filter(|path| path.is_file()).count(), known(folder) + more, "{folder}");
    }
}
