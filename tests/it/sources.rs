//! Every monitoring tool's fixtures, read by its parser.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use http::{HeaderMap, HeaderName, HeaderValue};
use insta::assert_json_snapshot;
use proptest::prelude::*;
use proptest::sample::Index;
use secrecy::SecretString;
use serde_json::{Value, json};
use warroom::alert::{Alert, AlertState, Severity};
use warroom::clock::Timestamp;
use warroom::matcher::Matcher;
use warroom::signature::{RawHook, Scheme, VerifiedBody, Verifier, verify};
use warroom::source::severity::SeverityRule;
use warroom::source::{FieldPaths, IncidentPer, NotUnderstood, Parsed, Sample, Source, SourceKind, parse};

use fields::checks;

mod fields;
mod pasted;
mod real_bodies;
mod real_envelopes;
mod real_reports;
mod table;

fn now() -> Timestamp {
    "2026-06-01T12:00:00Z".parse().unwrap()
}

/// A source as its page configures it: a tool that knows no severities has them from the config.
fn source(kind: SourceKind) -> Source {
    let mut source = Source::new("test", kind, Verifier::new(Scheme::Insecure));
    if kind == SourceKind::BetterStack {
        source.severity.unmapped = Severity::Sev1;
    }
    source
}

/// What is sent: a body, and the headers that tell how to read it, if a tool has such.
///
/// A fixture whose name ends in `.http` begins with them, up to a blank line; every other one is all body.
#[derive(Debug, Clone, Default)]
struct Sent {
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Sent {
    fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::from_bytes(name.trim().as_bytes()).unwrap();
        self.headers.append(name, HeaderValue::from_str(value.trim()).unwrap());
        self
    }

    fn from_file(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap();
        if path.extension().is_none_or(|ending| ending != "http") {
            return Self { headers: HeaderMap::new(), body: bytes };
        }
        let blank = bytes.windows(2).position(|two| two == b"\n\n").unwrap();
        let head = std::str::from_utf8(&bytes[..blank]).unwrap();
        head.lines().fold(
            Self { headers: HeaderMap::new(), body: bytes[blank + 2..].to_vec() },
            |sent, line| {
                let (name, value) = line.split_once(':').unwrap();
                sent.header(name, value)
            },
        )
    }

    /// Another body under the same headers.
    fn with_body(&self, body: &[u8]) -> Self {
        Self { headers: self.headers.clone(), body: body.to_vec() }
    }
}

impl From<&Sent> for Sent {
    fn from(sent: &Sent) -> Self {
        sent.clone()
    }
}

impl From<&[u8]> for Sent {
    fn from(body: &[u8]) -> Self {
        Self { headers: HeaderMap::new(), body: body.to_vec() }
    }
}

impl From<&Vec<u8>> for Sent {
    fn from(body: &Vec<u8>) -> Self {
        Self::from(body.as_slice())
    }
}

impl From<Sample> for Sent {
    fn from(sample: Sample) -> Self {
        let empty = Self { headers: HeaderMap::new(), body: sample.body.into_bytes() };
        sample.headers.iter().fold(empty, |sent, (name, value)| sent.header(name, value))
    }
}

fn verified(source: &Source, sent: impl Into<Sent>) -> VerifiedBody {
    let Sent { headers, body } = sent.into();
    let hook = RawHook { source: source.name.clone(), headers, query: None, body: body.into() };
    verify(hook, &source.verifier, now()).unwrap()
}

fn read(source: &Source, sent: impl Into<Sent>) -> Result<Parsed, NotUnderstood> {
    parse(&verified(source, sent), source, now())
}

fn alerts(source: &Source, sent: impl Into<Sent>) -> Vec<Alert> {
    match read(source, sent).unwrap() {
        Parsed::Alerts(alerts) => alerts,
        other => panic!("{other:?}"),
    }
}

fn fixtures_of(kind: SourceKind) -> BTreeMap<String, Sent> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(kind.as_str());
    fs::read_dir(&folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, Sent::from_file(&path))
        })
        .collect()
}

fn fixture(kind: SourceKind, name: &str) -> Sent {
    fixtures_of(kind).remove(name).unwrap()
}

/// Whether the tool's bodies hold a time at all; what they report is then as old as the request.
fn tells_when(kind: SourceKind) -> bool {
    !matches!(kind, SourceKind::GoAlert | SourceKind::StatusCake)
}

