//! Real bodies of checkers and of incident tools, where a collection of them is at hand.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};
use warroom::alert::AlertState;
use warroom::source::{FieldPaths, Source, SourceKind};

use super::fields::{checks, words};
use super::real_bodies::{in_short, samples};
use super::{Sent, alerts, read, source};

/// What each file of a folder is in short.
type Files = [(&'static str, &'static str)];

/// Folder, kind and files.
const REAL_REPORTS: [(&str, SourceKind, &Files); 13] = [
    ("checkly", SourceKind::Checkly, &[("keep_recovery.json", "resolved unmapped: API Check #1")]),
    (
        "dynatrace",
        SourceKind::Dynatrace,
        &[
            (
                "DERIVED_open_availability_notags.json",
                "firing sev1: Host or monitoring unavailable: checkout",
            ),
            ("DERIVED_open_error.json", "firing sev1: Failure rate increase: checkout"),
            ("DERIVED_problem_details_json_v2.json", "firing sev1: Multiple service problems: checkout"),
            ("DERIVED_resolved.json", "resolved sev1: Failure rate increase: checkout"),
        ],
    ),
    (
        "firehydrant",
        SourceKind::FireHydrant,
        &[
            ("superplane_change_event_ignored.json", "ignored"),
            ("superplane_created_sev1_object.json", "firing sev1: API Outage"),
            ("superplane_created_sev1_string.json", "firing sev1: DB Outage"),
        ],
    ),
    (
        "goalert",
        SourceKind::GoAlert,
        &[
            ("DERIVED_alert.json", "firing sev1: checkout 5xx above 40%"),
            ("DERIVED_alert_bundle.json", "firing unmapped: 5 alerts for checkout"),
            ("DERIVED_alert_status.json", "resolved unmapped: checkout 5xx above 40%"),
            ("DERIVED_schedule_on_call_users.json", "ignored"),
            ("DERIVED_test.json", "ignored"),
            ("DERIVED_verification.json", "ignored"),
        ],
    ),
    (
        "honeycomb",
        SourceKind::Honeycomb,
        &[
            ("DERIVED_trigger_resolved.json", "resolved unmapped: High Error Rate"),
            ("DERIVED_trigger_test.json", "ignored"),
            ("examples_trigger_v010_old.json", "firing unmapped: trig on ttt"),
            ("superplane_trigger_triggered.json", "firing unmapped: High Error Rate"),
        ],
    ),
    (
        "incident-io",
        SourceKind::IncidentIo,
        &[
            ("DERIVED_created_v2_critical.json", "firing sev1: Checkout is returning 500s"),
            ("DERIVED_private_created_v2.json", "ignored"),
            ("DERIVED_status_updated_v2_closed.json", "resolved sev1: Checkout is returning 500s"),
            ("superplane_created_min.json", "firing unmapped: Database sad"),
        ],
    ),
    (
        "nagios-icinga",
        SourceKind::Nagios,
        &[
            ("DERIVED_icinga2_acknowledgement.json", "acknowledged sev1: postgres on db01 is CRITICAL"),
            ("DERIVED_nagios_host_recovery.json", "resolved unmapped: db01"),
            ("DERIVED_nagios_service_problem.json", "firing sev1: postgres on db01 is CRITICAL"),
            ("keep_checkmk_host_recovery.json", "resolved unmapped: server1"),
        ],
    ),
    (
        "pingdom",
        SourceKind::Pingdom,
        &[
            ("alerta_down.json", "firing sev2: Alerta API on OpenShift is down"),
            ("alerta_up.json", "resolved sev2: Alerta API on OpenShift"),
            ("zulip_http_up_to_down.json", "firing unmapped: Test check is down"),
            ("zulip_imap_down_to_up.json", "resolved unmapped: IMAP check"),
        ],
    ),
    (
        "rootly",
        SourceKind::Rootly,
        &[
            ("DERIVED_alert_created.json", "ignored"),
            ("DERIVED_created_severity_null.json", "firing unmapped: Checkout latency"),
            ("superplane_created_min.json", "firing unmapped: Test Incident"),
            ("superplane_mitigated_min.json", "acknowledged unmapped: Another Incident"),
        ],
    ),
    (
        "site24x7",
        SourceKind::Site24x7,
        &[("goalert_down.json", "firing sev1: GoAlert Site24x7 Test is down")],
    ),
    (
        "splunk-observability",
        SourceKind::SplunkObservability,
        &[
            ("DERIVED_anomalous_critical.json", "firing sev1: error rate (checkout errors)"),
            ("keep_manually_resolved.json", "resolved sev1: Manually resolved: logs (logs)"),
        ],
    ),
    (
        "splunk-oncall",
        SourceKind::SplunkOnCall,
        &[
            ("DERIVED_flat_acknowledged.json", "acknowledged sev1: Incident 9"),
            ("DERIVED_flat_recovery.json", "resolved unmapped: Incident 12"),
            ("relay_nested_recovery.json", "resolved unmapped: Incident 12"),
            ("relay_raw_trigger_critical.json", "firing sev1: Incident 9"),
        ],
    ),
    (
        "statuscake",
        SourceKind::StatusCake,
        &[
            ("DERIVED_down_form_as_json.json", "firing sev1: checkout is down"),
            ("DERIVED_up_form_as_json.json", "resolved sev1: checkout"),
        ],
    ),
];

