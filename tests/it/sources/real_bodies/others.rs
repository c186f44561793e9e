//! Tools without a kind of their own, read by the paths that an operator would write for them.

use std::fs;

use warroom::source::{FieldPaths, Source, SourceKind, StateField};

use super::super::fields::words;
use super::super::{read, source};
use super::{files_of, in_short, samples};

/// Where a tool's body says what.
struct Paths {
    key: &'static str,
    state: &'static str,
    firing: &'static str,
    resolved: &'static str,
    severity: Option<&'static str>,
    title: &'static str,
}

const COROOT: Paths = Paths {
    key: "url",
    state: "status",
    firing: "CRITICAL",
    resolved: "OK",
    severity: Some("status"),
    title: "application",
};
const GRAYLOG: Paths = Paths {
    key: "check_result.triggered_condition.id",
    state: "check_result.triggered",
    firing: "true",
    resolved: "false",
    severity: None,
    title: "check_result.result_description",
};
const MOIRA: Paths = Paths {
    key: "trigger.id",
    state: "events.0.state",
    firing: "ERROR",
    resolved: "OK",
    severity: Some("trigger.tags.0"),
    title: "trigger.name",
};
const ROBUSTA: Paths = Paths {
    key: "fingerprint",
    state: "failure",
    firing: "true",
    resolved: "false",
    severity: Some("severity"),
    title: "title",
};
const STATUSPAGE: Paths = Paths {
    key: "incident.shortlink",
    state: "incident.status",
    firing: "identified",
    resolved: "resolved",
    severity: Some("page.status_indicator"),
    title: "incident.name",
};
const UPTIME_ROBOT: Paths = Paths {
    key: "monitor_url",
    state: "alert_type",
    firing: "1",
    resolved: "2",
    severity: None,
    title: "monitor_friendly_name",
};

/// Folder, file, paths, what it is in short.
const BODIES: [(&str, &str, Paths, &str); 13] = [
    ("coroot", "DERIVED_alert_critical.json", COROOT, "firing sev1: c1:default:StatefulSet:postgres"),
    ("coroot", "DERIVED_incident_critical.json", COROOT, "firing sev1: c1:default:Deployment:checkout"),
    ("coroot", "DERIVED_incident_ok.json", COROOT, "resolved unmapped: c1:default:Deployment:checkout"),
    (
        "graylog",
        "alerta_legacy_notification.json",
        GRAYLOG,
        "firing unmapped: Stream had 2 messages in the last 1 minutes with trigger condition more than 1 messages. \
         (Current grace time: 1 minutes)",
    ),
    ("moira", "DERIVED_error.json", MOIRA, "firing sev1: checkout error ratio"),
    ("moira", "upstream_batch_five_ok.json", MOIRA, "resolved unmapped: triggerName for test"),
    ("moira", "upstream_empty.json", MOIRA, "not understood"),
    (
        "robusta",
        "DERIVED_json_resolved_no_platform.json",
        ROBUSTA,
        "resolved sev2: [RESOLVED] KubePodCrashLooping",
    ),
    ("robusta", "docs_json_high.json", ROBUSTA, "firing sev2: CrashLoopBackOff"),
    ("statuspage", "zulip_incident_created.json", STATUSPAGE, "firing sev1: Database query delays"),
    ("statuspage", "zulip_incident_update.json", STATUSPAGE, "resolved sev5: Database query delays"),
    ("uptimerobot", "zulip_down.json", UPTIME_ROBOT, "firing unmapped: Web Server"),
    ("uptimerobot", "zulip_up.json", UPTIME_ROBOT, "resolved unmapped: Mail Server"),
];

impl Paths {
    fn source(&self) -> Source {
        let path = |text: &str| text.parse().unwrap();
        let fields = FieldPaths {
            each: None,
            key: path(self.key),
            condition: None,
            state: StateField {
                path: path(self.state),
                firing: words(&[self.firing]),
                acknowledged: Vec::new(),
                resolved: words(&[self.resolved]),
                otherwise: None,
            },
            severity: self.severity.map(path),
            title: Some(path(self.title)),
            description: None,
            url: None,
            started_at: None,
            labels: [].into(),
            test: None,
        };
        Source { fields: Some(fields), ..source(SourceKind::Generic) }
    }
}

#[test]
fn tools_without_a_kind_are_read_by_paths() {
    let Some(folder) = samples() else { return };
    let folders = ["coroot", "graylog", "moira", "robusta", "statuspage", "uptimerobot"];
    let mut unseen = files_of(&folder, &folders);
    for (name, file, paths, wanted) in BODIES {
        let body = fs::read(folder.join(name).join(file)).unwrap();
        assert_eq!(in_short(read(&paths.source(), &body)), wanted, "{name}/{file}");
        assert!(unseen.remove(&(name.to_owned(), file.to_owned())));
    }
    assert!(unseen.is_empty(), "not looked at: {unseen:?}");
    let alertmanager = source(SourceKind::Alertmanager);
    for (name, file) in files_of(&folder, &["signoz"]) {
        let body = fs::read(folder.join(&name).join(&file)).unwrap();
        assert_eq!(in_short(read(&alertmanager, &body)), "firing sev1: Checkout 5xx", "{name}/{file}");
    }
}
