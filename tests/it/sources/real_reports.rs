//! Real bodies of checkers and of incident tools, where a collection of them is at hand.

use std::collections::BTreeSet;
use std::fs;

use warroom::source::SourceKind;

use super::real_bodies::{in_short, samples};
use super::{Sent, read, source};

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