#[test]
fn real_reports_mean_what_they_are_known_to_mean() {
    let Some(folder) = samples() else { return };
    for (name, kind, files) in REAL_REPORTS {
        let mut unseen: BTreeSet<String> = fs::read_dir(folder.join(name))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        for (file, wanted) in files {
            let body = fs::read(folder.join(name).join(file)).unwrap();
            assert_eq!(in_short(read(&source(kind), Sent::from(&body))), *wanted, "{name}/{file}");
            assert!(unseen.remove(*file));
        }
        assert!(unseen.is_empty(), "not looked at in {name}: {unseen:?}");
    }
}

#[test]
fn a_search_of_splunk_enterprise_is_read_by_paths() {
    let Some(folder) = samples() else { return };
    let mut fields = FieldPaths { severity: Some("result.severity".parse().unwrap()), ..checks() };
    fields.key = "search_name".parse().unwrap();
    fields.state.path = "result.state".parse().unwrap();
    fields.state.firing = words(&["firing"]);
    fields.state.resolved = words(&["resolved"]);
    fields.state.otherwise = Some(AlertState::Firing);
    fields.title = Some("search_name".parse().unwrap());
    let source = Source { fields: Some(fields), ..source(SourceKind::Generic) };
    let body = fs::read(folder.join("splunk/zulip_search_one_result.json")).unwrap();
    assert_eq!(in_short(read(&source, &body)), "firing unmapped: sudo");
}

/// All people of a body are compared with each other, so very many of them must not take very long.
#[test]
fn a_body_full_of_people_is_read_quickly() {
    let people: Vec<_> =
        (0..15_000).map(|n| json!({ "user": { "email": format!("p{n}@ops.example") } })).collect();
    let body = json!({
        "event": { "type": "incident.updated" },
        "data": { "id": "x", "status": "started", "roles": people },
    });
    let paged = (0..30_000).map(|n| (format!("STATE.USERS_PAGED.{n}"), json!(format!("p{n}"))));
    let state = [("STATE.CURRENT_ALERT_PHASE", "UNACKED"), ("STATE.INCIDENT_NAME", "1")];
    let state = state.into_iter().map(|(name, value)| (name.to_owned(), json!(value)));
    let flat = Value::Object(state.chain(paged).collect());
    for (kind, body) in [(SourceKind::Rootly, body), (SourceKind::SplunkOnCall, flat)] {
        let alerts = alerts(&source(kind), body.to_string().as_bytes());
        assert!((1..=20).contains(&alerts[0].assignees.len()), "{kind}");
    }
}
