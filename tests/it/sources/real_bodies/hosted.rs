//! Of the monitoring tools that mostly run as somebody's service, and of Zabbix and Uptime Kuma.

use warroom::source::{Source, SourceKind};

use super::super::{Sent, read, source};
use super::{files_of, in_short, samples};

/// Folder, file, what it is in short. Test buttons count as alerts here.
const REAL_BODIES: &[(&str, &str, &str)] = &[
    ("azure", "DERIVED_common_log_v2_fired_sev0.json", "firing sev1: test-metricAlertRule"),
    ("azure", "common_metric_fired_sev3.json", "firing sev5: test-metricAlertRule"),
    ("azure-legacy", "alertacontrib_classic_metric_alert_0.json", "firing unmapped: ruleName1"),
    ("azure-legacy", "alertacontrib_classic_metric_alert_1.json", "firing unmapped: Alert_1_runscope12"),
    ("azure-legacy", "alertacontrib_new_metric_alert_0.json", "firing unmapped: StorageCheck"),
    ("azure-legacy", "alertacontrib_new_metric_alert_1.json", "resolved sev5: CpuUtilHigh"),
    (
        "better-stack",
        "DERIVED_incident_acknowledged.json",
        "acknowledged unmapped: checkout.example.com: Status 503",
    ),
    ("better-stack", "DERIVED_incident_resolved.json", "resolved unmapped: checkout.example.com: Status 503"),
    ("better-stack", "DERIVED_incident_started.json", "firing unmapped: checkout.example.com: Status 503"),
    ("datadog", "keep_recovered_log_alert_nopriority.json", "resolved unmapped: Error monitor"),
    ("datadog", "keep_recovered_log_alert_p2.json", "resolved sev2: Unauthorized access to API"),
    ("datadog", "keep_triggered_log_alert_nopriority.json", "firing unmapped: Error monitor"),
    ("datadog", "keep_triggered_log_alert_p2.json", "firing sev2: Unauthorized access to API keep-api"),
    ("elastic-kibana", "DERIVED_template_active.json", "firing sev1: High error rate: host-01"),
    ("elastic-kibana", "DERIVED_template_recovered.json", "resolved sev1: High error rate: host-01"),
    ("elastic-kibana", "superplane_rule_active_critical.json", "firing sev1: High error rate detected"),
    ("gcp", "alerta_v11_open.json", "firing unmapped: Webserver Health"),
    (
        "gcp",
        "keep_mock_5xx_errors_production.json",
        "firing unmapped: High rate of 5XX errors detected in production environment",
    ),
    ("gcp", "keep_mock_database_latency.json", "firing unmapped: High database query latency detected"),
    ("newrelic", "alerta_legacy_info.json", "firing sev5: New Relic Alert - Test Condition"),
    (
        "newrelic",
        "zulip_default_acknowledged.json",
        "acknowledged sev2: PIETER-UBUNTU query result is > 1.0 for 5 minutes on 'Storage on Host Exceeded Threshold'",
    ),
    (
        "newrelic",
        "zulip_default_activated_critical.json",
        "firing sev1: zulip_app query result is > 1.0 for 1 minutes on 'Zulip Server Low Storage'",
    ),
    ("newrelic", "zulip_incident_acknowledged_old.json", "acknowledged unmapped: Server Down"),
    ("newrelic", "zulip_incident_active_new.json", "firing unmapped: Server Down"),
    ("newrelic", "zulip_incident_closed_new.json", "resolved unmapped: Server Down"),
    ("newrelic", "zulip_incident_closed_old.json", "resolved unmapped: Server Down"),
    ("newrelic", "zulip_incident_created_new.json", "firing unmapped: Server Down"),
    ("newrelic", "zulip_incident_default_fields_new.json", "firing unmapped: untitled alert"),
    ("newrelic", "zulip_incident_opened_old.json", "firing unmapped: Server Down"),
    ("newrelic", "zulip_incident_state_not_recognized_new.json", "not understood"),
    ("newrelic", "zulip_incident_time_too_large_new.json", "firing unmapped: Server Down"),
    ("opsgenie", "DERIVED_jsm_ops_create_p2.json", "firing sev2: CPU usage above 90% on payments-api"),
    ("opsgenie", "zulip_acknowledge.json", "acknowledged unmapped: test alert"),
    ("opsgenie", "zulip_addnote.json", "ignored"),
    ("opsgenie", "zulip_assignownership.json", "ignored"),
    ("opsgenie", "zulip_create.json", "firing sev3: another alert"),
    ("opsgenie", "zulip_customaction.json", "ignored"),
    ("opsgenie", "zulip_delete.json", "resolved unmapped: test alert"),
    ("opsgenie", "zulip_unacknowledge.json", "firing unmapped: test alert"),
    ("sentry", "alertacontrib_payload.json", "firing sev2: This is an example Python exception"),
    ("sentry", "alertacontrib_payload_v9.json", "firing sev2: This is an example Python exception"),
    ("sentry", "ipe_event_alert_triggered.json", "firing unmapped: Error #1: This is a test error!"),
    (
        "sentry",
        "ipe_event_alert_triggered_with_alert_rule_action.json",
        "firing unmapped: Error #1: This is a test error!",
    ),
    ("sentry", "ipe_issue_assigned.json", "acknowledged sev2: Error #1: This is a test error!"),
    ("sentry", "ipe_issue_created.json", "firing sev2: Error #1: This is a test error!"),
    ("sentry", "ipe_issue_ignored.json", "resolved sev2: Error #1: This is a test error!"),
    ("sentry", "ipe_metric_alert_critical.json", "firing sev1: metric alert"),
    ("sentry", "ipe_metric_alert_resolved.json", "resolved unmapped: metric alert"),
    ("sentry", "ipe_metric_alert_warning.json", "firing sev3: metric alert"),
    ("sentry", "ipe_metric_alert_warning_with_alert_rule_action.json", "firing sev3: metric alert"),
    ("sentry", "keep_legacy_plugin_browser_timeout.json", "firing sev2: Failed to fetch user profile"),
    ("sentry", "zulip_event_for_exception_python.json", "firing sev2: Exception: Custom exception!"),
    (
        "sentry",
        "zulip_issue_assigned_to_team.json",
        "acknowledged sev2: Exception: program has entered an invalid state.",
    ),
    ("sentry", "zulip_issue_created_for_exception.json", "firing sev2: Exception: Custom exception!"),
    ("sentry", "zulip_issue_ignored.json", "resolved sev2: Exception: program has entered an invalid state."),
    (
        "sentry",
        "zulip_issue_resolved.json",
        "resolved sev2: Exception: program has entered an invalid state.",
    ),
    ("sentry", "zulip_sample_event_through_plugin.json", "firing sev2: This is an example Python exception"),
    ("uptime-kuma", "DERIVED_certificate_expiry.json", "ignored"),
    ("uptime-kuma", "DERIVED_down.json", "firing sev1: checkout-api"),
    ("uptime-kuma", "DERIVED_test.json", "firing unmapped: My Webhook Testing"),
    ("uptime-kuma", "DERIVED_up.json", "resolved sev1: checkout-api"),
    ("zabbix", "DERIVED_problem_disaster_macros.json", "firing sev1: PostgreSQL is down on db01"),
    ("zabbix", "DERIVED_recovery.json", "resolved sev1: PostgreSQL is down on db01"),
    ("zabbix", "DERIVED_update_acknowledged.json", "acknowledged sev1: PostgreSQL is down on db01"),
    (
        "zabbix",
        "zulip_problem_average.json",
        "firing sev3: Zabbix agent on www.example.com is unreachable for 5 minutes",
    ),
    (
        "zabbix",
        "zulip_problem_disaster.json",
        "firing sev1: Zabbix agent on www.example.com is unreachable for 5 minutes",
    ),
];