fn outcome(result: Result<Parsed, NotUnderstood>) -> Value {
    match result {
        Ok(Parsed::Alerts(alerts)) => json!({ "alerts": alerts }),
        Ok(Parsed::Partly { alerts, unread }) => json!({ "alerts": alerts, "unread": unread.why }),
        Ok(Parsed::Ignored { reason }) => json!({ "ignored": reason }),
        Err(e) => json!({ "not_understood": e.why }),
    }
}

#[test]
fn every_kind_has_the_fixtures_that_prove_it() {
    let folders: BTreeSet<String> =
        fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
    let kinds: BTreeSet<String> = SourceKind::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(folders, kinds);
    for kind in SourceKind::ALL {
        let fixtures = fixtures_of(kind);
        for wanted in ["firing", "resolved", "several", "unknown_fields", "broken"] {
            assert!(fixtures.contains_key(wanted), "{kind} has no {wanted}");
        }
        assert!(read(&source(kind), &fixtures["broken"]).is_err(), "{kind}");
    }
}

#[test]
fn every_fixture_is_read_as_written_down() {
    for kind in SourceKind::ALL {
        for (name, body) in fixtures_of(kind) {
            assert_json_snapshot!(format!("{kind}_{name}"), outcome(read(&source(kind), &body)));
        }
    }
}