const FOLDERS: [(&str, SourceKind); 11] = [
    ("azure", SourceKind::Azure),
    ("azure-legacy", SourceKind::Azure),
    ("better-stack", SourceKind::BetterStack),
    ("datadog", SourceKind::Datadog),
    ("elastic-kibana", SourceKind::Elastic),
    ("gcp", SourceKind::Gcp),
    ("newrelic", SourceKind::Newrelic),
    ("opsgenie", SourceKind::Opsgenie),
    ("sentry", SourceKind::Sentry),
    ("uptime-kuma", SourceKind::UptimeKuma),
    ("zabbix", SourceKind::Zabbix),
];

#[test]
fn real_bodies_of_hosted_tools_mean_what_they_are_known_to_mean() {
    let Some(folder) = samples() else { return };
    let mut unseen = files_of(&folder, &FOLDERS.map(|(name, _)| name));
    let mut wrong = Vec::new();
    for (name, file, wanted) in REAL_BODIES {
        let (_, kind) = FOLDERS.into_iter().find(|(known, _)| known == name).unwrap();
        let source = Source { open_tests: true, ..source(kind) };
        let body = Sent::from_file(&folder.join(name).join(file));
        let found = in_short(read(&source, &body));
        if found != *wanted {
            wrong.push(format!("{name}/{file}: {found}, not {wanted}"));
        }
        assert!(unseen.remove(&((*name).to_owned(), (*file).to_owned())));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(unseen.is_empty(), "not looked at: {unseen:?}");
}