#[test]
fn the_end_of_an_incident_has_the_key_and_ids_of_its_beginning() {
    for kind in SourceKind::ALL {
        let begins = alerts(&source(kind), fixture(kind, "firing"));
        let ends = alerts(&source(kind), fixture(kind, "resolved"));
        let who =
            |alerts: &[Alert]| -> Vec<_> { alerts.iter().map(|a| (a.key.clone(), a.id.clone())).collect() };
        assert_eq!(who(&begins), who(&ends), "{kind}");
        assert!(begins.iter().all(|a| a.state == AlertState::Firing), "{kind}");
        assert!(begins.iter().all(|a| a.severity == Severity::Sev1), "{kind}");
        assert!(begins.iter().all(|a| a.started_at.is_some() == tells_when(kind)), "{kind}");
        assert!(ends.iter().all(|a| a.state == AlertState::Resolved), "{kind}");
        assert!(begins.iter().all(|a| a.key.as_str().starts_with(&format!("{kind}:1:"))));
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of all tools")]
fn everything_said_about_an_incident_shares_its_key() {
    for (kind, begin, others) in [
        (SourceKind::Grafana, "legacy_firing", &["legacy_resolved", "legacy_no_data"][..]),
        (SourceKind::Grafana, "firing", &["several", "version_4"]),
        (
            SourceKind::Pagerduty,
            "firing",
            &["acknowledged", "priority_missing", "priority_updated", "reopened"],
        ),
        (SourceKind::Generic, "firing", &["acknowledged"]),
        (SourceKind::Sns, "firing", &["raw"]),
        (SourceKind::GrafanaOncall, "firing", &["acknowledged", "silenced", "reopened", "several"]),
        (SourceKind::CloudEvents, "firing", &["acknowledged", "base64", "text_data"]),
        (SourceKind::Prometheus, "firing", &["without_end", "severity_missing"]),
        (SourceKind::Alertmanager, "firing", &["several", "truncated"]),
        (SourceKind::Azure, "firing", &["sev1", "sev4", "log_search", "severity_missing"]),
        (SourceKind::Azure, "older_firing", &["older_resolved"]),
        (
            SourceKind::BetterStack,
            "firing",
            &["acknowledged", "reopened", "validating", "status_missing", "severity_in_metadata"],
        ),
        (
            SourceKind::Datadog,
            "firing",
            &["warning", "renotify", "warn_recovered", "priority_missing", "several"],
        ),
        (SourceKind::Elastic, "firing", &["several", "group_only", "acknowledged", "severity_in_tag"]),
        (SourceKind::Gcp, "firing", &["closed_by_edit", "no_severity", "severity_in_label", "subject"]),
        (
            SourceKind::Newrelic,
            "firing",
            &["acknowledged", "unacknowledged", "default_template", "deactivated"],
        ),
        (SourceKind::Newrelic, "legacy_firing", &["legacy_acknowledged", "legacy_resolved"]),
        (
            SourceKind::Opsgenie,
            "firing",
            &["acknowledged", "reopened", "deleted", "priority_updated", "priority_missing"],
        ),
        (SourceKind::Sentry, "firing", &["warning", "no_resource_header"]),
        (
            SourceKind::Sentry,
            "issue_created",
            &[
                "issue_assigned",
                "issue_assigned_after_the_end",
                "issue_resolved",
                "issue_archived",
                "issue_reopened",
                "event_alert",
                "event_alert_without_issue_id",
                "plugin",
            ],
        ),
        (SourceKind::UptimeKuma, "firing", &["multipart", "no_tags", "resolved_before_2_1"]),
        (
            SourceKind::Zabbix,
            "firing",
            &["acknowledged", "unacknowledged", "nseverity_0", "severity_in_words"],
        ),
        (SourceKind::Zabbix, "script_of_others", &["script_of_others_resolved"]),
        (
            SourceKind::Dynatrace,
            "firing",
            &["several", "merged", "category_error", "custom_alert", "details_only", "details_only_closed"],
        ),
        (
            SourceKind::SplunkOnCall,
            "firing",
            &["several", "acknowledged", "nested", "phase_missing", "warning"],
        ),
        (
            SourceKind::SplunkObservability,
            "firing",
            &["several", "manually_resolved_and_still_called_anomalous", "stopped", "minor", "warning"],
        ),
        (
            SourceKind::Nagios,
            "firing",
            &["several", "acknowledged", "unknown", "macros_as_json", "icinga2_nested", "checkmk"],
        ),
        (SourceKind::Nagios, "host_down", &["host_up"]),
        (
            SourceKind::Checkly,
            "firing",
            &["several", "degraded", "degraded_recovery", "failure_after_degraded", "still_failing"],
        ),
        (SourceKind::Pingdom, "firing", &["several", "transaction_failing", "transaction_success"]),
        (SourceKind::StatusCake, "firing", &["several", "no_answer", "as_json"]),
        (SourceKind::Site24x7, "firing", &["several", "critical", "trouble"]),
        (SourceKind::Honeycomb, "firing", &["several", "default_body"]),
        (
            SourceKind::IncidentIo,
            "firing",
            &["several", "severity_missing", "paused", "reopened", "declined"],
        ),
        (
            SourceKind::Rootly,
            "firing",
            &[
                "several",
                "severity_missing",
                "mitigated",
                "status_missing",
                "reopened",
                "cancelled",
                "deleted",
            ],
        ),
        (
            SourceKind::FireHydrant,
            "firing",
            &[
                "several",
                "severity_as_text",
                "acknowledged",
                "mitigated",
                "own_milestone",
                "own_milestone_after_the_end",
                "afterwards",
                "archived",
            ],
        ),
        (
            SourceKind::GoAlert,
            "firing",
            &["acknowledged", "acknowledged_in_a_bundle", "state_as_a_word", "escalated", "severity_missing"],
        ),
    ] {
        let key = &alerts(&source(kind), fixture(kind, begin))[0].key;
        for other in others {
            for alert in alerts(&source(kind), fixture(kind, other)) {
                assert_eq!(&alert.key, key, "{kind} {other}");
            }
        }
    }
}

#[test]
fn a_resolve_beside_something_cut_or_unread_is_marked_as_incomplete() {
    let source = source(SourceKind::Alertmanager);
    let cut = alerts(&source, fixture(SourceKind::Alertmanager, "truncated"));
    assert!(cut.iter().all(|a| a.truncated && a.state == AlertState::Resolved));
    let body = fixture(SourceKind::Alertmanager, "unknown_status");
    match read(&source, &body).unwrap() {
        Parsed::Partly { alerts, .. } => assert!(alerts.iter().all(|alert| alert.truncated)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn unknown_extra_fields_change_nothing_that_matters() {
    for kind in SourceKind::ALL {
        let known = alerts(&source(kind), fixture(kind, "firing"));
        let unknown = alerts(&source(kind), fixture(kind, "unknown_fields"));
        assert_eq!(known.len(), unknown.len());
        for (known, unknown) in known.iter().zip(&unknown) {
            assert_eq!(
                (&known.key, &known.id, &known.title, known.state),
                (&unknown.key, &unknown.id, &unknown.title, unknown.state)
            );
        }
    }
}

#[test]
fn reading_the_same_body_twice_gives_the_same() {
    for kind in SourceKind::ALL {
        for (name, body) in fixtures_of(kind) {
            assert_eq!(read(&source(kind), &body), read(&source(kind), &body), "{kind} {name}");
        }
    }
}

#[test]
fn a_test_button_opens_nothing_unless_it_shall() {
    for (kind, name) in [
        (SourceKind::Grafana, "test_button"),
        (SourceKind::Grafana, "legacy_test_button"),
        (SourceKind::Generic, "test_button"),
        (SourceKind::Azure, "test_button"),
        (SourceKind::Datadog, "test_button"),
        (SourceKind::Elastic, "test_button"),
        (SourceKind::Gcp, "test_button"),
        (SourceKind::Newrelic, "test_button"),
        (SourceKind::Sentry, "test_button"),
        (SourceKind::UptimeKuma, "test_button"),
        (SourceKind::Zabbix, "test_button"),
        (SourceKind::Dynatrace, "test_button"),
        (SourceKind::Honeycomb, "test_button"),
        (SourceKind::IncidentIo, "test_button"),
        (SourceKind::Rootly, "test_button"),
        (SourceKind::CloudEvents, "test_button"),
    ] {
        let body = fixture(kind, name);
        assert!(matches!(read(&source(kind), &body), Ok(Parsed::Ignored { .. })), "{kind}");
        let open = Source { open_tests: true, ..source(kind) };
        assert!(alerts(&open, &body).iter().all(|alert| alert.test));
    }
    // Pings and formalities are about no condition at all.
    for (kind, name) in [
        (SourceKind::Pagerduty, "test_button"),
        (SourceKind::GoAlert, "test_button"),
        (SourceKind::Generic, "github_ping"),
        (SourceKind::Sns, "test_button"),
        (SourceKind::Sns, "unsubscribed"),
    ] {
        let open = Source { open_tests: true, ..source(kind) };
        assert!(matches!(read(&open, fixture(kind, name)), Ok(Parsed::Ignored { .. })), "{kind} {name}");
    }
}

#[test]
fn samples_to_send_are_read_back_as_a_severity_1_that_begins_now() {
    for kind in SourceKind::ALL {
        let source = source(kind);
        let [begin] = &alerts(&source, kind.sample(now(), "first"))[..] else { panic!("{kind}") };
        assert_eq!(
            (begin.state, begin.severity, begin.started_at),
            (AlertState::Firing, Severity::Sev1, tells_when(kind).then(now)),
            "{kind}"
        );
        let end = &alerts(&source, kind.sample_resolved(now(), "first"))[0];
        assert_eq!(
            (&end.key, &end.id, end.state, end.ended_at),
            (&begin.key, &begin.id, AlertState::Resolved, tells_when(kind).then(now)),
            "{kind}"
        );
        let other = &alerts(&source, kind.sample(now(), "second"))[0];
        assert_ne!(other.key, begin.key, "{kind}");
    }
}

#[test]
fn one_incident_per_alert_gives_each_its_own_key() {
    for kind in [SourceKind::Alertmanager, SourceKind::Grafana] {
        let body = fixture(kind, "several");
        let keys = |source: &Source| -> BTreeSet<_> {
            alerts(source, &body).into_iter().map(|alert| alert.key).collect()
        };
        assert_eq!(keys(&source(kind)).len(), 1, "{kind}");
        let each = Source { incident_per: IncidentPer::Alert, ..source(kind) };
        assert_eq!(keys(&each).len(), 3, "{kind}");
    }
}

#[test]
fn one_monitor_or_rule_is_one_incident_unless_each_of_its_alerts_shall_be() {
    for kind in [SourceKind::Datadog, SourceKind::Elastic] {
        let body = fixture(kind, "several");
        let keys = |source: &Source| -> BTreeSet<_> {
            alerts(source, &body).into_iter().map(|alert| alert.key).collect()
        };
        assert_eq!(keys(&source(kind)).len(), 1, "{kind}");
        let ids: BTreeSet<_> = alerts(&source(kind), &body).into_iter().map(|alert| alert.id).collect();
        assert_eq!(ids.len(), 2, "{kind}");
        let each = Source { incident_per: IncidentPer::Alert, ..source(kind) };
        assert_eq!(keys(&each).len(), 2, "{kind}");
        let end = alerts(&each, fixture(kind, "resolved"));
        assert_eq!(end[0].key, alerts(&each, fixture(kind, "firing"))[0].key, "{kind}");
    }
}

#[test]
fn numbers_that_count_from_another_end_are_not_mistaken() {
    use Severity::{Sev1, Sev2, Sev3, Sev5};
    for (kind, name, wanted) in [
        (SourceKind::Azure, "firing", Sev1),
        (SourceKind::Azure, "sev1", Sev2),
        (SourceKind::Azure, "sev2", Sev3),
        (SourceKind::Azure, "sev3", Sev5),
        (SourceKind::Azure, "sev4", Sev5),
        (SourceKind::Azure, "older_firing", Sev1),
        (SourceKind::Zabbix, "firing", Sev1),
        (SourceKind::Zabbix, "nseverity_4", Sev2),
        (SourceKind::Zabbix, "nseverity_3", Sev3),
        (SourceKind::Zabbix, "nseverity_2", Sev3),
        (SourceKind::Zabbix, "nseverity_1", Sev5),
        (SourceKind::Zabbix, "nseverity_0", Sev3),
        (SourceKind::Zabbix, "severity_as_bare_number", Sev3),
        (SourceKind::Datadog, "event_priority", Sev3),
        (SourceKind::Datadog, "warning", Sev3),
        (SourceKind::Sentry, "issue_of_low_priority", Sev2),
        (SourceKind::Dynatrace, "category_beside_other_priorities", Sev3),
        (SourceKind::Dynatrace, "category_beside_a_priority_of_no_meaning", Sev1),
        (SourceKind::UptimeKuma, "severity_in_a_bare_tag", Sev1),
    ] {
        assert_eq!(alerts(&source(kind), fixture(kind, name))[0].severity, wanted, "{kind} {name}");
    }
    let mut source = source(SourceKind::Azure);
    let matchers = vec![Matcher::parse("azure_severity = Sev1").unwrap()];
    source.severity.rules.push(SeverityRule { matchers, is: Sev1 });
    assert_eq!(alerts(&source, fixture(SourceKind::Azure, "sev1"))[0].severity, Sev1, "and a rule wins");
}

#[test]
fn a_form_is_read_like_the_json_in_it() {
    let source = source(SourceKind::UptimeKuma);
    let plain = alerts(&source, fixture(SourceKind::UptimeKuma, "firing"));
    assert_eq!(alerts(&source, fixture(SourceKind::UptimeKuma, "multipart")), plain);
}

#[test]
fn passwords_in_the_address_of_what_is_watched_go_nowhere() {
    for kind in [SourceKind::UptimeKuma, SourceKind::BetterStack] {
        let fixture = fixture(kind, "firing");
        assert!(String::from_utf8_lossy(&fixture.body).contains("s3cret"), "{kind}");
        assert!(!format!("{:?}", alerts(&source(kind), fixture)).contains("s3cret"), "{kind}");
    }
}

#[test]
fn tools_that_sign_are_verified_by_their_own_header() {
    let secret = || vec![SecretString::from("test-client-secret")];
    let body = r#"{"action":"critical","n":1}"#.as_bytes();
    let computed = "81d5f0a2da7ede225b0ff9eea7dd76af3c4daed906735393eeec15b0bea13afb";
    for (kind, header, signature) in [
        (SourceKind::Sentry, "sentry-hook-signature", computed.to_owned()),
        (SourceKind::Zabbix, "x-hub-signature-256", format!("sha256={computed}")),
    ] {
        let source = Source::new("test", kind, Verifier::new(kind.default_hmac(secret()).unwrap()));
        let hook = |signature: &str| {
            let Sent { headers, body } = Sent::from(body).header(header, signature);
            RawHook { source: "test".to_owned(), headers, query: None, body: body.into() }
        };
        assert!(verify(hook(&signature), &source.verifier, now()).is_ok(), "{kind}");
        assert!(verify(hook(&signature.replace("81d5", "81d4")), &source.verifier, now()).is_err(), "{kind}");
    }
}

#[test]
fn a_group_keeps_its_key_when_its_members_change() {
    let source = source(SourceKind::Alertmanager);
    let one = alerts(&source, fixture(SourceKind::Alertmanager, "firing"));
    let three = alerts(&source, fixture(SourceKind::Alertmanager, "several"));
    assert!(three.iter().all(|alert| alert.key == one[0].key));
}

#[test]
fn generic_keys_of_different_sources_stay_apart() {
    let body = fixture(SourceKind::Generic, "firing");
    let other = Source { name: "other".to_owned(), ..source(SourceKind::Generic) };
    assert_ne!(alerts(&source(SourceKind::Generic), &body)[0].key, alerts(&other, &body)[0].key);
}

#[test]
fn a_senders_clock_that_runs_ahead_does_not_reach_us() {
    let body = br#"{"event": "resolved", "dedup_key": "k", "started_at": "2027-01-01T00:00:00Z", "ended_at": 1900000000}"#;
    let alert = &alerts(&source(SourceKind::Generic), body.as_slice())[0];
    assert_eq!((alert.started_at, alert.ended_at), (Some(now()), Some(now())));
}

#[test]
fn times_are_read_as_tools_write_them() {
    let began = |time: &str| {
        let body = format!(r#"{{"event": "triggered", "dedup_key": "k", "started_at": {time}}}"#);
        alerts(&source(SourceKind::Generic), body.as_bytes())[0].started_at
    };
    let at = |text: &str| Some(text.parse::<Timestamp>().unwrap());
    for time in [
        r#""2026-02-03T10:00:00Z""#,
        r#""2026-02-03T12:00:00+02:00""#,
        r#""2026-02-03T12:00:00.000+0200""#,
        r#""2026-02-03T12:00:00+0200""#,
        r#""2026-02-03 10:00:00Z""#,
        "1770112800",
        r#""1770112800""#,
        "1770112800000",
        "1770112800000000",
        "1770112800000000000",
    ] {
        assert_eq!(began(time), at("2026-02-03T10:00:00Z"), "{time}");
    }
    assert_eq!(began("1770112800.25"), at("2026-02-03T10:00:00.25Z"));
    for time in [
        "null",
        "0",
        "-1",
        r#""""#,
        r#""0001-01-01T00:00:00Z""#,
        r#""2026-02-03 10:00:00""#,
        r#""soon""#,
        "[1]",
        "1e300",
        r#""1770112800.x""#,
    ] {
        assert_eq!(began(time), None, "{time}");
    }
}

#[test]
fn deep_long_and_senseless_bodies_are_refused_quickly() {
    let deep = "[".repeat(1_000_000);
    let deep_closed = format!("{deep}{}", "]".repeat(1_000_000));
    let inside = format!(r#"{{"alerts": {deep_closed}, "event": {deep_closed}}}"#);
    let in_text = format!(r#"{{"a": {}}}"#, Value::String("[".repeat(500_000)));
    let garbage: Vec<u8> =
        (0..1_048_576_u32).map(|i| u8::try_from(i.wrapping_mul(2_654_435_761) >> 24).unwrap()).collect();
    for kind in SourceKind::ALL {
        let source = source(kind);
        for body in [
            deep.as_bytes(),
            deep_closed.as_bytes(),
            inside.as_bytes(),
            &garbage,
            b"",
            b"null",
            b"\"text\"",
            b"7",
            b"{}",
            b"{\"alerts\": null}",
        ] {
            assert!(read(&source, body).is_err(), "{kind}");
        }
        assert!(read(&source, in_text.as_bytes()).is_err(), "{kind}");
    }
    let by_path = Source {
        fields: Some(FieldPaths { each: Some("a.0".parse().unwrap()), ..checks() }),
        ..source(SourceKind::Generic)
    };
    assert!(read(&by_path, in_text.as_bytes()).is_err());
}

/// Whoever looks at every pair of them never ends.
#[test]
fn a_megabyte_of_one_thing_is_read_in_time() {
    let put = |kind, field: &str, value: Value| {
        let mut body: Value = serde_json::from_slice(&fixture(kind, "firing").body).unwrap();
        *body.pointer_mut(field).unwrap() = value;
        Sent { body: body.to_string().into_bytes(), ..fixture(kind, "firing") }
    };
    let many = |item: fn(usize) -> Value| Value::Array((0..60_000).map(item).collect());
    let marks = format!("{}{}", "[P1]".repeat(100_000), " ".repeat(500_000));
    for (kind, field, value) in [
        (SourceKind::Datadog, "/title", json!(marks)),
        (SourceKind::Datadog, "/tags", json!("service:x,".repeat(100_000))),
        (SourceKind::Elastic, "/tags", many(|n| json!(format!("service:{n}")))),
        (SourceKind::Opsgenie, "/alert/tags", many(|n| json!(format!("team={n}")))),
        (SourceKind::Opsgenie, "/alert/teams", many(|n| json!({ "name": n }))),
        (SourceKind::Opsgenie, "/alert/responders", many(|n| json!({ "name": format!("{n}@ops.example") }))),
        (SourceKind::Sentry, "/data/metric_alert/projects", many(|n| json!(n))),
        (SourceKind::GrafanaOncall, "/users_to_be_notified", many(|n| json!({ "username": n }))),
        (SourceKind::UptimeKuma, "/monitor/tags", many(|n| json!({ "name": "service", "value": n }))),
        (SourceKind::Zabbix, "/event_tags", many(|n| json!({ "tag": "service", "value": n }))),
        (SourceKind::Newrelic, "/impactedEntities", many(|n| json!(n))),
        (
            SourceKind::Gcp,
            "/incident/documentation/links",
            many(|n| json!({ "url": format!("https://{n}.example") })),
        ),
        (SourceKind::Azure, "/data/essentials/configurationItems", many(|n| json!(format!("vm-{n}")))),
        (SourceKind::BetterStack, "/data/attributes/metadata/service", many(|n| json!({ "value": n }))),
    ] {
        let begun = std::time::Instant::now();
        let read = alerts(&source(kind), put(kind, field, value));
        assert_eq!((read.len(), &read[0].key), (1, &alerts(&source(kind), fixture(kind, "firing"))[0].key));
        assert!(begun.elapsed() < std::time::Duration::from_secs(10), "{kind} {field}");
    }
}

/// What all alerts of a body share must not be read, hashed or copied whole for each of them.
#[test]
fn a_body_of_many_small_alerts_that_share_much_is_read_in_time() {
    let long = "x".repeat(400_000);
    let labels: BTreeMap<String, String> = (0..8_000).map(|n| (format!("l{n}"), "x".repeat(40))).collect();
    let members: Vec<Value> = (0..20_000).map(|n| json!({ "fingerprint": n.to_string() })).collect();
    let body = |field: &str, value: Value| {
        let mut body = json!({ "status": "firing", "groupKey": "g", "alerts": members });
        body[field] = value;
        body
    };
    let events: Vec<Value> = (0..20_000).map(|n| json!({ "k": n, "s": "down" })).collect();
    let event = json!({
        "specversion": "1.0", "id": "1", "source": "s", "type": "t", "extension": long, "data": events,
    });
    let mut by_path = Source { fields: Some(checks()), ..source(SourceKind::CloudEvents) };
    if let Some(fields) = &mut by_path.fields {
        fields.each = Some("data".parse().unwrap());
        fields.key = "k".parse().unwrap();
        fields.state.path = "s".parse().unwrap();
        fields.state.otherwise = Some(AlertState::Firing);
    }
    let no_key = |mut body: Value| {
        body.as_object_mut().unwrap().remove("groupKey");
        body
    };
    for (source, body) in [
        (source(SourceKind::Alertmanager), body("commonLabels", json!(labels))),
        (source(SourceKind::Alertmanager), body("commonAnnotations", json!({ "description": long }))),
        (source(SourceKind::Alertmanager), body("groupKey", json!(long))),
        (source(SourceKind::Alertmanager), no_key(body("groupLabels", json!(labels)))),
        (source(SourceKind::Grafana), body("externalURL", json!(format!("https://{long}.example")))),
        (by_path, event),
    ] {
        let begun = std::time::Instant::now();
        let read = alerts(&source, body.to_string().as_bytes());
        assert_eq!(read.len(), 20_000, "{}", source.kind);
        assert!(
            begun.elapsed() < std::time::Duration::from_secs(20),
            "{} {:?}",
            source.kind,
            begun.elapsed()
        );
    }
}

#[test]
fn a_private_incident_is_put_aside_but_its_end_is_heard() {
    let source = source(SourceKind::Rootly);
    let private = read(&source, fixture(SourceKind::Rootly, "private")).unwrap();
    assert!(matches!(private, Parsed::Ignored { .. }));
    let end = &alerts(&source, fixture(SourceKind::Rootly, "private_resolved"))[0];
    assert_eq!(end.state, AlertState::Resolved);
    assert_eq!(end.key, alerts(&source, fixture(SourceKind::Rootly, "firing"))[0].key);
}

#[test]
fn a_list_without_alerts_is_nothing_to_act_upon() {
    for (kind, body) in [
        (SourceKind::Alertmanager, r#"{"alerts": []}"#),
        (SourceKind::Grafana, r#"{"alerts": []}"#),
        (SourceKind::Generic, "[]"),
        (SourceKind::Generic, r#"{"alerts": []}"#),
    ] {
        assert!(matches!(read(&source(kind), body.as_bytes()), Ok(Parsed::Ignored { .. })), "{kind}");
    }
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    let mut body = b"\xef\xbb\xbf".to_vec();
    body.extend(fixture(SourceKind::Generic, "firing").body);
    assert_eq!(alerts(&source(SourceKind::Generic), &body).len(), 1);
}

fn any_fixture() -> impl Strategy<Value = (Source, Sent)> {
    let mut all: Vec<(SourceKind, Sent)> = Vec::new();
    for kind in SourceKind::ALL {
        all.extend(fixtures_of(kind).into_values().map(|body| (kind, body)));
    }
    (prop::sample::select(all), any::<[bool; 3]>()).prop_map(|((kind, body), [per_alert, tests, paths])| {
        let mut source = source(kind);
        source.open_tests = tests;
        if per_alert {
            source.incident_per = IncidentPer::Alert;
        }
        if paths && kind == SourceKind::Generic {
            source.fields = Some(checks());
        }
        (source, body)
    })
}

/// Puts `with` in the place of the `nth` node of a document, counted from its root.
fn replace(value: &mut Value, nth: &mut usize, with: &Value) -> bool {
    if *nth == 0 {
        value.clone_from(with);
        return true;
    }
    *nth -= 1;
    match value {
        Value::Array(items) => items.iter_mut().any(|item| replace(item, nth, with)),
        Value::Object(fields) => fields.values_mut().any(|field| replace(field, nth, with)),
        _ => false,
    }
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum(),
        _ => 0,
    }
}

const MARK: &str = "b0dy-t3xt";

proptest! {
    #[test]
    fn cut_and_damaged_bodies_never_panic(
        (source, sent) in any_fixture(),
        cut in any::<Index>(),
        damage in prop::collection::vec((any::<Index>(), any::<u8>()), 0..4),
    ) {
        let _ = read(&source, sent.with_body(&sent.body[..cut.index(sent.body.len() + 1)]));
        let mut damaged = sent;
        for (place, byte) in damage {
            let place = place.index(damaged.body.len());
            damaged.body[place] = byte;
        }
        prop_assert_eq!(read(&source, &damaged), read(&source, &damaged));
    }

    #[test]
    fn whatever_stands_anywhere_is_read_or_named_but_never_repeated(
        (source, sent) in any_fixture(),
        place in any::<Index>(),
        with in prop::sample::select(vec![
            json!(MARK), json!([MARK]), json!({ MARK: MARK }), json!({ "type": MARK, "data": { "id": MARK } }),
            json!(null), json!(true), json!(-1), json!(1e300), json!(u64::MAX), json!([[[]]]), json!(""), json!({}),
            json!(format!("[{{\"{MARK}\": 1}}]")),
        ]),
    ) {
        let Ok(mut document) = serde_json::from_slice::<Value>(&sent.body) else {
            return Ok(());
        };
        let mut nth = place.index(count(&document));
        prop_assert!(replace(&mut document, &mut nth, &with));
        let said = match read(&source, sent.with_body(document.to_string().as_bytes())) {
            Ok(Parsed::Alerts(alerts)) => {
                prop_assert!(!alerts.is_empty());
                String::new()
            }
            Ok(Parsed::Partly { alerts, unread }) => {
                prop_assert!(!alerts.is_empty());
                unread.why
            }
            Ok(Parsed::Ignored { reason }) => reason,
            Err(e) => e.why,
        };
        prop_assert!(!said.contains(MARK), "{}", said);
    }
}
